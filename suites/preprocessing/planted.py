"""Faulty rewrites of preprocessing functions as people write them, each with the kind that it should be given.

Written from the faults, not from the comparator: none of the families imports it.
"""

from __future__ import annotations

from suites.preprocessing import planted_axes, planted_memory, planted_places, planted_values
from suites.preprocessing.fault import Fault

FAULTS: list[Fault] = [*planted_values.FAULTS, *planted_axes.FAULTS, *planted_memory.FAULTS, *planted_places.FAULTS]
