"""With three or more engines: which one is the odd one out. Pure: takes their outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.numerics.gaps import floor, gap

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: The others must be so many times closer to each other than to the odd one.
CLEAR = 10.0


@dataclass(frozen=True)
class Blame:
    """Engines beside each other.

    Attributes:
        odd: the engine that stands apart from all others, which agree; empty where none does.
        distances: by pair of engines, the largest difference of any output as a share of its scale.
        sentence: what that says.
    """

    odd: str
    distances: Mapping[tuple[str, str], float]
    sentence: str

    def to_json(self) -> dict[str, Any]:
        pairs = [{"engines": list(pair), "distance": value} for pair, value in self.distances.items()]
        return {"odd": self.odd, "distances": pairs}


def blame(outputs: Mapping[str, Mapping[str, Array]], shared: Mapping[str, str] | None = None) -> Blame:
    """Name the engine whose outputs are far from all others' while those are close to each other.

    Args:
        outputs: by engine, its outputs by name, all of the same inputs.
        shared: by engine, the runtime it is a variant of; where all that agree are one runtime, that is said, because
            its variants may share a fault.
    """
    engines = list(outputs)
    distances = {(a, b): _distance(outputs[a], outputs[b]) for a, b in combinations(engines, 2)}
    if len(engines) < 3:
        return Blame("", distances, f"{' and '.join(engines)} differ; two engines cannot tell which of them is wrong")
    told = ", ".join(f"{a} and {b} {value:.1e}" for (a, b), value in distances.items())
    for engine in engines:
        apart = min(value for pair, value in distances.items() if engine in pair)
        together = max(value for pair, value in distances.items() if engine not in pair)
        if apart > CLEAR * max(together, floor("float32")):
            rest = [name for name in engines if name != engine]
            sentence = f"{engine} is the odd one out: {apart:.1e} of the output's scale from {_and(rest)}, "
            sentence += f"which agree to {together:.1e}"
            runtimes = {(shared or {}).get(name, name) for name in rest}
            return Blame(engine, distances, sentence + (", but are one runtime" if len(runtimes) == 1 else ""))
    return Blame("", distances, f"no engine stands apart alone (distances: {told})")


def _distance(a: Mapping[str, Array], b: Mapping[str, Array]) -> float:
    """Symmetric: each side is once the one whose scale counts."""
    names = [name for name in a if name in b]
    if len(names) < max(len(a), len(b)):
        return float("inf")
    return max((max(gap(a[n], b[n]).share, gap(b[n], a[n]).share) for n in names), default=0.0)


def _and(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
