"""What a runner is told: options of the whole run, and one request per check. Names only, never sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.spec import LatencyBudget, SourceSpec, Tolerance

#: The reference of a backend that is alone: the same backend with its graph optimizations off.
UNOPTIMIZED = "unoptimized"


@dataclass(frozen=True)
class RunOptions:
    """What holds for every check of a run.

    Attributes:
        pythons: interpreter by name of an isolated environment.
        required: backends whose absence is a failure.
        in_process: the debug switch: no workers.
        import_paths: folders that the modules of loaders are found in, before ``sys.path``.
        cache: folder of what was converted before; None for the user's own, empty for none.
    """

    seed: int = 0
    limits: Limits = field(default_factory=Limits.default)
    pythons: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    fail_on_hygiene: bool = False
    in_process: bool = False
    import_paths: tuple[str, ...] = ()
    cache: str | None = None


@dataclass(frozen=True)
class Request:
    """One check of one model.

    Attributes:
        model: name of the model's spec.
        check: name of the check.
        backend: the candidate; empty for checks of the file.
        reference: a backend, :data:`UNOPTIMIZED`, or the path of another ``.onnx`` or of *source*.
        batch: batch size to run at; None for the model's own.
        sizes: batch sizes to prove; empty for the defaults.
        tolerance: instead of the model's own.
        budget: instead of the model's own.
        seeds: one parity sample for each; empty for the default samples of the run's own seed.
        source: what *reference* is the path of, where that is no ``.onnx``.
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
    seeds: tuple[int, ...] = ()
    source: SourceSpec | None = None
    reported: frozenset[tuple[str, str]] = frozenset()

    def among(self, selected: frozenset[tuple[str, str]]) -> Request:
        """This request in a run of *selected* checks of its model, this one being among them or not."""
        return replace(self, reported=selected - {(self.check, self.backend)})
