"""The settings of a run: every option read and checked once, each with where it came from."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

import pytest

from pytest_onnxaccel.config import lockfile
from pytest_onnxaccel.config.layers import Overrides, overridden
from pytest_onnxaccel.config.lockfile import Locked
from pytest_onnxaccel.core.errors import ConfigError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.printing import local
from pytest_onnxaccel.core.specs import (
    BatchPlan,
    FoldSpec,
    GoldenSpec,
    LatencyBudget,
    ModelSpec,
    PreprocessingSpec,
    SourceSpec,
)
from pytest_onnxaccel.plugin.options import names as known
from pytest_onnxaccel.plugin.options import parsers as values
from pytest_onnxaccel.plugin.options.messages import shown
from pytest_onnxaccel.plugin.options.model_paths import expand
from pytest_onnxaccel.plugin.options.read import OPTIONS, Given, given, model_arguments, swallowed, usual_manifest
from pytest_onnxaccel.plugin.options.rootdir import ignored_config
from pytest_onnxaccel.runner.request import GOLDEN

#: Origin of a value that nobody gave.
DEFAULT = "default"

#: Models that the report header names one by one.
SHOWN = 4


@record(frozen=True)
class Settings:
    """What the user asked for.

    Attributes:
        models: the manifest's models, then those of ``--onnx-model``; what the options say of tolerance,
            batch, budget, backends and reference is already in them.
        preprocessing: the manifest's pairs of functions.
        folds: what the manifest says is folded into graphs.
        manifest: absolute path of the manifest that was read; None when there is none.
        backends: names asked for; empty for every one that runs here.
        reference: a backend's name, a function, or the absolute path of another ``.onnx`` or of a source; None for the
            default.
        reference_shown: as the user wrote it.
        golden: ``write``, ``no``, or the absolute path of stored inputs and outputs; None for what is next to a model.
        loader: of sources that name none.
        trusted: names that pickled sources may refer to.
        required: backends whose absence is a failure.
        rtol: for every model and output; None for the default.
        memory_bytes: limit of a worker; None for most of the machine's memory.
        report: absolute paths of the files to write.
        baseline: absolute path of a JSON report to compare with; None for none.
        baseline_shown: as the user wrote it.
        lock: ``use``, ``write`` or ``ignore``.
        lock_file: absolute path of the lock file, whether it exists or not.
        locked: what it holds; empty where it is not to be used.
        inconclusive: ``warn``, ``fail`` or ``skip``.
        hygiene: ``warn`` or ``fail``.
        localise: ``yes`` or ``no``: whether a failed parity check is looked into.
        fuzz_profile: ``ci`` or ``nightly``.
        fuzz_corpus: absolute path of a folder; None for no corpus.
        advise: None for no advice; empty to print it; else the absolute path of the folder that it is written to.
        pythons: absolute path of an interpreter by backend.
        providers: options of execution providers by backend, the manifest's and those of the run.
        cpu_nodes: nodes that an accelerator may leave to the CPU.
        sandbox: ``auto``, ``require`` or ``off``: whether workers are confined.
        readable: absolute paths that confined workers may read.
        libraries: of custom operators for ONNX Runtime, for every model.
        env: names of environment variables that workers see in addition to the usual ones.
        strict: what cannot decide, what hygiene finds and what is absent fails.
        named: names of the models that ``--onnx-model`` names, whatever a manifest says of them.
        arguments: absolute paths of the models that are arguments of pytest itself: ``pytest models/net.onnx``.
        only: nothing but built-in checks is run.
        origins: by the name of an attribute, where its value was given: ``--onnx-rtol``,
            ``pyproject.toml: onnx_rtol`` or ``default``.
    """

    models: tuple[ModelSpec, ...] = ()
    preprocessing: tuple[PreprocessingSpec, ...] = ()
    folds: tuple[FoldSpec, ...] = ()
    manifest: str | None = None
    backends: tuple[str, ...] = ()
    reference: str | None = None
    reference_shown: str = ""
    golden: str | None = None
    loader: str | None = None
    trusted: tuple[str, ...] = ()
    batch: BatchPlan = field(default_factory=BatchPlan)
    required: tuple[str, ...] = ()
    rtol: float | None = None
    atol: float | None = None
    seed: int = 0
    timeout_s: float = 120.0
    memory_bytes: int | None = None
    report: tuple[str, ...] = ()
    baseline: str | None = None
    baseline_shown: str = ""
    lock: str = "use"
    lock_file: str = ""
    locked: Locked = field(default_factory=dict)
    inconclusive: str = "warn"
    hygiene: str = "warn"
    localise: str = "yes"
    budget: LatencyBudget = field(default_factory=LatencyBudget)
    advise: str | None = None
    pythons: Mapping[str, str] = field(default_factory=dict)
    providers: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    cpu_nodes: CpuNodes = CpuNodes()
    fuzz_examples: int = 100
    fuzz_profile: str = "ci"
    fuzz_corpus: str | None = None
    sandbox: str = "auto"
    readable: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    strict: bool = False
    in_process: bool = False
    named: frozenset[str] = frozenset()
    arguments: frozenset[str] = frozenset()
    only: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """Return where the value of attribute *name* was given."""
        return self.origins.get(name, DEFAULT)


def read_settings(config: pytest.Config) -> Settings:
    """Return every option, the command line before the ini file, checked.

    Raises:
        pytest.UsageError: one line for the first value that cannot be used.
    """
    try:
        settings = _read(config)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    if ignored := ignored_config(config):
        config.issue_config_time_warning(pytest.PytestConfigWarning(ignored), stacklevel=2)
    return settings


def _read(config: pytest.Config) -> Settings:
    found = {option.field: answer for option in OPTIONS if (answer := given(config, option)) is not None}
    for option in OPTIONS:
        if word := swallowed(config, option):
            remedy = f"write {option.flag}={word} if that is meant, else put {option.flag} last"
            raise ConfigError(f"{option.flag} took {word!r} for its value", remedy=remedy)
    origins = {option.field: DEFAULT for option in OPTIONS}
    origins |= {name: answer.origin for name, answer in found.items()}
    parsed = {name: values.parse(name, answer) for name, answer in found.items() if name != "models"}
    usual = usual_manifest(config)
    if "manifest" not in parsed and usual is not None:
        parsed["manifest"] = str(usual)
        origins["manifest"] = "found there"
    settings = _with_lock(Settings(**parsed, origins=origins), config.rootpath)
    if settings.sandbox == "require":
        from pytest_onnxaccel.isolation.confinement.level import insist

        insist(settings.sandbox, settings.in_process, settings.origin("sandbox"))
    pairs: Sequence[PreprocessingSpec] = ()
    folds: Sequence[FoldSpec] = ()
    if settings.manifest:
        from pytest_onnxaccel.config.manifest import (  # with tomllib, which runs without one need not wait for
            read_backends,
            read_folds,
            read_preprocessing,
        )

        pairs = read_preprocessing(settings.manifest)
        folds = read_folds(settings.manifest)
        if tables := read_backends(settings.manifest):
            from pytest_onnxaccel.plugin.options.provider_options import declared, merged

            own = declared(tables, Path(settings.manifest).name)
            settings = replace(settings, providers=merged(own, dict(settings.providers)))
    if "reference" in found:
        settings = replace(settings, reference_shown=str(found["reference"].value))
    if "baseline" in found:
        settings = replace(settings, baseline_shown=str(found["baseline"].value))
    settings = _strict(settings)
    files = model_arguments(config)
    settings = replace(settings, arguments=frozenset(map(str, files)))
    models = _models(settings, found, [str(file) for file in files])
    return replace(settings, models=models, preprocessing=tuple(pairs), folds=tuple(folds), named=_named(models, found))


def _strict(settings: Settings) -> Settings:
    """Return *settings* with what ``--onnx-strict`` stands for, where no option says otherwise."""
    if not settings.strict:
        return settings
    inconclusive = settings.inconclusive if settings.origin("inconclusive") != DEFAULT else "fail"
    hygiene = settings.hygiene if settings.origin("hygiene") != DEFAULT else "fail"
    required = tuple(dict.fromkeys((*settings.required, *settings.backends)))
    return replace(settings, inconclusive=inconclusive, hygiene=hygiene, required=required)


def _named(models: Sequence[ModelSpec], found: Mapping[str, Given]) -> frozenset[str]:
    asked = found.get("models")
    if asked is None:
        return frozenset()
    paths = {spec.path for spec in expand(values.models(asked), asked.base, asked.origin)}
    return frozenset(spec.name for spec in models if spec.path in paths)


def _with_lock(settings: Settings, root: Path) -> Settings:
    """Return *settings* with the lock file's place, and its content where that is to be used or kept."""
    folder = Path(settings.manifest).parent if settings.manifest else root
    file = folder / lockfile.LOCK_NAME
    used = settings.lock != "ignore" and file.exists()
    return replace(settings, lock_file=str(file), locked=lockfile.read(file) if used else {})


