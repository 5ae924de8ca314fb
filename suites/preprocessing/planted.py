"""Faulty rewrites of preprocessing functions as people write them, each with the kind that it should be given.

Written from the faults, not from the comparator: none of the families imports it.
"""

from __future__ import annotations

from suites.preprocessing.functions.fault import Fault
from suites.preprocessing.planted_faults import axes as planted_axes
from suites.preprocessing.planted_faults import memory as planted_memory
from suites.preprocessing.planted_faults import places as planted_places
from suites.preprocessing.planted_faults import values as planted_values

FAULTS: list[Fault] = [*planted_values.FAULTS, *planted_axes.FAULTS, *planted_memory.FAULTS, *planted_places.FAULTS]
