"""The fields of an exported program's JSON: how PyTorch reads each of them, and what may stand in it.

Names of nodes and arguments are pasted into the source of a Python function; targets are looked up and called; sizes
are evaluated. A field of text that is not in the tables below, because a later PyTorch has added it, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pytest_onnxaccel.backends.name_lists import listed
from pytest_onnxaccel.backends.pytorch.safety.allowed import how_to_allow, target_computes
from pytest_onnxaccel.backends.pytorch.safety.archive import parse_json
from pytest_onnxaccel.backends.pytorch.safety.program_sizes import is_arithmetic, is_guard, is_symbol
from pytest_onnxaccel.backends.pytorch.safety.program_specs import check_structure
from pytest_onnxaccel.core.errors import ModelError, printable

_DEVICES = frozenset({"cpu", "cuda", "meta", "mps", "xpu", "hpu", "mtia", "xla"})
_DIALECT = re.compile(r"[A-Z_]*", re.ASCII)
_PAYLOAD = re.compile(r"(weight|tensor)_\d+", re.ASCII)
_TARGET = re.compile(r"[\w.]*", re.ASCII)
#: Marks in what would leave a quoted name in generated source; parts of a model's path hold none.
_PART = re.compile(r"[^\"'\\{}()\[\];=#]*")


Judge = Callable[[str, Sequence[str]], None]


def _no(cause: str, remedy: str = "export the program again") -> ModelError:
    return ModelError(cause, code="E_UNSAFE", remedy=remedy)


def _anything(text: str, trusted: Sequence[str]) -> None:
    """Accept a text that PyTorch keeps, compares or passes on unchanged."""


def _json(text: str, trusted: Sequence[str]) -> None:
    parse_json(text, "a text of its metadata")


def _name(text: str, trusted: Sequence[str]) -> None:
    if text and not (text.isascii() and text.isidentifier()):
        raise _no(f"one of its names is not a name: {printable(text, 80)!r}")


def _path(text: str, trusted: Sequence[str]) -> None:
    if any(not _PART.fullmatch(part) or part.startswith("__") or not part.isprintable() for part in text.split(".")):
        raise _no(f"one of its parts has no name of a part: {printable(text, 80)!r}")


def _target(text: str, trusted: Sequence[str]) -> None:
    if not target_computes(text, trusted):
        raise _no(f"its graph calls {printable(text, 100)}", how_to_allow(text))


def _size(text: str, trusted: Sequence[str]) -> None:
    if not is_arithmetic(text):
        raise _no(f"one of its sizes is not arithmetic: {printable(text, 80)!r}")


def _guard(text: str, trusted: Sequence[str]) -> None:
    if not is_guard(text):
        raise _no(f"one of its guards is not a comparison of sizes: {printable(text, 80)!r}")


def _symbol(text: str, trusted: Sequence[str]) -> None:
    if not is_symbol(text):
        raise _no(f"one of its sizes is not a symbol: {printable(text, 80)!r}")


def _structure(text: str, trusted: Sequence[str]) -> None:
    check_structure(text, False, trusted)


def _in_structure(text: str, trusted: Sequence[str]) -> None:
    check_structure(text, True, trusted)


def _sources(text: str, trusted: Sequence[str]) -> None:
    for one in text.split(";"):
        if not _TARGET.fullmatch(one.partition(",")[2]):
            raise _no(f"one of its nodes comes from {printable(one, 80)!r}")


def _like(pattern: re.Pattern[str], what: str) -> Judge:
    def judge(text: str, trusted: Sequence[str]) -> None:
        if not pattern.fullmatch(text):
            raise _no(f"{what} {printable(text, 80)!r} is not one that PyTorch writes")

    return judge


def _device(text: str, trusted: Sequence[str]) -> None:
    if text not in _DEVICES:
        raise _no(f"one of its tensors is on the device {printable(text, 40)!r}")


def _table(*parts: tuple[Judge, str]) -> Mapping[tuple[str, str], Judge]:
    """Return the judge of each field; fields are written ``Class.field``, and values of a dict ``Class.field[key]``."""
    return {(one.partition(".")[0], one.partition(".")[2]): judge for judge, names in parts for one in listed(names)}


_JUDGES = _table(
    (
        _name,
        """
        GradientToUserInputSpec.user_input_name GraphArgument.name InputToConstantInputSpec.name
        ModuleCallSignature.forward_arg_names NamedArgument.name Node.name SymBoolArgument.as_name
        SymFloatArgument.as_name SymIntArgument.as_name TensorArgument.name TokenArgument.name
        UserInputMutationSpec.user_input_name
        """,
    ),
    (
        _path,
        """
        BufferMutationSpec.buffer_name GradientToParameterSpec.parameter_name InputToBufferSpec.buffer_name
        InputToParameterSpec.parameter_name InputToTensorConstantSpec.tensor_constant_name ModuleCallEntry.fqn
        ParameterMutationSpec.parameter_name
        """,
    ),
    (
        _anything,
        """
        Argument.as_string Argument.as_strings ConstantValue.as_string ExportedProgram.torch_version
        NamedTupleDef.field_names
        """,
    ),
    (_target, "Node.target Argument.as_operator"),
    (_size, "SymExpr.expr_str"),
    (_guard, "ExportedProgram.guards_code"),
    (_in_structure, "ModuleCallSignature.in_spec"),
    (_structure, "ModuleCallSignature.out_spec"),
    (_device, "Device.type"),
    (_like(_DIALECT, "its dialect"), "ExportedProgram.verifiers"),
    (_like(_PAYLOAD, "its tensor's file"), "PayloadMeta.path_name"),
    (_json, "Node.metadata[custom] Node.metadata[from_node] GraphModule.metadata[custom]"),
    (_sources, "Node.metadata[source_fn_stack]"),
)
#: Dicts whose keys say what PyTorch does with the value; it does not read those of other keys.
BY_KEY = frozenset({("Node", "metadata"), ("GraphModule", "metadata")})
KEY_JUDGES = _table(
    (
        _name,
        """
        Graph.custom_obj_values Graph.sym_bool_values Graph.sym_float_values Graph.sym_int_values Graph.tensor_values
        """,
    ),
    (_symbol, "ExportedProgram.range_constraints"),
    (_path, "PayloadConfig.config"),
    (
        _anything,
        """
        Argument.as_string_to_argument ExportedProgram.opset_version GraphModule.metadata
        GraphModule.treespec_namedtuple_fields Node.metadata
        """,
    ),
)


def judge_of(field: tuple[str, str]) -> Judge | None:
    """Return what judges the text in *field*; None where nothing knows it."""
    owner, _, key = field[1].partition("[")
    return _JUDGES.get(field, _anything if key and (field[0], owner) in BY_KEY else None)
