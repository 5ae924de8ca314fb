"""Which batch sizes a check proves: what was asked for, what is quick, and what time and memory allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.batch.single_runs import SingleRuns
from pytest_onnxaccel.core.frozen import record

#: Proven when the user named no size: of a model that is frozen (each needs another file), and of a dynamic one.
FROZEN_SIZES = (3,)
DYNAMIC_SIZES = (1, 2, 3)
#: Proven of a dynamic model beside the sizes asked for, because it promises every size: small ones, a prime, beyond.
SWEEP_SIZES = (1, 2, 3, 7, 10, 16)
#: Seconds that the sizes nobody named may take together, by the time of one run.
SWEEP_SECONDS = 20.0
#: Share of the memory limit that a batch nobody named may take, by the memory of one run.
SWEEP_MEMORY = 0.5


@record(frozen=True)
class Sizes:
    """What is to be proven.

    Attributes:
        sizes: in the order in which they are proven.
        full: those of them whose samples are also permuted, and one of them replaced.
        left_out: reason by size.
    """

    sizes: tuple[int, ...]
    full: frozenset[int]
    left_out: Mapping[int, str] = field(default_factory=dict)


def choose(
    asked: Sequence[int], own: int, dynamic: bool, wide: bool, single_runs: SingleRuns, session: Session, memory: int
) -> Sizes:
    """Return the sizes to prove of a model.

    Args:
        asked: sizes that the user named; they are proven whatever they cost.
        own: samples that one run of the model takes.
        dynamic: whether the batch dimension is declared dynamic.
        wide: prove :data:`SWEEP_SIZES` of a dynamic model as well.
        single_runs: the original's own runs of single samples, which cost time at each further size.
        session: the original, which one run is timed in.
        memory: limit of the worker in bytes; 0 for none.
    """
    if not asked and dynamic:
        return Sizes(DYNAMIC_SIZES, frozenset({max(DYNAMIC_SIZES)}))
    if not asked:
        # A model that takes several samples at once is given whole runs of them: not every method can cut one
        return Sizes(FROZEN_SIZES if own == 1 else (2 * own,), frozenset())
    more = [size for size in SWEEP_SIZES if dynamic and wide and size not in asked]
    single_runs.block(0)
    left_out: dict[int, str] = {}
    left, sizes = SWEEP_SECONDS, list(asked)
    for size in more:
        runs = max(0, single_runs.missing(size) - max(0, single_runs.missing(max(sizes))))
        need = single_runs.seconds * (2 * size / single_runs.own + runs)
        taken = _growth(session) * size / single_runs.own
        if memory and taken > memory * SWEEP_MEMORY:
            left_out[size] = f"would take about {taken / 1e9:.1f} GB"
        elif need > left:
            left_out[size] = f"would take about {need:.0f} s"
        else:
            left -= need
            sizes.append(size)
    found = tuple(sorted(dict.fromkeys(sizes)) if more else dict.fromkeys(sizes))
    return Sizes(found, frozenset(found), left_out)


def _growth(session: Session) -> float:
    """Return the bytes that one run took on top of the loaded model; 0 where that is not known."""
    peak: Any = getattr(session, "run_memory_mb", None)
    loaded: Any = session.info.facts.get("memory_loaded_mb")
    return max(0.0, peak - loaded) * 1e6 if peak is not None and loaded is not None else 0.0
