"""A source converted, proven and saved: the function ``convert_source`` and the command ``convert``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pytest_onnxaccel.config.comparison_syntax import comparisons
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.formats import kind_called
from pytest_onnxaccel.convert.protocol import DYNAMIC, Converted, ConvertOptions
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, ModelError, to_write
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import file_name
from pytest_onnxaccel.core.specs import SourceSpec, TensorSpec, Tolerance
from pytest_onnxaccel.runner import arguments
from pytest_onnxaccel.runner.conversion.default_name import default_target
from pytest_onnxaccel.runner.conversion.freeze import check_target, save
from pytest_onnxaccel.runner.conversion.input_syntax import input_spec as input_spec
from pytest_onnxaccel.runner.conversion.input_syntax import input_specs as input_specs
from pytest_onnxaccel.runner.conversion.prove import ConversionProof, prove
from pytest_onnxaccel.runner.conversion.result_proof import prove_result
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion


@record(frozen=True)
class Saved:
    """A conversion that was saved.

    Attributes:
        path: where.
        proof: that it does what its source does; None for a TensorFlow result where TensorFlow, which would run it,
            is not here: then a note says so.
    """

    path: str
    conversion: Conversion
    proof: ConversionProof | None

    @property
    def converted(self) -> Converted:
        """What the converter says of it."""
        return self.conversion.converted

    def lines(self) -> list[str]:
        """Return its lines for a person."""
        made = self.converted
        exporter = made.facts.get("exporter")
        how = self.conversion.converter + (f" ({exporter})" if exporter else "")
        found = [f"{self.path}: {how}" + (f", opset {made.opset}" if made.opset else "")]
        found += [f"  input {spec}" for spec in made.inputs] + [f"  output {spec}" for spec in made.outputs]
        found += [f"  {note}" for note in self.conversion.notes]
        if self.proof is not None:
            sizes = ", ".join(map(str, self.proof.sizes))
            figures = self.proof.figures
            found.append(
                f"proven on {self.proof.backend}: gives what the source gives"
                + (f" at batch {sizes}" if sizes else "")
                + (f" and {self.proof.lengths_text()}" if sizes else f" at {self.proof.lengths_text()}")
                * bool(self.proof.lengths)
                + f": max abs error {figures.get('max_abs', 0.0):.3g}"
                + f" (rtol {figures.get('rtol', 0):.2g}, atol {figures.get('atol', 0):.2g})"
            )
            if figures.get("hollow"):
                found.append(f"  {figures['hollow']}: nothing is proven about that, try it on real inputs")
        return found


def convert_source(  # noqa: PLR0913 - called by users, who give each by its name
    source: str | os.PathLike[str] | SourceSpec,
    target: str | os.PathLike[str] | None = None,
    loader: str | None = None,
    batch: int | str | None = None,
    inputs: Sequence[str | TensorSpec] = (),
    outputs: Sequence[str] = (),
    gives: str = "",
    exporter: str = "",
    opset: int | None = None,
    signature: str = "",
    trusted: Sequence[str] = (),
    tolerance: Tolerance | None = None,
    options: RunOptions | None = None,
    device: str = "",
    compare: str | Mapping[str, object] | None = None,
) -> Saved:
    """Convert *source*, prove that the result does the same, and save it at *target*.

    Args:
        source: path of a file or folder, or a spec with its loader.
        target: path of the file or folder to write; folders on the way are made. By default
            ``{stem}-batch-{n}.onnx`` next to *source*, and ``{stem}.onnx`` where the batch stays open.
        loader: ``package.module:callable`` that builds the module of a file that holds only weights.
        batch: samples that the result takes, or ``"dynamic"``.
        inputs: what it takes, where the source does not know: specs, or texts such as ``input:float32:1x3x240x320``;
            names are sizes that stay open (``input_ids:int64:batchxsequence``). Of a graph, names of tensors will do:
            ``X:0,X1:0``.
        outputs: names for the outputs, in order.
        gives: ``onnx``, ``saved_model`` or ``pb`` (also ``graphdef``); by default what the suffix of *target* says.
        exporter: ``dynamo`` or ``torchscript``, for PyTorch.
        opset: version of the default domain of an ONNX result; the converter's best by default.
        signature: that of a SavedModel or a TensorFlow Lite file; the default one when empty.
        trusted: names that a pickled source may refer to.
        tolerance: that of the proof; rounding and the noise that is measured when None.
        options: settings of a run: time and memory limits, sandbox; the defaults when None.
        device: where PyTorch exports: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; the CPU when empty.
        compare: how outputs are compared, as of the marker: ``"rows"``, or a mapping by output.

    Raises:
        ConfigError: an argument that cannot be used.
        OnnxAccelError: the source cannot be read or converted, or the result is not the source.
    """
    arguments.several("inputs", inputs, "inputs")
    outputs, trusted = arguments.texts("outputs", outputs), arguments.texts("trusted", trusted)
    said = comparisons(compare) if compare is not None else None
    chosen = arguments.run_options(options)
    shown = source.shown if isinstance(source, SourceSpec) else arguments.path("source", source)
    spec = source
    if not isinstance(spec, SourceSpec):
        spec = SourceSpec(os.path.abspath(shown), shown, loader, trusted, "convert")
    saved_as = "" if target is None else arguments.path("target", target)
    kind = kind_called(gives) if gives else _kind(saved_as) if saved_as else kinds.ONNX
    if saved_as:
        check_target(saved_as, spec.path, folder=kind == kinds.SAVED_MODEL)
    wanted = ConvertOptions(
        stem=file_name(Path(saved_as or spec.path).stem),
        batch=batch,
        opset=opset,
        exporter=exporter,
        outputs=outputs,
        inputs=input_specs(inputs),
        signature=signature,
        device=device,
    )
    engines = Engines(chosen)
    try:
        made = engines.conversions.convert(spec, wanted, kind)
        if not saved_as:
            saved_as = default_target(shown, made.converted)
            check_target(saved_as, spec.path)
        if kind == kinds.ONNX:
            proof: ConversionProof | None = (
                prove(made, engines, tolerance, compare=said) if _provable(engines) else None
            )
        else:
            proof, unproven = prove_result(made, engines, tolerance, compare=said)
            made = replace(made, notes=(*made.notes, *filter(None, [unproven])))
        save_all(made.path, saved_as)
        return Saved(saved_as, made, proof)
    finally:
        engines.close()


def _provable(engines: Engines) -> bool:
    """Return whether ONNX Runtime is installed.

    Raises:
        BackendUnavailable: it is not: nothing is saved without proof.
    """
    found = engines.availability("ort-cpu")
    if not found.ok:
        raise BackendUnavailable(f"ort-cpu, where it is proven: {found.reason}", remedy=found.remedy)
    return True


def batch_of(text: str) -> int | str:
    """Return a number of samples, or :data:`DYNAMIC`.

    Raises:
        ConfigError: neither.
    """
    if text == DYNAMIC:
        return DYNAMIC
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{text!r} is not a number of samples", remedy=f"write a positive number, or {DYNAMIC}")
    return int(text)


def _kind(target: str) -> str:
    suffix = os.path.splitext(target)[1].lower()
    return {".onnx": kinds.ONNX, ".pb": kinds.GRAPHDEF, "": kinds.SAVED_MODEL}.get(suffix, kinds.ONNX)


def save_all(made: str, target: str) -> None:
    """Copy a file or a folder; each appears whole or not at all.

    Raises:
        ModelError: ``E_FILE``: it cannot be written.
    """
    if not os.path.isdir(made):
        list(save(made, target, set()))
        return
    temporary = f"{os.path.abspath(target)}.{os.urandom(4).hex()}.tmp"
    try:
        os.makedirs(os.path.dirname(temporary), exist_ok=True)
        shutil.copytree(made, temporary)
        if os.path.isdir(target) and not os.listdir(target):
            os.rmdir(target)
        os.rename(temporary, target)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(temporary)
        cause = f"cannot be written: {error.strerror or error}"
        raise ModelError(cause, code="E_FILE", subject=target, remedy=to_write(error)) from None