def _models(settings: Settings, found: Mapping[str, Given], files: Sequence[str]) -> tuple[ModelSpec, ...]:
    """Return the manifest's models and those asked for, with what the options say in them."""
    declared: list[ModelSpec] = []
    if settings.manifest:
        from pytest_onnxaccel.config.manifest import read

        declared = [_checked(spec) for spec in read(Path(settings.manifest))]
    specs: tuple[ModelSpec, ...] = tuple(declared)
    asked = found.get("models")
    if asked is not None:
        specs = expand(values.models(asked), asked.base, asked.origin, declared)
    if files:
        specs = expand([glob.escape(file) for file in files], Path(), "argument", specs)
    return tuple(with_options(spec, settings) for spec in specs)


def with_options(spec: ModelSpec, settings: Settings) -> ModelSpec:
    """*spec* with what the options say of every model in it.

    Raises:
        ConfigError: its budget is to be compared with something that nobody names.
    """
    named, source = settings.reference, None
    if named is not None and known.is_source(named):
        source, named = SourceSpec(named, settings.reference_shown, origin=settings.origin("reference")), None
    over = Overrides(
        rtol=settings.rtol,
        atol=settings.atol,
        batch=settings.batch if settings.batch.sizes else None,
        budget=settings.budget,
        backends=settings.backends,
        reference=named,
        source=source,
        libraries=settings.libraries,
        origins=settings.origins,
    )
    spec = overridden(spec, over)
    if spec.source is not None:
        spec = replace(spec, source=completed(spec.source, settings))
    if settings.golden:
        spec = replace(spec, golden=_golden(spec, settings))
    if settings.golden == "write" and spec.reference == GOLDEN:  # nothing is stored yet that could be compared with
        spec = replace(spec, reference=None)
    return _comparable(spec)


