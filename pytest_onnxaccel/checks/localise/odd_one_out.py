"""With three or more engines: which one is the odd one out. Pure: takes their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distance import floor, gap

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: The others must be so many times closer to each other than to the odd one.
CLEAR = 10.0

Distances = Mapping[tuple[str, str], float]


@record(frozen=True)
class OddOneOut:
    """Engines side by side.

    Attributes:
        odd: the engine, or the runtime with its variants, that stands apart from all others, which agree; empty where
            none does.
        distances: by pair of engines, the largest difference of any output as a share of its scale.
        sentence: what that says.
    """

    odd: str
    distances: Distances
    sentence: str

    def to_json(self) -> dict[str, Any]:
        pairs = [{"engines": list(pair), "distance": value} for pair, value in self.distances.items()]
        return {"odd": self.odd, "sentence": self.sentence, "distances": pairs}


def odd_one_out(outputs: Mapping[str, Mapping[str, Array]], runtimes: Mapping[str, str] | None = None) -> OddOneOut:
    """Name the engine whose outputs are far from all others' while those are close to each other.

    Variants of one runtime count as one voice where other runtimes speak too; where all that agree are one runtime,
    that is said, because its variants may share a fault.

    Args:
        outputs: by engine, its outputs by name, all of the same inputs.
        runtimes: by engine, the runtime that it is a variant of.
    """
    engines = list(outputs)
    runtime = {name: (runtimes or {}).get(name, name) for name in engines}
    distances = {(a, b): _distance(outputs[a], outputs[b]) for a, b in combinations(engines, 2)}
    if len(engines) < 3:
        return OddOneOut(
            "", distances, f"{' and '.join(engines)} differ; two engines cannot tell which of them is wrong"
        )
    for apart in _suspected(engines, runtime):
        rest = [name for name in engines if name not in apart]
        between = min(_of(distances, a, b) for a in apart for b in rest)
        within = max((_of(distances, a, b) for a, b in combinations(rest, 2)), default=0.0)
        if not _outvoted(apart, rest, runtime) or between <= CLEAR * max(within, floor("float32")):
            continue
        odd = apart[0] if len(apart) == 1 else runtime[apart[0]]
        sentence = f"{odd} is the odd one out: {between:.1e} of the output's scale from {_and(rest)}, "
        sentence += f"which agree to {within:.1e}"
        alone = len({runtime[name] for name in rest}) == 1
        return OddOneOut(odd, distances, sentence + (", but are one runtime" if alone else ""))
    names = list(dict.fromkeys(runtime.values()))
    if len(names) == 2:
        return OddOneOut(
            "", distances, f"{_and(names)} differ, with and without optimizations: a third runtime would decide"
        )
    far = max(distances.items(), key=lambda item: item[1])
    return OddOneOut(
        "", distances, f"no single engine stands apart; the furthest apart are {_and(list(far[0]))}, by {far[1]:.1e}"
    )


def _suspected(engines: Sequence[str], runtime: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield each runtime with all its variants, then each engine by itself."""
    groups = [[name for name in engines if runtime[name] == one] for one in dict.fromkeys(runtime.values())]
    yield from groups
    yield from ([name] for group in groups if len(group) > 1 for name in group)


def _outvoted(apart: Sequence[str], rest: Sequence[str], runtime: Mapping[str, str]) -> bool:
    ours, theirs = ({runtime[name] for name in side} for side in (apart, rest))
    return (len(theirs), len(rest)) > (len(ours), len(apart))


def _of(distances: Distances, a: str, b: str) -> float:
    return distances[(a, b) if (a, b) in distances else (b, a)]


def _distance(a: Mapping[str, Array], b: Mapping[str, Array]) -> float:
    """Return the symmetric distance of the two; infinite where they have other outputs."""
    names = [name for name in a if name in b]
    if len(names) < max(len(a), len(b)):
        return float("inf")
    return max((max(gap(a[n], b[n]).share, gap(b[n], a[n]).share) for n in names), default=0.0)


def _and(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
