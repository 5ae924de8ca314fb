"""What tf2onnx complains of, and what it leaves in a file without a word."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_onnxaccel.core.errors import ConversionError, printable

#: ``Tensorflow op [scope/node: Erfc] is not supported``
_UNSUPPORTED = re.compile(r"[Oo]p \[([^\]]+): (\w+)\] is not supported")


#: What to do about an operator that tf2onnx lacks; a Keras file runs in other operators than its SavedModel.
REBUILD = "rebuild the model without it"
KERAS_FILE = f"give the .keras file where it was exported from one, else {REBUILD}"


def refuse_unknown(model: Any, said: Sequence[str]) -> None:
    """Refuse a model in which tf2onnx left an operator of TensorFlow and called it done.

    Raises:
        ConversionError: naming the operator and its node.
    """
    import onnx

    opset = {item.domain: item.version for item in model.opset_import}
    for node in _nodes(model.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if domain in ("", "ai.onnx.ml") and not onnx.defs.has(node.op_type, opset.get(domain, 1), domain):
            raise _lacks(node.op_type, node.name, opset.get("", 0))
    known = unsupported(said)
    if known is not None:
        raise known


def unsupported(said: Sequence[str]) -> ConversionError | None:
    """Return the first operator that tf2onnx said it lacks; None where it said nothing of the kind."""
    found = next(filter(None, map(_UNSUPPORTED.search, said)), None)
    return _lacks(found.group(2), found.group(1), 0) if found else None


def _lacks(operator: str, node: str, opset: int) -> ConversionError:
    at = f" at opset {opset}" if opset else ""
    # As TensorFlow Lite itself calls it, without what tf2onnx puts before
    operator = operator.removeprefix("TFL_")
    return ConversionError(
        f"tf2onnx has no operator {printable(operator, 60)!r}{at} (node {printable(node, 100)!r})",
        remedy=REBUILD,
    )


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _nodes(inner)


@contextlib.contextmanager
def said_meanwhile() -> Iterator[list[str]]:
    """Collect what tf2onnx logs in the block, one line for each finding."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(printable(record.getMessage(), 400))

    logger, listener = logging.getLogger("tf2onnx"), Listener(logging.WARNING)
    before = logger.propagate
    logger.propagate = False
    logger.addHandler(listener)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield lines
    finally:
        logger.removeHandler(listener)
        logger.propagate = before
