"""``onnxaccel.toml`` to model specs: every key known and of the right type, every error with its line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_onnxaccel.config import pair_values as pairs
from pytest_onnxaccel.config.comparison_syntax import known_fault
from pytest_onnxaccel.config.layers import merged, tolerance
from pytest_onnxaccel.config.manifest_tables import Place, Tables
from pytest_onnxaccel.config.manifest_text import manifest_text
from pytest_onnxaccel.config.manifest_values import dim
from pytest_onnxaccel.config.schema import model_tables as keys
from pytest_onnxaccel.config.schema.fold_table import FOLD_IN
from pytest_onnxaccel.config.schema.key import Table
from pytest_onnxaccel.config.schema.preprocessing_table import PREPROCESSING
from pytest_onnxaccel.config.toml_positions import dotted
from pytest_onnxaccel.core.comparisons import Comparison, KnownFault
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.core.pair_specs import FoldSpec, PreprocessingSpec
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.specs import BatchPlan, DimSpec, InputSpec, LatencyBudget, ModelSpec, SourceSpec, Tolerance


def read(path: str | os.PathLike[str]) -> list[ModelSpec]:
    """Return the models of the manifest *path*, in the order written, the defaults already in them.

    Raises:
        ConfigError: the file cannot be read, or a key is unknown, missing, given twice or of the wrong type.
    """
    file = Path(path)
    return _Reader(file.name, file.absolute().parent, manifest_text(file)).models()


def read_preprocessing(path: str | os.PathLike[str]) -> list[PreprocessingSpec]:
    """Return the pairs of preprocessing functions of the manifest *path*, in the order written.

    Raises:
        ConfigError: as :func:`read`.
    """
    file = Path(path)
    return _Reader(file.name, file.absolute().parent, manifest_text(file)).preprocessing()


def read_folds(path: str | os.PathLike[str]) -> list[FoldSpec]:
    """Return what the manifest *path* says is folded into graphs, in the order written.

    Raises:
        ConfigError: as :func:`read`.
    """
    file = Path(path)
    return _Reader(file.name, file.absolute().parent, manifest_text(file)).folds()


def read_backends(path: str | os.PathLike[str]) -> dict[str, dict[str, object]]:
    """Return options of execution providers by backend of the manifest *path*; what they mean, the provider knows.

    Raises:
        ConfigError: as :func:`read`.
    """
    file = Path(path)
    return _Reader(file.name, file.absolute().parent, manifest_text(file)).backends()


@record(frozen=True)
class _Reader(Tables):
    """One manifest: its models, pairs of functions, folds and providers."""

    def models(self) -> list[ModelSpec]:
        data = self._load()
        self._known(keys.TOP, (), data)
        defaults = self._model(("defaults",), self._table(data, ("defaults",)), keys.DEFAULTS, None)
        models = self._table(data, ("models",))
        if not models and not any(self._table(data, (name,)) for name in ("preprocessing", "fold_in")):
            raise self._error(("models",), "names no model", "add a table such as [models.rfb] with a path")
        return [
            self._model(("models", name), self._table(models, ("models", name)), keys.MODEL, defaults)
            for name in models
        ]

    def preprocessing(self) -> list[PreprocessingSpec]:
        tables = self._table(self._load(), ("preprocessing",))
        return [self._pair(("preprocessing", name), tables) for name in tables]

    def folds(self) -> list[FoldSpec]:
        tables = self._table(self._load(), ("fold_in",))
        return [self._fold(("fold_in", name), tables) for name in tables]

    def _fold(self, at: Place, tables: Mapping[str, Any]) -> FoldSpec:
        values = self._values(FOLD_IN, at, self._table(tables, at))
        self._named(at, "folded preprocessing")
        return FoldSpec(name=at[-1], origin=self._origin(at), folder=str(self.folder), **values)

    def backends(self) -> dict[str, dict[str, object]]:
        tables = self._table(self._load(), ("backends",))
        found = {}
        for name in tables:
            options = found[name] = dict(self._table(tables, ("backends", name)))
            for key, value in options.items():
                if not isinstance(value, (str, int, float)):
                    cause = f"{key} in [backends.{name}] is {value!r}"
                    raise self._error(("backends", name, key), cause, "expected a text, a number or a boolean")
        return found

    def _pair(self, at: Place, tables: Mapping[str, Any]) -> PreprocessingSpec:
        values = self._values(PREPROCESSING, at, self._table(tables, at))
        self._named(at, "pair of functions")
        return PreprocessingSpec(name=at[-1], origin=self._origin(at), **pairs.split(values))

    def _named(self, at: Place, kind: str) -> None:
        """Refuse a name that a test id cannot hold."""
        name = at[-1]
        if not name.strip() or identifier(name) != name:
            raise self._error(at, f"{name!r} cannot name a {kind}", "use printable text without :: and ##name[")

    def _model(self, at: Place, table: Mapping[str, Any], kind: Table, base: ModelSpec | None) -> ModelSpec:
        """Return the spec of one table; that of [defaults] is the *base* of the others."""
        values = self._values(kind, at, table)
        name = at[-1]
        self._named(at, "model")
        base = base or ModelSpec(name="", path="", shown="")
        origin = self._origin(at)
        reference, source = self._reference(at, values, base)
        own = tolerance(base.tolerance, values.get("rtol"), values.get("atol"), origin, origin)
        shown = values.get("path", "")
        return ModelSpec(
            name=name,
            path=os.path.abspath(self.folder / os.path.expanduser(shown)),
            shown=shown,
            inputs=tuple(self._input((*at, "inputs", key), table) for key in self._sub(at, table, "inputs")),
            tolerance=own,
            output_tolerances={
                key: self._output((*at, "outputs", key), table, own) for key in self._sub(at, table, "outputs")
            },
            batch=BatchPlan(values["batch"], origin) if "batch" in values else base.batch,
            budget=merged(base.budget, self._budget((*at, "budget"), table)),
            reference=reference,
            backends=values.get("backends", base.backends),
            decision=values.get("decision"),
            origin=origin,
            source=source,
            golden=replace(values["golden"], origin=origin) if "golden" in values else None,
            dims=self._dims((*at, "dims"), self._sub(at, table, "dims")),
            libraries=values.get("libraries", ()),
            reach=values.get("reach", base.reach),
            settings={key: self._check((*at, "checks", key), table) for key in self._sub(at, table, "checks")},
            comparisons=self._comparisons((*at, "outputs"), self._sub(at, table, "outputs")),
            allow_inf=values.get("allow_inf", ()),
            allow_random=values.get("allow_random", ()),
            known_faults=self._known_faults((*at, "known"), self._sub(at, table, "known")),
        )

    def _reference(self, at: Place, values: Mapping[str, Any], base: ModelSpec) -> tuple[str | None, SourceSpec | None]:
        """Return the reference, and the source of a model; a source that *reference* names is both."""
        named, own = values.get("reference"), values.get("source")
        if isinstance(named, SourceSpec) and own is not None:
            cause = f"{named.shown!r} is given as reference together with the source {own.shown!r} in [{dotted(at)}]"
            raise self._error((*at, "reference"), cause, "keep one of source, reference")
        if isinstance(named, SourceSpec):
            return None, replace(named, origin=self._origin(at))
        if own is not None:
            return named or base.reference, replace(own, origin=self._origin(at))
        return named or base.reference, None if named else base.source

    def _dims(self, at: Place, table: Mapping[str, Any]) -> tuple[DimSpec, ...]:
        found = []
        for name, value in table.items():
            try:
                found.append(dim(value, name))
            except ConfigError as error:
                raise self._error((*at, name), f"{name} in [{dotted(at)}]: {error.cause}", error.remedy) from None
        return tuple(found)

    def _input(self, at: Place, model: Mapping[str, Any]) -> InputSpec:
        values = self._values(keys.INPUT, at, self._table(model["inputs"], at))
        for samples in ("file", "images"):
            others = ("range", "shape", "file", "value", "values")
            both = [name for name in others if {name, samples} <= set(values) and name != samples]
            if both:
                cause = f"{both[0]} is given together with {samples} in [{dotted(at)}]"
                raise self._error((*at, both[0]), cause, "keep one of them")
        said = [name for name in ("range", "value", "values") if name in values]
        if len(said) > 1:
            cause = f"{said[1]} is given together with {said[0]} in [{dotted(at)}]"
            raise self._error((*at, said[1]), cause, "keep one of them")
        if "preprocess" in values and "images" not in values:
            cause = f"preprocess is given without images in [{dotted(at)}]"
            raise self._error((*at, "preprocess"), cause, 'add images = "imgs/*.jpg"')
        low, high = values.get("range", (None, None))
        return InputSpec(
            at[-1],
            low,
            high,
            values.get("file"),
            values.get("shape"),
            values.get("images"),
            values.get("preprocess"),
            values.get("values", values.get("value")),
            values.get("batch_axis"),
        )

    def _output(self, at: Place, model: Mapping[str, Any], own: Tolerance) -> Tolerance:
        values = self._values(keys.OUTPUT, at, self._table(model["outputs"], at))
        origin = self._origin(at)
        return tolerance(own, values.get("rtol"), values.get("atol"), origin, origin)

    def _comparisons(self, at: Place, outputs: Mapping[str, Any]) -> dict[str, Comparison]:
        """How each output is compared whose table says so; what else stands there, :meth:`_output` checks."""
        found = {}
        for name in outputs:
            here = (*at, name)
            said = self._values(keys.OUTPUT, here, self._table(outputs, here)).get("compare")
            if said is not None:
                found[name] = replace(said, origin=self._origin(here))
        return found

    def _known_faults(self, at: Place, table: Mapping[str, Any]) -> tuple[KnownFault, ...]:
        found = []
        for check, value in table.items():
            try:
                found.append(replace(known_fault(check, value), origin=self._origin(at)))
            except ConfigError as error:
                raise self._error((*at, check), f"{check} in [{dotted(at)}]: {error.cause}", error.remedy) from None
        return tuple(found)

    def _check(self, at: Place, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return settings of a check that is installed: what they may be, it knows alone."""
        known = registry.names(registry.CHECKS)
        if at[-1] not in known:
            remedy = nearest(at[-1], known) if known else "install its distribution"
            raise self._error(at, f"no check of another distribution is named {at[-1]!r}", remedy)
        return self._table(model["checks"], at)

    def _budget(self, at: Place, model: Mapping[str, Any]) -> LatencyBudget:
        values = self._values(keys.BUDGET, at, self._table(model, at))
        return LatencyBudget(**values, origin=self._origin(at))
