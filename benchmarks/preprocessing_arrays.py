"""What plain hypothesis finds beside the package's own images: the pairs of the field, the same comparison, in one run.

    python benchmarks/preprocessing_arrays.py [EXAMPLES]

*arrays* is hypothesis's own ``arrays(uint8, (H, W, 3))`` of sides up to 40, *images* the package's strategy, each with
so many examples and nothing else; *compare* is the whole comparison.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
import time
from typing import Any

from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_onnxaccel.preprocessing import compare
from pytest_onnxaccel.preprocessing.guarded_call import Pair
from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.results.differences import Bound
from pytest_onnxaccel.strategies import images
from pytest_onnxaccel.strategies.search import find_failing
from suites.preprocessing.field.pair import FieldPair
from suites.preprocessing.field.run import FIRST, FURTHER

SIDE = 40
#: Arguments of a comparison that plain strategies have as well.
PLAIN = {"tolerance", "atol", "rtol", "ulp", "levels"}


def plain(one: FieldPair) -> bool:
    """Return whether the pair takes any colour image of bytes, and keeps nothing from one way to the next."""
    return bool(one.kinds) and set(one.arguments) <= PLAIN and inspect.isfunction(one.candidate)


def found(one: FieldPair, strategy: Any, examples: int) -> bool:
    """Return whether *strategy* alone draws an image on which the two differ."""
    told = {name: value for name, value in one.arguments.items() if name != "tolerance"}
    bound = Bound.of(one.arguments.get("tolerance", 4), **told)
    pair = Pair(one.reference, one.candidate, Domain.of((240, 320, 3), "any"), bound, "any")
    return (
        find_failing(lambda image: pair.examine(image) is not None, strategy, examples=examples, shrink=False)[0]
        is not None
    )


def tell(name: str, of: int, missed: list[str], start: float) -> None:
    """Print one row."""
    seconds = time.process_time() - start
    print(f"{name:8} {of - len(missed):4} found, {seconds:6.1f} s; missed: {', '.join(missed) or 'none'}")


def main(examples: int = 100) -> None:
    """Print how many pairs each way finds, and in how much processor time."""
    side = st.integers(1, SIDE)
    ways = {
        "arrays": arrays("uint8", st.tuples(side, side, st.just(3))),
        "images": images(max_side=SIDE),
    }
    pairs = [one for one in [*FIRST, *FURTHER] if plain(one)]
    print(f"{len(pairs)} pairs that differ, {examples} examples each")
    for name, strategy in ways.items():
        start, missed = time.process_time(), []
        for one in pairs:
            with contextlib.redirect_stderr(io.StringIO()):
                if not found(one, strategy, examples):
                    missed.append(one.name)
        tell(name, len(pairs), missed, start)
    start = time.process_time()
    missed = [one.name for one in pairs if compare(one.reference, one.candidate, **one.arguments).equivalent]
    tell("compare", len(pairs), missed, start)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
