"""Converts sources in workers, through the cache; what comes out is checked before anybody sees it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.config import units
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert import registry as table
from pytest_onnxaccel.convert.cache.cache import Cache, key_of
from pytest_onnxaccel.convert.cache.loader_digest import loader_digest
from pytest_onnxaccel.convert.cache.pruning import ROOM
from pytest_onnxaccel.convert.protocol import Converted, Converter, ConvertOptions
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, ConversionError, ModelError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.environments.locate import cache_folder
from pytest_onnxaccel.isolation.engine import Engine
from pytest_onnxaccel.isolation.staging.stage_model import new_folder
from pytest_onnxaccel.isolation.staging.stage_source import StagedSource, stage_source
from pytest_onnxaccel.runner.sessions.workers.tools import TOOLS
from pytest_onnxaccel.runner.sessions.workers.trust import trust

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.workers.engines import Engines

#: Where the result of an ONNX conversion must load before it counts.
_LOADS_IN = "ort-cpu"
#: Environment variable that says how large the cache may become.
_SIZE = "ONNXACCEL_CACHE_SIZE"


@record(frozen=True)
class Conversion:
    """A source, converted.

    Attributes:
        converted: what was written; its path is in the run's private folder.
        converter: name of the converter.
        cached: it was converted by an earlier run, or earlier in this one, and taken from the cache.
        notes: the converter's, and what happened to the cache.
    """

    source: SourceSpec
    staged: StagedSource
    converted: Converted
    converter: str
    cached: bool
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Of the file, or of a SavedModel's folder."""
        return self.converted.path


def _cache(folder: str) -> Cache:
    """Return the cache in *folder*, as large as the user lets it be."""
    wanted = os.environ.get(_SIZE, "")
    try:
        return Cache(folder, room=units.size_bytes(wanted) if wanted else ROOM)
    except ConfigError as error:
        cache = Cache(folder)
        cache.notices.append(f"conversion cache: {_SIZE}: {error.cause}; {ROOM // 10**9} GB are kept")
        return cache


