"""The settings of a run, each with where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from pytest_onnxaccel.config.lockfile import Locked
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.pair_specs import FoldSpec, PreprocessingSpec
from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.specs import BatchPlan, LatencyBudget, ModelSpec

#: Origin of a value that nobody gave.
DEFAULT = "default"


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
