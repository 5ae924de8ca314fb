"""A verdict that hangs on the measured tolerance is taken again on more samples, where both sides run in one engine.

A fault in a channel that seldom fires shows on few inputs, and the largest drift of few elements is a matter of luck:
both get clearer with the number of samples, so that there a smaller multiple of the drift does for legal pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.numerics.compare.tolerance_floor import SURE, unit_of

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Further samples: as many as bring the smallest close output to ENOUGH elements, between LEAST and MOST.
LEAST, MOST, ENOUGH = 8, 64, 2**16
#: Elements over all samples below which the largest drift stays a matter of luck, and the tolerance what it is.
FEW = 1024


@record(frozen=True)
class SecondLook:
    """What was looked at again.

    Attributes:
        outputs: those that gave the reason, see :func:`close`.
        sure: those judged by SURE times the drift.
        samples: how many further ones were compared.
        measured: the drift was measured on them as well, because what was known of it did not cover them.
    """

    outputs: tuple[str, ...]
    sure: tuple[str, ...]
    samples: int
    measured: bool

    def figures(self) -> dict[str, object]:
        """Return it in builtins for the report."""
        return {
            "outputs": list(self.outputs), "factor": SURE, "sure": list(self.sure), "samples": self.samples,
            "measured": self.measured,
        }  # fmt: skip

    def note(self) -> str:
        """Return why, and how many."""
        names = counted(self.outputs)
        return f"{names}: further off than any variant, so {self.samples} more samples were compared"


def close(agreement: Agreement, limits: Limits) -> tuple[str, ...]:
    """Return outputs that only the measured tolerance lets pass, and that are further off than each of its variants.

    Not those so small that more samples would not tell either.
    """
    return tuple(
        name
        for name, needed in agreement.needed.items()
        if not agreement.worst[name]["bad_share"]
        and limits.by_noise(name)
        and needed > limits.farthest(name)
        and agreement.hardest[name][2].size * (agreement.samples + MOST) >= FEW
    )


def further(sizes: Iterable[int]) -> int:
    """Return how many more samples are worth a look for outputs of so many elements a sample."""
    smallest = max(1, min(sizes, default=1))
    return min(MOST, max(LEAST, -(-ENOUGH // smallest)))


def look_again(
    agreement: Agreement,
    limits: Limits,
    sample: Callable[[int], Mapping[str, Array]],
    compare: Callable[[int, Mapping[str, Array]], None],
    worth_measuring: Callable[[], bool],
    measure: Callable[[Sequence[Mapping[str, Array]]], None],
) -> SecondLook | None:
    """Compare further samples of a pair that passes narrowly, within SURE times the drift; None where it does not.

    The drift of the first samples is a lower bound of what it is on all. Only where some sample exceeds what that bound
    allows is it measured on the further samples too, and the larger one holds for all of them.

    Args:
        agreement: the comparison so far; further samples are added to it.
        limits: the tolerances in force.
        sample: feeds by number.
        compare: adds one sample to *agreement*.
        worth_measuring: says, after all were compared, that a larger drift could change the verdict.
        measure: raises the drift in *limits* by that on the given feeds, and judges again.
    """
    names = close(agreement, limits)
    if not names or not agreement.ok or limits.noise is None:
        return None
    hardest = ((name, reference) for name, (_, _, reference) in agreement.hardest.items())
    sizes = {name: reference.size for name, reference in hardest if unit_of(reference) is not None}
    first = agreement.samples
    numbers = range(first, first + further(sizes[name] for name in names))
    sure = tuple(name for name, size in sizes.items() if size * numbers.stop >= FEW)
    limits.noise = replace(limits.noise, sure=sure)
    agreement.judge_again()
    for number in numbers:
        compare(number, sample(number))
        if agreement.problems:
            return SecondLook(names, sure, agreement.samples - first, False)
    wanted = worth_measuring()
    if wanted:
        measure([sample(number) for number in numbers])
    return SecondLook(names, sure, len(numbers), wanted)
