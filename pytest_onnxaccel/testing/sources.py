"""The conformance kit for backends that run the sources of models: a test class that their author subclasses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.convert.formats import KINDS
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.testing.common import Promises
from pytest_onnxaccel.testing.conformance import LOAD_CODES
from pytest_onnxaccel.testing.harness import case, check_refusal, fail, require

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.testing.tiny_models import Case


class SourceConformance(Promises):
    """Checks a backend of the role ``source``, in workers as in a run of the plugin.

    Set ``make``, and write one source in its framework::

        class TestMyFramework(SourceConformance):
            make = MyFramework

            def source(self, folder, weights, bias):
                path = f"{folder}/net.mine"
                mine.save(mine.Affine(weights, bias), path)
                return path

    Further settings are those of :class:`~pytest_onnxaccel.testing.conformance.BackendConformance`.
    """

    def source(self, folder: str, weights: Array, bias: Array) -> str | SourceSpec:
        """Write a source of ``y = x @ weights + bias`` into *folder* and return its path, or how it is loaded.

        Args:
            folder: an empty one, private to the test.
            weights: float32 (4, 3).
            bias: float32 (3,); x is float32 (N, 4) for any N, y is (N, 3).
        """
        fail(f"define source() in {type(self).__name__}: it writes a source that the backend runs")

    def source_of(self, model: Case) -> SourceSpec:
        from pytest_onnxaccel.testing.tiny_models import AFFINE

        bench = self.bench()
        if bench.source is None:
            made = self.source(bench.folder, *(array.copy() for array in AFFINE))
            bench.source = SourceSpec(made, os.path.basename(made)) if isinstance(made, str) else made
        return bench.source

    def test_describes_itself(self) -> None:
        """Its role is ``source``, its kinds are those of files that the plugin tells apart."""
        kinds = getattr(self.described(("source",)), "kinds", ())
        known = isinstance(kinds, tuple) and kinds and all(kind in KINDS for kind in kinds)
        require(known, f"its kinds {kinds!r} are not a tuple of kinds of sources: {', '.join(KINDS)}")

    @pytest.mark.parametrize("batch", [1, 3])
    def test_computes(self, batch: int) -> None:
        """run() gives what the source computes, under the names that the ONNX model declares."""
        model = case("dynamic_batch")
        self.check_values(self.session(model), model, batch)

    def test_varies_within_rounding(self) -> None:
        """variants(), where there is one, gives labels with LoadOptions, and each computes the same."""
        variants = getattr(self.bench().backend, "variants", None)
        model = case("dynamic_batch")
        for label, options in variants(LoadOptions()) if variants is not None else ():
            require(isinstance(label, str) and isinstance(options, LoadOptions), f"variants() gives {label!r}")
            self.check_values(self.session(model, options), model, 3)

    def test_refuses_a_broken_file(self) -> None:
        """load() raises ModelError with a documented code for half of a source, and does not crash."""
        model, bench = case("dynamic_batch"), self.bench()
        whole = self.source_of(model)
        if not os.path.isfile(whole.path):
            pytest.skip("its source is not a single file")
        with open(whole.path, "rb") as file:
            data = file.read()
        half = bench.file(f"half-{os.path.basename(whole.path)}", data[: len(data) // 2])
        self.session(model)
        check_refusal("load() of half a source", LOAD_CODES, lambda: bench.load(model, half, whole))
