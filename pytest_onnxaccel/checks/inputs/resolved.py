"""Inputs that were found, with what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


@record(frozen=True)
class ResolvedInputs:
    """Inputs that run, with what the first sample gave: a later run of it must give the same.

    Attributes:
        tries: runs that it took.
        samples: how many samples are worth a look: one, where a later one is drawn from the same range.
        guessed: free dimensions whose size nobody gave, with that size.
        value_shaped: outputs whose sizes hang on values that were made up: those inputs, by output.
        drawn_shaped: outputs whose sizes hang on values that come after golden ones: those are made up again.
        unfinite: outputs of which golden data holds NaN or Inf: there, these are right.
        refused: sizes that the user named and that do not run, with the reason, by dimension.
        stuck: free dimensions that run at one size alone: that size, and why no other runs.
    """

    inputs: Inputs
    outputs: Mapping[str, Array]
    tries: int
    samples: int = 1
    guessed: Mapping[str, int] = field(default_factory=dict)
    value_shaped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stuck: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    drawn_shaped: frozenset[str] = frozenset()
    unfinite: frozenset[str] = frozenset()
