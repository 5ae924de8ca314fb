"""From a staged source to a module in eval mode. Shared by the backend ``torch`` and the exporter to ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.loader import call_loader, find_loader
from pytest_onnxaccel.backends.pytorch.mode import switch_to_eval
from pytest_onnxaccel.backends.pytorch.safety import scan as torch_safety
from pytest_onnxaccel.backends.pytorch.safety.pickles import state_dict, unreadable, weights_only
from pytest_onnxaccel.backends.pytorch.safety.program_scan import check_program
from pytest_onnxaccel.backends.pytorch.safety.script_graph import check_graphs
from pytest_onnxaccel.backends.pytorch.safety.script_scan import check_script
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, OnnxAccelError, printable
from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    import torch


@record(frozen=True)
class Loaded:
    """A source, ready to run.

    Attributes:
        module: in eval mode.
        program: the exported program that *module* was made of; None for the others.
        notes: facts that qualify what it computes.
    """

    module: torch.nn.Module
    program: torch.export.ExportedProgram | None = None
    notes: tuple[str, ...] = ()


def load_source(
    path: str, kind: str, loader: str = "", import_paths: Sequence[str] = (), trusted: Sequence[str] = ()
) -> Loaded:
    """Load the source at *path* as a module with its weights, on the CPU and in eval mode.

    Args:
        path: the staged file.
        kind: ``torch``, ``torchscript`` or ``exported``.
        loader: builds the module of a state dict; it is called without arguments, and the state dict is loaded into
            what it gives, strictly.
        import_paths: folders that the loader's modules are found in, before ``sys.path``.
        trusted: names that a source may refer to beyond what is safe: classes of a pickle, and operators
            (``torch.ops.mylib.*``), which the module of the *loader* registers.

    Raises:
        ModelError: ``E_UNSAFE``: more than weights; ``E_PARSE``: damaged, or no model; ``E_CONVERT``: training is
            baked into it.
        ConfigError: the loader is missing or cannot be used, or the state dict is not that of its module.
    """
    try:
        import torch  # noqa: F401
    except Exception as error:
        text = f"torch cannot be imported: {printable(str(error), 200)}"
        raise BackendUnavailable(text, remedy='python -m pip install "pytest-onnxaccel[torch]"') from None
    torch_safety.check_archive(path)
    program = None
    notes: list[str] = []
    if loader and kind != "torch" and any(name.startswith("torch.ops.") for name in trusted):
        find_loader(loader, import_paths)  # importing its module registers the operators that the owner trusts
        notes.append(f"the module of the loader {loader} was imported for its operators")
    elif loader and kind != "torch":
        notes.append(f"the loader {loader} was not used: the file is whole")
    if kind == "exported":
        program = _program(path, trusted)
        module: torch.nn.Module = program.module(check_guards=False)
    elif kind == "torchscript":
        module = _script(path, trusted)
    else:
        module = _pickled(path, loader, import_paths, trusted, notes)
    notes += switch_to_eval(module, program)
    return Loaded(module, program, tuple(notes))


def _program(path: str, trusted: Sequence[str]) -> torch.export.ExportedProgram:
    import torch

    check_program(path, trusted)
    try:
        with torch_safety.only_weights():
            return torch.export.load(path)
    except OnnxAccelError:
        raise
    except Exception as error:
        raise unreadable(error, "exported program") from None


def _script(path: str, trusted: Sequence[str]) -> torch.nn.Module:
    import warnings

    import torch

    check_script(path, trusted)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module: torch.nn.Module = torch.jit.load(path, map_location="cpu")
    except Exception as error:
        raise unreadable(error, "TorchScript archive") from None
    check_graphs(module, trusted)
    return module


def _pickled(
    path: str, loader: str, import_paths: Sequence[str], trusted: Sequence[str], notes: list[str]
) -> torch.nn.Module:
    import torch

    held = weights_only(path, import_paths, trusted)
    if isinstance(held, torch.nn.Module):
        if loader:
            notes.append(f"the loader {loader} was not used: the file holds a whole module")
        return held
    weights = state_dict(held)
    if not loader:
        raise ConfigError(
            f"holds {len(weights)} tensors and no module",
            remedy='name a callable that builds the module: loader="package.module:callable"',
        )
    module = call_loader(loader, import_paths)
    if not isinstance(module, torch.nn.Module):
        raise ConfigError(
            f"loader {loader} gives a {type(module).__name__}, not a torch.nn.Module",
            remedy="name a callable that builds the module; its weights are loaded here",
        )
    prefix = "module."
    if all(key.startswith(prefix) for key in weights) and not all(k.startswith(prefix) for k in module.state_dict()):
        weights = {key.removeprefix(prefix): value for key, value in weights.items()}
        notes.append("the state dict is that of a DataParallel: its prefix 'module.' was dropped")
    _load_strictly(module, weights, loader)
    return module


def _load_strictly(module: torch.nn.Module, weights: Mapping[str, Any], loader: str) -> None:
    try:
        module.load_state_dict(weights, strict=True)
    except Exception as error:
        own = module.state_dict()
        sizes = [
            f"{key!r} is {_size(weights[key])} in the file and {_size(own[key])} in the module"
            for key in own
            if key in weights and hasattr(own[key], "shape") and own[key].shape != weights[key].shape
        ]
        missing = [key for key in own if key not in weights]
        extra = [key for key in weights if key not in own]
        found = [_count("the file lacks", missing), _count("the module lacks", extra), *sizes[:1]]
        why = "; ".join(filter(None, found)) or printable(str(error), 120)
        cause = f"the state dict is not that of {loader}: {why}"
        raise ConfigError(cause, remedy="name the loader of this very module") from None


def _size(tensor: Any) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"


def _count(what: str, keys: Sequence[str]) -> str:
    if not keys:
        return ""
    return f"{what} {keys[0]!r}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
