"""Has ONNX Runtime list its kernels ahead: it does so for its first session, which takes longer than a small model."""

from __future__ import annotations

#: Providers that touch no device when they list what they can compute.
_PLAIN = frozenset(("CPUExecutionProvider", "AzureExecutionProvider"))


def list_kernels() -> bool:
    """List the kernels of the CPU, which opens no session and starts no thread; whether that was done.

    A build with an accelerator lists that one's kernels as well, for which it opens the device: nothing that is forked
    afterwards could use it. There, and where the build cannot list them, nothing is done.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as native

    listed = getattr(native, "get_all_opkernel_def", None)
    if listed is None or not _PLAIN.issuperset(native.get_available_providers()):
        return False
    listed()
    return True
