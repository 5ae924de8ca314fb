"""The fixture ``convert``: conversions in the worker processes of the run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.convert import kinds
from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.errors import BackendUnavailable
from pytest_onnxaccel.plugin.activate import activate
from pytest_onnxaccel.plugin.faults import one_line
from pytest_onnxaccel.plugin.handles import unavailable
from pytest_onnxaccel.plugin.settings import completed
from pytest_onnxaccel.printing import file_name
from pytest_onnxaccel.runner.conversion_proof import prove
from pytest_onnxaccel.runner.conversions import Conversion
from pytest_onnxaccel.runner.converting import input_spec, save_all
from pytest_onnxaccel.runner.engines import Engines
from pytest_onnxaccel.runner.result_proof import prove_result
from pytest_onnxaccel.spec import SourceSpec, TensorSpec, Tolerance

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


class ConvertedModel:
    """What a conversion gave; docs/fixtures.md says what each attribute is."""

    def __init__(self, conversion: Conversion, proof: Mapping[str, Any], engines: Engines) -> None:
        made = conversion.converted
        self._engines = engines
        self.path = made.path
        self.kind = made.kind
        self.opset = made.opset
        self.inputs = made.inputs
        self.outputs = made.outputs
        self.cached = conversion.cached
        self.notes = conversion.notes
        self.proof = dict(proof)

    def __repr__(self) -> str:
        return f"<ConvertedModel {os.path.basename(self.path)}>"

    def run(self, inputs: Mapping[str, Array], backend: str = "ort-cpu") -> dict[str, Array]:
        """The outputs of an ONNX result by name.

        Raises:
            OnnxAccelError: the backend is not here, or the model does not run on these inputs.
        """
        engine = self._engines.open(backend, {})
        try:
            session = engine.load(self.path, LoadOptions())
            return session.run(inputs)
        finally:
            self._engines.release(backend, engine)

    def copy(self, target: str | os.PathLike[str]) -> Path:
        """Save it at *target*, a file or a new folder.

        Raises:
            ModelError: it cannot be written.
        """
        save_all(self.path, os.fspath(target))
        return Path(target)


class Convert:
    """Converts sources of one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __call__(
        self,
        source: str | os.PathLike[str],
        loader: str | None = None,
        batch: int | str | None = None,
        inputs: Sequence[str | TensorSpec] = (),
        outputs: Sequence[str] = (),
        exporter: str = "",
        opset: int | None = None,
        rtol: float | None = None,
        atol: float | None = None,
        gives: str = kinds.ONNX,
    ) -> ConvertedModel:
        """The *source*, converted and proven; what stands against it ends the test with one line."""
        __tracebackhide__ = True
        state = activate(self._config)
        shown = os.fspath(source)
        path = os.path.abspath(self._config.rootpath / os.path.expanduser(shown))
        spec = completed(SourceSpec(path, shown, loader, origin="convert"), state.settings)
        try:
            with one_line(self._config):
                engines = state.runner.engines
                options = ConvertOptions(
                    stem=file_name(Path(path).stem), batch=batch, opset=opset, exporter=exporter,
                    outputs=tuple(outputs),
                    inputs=tuple(one if isinstance(one, TensorSpec) else input_spec(one) for one in inputs),
                )  # fmt: skip
                try:
                    made = engines.conversions.convert(spec, options, kinds.kind_called(gives))
                    tolerance, seed = Tolerance(rtol, atol, "convert()"), state.settings.seed
                    proof: Mapping[str, Any] = {}
                    if made.converted.kind == kinds.ONNX:
                        proof = prove(made, engines, tolerance, seed=seed).figures
                    else:
                        found, unproven = prove_result(made, engines, tolerance, seed=seed)
                        proof = found.figures if found is not None else {}
                        made = replace(made, notes=(*made.notes, *filter(None, [unproven])))
                finally:
                    engines.conversions.drop(spec)
        except BackendUnavailable as error:
            unavailable(state, error.backend, error)
        return ConvertedModel(made, proof, engines)
