"""Exported programs whose sizes, operators, tree specs or payloads run code while they are loaded or run."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from suites.hostile.case import OK, Case, Entry, Place
from suites.hostile.pytorch import files

_UNSAFE = ("E_UNSAFE",)
_EITHER = ("E_UNSAFE", "E_PARSE")
Graph = dict[str, Any]


def _size(key: str, value: Callable[[str], str]) -> Callable[[str], bytes]:
    """The sizes are code; *key* and *value* say how it is written in the JSON text."""

    def make(path: str) -> bytes:
        code = value(f"open({path!r},'w').close() or 5")
        return files.with_program(lambda text: re.sub(r'"expr_str"(\s*:\s*)"[^"]*"', lambda m: key + m[1] + code, text))

    return make


def _escaped(text: str) -> str:
    """A text of JSON in which every character is written by its number."""
    return '"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"'


def _argument(name: str, kind: str, value: Any) -> Graph:
    return {"name": name, "arg": {kind: value}, "kind": 1}


def _node(graph: Graph, target: str, inputs: list[Graph], name: str = "f") -> Graph:
    """A node of *target* whose result is the tensor *name*."""
    extra = {"is_hop_single_tensor_return": None, "metadata": dict(graph["nodes"][0]["metadata"])}
    outputs = [{"as_tensor": {"name": name}}]
    return {"target": target, "name": name, "outputs": outputs, "inputs": inputs, **extra}


def _mapped(path: str) -> list[Graph]:
    """What ``from_file`` takes."""
    return [
        _argument("filename", "as_string", path),
        _argument("shared", "as_bool", True),
        _argument("size", "as_int", 3),
    ]


def _operator(target: str, used: bool = True, inputs: Callable[[str], list[Graph]] = _mapped) -> Callable[[str], bytes]:
    """One node more; where it is *used*, its result is added to what the last node takes."""

    def make(path: str) -> bytes:
        def change(parsed: Graph) -> None:
            graph = parsed["graph_module"]["graph"]
            graph["nodes"].insert(0, _node(graph, target, inputs(path)))
            plain = {"sizes": [{"as_int": 3}], "strides": [{"as_int": 1}], "requires_grad": False}
            graph["tensor_values"]["f"] = {**graph["tensor_values"]["p_w"], **plain}
            if used:
                both = [_argument(of, "as_tensor", {"name": name}) for of, name in (("self", "matmul"), ("other", "f"))]
                graph["nodes"].insert(2, _node(graph, "torch.ops.aten.add.Tensor", both, "s"))
                graph["nodes"][3]["inputs"] = [_argument("self", "as_tensor", {"name": "s"})]
                graph["tensor_values"]["s"] = dict(graph["tensor_values"]["matmul"])

        return files.with_graph(change)

    return make


def _called(path: str) -> list[Graph]:
    return [_argument("", "as_string", f"open({path!r},'w').close()")]


def _spec(which: str, tree: Callable[[str], Any]) -> Callable[[str], bytes]:
    """The structure of the arguments or of the result names what is imported from a module."""

    def make(module: str) -> bytes:
        def change(parsed: Graph) -> None:
            parsed["graph_module"]["module_call_graph"][0]["signature"][which] = json.dumps([1, tree(module)])

        return files.with_graph(change)

    return make


_LEAF: Graph = {"type": None, "context": None, "children_spec": []}


def _defaults(module: str) -> Graph:
    context = {"default_factory_module": module, "default_factory_name": "Factory", "dict_context": ["y"]}
    return {"type": "collections.defaultdict", "context": context, "children_spec": [_LEAF]}


def _enumerated(module: str) -> Graph:
    key = {"__enum__": True, "fqn": f"{module}:Choice", "name": "ONE"}
    return {"type": "builtins.dict", "context": [key], "children_spec": [_LEAF]}


def _named(module: str) -> Graph:
    return {"type": "collections.namedtuple", "context": f"{module}.Named", "children_spec": [_LEAF]}


def _typed(module: str) -> Graph:
    return {"type": f"{module}.Factory", "context": "null", "children_spec": [_LEAF]}


def _pickled(name: str, wanted: Callable[[str], bool]) -> Callable[[str], bytes]:
    """Members that are loaded as pickles are ones that call."""

    def make(path: str) -> bytes:
        import torch

        found = io.BytesIO()
        torch.save({"W": _Opened(path)}, found)
        held = files.members(files.program())
        assert any(wanted(member) for member in held), name
        return files.packed({member: found.getvalue() if wanted(member) else held[member] for member in held})

    return make


class _Opened:
    """Unpickling it makes the file *path*."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def _weights_pickled(path: str) -> bytes:
    """The weights are said to be a pickle, which is one that calls."""
    import torch

    found = io.BytesIO()
    torch.save(_Opened(path), found)
    held = files.members(files.program())
    for member in held:
        if member.endswith("model_weights_config.json"):
            held[member] = held[member].replace(b'"use_pickle": false', b'"use_pickle": true')
        if member.endswith("weights/weight_0"):
            held[member] = found.getvalue()
    return files.packed(held)


