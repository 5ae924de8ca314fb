"""Structures of an exported program's inputs and outputs (tree specs): built of plain containers, importing nothing.

PyTorch imports the factory that a defaultdict names and the module of an enum, and makes the keywords of a module the
source of its ``forward``, which is executed.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any

from pytest_onnxaccel.backends.name_lists import listed
from pytest_onnxaccel.backends.pytorch.safety.archive import parse_json
from pytest_onnxaccel.backends.pytorch.safety.trust import may_trust
from pytest_onnxaccel.core.errors import ModelError, printable

_CONTAINERS = listed(
    """
    builtins.dict builtins.list builtins.tuple collections.OrderedDict collections.deque
    """
)
#: What a defaultdict may make, all of them builtins.
_FACTORIES = frozenset({"bool", "dict", "float", "int", "list", "set", "str", "tuple"})
#: Most levels of containers in containers.
_DEPTH = 100
_PROTOCOL = 1


def check_structure(text: str, is_input: bool, trusted: Sequence[str]) -> None:
    """Refuse the tree spec *text* unless it is built of plain containers.

    Args:
        text: the spec as JSON.
        is_input: of what a module takes, whose keywords become names of Python.
        trusted: patterns of names of structures that the owner's loader registers.

    Raises:
        ModelError: ``E_UNSAFE``, ``E_PARSE`` or ``E_SIZE``.
    """
    spec = parse_json(text, "the structure of its inputs or outputs")
    if not isinstance(spec, list) or len(spec) != 2 or spec[0] != _PROTOCOL:
        raise _refused("is of a protocol that is not known")
    pending = [(spec[1], 0)]
    while pending:
        node, depth = pending.pop()
        if not isinstance(node, dict) or set(node) != {"type", "context", "children_spec"}:
            raise _refused("is not a tree")
        if not isinstance(node["children_spec"], list) or depth > _DEPTH:
            raise _refused("is not a tree" if depth <= _DEPTH else "is nested too deeply")
        pending += [(child, depth + 1) for child in node["children_spec"]]
        _check_container(node["type"], node["context"], trusted)
    if is_input:
        _check_keywords(spec[1])


def _check_container(kind: Any, context: Any, trusted: Sequence[str]) -> None:
    if kind is None:
        if context is not None:
            raise _refused("has a leaf with a context")
    elif kind == "collections.defaultdict":
        _check_defaultdict(context)
    elif kind == "collections.namedtuple":
        if not isinstance(context, str) or "__enum__" in context:
            raise _refused("has a named tuple without a name")
    elif isinstance(kind, str) and kind in _CONTAINERS:
        if not isinstance(context, str):
            raise _refused("has a container without its keys")
        keys = parse_json(context, "the keys of its inputs or outputs")
        _check_keys(keys if isinstance(keys, list) else [keys])
    else:
        name = str(kind)
        if not may_trust(name) or not any(fnmatch.fnmatchcase(name, pattern) for pattern in trusted):
            raise _refused(f"holds a {printable(name, 80)}, which is not a plain container")
        _check_enums(context)


def _check_defaultdict(context: Any) -> None:
    wanted = {"default_factory_module", "default_factory_name", "dict_context"}
    if not isinstance(context, dict) or set(context) != wanted or not isinstance(context["dict_context"], list):
        raise _refused("has a defaultdict without its keys")
    module, name = context["default_factory_module"], context["default_factory_name"]
    if module != "builtins" or not isinstance(name, str) or name not in _FACTORIES:
        raise _refused(f"imports {printable(f'{module}.{name}', 80)}")
    _check_keys(context["dict_context"])


def _check_keys(keys: Sequence[Any]) -> None:
    if any(isinstance(key, (dict, list)) for key in keys):
        raise _refused("has keys that name what to import")


def _check_enums(context: Any) -> None:
    """Refuse a context that names an enum, whose module PyTorch would import."""
    pending = [parse_json(context, "a context") if isinstance(context, str) else context]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "__enum__" in value:
                raise _refused("imports an enum")
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _check_keywords(root: dict[str, Any]) -> None:
    if root["type"] != "builtins.tuple" or len(root["children_spec"]) != 2:
        return
    keywords = root["children_spec"][1]
    if keywords["type"] == "builtins.dict":
        for key in parse_json(keywords["context"], "the names of its inputs"):
            if not isinstance(key, str) or not key.isidentifier():
                raise _refused(f"has the argument {printable(repr(key), 60)}")


def _refused(what: str) -> ModelError:
    cause = f"the structure of its inputs or outputs {what}"
    return ModelError(cause, code="E_UNSAFE", remedy="let the model take and give tuples, lists and dicts of tensors")
