"""What a runner is given: options of the whole run, and one request per check. Names only, never sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.specs import Decision, LatencyBudget, SourceSpec, Tolerance
from pytest_onnxaccel.isolation.limits import Limits

#: The reference of a backend that is alone: the same backend with its graph optimizations off.
UNOPTIMIZED = "unoptimized"
#: The reference that stored outputs are; a folder of that name is ``./golden``.
GOLDEN = "golden"
#: Sessions that are not timed: threads that spin for the next call would only slow the other sessions down.
QUIET = LoadOptions(spin=False)


@record(frozen=True)
class RunOptions:
    """What holds for every check of a run.

    Attributes:
        pythons: interpreter by name of an isolated environment.
        providers: options of execution providers by backend, as (key, value).
        cpu_nodes: nodes that a provider may leave to the CPU.
        required: backends whose absence is a failure.
        in_process: the debug switch: no workers.
        locked: tolerances of the reviewed lock file: by model, by ``candidate~reference``, by output.
        write_lock: parity measures the noise floor in any case and proposes what to lock.
        root: folder whose modules the user's own functions are imported from.
        localise: a parity check that fails by value is looked into.
        failures: folder that failed cases are saved in; None saves none.
        advise: None for no advice but where a budget asks for it; empty for advice; else the folder that it is
            written to.
        import_paths: folders that the modules of loaders are found in, before ``sys.path``.
        sandbox: ``auto`` confines workers as far as the system can, ``require`` wholly or not at all, ``off`` not.
        readable: files and folders that confined workers may read in addition to their own.
        env: names of environment variables that workers see in addition to the usual ones.
        cache: folder of what was converted before; None for the user's own, empty for none.
        let_through: exceptions that are not a fault of a check but end the run or the test.
        process: number of this one among the processes that share the run; None where it is alone.
    """

    seed: int = 0
    limits: Limits = field(default_factory=Limits.default)
    pythons: Mapping[str, str] = field(default_factory=dict)
    providers: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    cpu_nodes: CpuNodes = CpuNodes()
    required: frozenset[str] = frozenset()
    fail_on_hygiene: bool = False
    in_process: bool = False
    locked: Mapping[str, Mapping[str, Mapping[str, Tolerance]]] = field(default_factory=dict)
    write_lock: bool = False
    root: str = ""
    localise: bool = True
    failures: str | None = None
    advise: str | None = None
    import_paths: tuple[str, ...] = ()
    cache: str | None = None
    sandbox: str = "auto"
    readable: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    let_through: tuple[type[BaseException], ...] = (KeyboardInterrupt,)
    process: int | None = None


@record(frozen=True)
class Request:
    """One check of one model.

    Attributes:
        model: name of the model's spec.
        check: name of the check.
        backend: the candidate; empty for checks of the file.
        reference: a backend, :data:`UNOPTIMIZED`, :data:`GOLDEN`, or the path of another ``.onnx`` or of *source*.
        batch: batch size to run at; None for the model's own.
        sizes: batch sizes to prove; empty for the defaults.
        tolerance: instead of the model's own.
        budget: instead of the model's own.
        decision: what both sides of a parity check must decide alike, instead of the model's own.
        seeds: one parity sample for each; empty for the default samples of the run's own seed.
        source: what *reference* is the path of, where that is no ``.onnx``.
        compare: by output, how a parity check compares it, before the model's own; ``*`` for every other output.
        reported: checks of the same model in this run, as (check, backend): a fault that one of them reports is
            not reported a second time by this one.
    """

    model: str
    check: str
    backend: str = ""
    reference: str = ""
    batch: int | None = None
    sizes: tuple[int, ...] = ()
    tolerance: Tolerance | None = None
    budget: LatencyBudget | None = None
    decision: Decision | None = None
    seeds: tuple[int, ...] = ()
    source: SourceSpec | None = None
    compare: Mapping[str, Comparison] = field(default_factory=dict)
    reported: frozenset[tuple[str, str]] = frozenset()

    def among(self, selected: frozenset[tuple[str, str]]) -> Request:
        """Return this request in a run of *selected* checks of its model, this one being among them or not."""
        return replace(self, reported=selected - {(self.check, self.backend)})
