"""Whether an ONNX file does what its source does: both run the same inputs, at every batch that it promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.guard import GuardedSession
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.agreement import Agreement
from pytest_onnxaccel.checks.hollow import Answers
from pytest_onnxaccel.checks.parity import SAMPLES, sample
from pytest_onnxaccel.checks.settle import settle
from pytest_onnxaccel.errors import ConversionError, ModelError, OnnxAccelError
from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.runner.sources import backend_for, open_source
from pytest_onnxaccel.spec import InputSpec, ModelInfo, ModelSpec, Tolerance

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.conversions import Conversion
    from pytest_onnxaccel.runner.engines import Engines

#: Batch sizes that a dynamic batch is tried at: an exporter that took its example's size for a constant is found out.
SIZES = (1, 2, 3)


@record(frozen=True)
class ConversionProof:
    """What a proof found.

    Attributes:
        backend: in which the ONNX file ran.
        sizes: batch sizes that ran; empty where the inputs share no batch.
        figures: of the comparison, those of a parity check; ``hollow`` where no output answers: it proves nothing.
    """

    backend: str
    sizes: tuple[int, ...]
    figures: dict[str, Any]


def prove(
    conversion: Conversion, engines: Engines, tolerance: Tolerance | None = None, inputs: tuple[InputSpec, ...] = (),
    backend: str = "ort-cpu", seed: int = 0,
) -> ConversionProof:  # fmt: skip
    """Compare the converted file with its source.

    Raises:
        ConversionError: they differ, or the file does not run where the source does; the batch is named.
        OnnxAccelError: one of them does not run at all.
    """
    source, path = conversion.source, conversion.path
    name = backend_for(source, engines)
    runtime, framework = engines.open(backend, {}), engines.open(name, {})
    try:
        info = ModelInfo.from_json(runtime.graph("inspect", path=path))
        ours = GuardedSession(runtime.load(path, LoadOptions(spin=False)), info.inputs, info.outputs)
        theirs = open_source(source, name, framework, LoadOptions(spin=False), info, engines)
        spec = ModelSpec(source.shown, path, source.shown, inputs=inputs, origin="the conversion")
        settled = settle(ours, info, spec, seed).inputs
        sizes: tuple[int | None, ...] = SIZES if settled.dynamic else (settled.batch,)
        agreement, answers = Agreement((backend, name), tolerance or Tolerance()), Answers()
        for size in sizes:
            for index in range(max(SAMPLES if len(sizes) == 1 else 1, settled.variants)):
                feeds = sample(settled, (), size, index)
                expected = theirs.run(feeds)
                answers.add(feeds, expected)
                try:
                    agreement.add(ours.run(feeds), expected)
                except ModelError as error:
                    raise _differs(size, settled.dynamic, f"does not run: {error.cause}") from None
                if not agreement.ok:
                    raise _differs(size, settled.dynamic, agreement.message())
        figures = agreement.summary()
        if answers.hollow():
            figures["hollow"] = answers.told(answers.silent())
        return ConversionProof(backend, tuple(s for s in sizes if s is not None), figures)
    except OnnxAccelError as error:
        raise error.about(source.shown) from None
    finally:
        engines.release(backend, runtime)
        engines.release(name, framework)


def _differs(size: int | None, dynamic: bool, why: str) -> ConversionError:
    at = "" if size is None else f" at batch {size}"
    stayed = "the batch did not stay dynamic" if dynamic and size != 2 else "the ONNX file is not its source"
    return ConversionError(
        f"{stayed}:{at} it {why}" if why.startswith("does") else f"{stayed}:{at} {why}",
        remedy="ask for a fixed batch, or try the other exporter" if dynamic else "try the other exporter",
    )
