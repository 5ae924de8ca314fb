"""What PyTorch's exporters raise, as one line: the operator that they lack, and the module that it is in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_onnxaccel.convert.from_pytorch.example_inputs import Examples
from pytest_onnxaccel.core.errors import ConversionError, OnnxAccelError, printable

_LACKS = (
    re.compile(r"No ONNX function found for <OpOverload\(op='([\w.:]+)'"),
    re.compile(r"Exporting the operator '([\w.:]+)' to ONNX"),
    re.compile(r"[Uu]nsupported operator:? '?([\w.:]+)"),
)
_NODE = re.compile(r"translating node %(\w+)")
#: What the exporter says where the batch was taken for a constant.
_SPECIALISED = re.compile(
    r"specialized it to be a constant|Constraints violated|marked .{0,80}as dynamic|conflicts between user-specified",
    re.DOTALL,
)
_AXIS = re.compile(r"\['(\w+)'\]\.(?:size\(\)|shape)\[(\d+)\]")
_DATA_DEPENDENT = re.compile(r"data-dependent expression (.+?)(?: \(unhinted|\n|$)")
#: Before the lines of the source that PyTorch was at, outermost first; an empty line ends them.
_AT = re.compile(r"(?:The following call raised this error|Original traceback):\s*\n")
_FILE = re.compile(r'File "([^"\n]+)", line (\d+)')


def refused(
    error: Exception,
    exporter: str,
    module: Any,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    opset: int,
    given: Examples,
) -> OnnxAccelError:
    """Return *error* of the *exporter* as what it says of the source."""
    if isinstance(error, OnnxAccelError):
        return error
    texts = [str(one) for one in _chain(error)]
    for pattern in _LACKS:
        for text in texts:
            if match := pattern.search(text):
                operator = match[1].replace("::", ".")
                node = next((found[1] for t in texts if (found := _NODE.search(t))), "")
                where = _module_of(operator, exporter, module, arguments, keywords)
                kind = " of complex numbers" if "complex-valued" in text else ""
                named = f"operator {operator}{kind}" + (f" (node {node})" if node else "")
                cause = f"the {exporter} exporter has no ONNX for {named}" + (f" in module {where!r}" if where else "")
                other = "torchscript" if exporter == "dynamo" else "dynamo"
                remedy = f"replace the operator, or try the {other} exporter or another opset than {opset}"
                return ConversionError(cause, remedy=remedy)
    if any(_SPECIALISED.search(text) for text in texts):
        return stuck(
            _first(texts, "constant" if any("constant" in text for text in texts) else "inferred a static"),
            _dim_of(texts, given),
            given,
        )
    for text in texts:
        if match := _DATA_DEPENDENT.search(text):
            cause = f"its forward decides by values{_place(texts)}: {match[1].strip()}"
            return ConversionError(cause, remedy="use torch.cond or torch.where, or the torchscript exporter")
    last = texts[-1] if texts else str(error)
    lines = [line.strip() for line in last.strip().splitlines() if line.strip()]
    said = printable(" ".join(lines[: 2 if lines and lines[0].endswith(":") else 1]), 180)
    cause = f"the {exporter} exporter failed{_place(texts)}: {type(error).__name__}: {said}"
    return ConversionError(cause, remedy="try the other exporter")


def stuck(why: str, dim: str, given: Examples) -> ConversionError:
    """Return the open size *dim*, of which an export made a constant; empty where that cannot be found."""
    batch = dim in ("", given.symbol)
    what = "the batch" if given.dynamic and batch else f"dimension {dim!r}" if dim else "a size"
    return ConversionError(
        f"{what} does not stay dynamic: {why}",
        remedy=f"ask for a fixed {'batch' if what == 'the batch' else 'size'}, "
        "or fix the forward method, which treats its size as a constant",
    )


def _place(texts: list[str]) -> str:
    """Return where in the source the exporter stopped: its file and line, in words; empty where it does not say."""
    for text in texts:
        for start in _AT.finditer(text):
            lines = _FILE.findall(text[start.end() :].partition("\n\n")[0])
            own = [one for one in lines if f"{os.sep}torch{os.sep}" not in one[0]]
            if own:
                return f" at {printable(os.path.basename(own[-1][0]), 80)}:{own[-1][1]}"
    return ""


def _dim_of(texts: list[str], given: Examples) -> str:
    """Name of the open axis that PyTorch complains of: ``L['x'].size()[1]``, ``inputs['x'].shape[1]``."""
    for text in texts:
        for match in _AXIS.finditer(text):
            found = given.axes.get(match[1], {}).get(int(match[2]))
            if found:
                return found
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _first(texts: list[str], *words: str) -> str:
    """Return the first line of *texts* that holds all *words*."""
    lines = [line.strip(" -") for text in texts for line in text.splitlines()]
    return printable(next((line for line in lines if all(word in line for word in words)), lines[0]), 200)


def _module_of(
    operator: str, exporter: str, module: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> str:
    """Return the path of the module that calls *operator*; empty where that cannot be found."""
    try:
        if exporter == "dynamo":
            return _in_program(operator, module, arguments, keywords)
        return _in_trace(operator, module, arguments)
    except Exception:  # the message is whole without it
        return ""


def _in_program(operator: str, module: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    import torch

    program = torch.export.export(module, arguments, dict(keywords), strict=False)
    for node in program.graph.nodes:
        if str(node.target).startswith(operator + "."):
            stack = list((node.meta.get("nn_module_stack") or {}).values())
            return str(stack[-1][0]) if stack else ""
    return ""


def _in_trace(operator: str, module: Any, arguments: tuple[Any, ...]) -> str:
    import torch

    for node in torch.jit.trace(module, arguments, check_trace=False).inlined_graph.nodes():
        if node.kind().replace("::", ".") == operator:
            return str(node.scopeName().rpartition("/")[2].rpartition("::")[2].removeprefix("__module."))
    return ""
