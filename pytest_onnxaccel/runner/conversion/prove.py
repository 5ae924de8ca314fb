"""Whether an ONNX file does what its source does: both run the same inputs, at every batch that it promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.conversion.pair import Noisy, Pair
from pytest_onnxaccel.checks.find_inputs import find_inputs
from pytest_onnxaccel.checks.parity.check import SAMPLES
from pytest_onnxaccel.checks.reach.answers import Answers
from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import ConversionError, ModelError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import InputSpec, ModelInfo, ModelSpec, Tolerance
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.told import sizes_text
from pytest_onnxaccel.runner.conversion.pair import compared_as, noise_of_file
from pytest_onnxaccel.runner.sessions.source import backend_for, open_source, ways_of
from pytest_onnxaccel.runner.sessions.workers.trust import trust_of

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.workers.engines import Engines
    from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion

_QUIET = LoadOptions(spin=False)
#: Batch sizes that a dynamic batch is tried at: an exporter that took its example's size for a constant is found out.
SIZES = (1, 2, 3)


@record(frozen=True)
class ConversionProof:
    """What a proof found.

    Attributes:
        backend: in which the ONNX file ran.
        sizes: batch sizes that ran; empty where the inputs share no batch.
        lengths: sizes of other open dimensions that ran, by name.
        figures: of the comparison, those of a parity check; ``hollow`` where no output answers: it proves nothing.
    """

    backend: str
    sizes: tuple[int, ...]
    figures: dict[str, Any]
    lengths: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def lengths_text(self) -> str:
        """Return ``sequence 8, 13``."""
        return " and ".join(f"{name} {', '.join(map(str, sizes))}" for name, sizes in self.lengths.items())


def prove(
    conversion: Conversion,
    engines: Engines,
    tolerance: Tolerance | None = None,
    inputs: tuple[InputSpec, ...] = (),
    backend: str = "ort-cpu",
    seed: int = 0,
    compare: Mapping[str, Comparison] | None = None,
) -> ConversionProof:
    """Compare the converted file with its source, as the gate does: within what both show of noise.

    Raises:
        ConversionError: they differ, or the file does not run where the source does; the batch is named.
        OnnxAccelError: one of them does not run at all.
    """
    source, path = conversion.source, conversion.path
    framework_name = backend_for(source, engines)
    runtime, framework = engines.open(backend, {}), engines.open(framework_name, {}, trust=trust_of(source))
    try:
        info = ModelInfo.from_json(runtime.graph("inspect", path=path))
        ours = CheckedSession(runtime.load(path, LoadOptions(spin=False)), info.inputs, info.outputs)

        def opened(options: LoadOptions) -> CheckedSession:
            return open_source(source, framework_name, framework, options, info, engines)

        theirs = opened(_QUIET)
        spec = ModelSpec(source.shown, path, source.shown, inputs=inputs, origin="the conversion")
        facts = InputFacts.from_json(runtime.graph("input_facts", path=path))
        found = find_inputs(ours, info, spec, seed, facts=facts)
        for name, (held, why) in found.stuck.items():
            raise _stuck(name, f"it runs at {held} alone: {why}")
        noise = (
            noise_of_file(backend, runtime, path, ours, info),
            Noisy(framework_name, theirs, partial(ways_of, framework_name, engines, _QUIET, opened)),
        )
        compared = compared_as(engines, runtime, path, info, compare or {})
        both = _Both((ours, theirs), Pair((backend, framework_name), tolerance or Tolerance(), None, compared, noise))
        both.compare(found.inputs)
        return ConversionProof(backend, tuple(both.batches), both.figures(), both.lengths)
    except OnnxAccelError as error:
        raise error.about(source.shown) from None
    finally:
        engines.release(backend, runtime)
        engines.release(framework_name, framework)


class _Both:
    """Runs the ONNX file and its source on the same inputs, at every size."""

    def __init__(self, sessions: tuple[CheckedSession, CheckedSession], pair: Pair) -> None:
        self._ours, self._theirs = sessions
        self._pair, self.answers = pair, Answers()
        self.batches: dict[int, None] = {}
        self.lengths: dict[str, tuple[int, ...]] = {}

    def compare(self, inputs: Inputs) -> None:
        """Compare at every length, and at every batch where that is open.

        Raises:
            ConversionError: they differ.
            OnnxAccelError: the source runs at none of the sizes.
        """
        sizes: tuple[int | None, ...] = SIZES if inputs.dynamic else (inputs.batch,)
        refused: OnnxAccelError | None = None
        ran = 0
        for variant in range(inputs.variants):
            here = inputs.at(variant)
            for size in sizes:
                for index in range(SAMPLES if len(sizes) == 1 else 1):
                    place = variant + inputs.variants * index
                    feeds = here.feeds(place * (size or 1), size)
                    try:
                        expected = self._theirs.run(feeds)
                    except ModelError as error:
                        if error.code not in ("E_RUN", "E_INPUT"):
                            raise
                        refused = refused or error  # a size that the source itself does not take
                        continue
                    self.answers.add(feeds, expected)
                    self._one(here, size, feeds, expected, first=not ran)
                    ran += 1
                    self._note(here, size)
        if refused is not None and (not ran or inputs.batch not in (*self.batches, None)):
            raise refused

    def figures(self) -> dict[str, Any]:
        """Return the figures of a parity check; ``hollow`` where no output answers."""
        figures = self._pair.agreement.summary()
        if self.answers.hollow():
            figures["hollow"] = self.answers.told(self.answers.silent())
        return figures

    def _note(self, inputs: Inputs, size: int | None) -> None:
        if size is not None:
            self.batches[size] = None
        symbols = inputs.symbols(size)
        for name in inputs.sizes:
            self.lengths[name] = tuple(dict.fromkeys((*self.lengths.get(name, ()), symbols[name])))

    def _one(self, inputs: Inputs, size: int | None, feeds: Any, expected: Any, first: bool) -> None:
        try:
            self._pair.add(self._ours.run(feeds), expected, feeds)
        except ModelError as error:
            raise self._differs(inputs, size, f"does not run: {error.cause}", first) from None
        if not self._pair.agreement.ok:
            raise self._differs(inputs, size, self._pair.agreement.message(), first)

    def _differs(self, inputs: Inputs, size: int | None, why: str, first: bool) -> ConversionError:
        symbols = inputs.symbols(size)
        changed = [name for name in inputs.sizes if symbols[name] not in self.lengths.get(name, (symbols[name],))]
        if changed and not first:
            return _stuck(changed[0], f"at {changed[0]} {symbols[changed[0]]} it {why}")
        return _differs(size, inputs.dynamic, why, sizes_text(inputs))


def _stuck(name: str, why: str) -> ConversionError:
    return ConversionError(
        f"dimension {name!r} did not stay dynamic: {why}",
        remedy=f"give a number for it, or try the other exporter: {name!r} is what --input calls it",
    )


def _differs(size: int | None, dynamic: bool, why: str, sizes: str) -> ConversionError:
    at = ("" if size is None else f" at batch {size}") + (f" ({sizes})" if sizes else "")
    stayed = "the batch did not stay dynamic" if dynamic and size != 2 else "the ONNX file is not its source"
    return ConversionError(
        f"{stayed}:{at} it {why}" if why.startswith("does") else f"{stayed}:{at} {why}",
        remedy="ask for a fixed batch, or try the other exporter" if dynamic else "try the other exporter",
    )
