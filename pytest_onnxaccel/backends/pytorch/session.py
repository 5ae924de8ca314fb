"""A source in PyTorch: runs and times it on the CPU, without gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import LoadOptions, SessionInfo, SourceOptions
from pytest_onnxaccel.backends.pytorch.argument_names import bind, flatten, pair, to_array, to_tensor
from pytest_onnxaccel.backends.pytorch.kernels import NO_ONEDNN
from pytest_onnxaccel.backends.pytorch.load import Loaded, load_source
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError, printable
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan
from pytest_onnxaccel.numerics.timing.loop import measure

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def open_session(path: str, options: LoadOptions) -> TorchSession:
    """Open the staged source at *path*; see :func:`~pytest_onnxaccel.backends.pytorch.load.load_source`."""
    source = options.source
    if source is None:
        raise ModelError(
            "torch runs the source of a model, not an ONNX file",
            code="E_CONFIG",
            remedy="name the source: --onnx-reference=FILE, or source in onnxaccel.toml",
        )
    loaded = load_source(path, source.kind, source.loader, source.import_paths, source.trusted)
    return TorchSession(loaded, options, source)


class TorchSession:
    """See :class:`pytest_onnxaccel.backends.protocol.Session`; the names are those of the ONNX model."""

    def __init__(self, loaded: Loaded, options: LoadOptions, source: SourceOptions) -> None:
        import torch

        self._module: Any = loaded.module
        self._wanted = source.outputs
        self._options = options
        # The count is the whole process's, so that what another session has set must not stay
        self._threads = options.threads or _own_threads()
        self.info = SessionInfo(
            inputs=source.inputs,
            outputs=tuple(TensorSpec(name, "", None) for name in source.outputs),
            notes=loaded.notes,
            facts={"torch": torch.__version__, "kind": source.kind, "threads": self._threads, "provider": "cpu"},
        )

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        tensors = {name: to_tensor(name, array) for name, array in feeds.items()}
        with self._settings():
            found = pair(self._call(tensors)(), self._wanted)
        return {name: to_array(value) for name, value in found.items()}

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        tensors = {name: to_tensor(name, array) for name, array in feeds.items()}
        call = self._call(tensors)
        with self._settings():
            return measure(call, plan)

    def close(self) -> None:
        self._module = None

    def _call(self, tensors: Mapping[str, Any]) -> Callable[[], list[tuple[str, Any]]]:
        module = self._module
        if module is None:
            raise ModelError("the session is closed", code="E_RUN")
        positional, keywords = bind(module, tensors)

        def call() -> list[tuple[str, Any]]:
            try:
                return flatten(module(*positional, **keywords))
            except (OnnxAccelError, MemoryError):
                raise
            except Exception as error:
                raise failed(error) from None

        return call

    @contextmanager
    def _settings(self) -> Iterator[None]:
        import torch

        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings(action="ignore"))
            stack.enter_context(torch.no_grad())
            # Its profiling would compile other code for the third run than for the first
            stack.enter_context(torch.jit.optimized_execution(False))
            if self._options.kernels == NO_ONEDNN:
                stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
            torch.set_num_threads(self._threads)
            yield


_default_threads: list[int] = []


def _own_threads() -> int:
    """Return threads that PyTorch chose for itself in this process."""
    import torch

    if not _default_threads:
        _default_threads.append(torch.get_num_threads())
    return _default_threads[0]


def failed(error: Exception) -> ModelError:
    """Convert what a module raised to an error of one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines and lines[0].startswith("The following operation failed") else (lines or [""])[0]
    cause = f"the source fails on these inputs: {type(error).__name__}: {printable(text, 200)}"
    return ModelError(cause, code="E_RUN", remedy="declare inputs that it takes")
