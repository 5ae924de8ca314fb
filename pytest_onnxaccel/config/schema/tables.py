"""All tables of a manifest, in the order of docs/manifest.md."""

from __future__ import annotations

from pytest_onnxaccel.config.schema.fold_table import FOLD_IN
from pytest_onnxaccel.config.schema.model_tables import (
    BACKEND,
    BUDGET,
    CHECK,
    DEFAULTS,
    DIMS,
    INPUT,
    KNOWN,
    MODEL,
    OUTPUT,
    TOP,
)
from pytest_onnxaccel.config.schema.preprocessing_table import PREPROCESSING

TABLES = (TOP, DEFAULTS, MODEL, INPUT, DIMS, OUTPUT, KNOWN, BUDGET, CHECK, BACKEND, PREPROCESSING, FOLD_IN)