def _guards(path: str) -> bytes:
    code = [f"open({path!r}, 'w').close() or True"]
    return files.with_graph(lambda parsed: parsed.update(guards_code=code))


def _case(name: str, make: Callable[[str], bytes], *codes: str) -> Case:
    def build(place: Place) -> Entry:
        return files.entry(place, make(str(place.canary)), ".pt2")

    return Case(name, build, frozenset(codes))


def _imports(name: str, make: Callable[[str], bytes], *codes: str) -> Case:
    """A case whose payload is a module of its own on the gate's import path, which makes the canary."""

    def build(place: Place) -> Entry:
        module = "hostile_" + name.replace("-", "_")
        text = (
            f"open({str(place.canary)!r}, 'w').close()\nimport collections, enum\nclass Factory(dict): pass\n"
            "class Choice(enum.Enum):\n    ONE = 1\nNamed = collections.namedtuple('Named', 'y')\n"
        )
        (place.modules / f"{module}.py").write_text(text)
        return files.entry(place, make(module), ".pt2")

    return Case(name, build, frozenset(codes))


#: Functions of Python in place of an operator.
_FUNCTIONS = (
    "builtins.eval", "builtins.exec", "os.system", "torch.load", "operator.methodcaller", "_operator.call",
    "torch.hub.load", "torch.ops.higher_order.print",
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Sizes, operators, specs and pickles."""
    key = '"expr_str"'
    yield Case("program", lambda place: files.entry(place, files.program(), ".pt2"))
    yield _case("size-plain", _size(key, json.dumps), *_UNSAFE)
    yield _case("size-key-escaped", _size('"expr\\u005fstr"', json.dumps), *_UNSAFE)
    yield _case("size-key-all-escaped", _size(_escaped("expr_str"), json.dumps), *_UNSAFE)
    yield _case("size-value-escaped", _size(key, _escaped), *_UNSAFE)
    yield _case("size-both-escaped", _size(_escaped("expr_str"), _escaped), *_UNSAFE)
    yield _case("size-key-twice", _size('"expr_str":"s77", "expr\\u005fstr"', json.dumps), *_UNSAFE)
    texts = {
        "lambda": "(lambda: {code})()", "list": "[{code} for _ in [1]]", "text": "eval({quoted})",
        "class": "().__class__ or {code}", "call": "Max({code}, 5)", "blanks": "  {code}", "format": "f'{{{code}}}'",
    }  # fmt: skip
    for name, text in texts.items():
        change = lambda code, t=text: json.dumps(t.format(code=code, quoted=repr(code)))  # noqa: E731
        yield _case(f"size-{name}", _size('"expr\\u005fstr"', change), *_UNSAFE)
    yield _case("operator-from-file", _operator("torch.ops.aten.from_file.default"), *_UNSAFE)
    yield _case("operator-from-file-unused", _operator("torch.ops.aten.from_file.default", used=False), *_UNSAFE)
    yield _case("operator-save", _operator("torch.ops.aten.save.default", used=False), *_EITHER)
    for target in ("torch.ops.aten.from_file.out", "torch.ops.nobody.knows.default", "torch.ops.prim.PythonOp.default"):
        yield _case(f"operator-{target.replace('.', '-')}", _operator(target), *_EITHER)
    for target in _FUNCTIONS:
        make = _operator(target, used=False, inputs=_called)
        yield _case(f"operator-{target.replace('.', '-')}", make, *_EITHER)
    for which in ("in_spec", "out_spec"):
        for tree in (_defaults, _enumerated, _named, _typed):
            name = f"spec-{which[:-5]}-{tree.__name__[1:]}"
            yield _imports(name, _spec(which, tree), *_EITHER)
    yield _case("samples-pickled", _pickled("samples", lambda member: "sample_inputs" in member), *_EITHER)
    yield _case("weights-pickled", _weights_pickled, *_UNSAFE)
    yield _case("guards", _guards, *_EITHER, OK)  # no release that is known runs them
    yield _case("json-cut", lambda path: files.with_program(lambda text: text[:-100]), "E_PARSE")
    texts = {
        "deep": "[" * 200_000,
        "of-another-form": '{"graph_module": [1]}',
        "of-nothing": "",
        "of-a-number": "1e999",
    }
    for name, text in texts.items():
        make = lambda path, whole=text: files.with_program(lambda _: whole)  # noqa: E731
        yield _case(f"json-{name}", make, *_EITHER, "E_SIZE")