class Conversions:
    """The sources of one run. Each is staged once; one worker for each framework converts them."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._staged: dict[str, StagedSource | OnnxAccelError] = {}
        self._open: dict[tuple[str, tuple[str, ...]], Engine] = {}
        self._last = 0
        folder = engines.options.cache
        if folder is None:
            folder = str(cache_folder() / "conversions")
        #: None where nothing is to be kept.
        self.cache = _cache(folder) if folder else None

    def stage(self, source: SourceSpec) -> StagedSource:
        """Return the private copy of *source*, and its kind; a function has no copy.

        Raises:
            ModelError: it cannot be staged; the same error each time.
        """
        if source.path not in self._staged:
            try:
                self._staged[source.path] = self._taken(source)
            except OnnxAccelError as error:
                self._staged[source.path] = error
        found = self._staged[source.path]
        if isinstance(found, OnnxAccelError):
            raise found
        return found

    def _taken(self, source: SourceSpec) -> StagedSource:
        if source.function:  # it stays where it is: the repository's own code, known by the files that it is made of
            code = loader_digest(source.path, self._engines.options.import_paths)
            return StagedSource(source.path, kinds.FUNCTION, code, 0, source.shown)
        folder = self._folder("source")
        seconds = self._engines.options.limits.seconds
        try:
            return stage_source(source.path, source.shown, folder, self._kind_of, seconds)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _kind_of(self, copy: str) -> str:
        """Return the kind of a private copy, found in a worker."""
        try:
            return str(self._tools().graph("source_kind", path=copy))
        except ModelError as error:
            error.where = ""  # the file is to blame, and not the worker that looked at it
            raise

    def drop(self, source: SourceSpec) -> None:
        """Remove the private copy of *source*, which is not needed for now."""
        found = self._staged.pop(source.path, None)
        if isinstance(found, StagedSource) and not source.function:
            path = found.path if os.path.isdir(found.path) else os.path.dirname(found.path)
            shutil.rmtree(path, ignore_errors=True)

    def convert(self, source: SourceSpec, options: ConvertOptions | None = None, gives: str = kinds.ONNX) -> Conversion:
        """Convert *source*, or take from the cache what was converted of the same source in the same way.

        Args:
            source: what is converted.
            options: its loader, import paths and trusted names come from *source* and from the run.
            gives: kind of the result.

        Raises:
            BackendUnavailable: the converter's packages are not here.
            ConversionError: it cannot be converted: the operator, opset or shape that stops it is named.
            OnnxAccelError: the source cannot be read, or must not be.
        """
        try:
            return self._convert(source, options or ConvertOptions(), gives)
        except OnnxAccelError as error:
            raise error.about(source.shown) from None

    def _convert(self, source: SourceSpec, options: ConvertOptions, gives: str) -> Conversion:
        staged = self.stage(source)
        reference = table.route(staged.kind, gives)
        converter = table.make(reference)
        if options.device not in ("", "cpu") and not getattr(converter, "devices", False):
            cause = f"{converter.name} converts on the CPU, and {options.device!r} is asked for"
            raise ConfigError(cause, remedy="leave the device out")
        versions = self._versions(converter)
        options = replace(
            options,
            loader=source.loader or "",
            import_paths=self._engines.options.import_paths,
            trusted=source.trusted,
        )
        folder = self._folder("converted")
        # Where the loader lies says nothing of what it is: its files do
        asked = {name: value for name, value in options.to_json().items() if name != "import_paths"}
        code = loader_digest(options.loader, options.import_paths) if options.loader else ""
        key = key_of(
            source=staged.sha256,
            kind=staged.kind,
            gives=gives,
            converter=reference,
            versions=dict(versions),
            options=asked,
            loader=code,
        )
        if self.cache is None:
            return self._finished(source, staged, converter, self._made(converter, staged, gives, folder, options))
        with self.cache.building(key):
            found = self.cache.fetch(key, folder)
            if found is not None:
                made = Converted.from_json({**found, "path": os.path.join(folder, found["path"])})
                return self._finished(source, staged, converter, made, cached=True)
            made = self._made(converter, staged, gives, folder, options)
            self.cache.store(key, folder, {**made.to_json(), "path": os.path.relpath(made.path, folder)})
        return self._finished(source, staged, converter, made)

    def _finished(
        self, source: SourceSpec, staged: StagedSource, converter: Converter, made: Converted, cached: bool = False
    ) -> Conversion:
        notes = [*made.notes, *(["from cache"] if cached else []), *(self.cache.notices if self.cache else [])]
        return Conversion(source, staged, made, converter.name, cached, tuple(notes))

    def _versions(self, converter: Converter) -> Mapping[str, str]:
        """Return the versions of what the converter uses.

        Raises:
            BackendUnavailable: it cannot be tried here.
        """
        for found in (self._engines.availability(converter.backend), converter.availability()):
            if not found.ok:
                error = BackendUnavailable(f"{converter.name}: {found.reason}", remedy=found.remedy)
                error.backend = converter.backend
                raise error
        return {**self._engines.availability(converter.backend).versions, **converter.availability().versions}

    def _made(
        self, converter: Converter, staged: StagedSource, gives: str, folder: str, options: ConvertOptions
    ) -> Converted:
        """Convert in the worker of the converter's backend, and check what it wrote."""
        path, scratch = staged.path, ""
        prepares = getattr(converter, "prepares", "")
        try:
            if prepares:
                scratch = self._folder("prepared")
                path = os.path.join(scratch, "model.onnx")
                prepared = self._tools().graph(prepares, source=staged.path, target=path)
                options = replace(options, prepared=prepared)
            try:
                answer = self._engine(converter.backend, trust(options.loader, options.trusted)).graph(
                    "convert",
                    converter=table.route(staged.kind, gives),
                    source=path,
                    kind=staged.kind,
                    gives=gives,
                    folder=folder,
                    options=options.to_json(),
                )
                made = Converted.from_json(answer)
                if made.kind == kinds.ONNX:
                    self._check(made, converter)
            except OnnxAccelError as error:
                error.backend = error.backend or converter.backend
                raise
        except OnnxAccelError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)
        return made

    def _check(self, made: Converted, converter: Converter) -> None:
        """Refuse an ONNX file that is not valid or does not load: some converters write one and say nothing.

        Raises:
            ConversionError: what onnx's checker or ONNX Runtime says of it.
        """
        report = self._tools().graph("structure", path=made.path)
        if not report["checker"]["ok"]:
            raise _invalid(converter, f"onnx's checker refuses it: {report['checker']['error']}")
        if self._engines.availability(_LOADS_IN).ok:
            try:
                self._tools().load(made.path, LoadOptions(spin=False)).close()
            except (BackendUnavailable, ConversionError):
                raise
            except OnnxAccelError as error:
                raise _invalid(converter, f"{_LOADS_IN} does not load it: {error.cause}") from None

    def _tools(self) -> Engine:
        return self._engine(_LOADS_IN if self._engines.availability(_LOADS_IN).ok else TOOLS)

    def _engine(self, name: str, may: tuple[str, ...] = ()) -> Engine:
        key = (name, may)
        if key not in self._open or not self._open[key].alive:
            self._open[key] = self._engines.open(name, {}, trust=may)
        return self._open[key]

    def _folder(self, what: str) -> str:
        self._last += 1
        staging = self._engines.staging
        place = staging.given if what == "source" else staging.made
        return new_folder(os.path.join(place, f"{what}-{self._last:03d}"))

    def close(self) -> None:
        """End the workers; what was converted is in the run's private folder."""
        for (name, _), engine in self._open.items():
            self._engines.release(name, engine)
        self._open.clear()


def _invalid(converter: Converter, why: str) -> ConversionError:
    return ConversionError(
        f"{converter.name} wrote a file that is not a valid model: {why}",
        remedy="another opset or exporter, or without the operator",
    )
