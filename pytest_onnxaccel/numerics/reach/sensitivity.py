"""Which weights show at the outputs of a model: they are moved, group by group, and the outputs looked at.

Runs in the worker that holds the session: neither weights nor the outputs of these runs travel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.elementwise import default_tolerance
from pytest_onnxaccel.numerics.reach.grouping import Weights, grouped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Share by which weights are moved at first; and where that shows nothing, on the samples after the first as well.
SHARE, LARGE_SHARE = 0.25, 0.9

Run = Callable[[Mapping[str, "Array"]], Mapping[str, "Array"]]
#: Gives the named weights, every element moved by a share of itself.
Move = Callable[[Sequence[str], float], Mapping[str, "Array"]]


@record(frozen=True)
class Effort:
    """How much may be spent.

    Attributes:
        least, most: groups, by how many there are seconds for.
        seconds: that groups are worth; one run takes longer in a slow model, which then has *least*.
        runs: with moved weights, at most, where these take no longer than *own*.
        own: seconds that the check itself took: as much again may go into further runs, of *most_runs* at most.
        most_runs: with moved weights, however quick they are.
    """

    least: int = 3
    most: int = 16
    seconds: float = 0.025
    runs: int = 16
    own: float = 0.0
    most_runs: int = 64


@record(frozen=True)
class Shown:
    """What showed.

    Attributes:
        reached: places of the weights whose move showed at an output.
        unreached: of those whose move did not, with any sample and by LARGE_SHARE neither.
        refused: of those with which the model does not run when they are moved: they are not weights but sizes.
        runs: with moved weights.
        groups: of weights that were moved together.
        seconds: of all this.
    """

    reached: tuple[int, ...]
    unreached: tuple[int, ...]
    refused: tuple[int, ...] = ()
    runs: int = 0
    groups: int = 0
    seconds: float = 0.0


class Sensitivity:
    """Moves weights and looks at the outputs.

    Args:
        run: the session's; an output that is not in *outputs* is not looked at.
        feeds: samples; the first is the one that is tried first.
        known: by place in *feeds*, what was run already: its outputs, and how many seconds it took.
    """

    def __init__(
        self,
        run: Run,
        move: Move,
        feeds: Sequence[Mapping[str, Array]],
        outputs: Sequence[str],
        known: Mapping[int, tuple[Mapping[str, Array], float]] | None = None,
    ) -> None:
        self._run = run
        self._move = move
        self._feeds = feeds
        self._outputs = outputs
        self._plain: dict[int, Mapping[str, Array]] = {}
        self._once = 0.0
        for sample, (found, seconds) in (known or {}).items():
            self._keep(sample, found, seconds)
        self.runs = 0

    def measured(self, weights: Weights, effort: Effort) -> Shown:
        """Return which of *weights* show."""
        if not weights:
            return Shown((), ())
        start = time.perf_counter()
        self._original(0)
        groups = grouped(weights, max(effort.least, min(effort.most, int(effort.seconds / max(self._once, 1e-6)))))
        names = [[weights[i][0] for i in group] for group in groups]
        verdicts = [self._shows(names[i], SHARE, 0) for i in range(len(groups))]
        most = max(effort.runs, min(effort.most_runs, int(effort.own / max(self._once, 1e-6))))
        tries = [(LARGE_SHARE, i) for i in (*range(1, len(self._feeds)), 0)]
        for share, sample in tries:
            left = [i for i, verdict in enumerate(verdicts) if verdict is False]
            if not left or self.runs >= most:
                break
            # All at once: where nothing shows none of them does
            together = [name for i in left for name in names[i]]
            if len(left) > 1 and self._shows(together, share, sample) is False:
                continue
            for i in left[: max(0, most - self.runs)]:
                verdicts[i] = self._shows(names[i], share, sample)
        places: dict[bool | None, list[int]] = {True: [], False: [], None: []}
        for group, verdict in zip(groups, verdicts, strict=True):
            places[verdict] += group
        return Shown(
            tuple(sorted(places[True])),
            tuple(sorted(places[False])),
            tuple(sorted(places[None])),
            self.runs,
            len(groups),
            time.perf_counter() - start,
        )

    def _original(self, sample: int) -> Mapping[str, Array]:
        if sample not in self._plain:
            start = time.perf_counter()
            found = self._run(self._feeds[sample])
            self._keep(sample, found, time.perf_counter() - start)
        return self._plain[sample]

    def _keep(self, sample: int, found: Mapping[str, Array], seconds: float) -> None:
        self._plain[sample] = {name: found[name] for name in self._outputs if name in found}
        self._once = min(self._once or seconds, seconds)  # the first run of a session takes longer

    def _shows(self, names: Sequence[str], share: float, sample: int) -> bool | None:
        """Return some output changes; None where the model does not run so."""
        plain = self._original(sample)
        self.runs += 1
        try:
            found = self._run({**self._feeds[sample], **self._move(names, share)})
        except ModelError:
            return None
        return any(differs(found[name], array) for name, array in plain.items())


def differs(moved: Array, plain: Array) -> bool:
    """Return whether the shape or an element changes, by more than 1e-4 (float16: 1e-2) of its size and scale."""
    if moved.shape != plain.shape or moved.dtype.kind != plain.dtype.kind:
        return True
    if plain.dtype.kind in "OSUbiu":
        return bool((moved != plain).any())
    wide: list[NDArray[Any]] = [
        a if a.dtype.kind in "fc" and a.itemsize > 2 else a.astype(np.float32) for a in (moved, plain)
    ]
    rtol, atol = default_tolerance(plain)
    with np.errstate(all="ignore"):
        past = np.abs(wide[0] - wide[1]) > atol + rtol * np.abs(wide[1])
        return bool(past.any() or (np.isnan(wide[0]) != np.isnan(wide[1])).any())
