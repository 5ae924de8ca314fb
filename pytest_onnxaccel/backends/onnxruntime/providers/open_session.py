"""Opens a session on one provider, in a worker, and believes nothing: neither that it started, nor where nodes run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pytest_onnxaccel.backends.onnxruntime.custom_operators import register
from pytest_onnxaccel.backends.onnxruntime.providers import placement as placed
from pytest_onnxaccel.backends.onnxruntime.providers.native_output import clean, native_output, reason
from pytest_onnxaccel.backends.onnxruntime.providers.plugins import devices_of
from pytest_onnxaccel.backends.onnxruntime.providers.resident import ProviderSession
from pytest_onnxaccel.backends.onnxruntime.providers.row import Pairs
from pytest_onnxaccel.backends.onnxruntime.providers.values import unlike
from pytest_onnxaccel.backends.onnxruntime.providers.wanted import Wanted
from pytest_onnxaccel.backends.onnxruntime.session import load_error, session_options
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, ModelError, OnnxAccelError
from pytest_onnxaccel.core.lookup.registry import nearest


def open_session(wanted: Wanted, path: str, options: LoadOptions) -> ProviderSession:
    """Open the model at *path*.

    Raises:
        BackendUnavailable: the provider does not start here.
        ConfigError: it refuses an option, or does otherwise than was asked.
        ModelError: the model is refused (any code), or runs on the CPU alone (``V_PLACEMENT``).
    """
    make = _maker(wanted, options)
    given = wanted.given(options)
    session = make(path, given)
    provider = _provider_of(session, wanted)
    answered = dict(session.get_provider_options().get(provider, {}))
    if other := unlike(given, answered):
        raise ConfigError(f"{wanted.backend}: {other[0]}", remedy="ask for what this provider has on this device")
    where = placed.placement(session)
    if where is not None and not where["nodes"].get(provider):
        raise nothing_placed(wanted, where)
    facts = {
        "provider": provider,
        "device": wanted.runs_on,
        "provider_options": {**answered, **dict(given)},
        "provider_given": dict(given),
        "placement": where,
    }
    return ProviderSession(session, options, facts, _notes(wanted, where)).on(wanted)


def nothing_placed(wanted: Wanted, where: dict[str, Any]) -> ModelError:
    """Return the error for a model of which no node runs on the provider."""
    nodes = "its node" if sum(where["nodes"].values()) == 1 else f"all {sum(where['nodes'].values())}"
    return ModelError(
        f"no node of the model runs on {wanted.row.title}: {nodes} went to the CPU",
        code="V_PLACEMENT",
        remedy="take ort-cpu, or export operators and types that the provider has",
    )


def _notes(wanted: Wanted, where: dict[str, Any] | None) -> list[str]:
    if where is None:
        return ["this onnxruntime cannot tell where nodes run"]
    count = where["nodes"].get(placed.CPU, 0)
    return [f"{count} of {sum(where['nodes'].values())} nodes run on the CPU"] if count else []


def _provider_of(session: Any, wanted: Wanted) -> str:
    """Return the name of the provider that was asked for, as the session has it."""
    found: list[str] = session.get_providers()
    return wanted.row.provider or next((name for name in found if name != placed.CPU), placed.CPU)


def _maker(wanted: Wanted, options: LoadOptions) -> Callable[[Any, Pairs], Any]:
    """Return what makes a session of a model and provider options; what goes wrong is an error of ours."""
    make = _with_plugin(wanted, options) if wanted.row.plugin else _with_wheel(wanted, options)

    def made(path: Any, given: Pairs) -> Any:
        try:
            return make(path, given)
        except OnnxAccelError:
            raise
        except Exception as error:
            raise _cause(error, make, wanted, (path, given)) from None

    return made


def _with_wheel(wanted: Wanted, options: LoadOptions) -> Callable[[Any, Pairs], Any]:
    import onnxruntime as ort

    row = wanted.row
    if row.provider not in ort.get_available_providers():
        raise BackendUnavailable(f"this onnxruntime was built without {row.title}", remedy=row.install)
    if row.needs == "nvidia" and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # finds the CUDA libraries that pip installed; prints and goes on when it cannot

    def make(model: Any, given: Pairs) -> Any:
        listed = [(row.provider, dict(given)), placed.CPU] if row.provider != placed.CPU else [placed.CPU]
        # Without the last argument ONNX Runtime prints what is wrong, and goes on with the CPU
        opens = partial(ort.InferenceSession, model, _options(options), providers=listed, enable_fallback=0)
        return _opened(opens, row.provider)

    return make


def _with_plugin(wanted: Wanted, options: LoadOptions) -> Callable[[Any, Pairs], Any]:
    import onnxruntime as ort

    provider, devices = devices_of(wanted.row, wanted.device or wanted.spread)

    def make(model: Any, given: Pairs) -> Any:
        made = _options(options)
        made.add_provider_for_devices(devices, dict(given))
        return _opened(partial(ort.InferenceSession, model, made), provider)

    return make


def _opened(opens: Callable[[], Any], provider: str) -> Any:
    """Return the session that *opens* gives.

    Raises:
        NotStarted: it runs without *provider*.
        Exception: of ONNX Runtime, with what it logged as a note.
    """
    said: list[str] = []
    try:
        with native_output() as said:
            session = opens()
    except Exception as error:
        error.add_note(reason(said))
        raise
    if provider not in session.get_providers():
        raise NotStarted(reason(said))
    return session


def _options(options: LoadOptions) -> Any:
    made = session_options(options)
    placed.record(made)
    register(made, options.libraries, options.import_paths)
    return made


class NotStarted(Exception):
    """The session runs without the provider; the text is what was logged of it."""


def _cause(
    error: Exception, make: Callable[[Any, Pairs], Any], wanted: Wanted, tried: tuple[Any, Pairs]
) -> OnnxAccelError:
    """Return what is at fault: the provider, its options, or the model. A small model tells which."""
    path, given = tried
    row, device = wanted.row, [(key, value) for key, value in given if key == wanted.row.device_option]
    small = _small_model()
    if _works(make, small, given):
        return load_error(error, path) if not isinstance(error, NotStarted) else _unstarted(wanted, str(error))
    others = [(key, value) for key, value in given if key != row.device_option]
    if not others or not _works(make, small, tuple(device)):
        if device and row.device and device[0][1] != row.device and _works(make, small, ()):
            return BackendUnavailable(
                f"{row.title} has no device {device[0][1]!r} here: {_said(error)}", remedy=f"take {row.backend}"
            )
        return _unstarted(wanted, _said(error))
    bad = next((pair for pair in others if not _works(make, small, (*device, pair))), others[0])
    near = nearest(bad[0], tuple(row.options)) if bad[0] not in row.options else ""
    hint = near if near.startswith("did") else "correct it, or leave it out"
    return ConfigError(f"{row.title} refuses the option {bad[0]}={bad[1]}: {_said(error)}", remedy=hint)


def _said(error: Exception) -> str:
    logged = next(iter(getattr(error, "__notes__", ())), "")
    return logged or clean(str(error)) or "it says no reason"


def _works(make: Callable[[Any, Pairs], Any], model: bytes, given: Pairs) -> bool:
    try:
        make(model, given)
    except Exception:
        return False
    return True


def _unstarted(wanted: Wanted, said: str) -> BackendUnavailable:
    row = wanted.row
    why = f": {said}" if said else ""
    if row.needs == "nvidia" and not said:
        why = ": there is no NVIDIA GPU, or its CUDA and cuDNN libraries are missing"
    return BackendUnavailable(
        f"the {row.title} execution provider did not start, and ONNX Runtime would fall back to the CPU{why}",
        remedy=row.libraries or row.install,
    )


def _small_model() -> bytes:
    """Return a model of one addition."""
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "small", value[:1], value[1:])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    found: bytes = model.SerializeToString()
    return found
