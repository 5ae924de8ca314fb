"""onnx's own evaluator in NumPy: slow, and a yardstick that shares no code with the runtimes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.distributions import versions_of
from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session, SessionInfo
from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan
from pytest_onnxaccel.numerics.timing.loop import measure

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Below this opset the evaluator runs BatchNormalization with training statistics, so the graph is upgraded first.
_TRUSTED_OPSET = 14
_UPGRADE_TO = 18

#: How the evaluator wraps what an operator raised, with the operator's type.
_WRAPPED = re.compile(r"^Issues with types .*\(operator '([^']*)'", re.DOTALL)
#: How the evaluator says that it lacks a version of an operator (QDQ of opset 13 to 18), or one of its modes.
_LACKING = ("No implementation for operator", "is not implemented for", "only supports ", "is not supported")


class ReferenceBackend:
    """``reference``: ``onnx.reference.ReferenceEvaluator``."""

    name = "reference"
    role = "oracle"
    complete = False
    environment = ""
    keep_worker = False
    overrides = True
    interprets = True
    preload = ("numpy", "onnx.reference")
    script = "onnx.reference"

    def availability(self) -> Availability:
        found = versions_of("onnx")
        if not found:
            return Availability(False, "onnx is not installed", "python -m pip install onnx")
        return Availability(True, versions=found, devices=("cpu",))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        return ""

    def upgrades(self, opset: int) -> int:
        """Return the opset that a model of *opset* is brought to before it is run; 0 when it runs as it is."""
        return _UPGRADE_TO if 0 < opset < _TRUSTED_OPSET else 0

    def load(self, path: str, options: LoadOptions) -> Session:
        import onnx
        from onnx.reference import ReferenceEvaluator

        from pytest_onnxaccel.backends.reference_faults import fault_of
        from pytest_onnxaccel.backends.reference_operators import further_operators
        from pytest_onnxaccel.graph.arithmetic.model import DOMAIN, operators
        from pytest_onnxaccel.graph.describe import describe
        from pytest_onnxaccel.graph.opset import plain_domains

        try:
            model = onnx.load(path)
        except Exception as error:
            text = str(error).replace(os.path.dirname(path) + os.sep, "")
            if "TensorProto" in text or text.startswith("External data"):
                remedy = "the data file does not fit the model: save both again"
                raise ModelError(printable(text, 600), code="E_EXTERNAL", remedy=remedy) from None
            raise ModelError(printable(text, 600), code="E_PARSE", remedy="export it again") from None
        if fault := fault_of(model):
            raise ModelError(fault, code="E_SCHEMA", remedy="compare with another backend")
        plain_domains(model)
        info = describe(model)
        notes = []
        defined = any(entry.domain == DOMAIN for entry in model.opset_import)
        if self.upgrades(info.opset) and not defined:
            model = _upgraded(model)
            notes.append(f"the graph was upgraded from opset {info.opset} to {_UPGRADE_TO} for the evaluator")
        stored = (tensor.name for tensor in model.graph.initializer)
        try:
            evaluator = ReferenceEvaluator(model, new_ops=operators() if defined else further_operators())
        except Exception as error:
            raise _unsupported(error, "E_GRAPH") from None
        return ReferenceSession(evaluator, info.inputs, info.outputs, tuple(notes), onnx.__version__, frozenset(stored))


class ReferenceSession:
    """A model in the reference evaluator."""

    def __init__(
        self,
        evaluator: Any,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        notes: tuple[str, ...],
        version: str,
        stored: frozenset[str] = frozenset(),
    ) -> None:
        self._evaluator = evaluator
        self._stored = stored
        self._names = [spec.name for spec in outputs]
        facts = {"onnx": version, "provider": "numpy"}
        self.info = SessionInfo(inputs, outputs, notes=notes, facts=facts)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        import numpy as np

        from pytest_onnxaccel.numerics.unpacked import packed, unpacked

        fed = {spec.name: packed(spec.kind, spec.name, feeds) for spec in self.info.inputs}
        fed |= {name: array for name, array in feeds.items() if name in self._stored}  # weights may be fed others for
        try:
            # 0/0 and overflow are the model's business; the contract check reports what comes out
            with np.errstate(all="ignore"):
                values = self._evaluator.run(self._names, fed)
        except MemoryError:
            raise
        except Exception as error:
            raise _unsupported(error) from None
        found: dict[str, Array] = {}
        for spec, value in zip(self.info.outputs, values, strict=True):
            if spec.kind == "sequence" and isinstance(value, np.ndarray):
                value = list(value)  # so the evaluator holds a sequence of equal parts
            if spec.kind != "tensor":
                found |= unpacked(spec.name, value)
                continue
            array = np.asarray(value)
            # NumPy widens where numbers of two types meet; the strict inference of types judges the file itself
            narrower = array.dtype == np.float64 and spec.dtype == "float32"
            found[spec.name] = array.astype(np.float32) if narrower else array
        return found

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        return measure(lambda: self.run(feeds), plan)

    def close(self) -> None:
        self._evaluator = None


def _upgraded(model: Any) -> Any:
    """Return *model* at :data:`_UPGRADE_TO`.

    Raises:
        ModelError: ``E_SCHEMA``: the graph cannot be upgraded, and as it stands the evaluator is not an oracle for it.
    """
    from pytest_onnxaccel.graph.upgrade import upgraded

    try:
        return upgraded(model, _UPGRADE_TO)
    except Exception as error:
        raise ModelError(
            f"the graph cannot be upgraded to opset {_UPGRADE_TO}: {printable(str(error), 300)}",
            code="E_SCHEMA",
            remedy="compare with another backend, or export with opset 14 or later",
        ) from None


def _unsupported(error: Exception, otherwise: str = "E_RUN") -> ModelError:
    """Return an exception of the evaluator with its code: not implemented (schema), or a failing run or load."""
    places: list[str] = []
    # The evaluator wraps what an operator raises in a list of types, once for each subgraph around it
    while error.__cause__ is not None and (wrapped := _WRAPPED.search(str(error))):
        places.append(wrapped[1])
        error = error.__cause__  # type: ignore[assignment]
    inside = f"{' in '.join(reversed(places))}: " if places else ""
    text = printable(f"{inside}{type(error).__name__}: {error}", 600)
    missing = isinstance(error, (NotImplementedError, ImportError)) or "No registered implementation" in text
    missing = missing or "has no implementation" in text or "runtime_error" in type(error).__name__
    missing = missing or (isinstance(error, RuntimeError) and any(words in text for words in _LACKING))
    found = ModelError(text, code="E_SCHEMA" if missing else otherwise, remedy="compare with another backend")
    found.backend = ReferenceBackend.name
    return found
