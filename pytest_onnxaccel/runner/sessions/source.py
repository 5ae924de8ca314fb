"""A model's source, running in its own framework, under the names and shapes that the ONNX model declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.protocol import GROUP, LoadOptions, Session, SourceOptions
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert import registry as table
from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import (
    BackendCrashed,
    BackendUnavailable,
    ConfigError,
    ConversionError,
    OnnxAccelError,
)
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import ModelInfo, SourceSpec, TensorSpec, Timing, TimingPlan
from pytest_onnxaccel.isolation.engine import Engine
from pytest_onnxaccel.runner.sessions.batch_files import RE_EXPORT, Candidate
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def backend_for(source: SourceSpec, engines: Engines) -> str:
    """Name of the backend that runs *source*.

    Raises:
        ModelError: the source cannot be staged.
        ConfigError: it is an ONNX model, which any backend runs.
        BackendUnavailable: no registered backend runs this kind.
    """
    kind = engines.conversions.stage(source).kind
    if kind == kinds.ONNX:
        remedy = "give it the suffix .onnx, and no loader"
        raise ConfigError("is an ONNX model and no source of one", subject=source.shown, remedy=remedy)
    for name in registry.names(GROUP):
        backend = engines.backend(name)
        if backend.role == "source" and kind in getattr(backend, "kinds", ()):
            return name
    raise BackendUnavailable(f"no backend runs {kinds.KINDS[kind]}", subject=source.shown)


def source_options(source: SourceSpec, info: ModelInfo, engines: Engines) -> SourceOptions:
    """Return what a backend needs to run *source* as the model that declares *info*."""
    return SourceOptions(
        kind=engines.conversions.stage(source).kind,
        loader=source.loader or "",
        import_paths=engines.options.import_paths,
        inputs=info.inputs,
        outputs=tuple(spec.name for spec in info.outputs),
        trusted=source.trusted,
        declared=info.outputs,
    )


def open_source(
    source: SourceSpec | None, name: str, engine: Engine, options: LoadOptions, info: ModelInfo, engines: Engines
) -> CheckedSession:
    """Return a session of backend *name* on *source*, which takes and gives what the model declares.

    Raises:
        BackendUnavailable: the model declares no source, or none of a kind that the backend runs.
        OnnxAccelError: it cannot be loaded.
    """
    if source is None:
        cause = f"{name} runs the source of a model, and this one declares none"
        raise _unavailable(name, cause, "name it: --onnx-reference=FILE|FUNCTION, or source in onnxaccel.toml")
    staged = engines.conversions.stage(source)
    if staged.kind not in getattr(engines.backend(name), "kinds", ()):
        raise _unavailable(name, f"{name} does not run {kinds.KINDS[staged.kind]}", f"{source.shown} is one")
    try:
        session = engine.load(staged.path, replace(options, source=source_options(source, info, engines)))
    except OnnxAccelError as error:
        error.backend = error.backend or name
        raise _of_source(error, source) from None
    if source.function:
        session = _Called(session, source)
    return CheckedSession(session, info.inputs, info.outputs)


class _Called:
    """A function's session: what goes wrong in it is reported about the function, not of the model."""

    def __init__(self, session: Session, source: SourceSpec) -> None:
        self._session = session
        self._source = source
        self.info = session.info

    @property
    def alive(self) -> bool:
        return bool(getattr(self._session, "alive", True))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        try:
            return self._session.run(feeds)
        except OnnxAccelError as error:
            raise _of_source(error, self._source) from None

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        try:
            return self._session.time(feeds, plan)
        except OnnxAccelError as error:
            raise _of_source(error, self._source) from None

    def close(self) -> None:
        self._session.close()


def _of_source(error: OnnxAccelError, source: SourceSpec) -> OnnxAccelError:
    if source.function and isinstance(error, BackendCrashed):
        error.remedy = "call it by itself, to see what ends the process"
    return error.about(source.shown)


def _unavailable(name: str, cause: str, remedy: str) -> BackendUnavailable:
    error = BackendUnavailable(cause, remedy=remedy)
    error.backend = name
    return error


def ways_of(
    name: str, engines: Engines, plain: LoadOptions, opened: Callable[[LoadOptions], Session]
) -> Iterator[tuple[str, Session | OnnxAccelError]]:
    """Yield variants of the source that its backend offers: label, and a session or the error."""
    variants = getattr(engines.backend(name), "variants", None)
    for label, options in variants(plain) if variants is not None else ():
        try:
            yield label, opened(options)
        except OnnxAccelError as error:
            yield label, error


def _opset(kind: str, wanted: int) -> int | None:
    """Return that of the model, where the converter of *kind* writes it; else None, for the converter's default."""
    try:
        converter = table.make(table.route(kind))
    except ConversionError:
        return None  # the conversion itself says so
    return wanted if wanted in getattr(converter, "opsets", ()) else None


def re_export(
    source: SourceSpec, stem: str, inputs: Sequence[TensorSpec], size: int | None, info: ModelInfo, engines: Engines
) -> Candidate:
    """Return the model at batch *size*, exported again from *source* under the names of the model that declares *info*.

    Args:
        source: what the model was converted from.
        stem: path of the result without its suffix.
        inputs: with the sizes that were found, at that batch; names stay open.
        size: None for the batch that *inputs* have.
        info: what the model declares.
        engines: those of the run.

    Raises:
        OnnxAccelError: it cannot be converted, or not at that batch.
    """
    options = ConvertOptions(
        stem=stem,
        batch=size,
        opset=_opset(engines.conversions.stage(source).kind, info.opset),
        inputs=tuple(inputs),
        outputs=tuple(spec.name for spec in info.outputs),
    )
    made = engines.conversions.convert(source, options)
    exporter = made.converted.facts.get("exporter", "")
    how = f"exported again from {source.shown} by {made.converter}" + (f" ({exporter})" if exporter else "")
    edited = (f"{how}, opset {made.converted.opset}", *made.notes)
    return Candidate(RE_EXPORT, made.path, edited)
