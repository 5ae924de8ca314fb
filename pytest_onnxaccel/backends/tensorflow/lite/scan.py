"""Which TensorFlow Lite files must not be loaded: those that need code of others, or keep their weights elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_onnxaccel.backends.tensorflow.lite.flatbuffer import Table, garbled
from pytest_onnxaccel.core.errors import ModelError, printable

#: ``BuiltinOperator``, by number: those up to STABLEHLO_CASE compute on tensors, but for the following.
LAST = 209
CUSTOM, DELEGATE, PLACEHOLDER, CUSTOM_CALL = 32, 51, 127, 173
_REFUSED = {
    CUSTOM: "runs code that TensorFlow Lite does not have",
    DELEGATE: "runs code that TensorFlow Lite does not have",
    PLACEHOLDER: "stands for an operator but is not one",
    CUSTOM_CALL: "runs code that the file only names",
}
_NAMES = {CUSTOM: "CUSTOM", DELEGATE: "DELEGATE", CUSTOM_CALL: "STABLEHLO_CUSTOM_CALL"}


def is_allowed(number: int) -> bool:
    """Return whether TensorFlow Lite's operator *number* only computes on tensors."""
    return 0 <= number <= LAST and number not in _REFUSED


def refuse_operators(root: Table, subgraphs: Sequence[Table]) -> None:
    """Refuse operators whose code is elsewhere: that of a delegate can be TensorFlow's own, which reads files.

    Raises:
        ModelError: ``E_UNSAFE`` with the operator and its node; ``E_PARSE``.
    """
    codes = [_code(code) for code in root.tables(1)]
    for subgraph in subgraphs:
        tensors: list[Table] | None = None
        for operator in subgraph.tables(3):
            index = operator.scalar("<I", 0)
            if index >= len(codes):
                raise garbled("it names an operator that it lacks")
            number, custom = codes[index]
            if is_allowed(number):
                continue
            tensors = list(subgraph.tables(0)) if tensors is None else tensors
            outputs = operator.numbers(2)
            node = tensors[outputs[0]].text(3) if outputs and 0 <= outputs[0] < len(tensors) else ""
            raise _operator(number, custom, node)


def refuse_elsewhere(root: Table, subgraphs: Iterable[Table], size: int) -> None:
    """Refuse weights that are in other files, or beyond the end of this one, which is *size* bytes long.

    Raises:
        ModelError: ``E_UNSAFE``; ``E_PARSE``.
    """
    group = next((table.text(0) for table in root.tables(8)), None)
    if group is not None or next(root.tables(9), None) is not None:
        raise _elsewhere(group or "")
    buffers = list(root.tables(4))
    for buffer in buffers:
        buffer.length(0, 1)
        _within(buffer.scalar("<Q", 1), buffer.scalar("<Q", 2), size)
    for subgraph in subgraphs:
        for tensor in subgraph.tables(0):
            if tensor.scalar("<I", 10):
                raise _elsewhere("")
            if tensor.scalar("<I", 2) >= max(len(buffers), 1):
                raise garbled("it names a buffer that it lacks")
        for operator in subgraph.tables(3):
            _within(operator.scalar("<Q", 9), operator.scalar("<Q", 10), size)
    for item in root.tables(6):
        if item.scalar("<I", 1) >= max(len(buffers), 1):
            raise garbled("it names a buffer that it lacks")


def _within(start: int, length: int, size: int) -> None:
    """Check that data after the flatbuffer are in the file; places 0 and 1 say that there are none."""
    if start > 1 and (start > size or length > size - start):
        raise garbled("its weights are beyond its end")


def _code(code: Table) -> tuple[int, str]:
    """Return the number of the operator, and its name where it is not TensorFlow Lite's own."""
    # The first field is one byte wide; operators past 127 are in the later one
    return max(code.scalar("<b", 0), code.scalar("<i", 3)), code.text(1)


def _operator(number: int, custom: str, node: str) -> ModelError:
    shown = repr(printable(node, 80))
    if number not in _NAMES:
        return ModelError(
            f"holds the operator number {number} {shown}, which "
            + _REFUSED.get(number, "is not on the list of operators that only compute"),
            code="E_UNSAFE",
            remedy="convert it with an older TensorFlow, or give what it was converted from",
        )
    name = custom or _NAMES[number]
    why = "runs code of TensorFlow" if name.startswith("Flex") else _REFUSED[number]
    return ModelError(
        f"holds the custom operator {printable(name, 60)} {shown}, which {why}",
        code="E_UNSAFE",
        remedy="convert it with the operators of TensorFlow Lite alone, or give what it was converted from",
    )


def _elsewhere(name: str) -> ModelError:
    named = f": {printable(name, 80)!r}" if name else ""
    return ModelError(
        f"keeps weights in other files{named}", code="E_UNSAFE", remedy="convert it with its weights inside"
    )