def _golden(spec: ModelSpec, settings: Settings) -> GoldenSpec:
    """Return what ``--onnx-golden`` says for *spec*; of a folder with one folder for each model, that of *spec*."""
    path, origin = settings.golden or "", settings.origin("golden")
    if path in ("write", "no"):
        return GoldenSpec("", path, origin)
    own = os.path.join(path, os.path.splitext(os.path.basename(spec.path))[0])
    path = own if os.path.isdir(own) else path
    return GoldenSpec(path, local(path), origin)


def completed(source: SourceSpec, settings: Settings) -> SourceSpec:
    """Return *source* with the loader and the trusted names that the run has for all; a function has neither."""
    if source.function:
        return source
    return replace(source, loader=source.loader or settings.loader, trusted=(*source.trusted, *settings.trusted))


def _comparable(spec: ModelSpec) -> ModelSpec:
    """Return *spec*, when what its budget is to be compared with is named."""
    found = spec.budget.regression
    if found is None or found[1] or (spec.reference or "").lower().endswith(".onnx"):
        return spec
    raise ConfigError(
        f"regression of {spec.name} has nothing to be compared with",
        subject=spec.budget.origin,
        remedy=f'name the baseline: --onnx-reference=main.onnx, or regression="{found[0] * 100:g}% git:origin/main"',
    )


def _checked(spec: ModelSpec) -> ModelSpec:
    """Return *spec* of a manifest, when each backend that it names is registered."""
    try:
        for name in spec.backends:
            known.backend(name)
        if spec.reference is not None:
            known.reference(spec.reference)
        if spec.budget.speedup_over is not None:
            known.backend(spec.budget.speedup_over[0])
    except ConfigError as error:
        raise error.about(spec.origin) from None
    return spec


def header(settings: Settings) -> list[str]:
    """Return lines of pytest's report header: the models, the backends, and each value that is not the default."""
    names = ", ".join(spec.name for spec in settings.models[:SHOWN]) or "none"
    if len(settings.models) > SHOWN:
        names += f" and {len(settings.models) - SHOWN} more"
    origins = dict.fromkeys(spec.origin.partition(" [")[0] for spec in settings.models)
    backends = ", ".join(settings.backends) or "every one that runs here"
    lines = [
        _line("models", names, ", ".join(origins)),
        _line("backends", backends, settings.origin("backends")),
    ]
    if settings.preprocessing:
        pairs = ", ".join(spec.name for spec in settings.preprocessing)
        lines = [*(lines if settings.models else ()), _line("preprocessing", pairs, settings.origin("manifest"))]
    if settings.folds:
        names = ", ".join(spec.name for spec in settings.folds)
        lines = [*(lines if settings.models or settings.preprocessing else ())]
        lines.append(_line("fold_in", names, settings.origin("manifest")))
    for option in OPTIONS:
        origin = settings.origin(option.field)
        if option.field not in ("models", "backends", "sandbox") and origin != DEFAULT:
            lines.append(_line(option.name, shown(getattr(settings, option.field), option.field), origin))
    return lines


def _line(name: str, value: str, origin: str) -> str:
    return f"onnxaccel {name}: {printable(value, 200)}" + (f" ({printable(origin, 80)})" if origin else "")
