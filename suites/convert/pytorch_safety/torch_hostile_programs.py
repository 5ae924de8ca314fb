"""Exported programs that run or write something while they are loaded or called, by kind, and damaged ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch_hostile import (
    MODEL,
    Change,
    Writing,
    argument,
    calling,
    edited,
    graph,
    plainly_pickled,
    renamed,
    saved,
    signature,
    texts,
)

WEIGHTS, CONSTANTS = "data/weights/model_weights_config.json", "data/constants/model_constants_config.json"
SAMPLES = "data/sample_inputs/model.pt"
LEAF = {"type": None, "context": None, "children_spec": []}


def code(canary: Path) -> str:
    return f"open('{canary}','w').close() or 5"


def leaving(canary: Path) -> str:
    """A name that leaves the head of the function that PyTorch pastes it into, once and again in its body."""
    return f"x={code(canary)}, y='''):\n    pass #"


def size(text: str, key: str = "expr_str") -> Change:
    return texts(lambda all_: re.sub(r'"expr_str"(\s*:\s*)"[^"]*"', lambda m: f'"{key}"{m[1]}{json.dumps(text)}', all_))


def name(old: str, new: str) -> Change:
    return texts(lambda all_: json.dumps(renamed(json.loads(all_), old, new)))


def spec(tree: Any, which: str = "out_spec") -> Change:
    return edited(lambda value: signature(value).update({which: json.dumps([1, tree])}))


def constant(file: str, content: bytes, pickled: bool = True) -> Change:
    def change(held: dict[str, bytes]) -> None:
        meta = {"path_name": file, "is_param": False, "use_pickle": pickled, "tensor_meta": None}
        held[CONSTANTS] = json.dumps({"config": {"c": meta}}).encode()
        held[f"data/constants/{file}"] = content

    return change


def pickled_weight(content: bytes) -> Change:
    def change(held: dict[str, bytes]) -> None:
        edited(lambda value: next(iter(value["config"].values())).update(use_pickle=True), WEIGHTS)(held)
        held["data/weights/weight_0"] = content

    return change


def member(file: str, content: bytes) -> Change:
    return lambda held: held.update({file: content})


def target(text: str, *inputs: dict[str, Any]) -> Change:
    return edited(calling(text, *inputs))


def from_file(canary: Path) -> list[dict[str, Any]]:
    name = argument("filename", "as_string", str(canary))
    return [name, argument("shared", "as_bool", True), argument("size", "as_int", 3)]


def keyword(text: str) -> Change:
    """Name an argument of the module *text*."""

    def edit(value: Any) -> None:
        held = json.loads(signature(value)["in_spec"])
        held[1]["children_spec"][1]["context"] = json.dumps([text])
        signature(value)["in_spec"] = json.dumps(held)
        signature(value)["forward_arg_names"] = None

    return edited(edit)


#: What runs in this PyTorch when it is not looked at beforehand, while the program is loaded or made a module.
RUNS: dict[str, Callable[[Path], tuple[Change, bool]]] = {
    "size": lambda c: (size(code(c)), False),
    "size behind an escaped key": lambda c: (size(code(c), "expr\\u005fstr"), False),
    "size of sympy's own": lambda c: (size(f'sympify("{code(c)}")'), False),
    "placeholder": lambda c: (name("x", f"x={code(c)}"), False),
    "argument of the module": lambda c: (
        edited(lambda v: signature(v).update(forward_arg_names=[leaving(c), "scale"])), True,
    ),
    "keyword of the module": lambda c: (keyword(leaving(c)), True),
    "opaque object": lambda c: (constant("opaque_obj_0", plainly_pickled(c)), False),
    "pickled weight": lambda c: (pickled_weight(saved(Writing(c))), False),
    "sample inputs": lambda c: (member(SAMPLES, saved((Writing(c), {}))), False),
    "weights of the older layout": lambda c: (member("data/weights/model.pt", saved({"W": Writing(c)})), False),
    "constants of the older layout": lambda c: (member("data/constants/model.pt", saved({"c": Writing(c)})), False),
}  # fmt: skip

OTHERS: dict[str, Callable[[Path], tuple[Change, bool]]] = {
    "operator": lambda c: (target("torch.ops.aten.from_file.default", *from_file(c)), False),
    "operator's packet": lambda c: (target("torch.ops.aten.from_file", *from_file(c)), False),
    "operator behind an escape": lambda c: (
        texts(lambda t: t.replace('"torch.ops.aten.relu.default"', '"torch.ops.aten.from\\u005ffile.default"')), False,
    ),
    "operator in a branch": lambda c: (
        texts(lambda t: t.replace("torch.ops.aten.cos.default", "torch.ops.aten.from_file.default")), True,
    ),
    "operator as an argument": lambda c: (
        target("torch.ops.higher_order.auto_functionalized", argument("", "as_operator", "torch.save")), False,
    ),
    "function of torch": lambda c: (target("torch.save", argument("", "as_string", str(c))), False),
    "module of torch": lambda c: (target("torch.hub.load", argument("", "as_string", str(c))), False),
    "module in torch": lambda c: (target("torch.os.system", argument("", "as_string", f"touch {c}")), False),
    "inside an operator": lambda c: (target("torch.ops.aten.relu.default.__call__"), False),
    "operator.methodcaller": lambda c: (target("_operator.methodcaller", argument("", "as_string", "x")), False),
    "math's loader": lambda c: (target("math.__loader__.load_module", argument("", "as_string", "os")), False),
    "extension": lambda c: (target("#aoti:torch.ops.aten.relu"), False),
    "compiled code": lambda c: (target("torch.ops.higher_order.aoti_call_delegate"), False),
    "kernel of triton": lambda c: (target("torch.ops.higher_order.triton_kernel_wrapper_functional"), False),
    "unknown operator": lambda c: (target("torch.ops.aten.read_secret.default"), False),
    "full width": lambda c: (size(f"ｏpen('{c}','w')"), False),
    "new line": lambda c: (size(f"op\nen('{c}','w')"), False),
    "attribute of a symbol": lambda c: (size("Symbol('s77').func"), False),
    "text in a call": lambda c: (size(f"Max(\"{code(c)}\", 1)"), False),
    "lambda": lambda c: (size(f"(lambda: {code(c)})()"), False),
    "comprehension": lambda c: (size(f"[{code(c)} for s0 in (1,)]"), False),
    "f-string": lambda c: (size("f'{" + code(c).replace("'", '"') + "}'"), False),
    "power without end": lambda c: (size("9**9**9**9**9"), False),
    "powers of powers": lambda c: (size("Pow(Pow(Pow(Integer(9), Integer(64)), Integer(64)), Integer(64))"), False),
    "symbol without end": lambda c: (
        edited(lambda v: v["range_constraints"].update({"u99999999999": {"min_val": 0, "max_val": 1}})), False,
    ),
    "guard": lambda c: (edited(lambda v: v.update(guards_code=[code(c)])), False),
    "guard by attribute": lambda c: (edited(lambda v: v.update(guards_code=["L['x'].__class__ == 1"])), False),
    "factory": lambda c: (spec({"type": "collections.defaultdict", "context": {
        "default_factory_module": "antigravity", "default_factory_name": "x", "dict_context": ["y"]},
        "children_spec": [LEAF]}), False),
    "factory builtin": lambda c: (spec({"type": "collections.defaultdict", "context": {
        "default_factory_module": "builtins", "default_factory_name": "eval", "dict_context": ["y"]},
        "children_spec": [LEAF]}), False),
    "enum": lambda c: (spec({"type": "builtins.dict", "children_spec": [LEAF], "context":
        '[{"__enum__": true, "fqn": "antigravity:X", "name": "Y"}]'}), False),
    "enum behind an escape": lambda c: (spec({"type": "builtins.dict", "children_spec": [LEAF], "context":
        '[{"\\u005f_enum__": true, "fqn": "antigravity:X", "name": "Y"}]'}), False),
    "structure of a package": lambda c: (spec({"type": "transformers.DynamicCache", "context": "[]",
        "children_spec": [LEAF]}), False),
    "deep structure": lambda c: (spec(deep(200)), False),
    "node": lambda c: (name("relu", f"relu = 1; {code(c)}; y"), False),
    "graph": lambda c: (name("true_graph_0", f'x"), {code(c)}, ("'), True),
    "name of an argument": lambda c: (target("torch.ops.aten.relu.default", {
        "name": f"a={code(c)}", "arg": {"as_int": 1}, "kind": 2}), False),
    "parameter": lambda c: (name("W", f'W"), {code(c)}, ("'), False),
    "class of a parameter": lambda c: (name("W", "__class__.W"), False),
    "device": lambda c: (texts(lambda t: t.replace('"type": "cpu"', '"type": "privateuseone"')), False),
    "script object": lambda c: (constant("custom_obj_0", saved({})), False),
    "shared library": lambda c: (member("data/aotinductor/model/net.so", b"\x7fELF"), False),
    "source": lambda c: (member("data/aotinductor/model/net.cpp", b"int main;"), False),
    "another program": lambda c: (
        lambda held: held.update({"models/other.json": held[MODEL].replace(b"aten.relu", b"aten.from_file")}), False,
    ),
    "key twice": lambda c: (texts(lambda t: t.replace('"target":', '"target": "torch.save", "target":', 1)), False),
}  # fmt: skip

DAMAGED: dict[str, Change] = {
    "not UTF-8": texts(lambda t: t.replace('"torch_version": "', '"torch_version": "\udcff')),
    "text for a number": edited(lambda v: graph(v)["tensor_values"]["x"]["sizes"].__setitem__(1, {"as_int": "4"})),
    "no JSON": member(MODEL, b"{"),
    "infinity": texts(lambda t: t.replace('"max_val": 64', '"max_val": Infinity')),
    "nested without end": member(MODEL, b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
    "a number of a million digits": texts(lambda t: t.replace('"max_val": 64', '"max_val": ' + "9" * 1_000_000)),
}


def deep(levels: int) -> Any:
    tree: Any = LEAF
    for _ in range(levels):
        tree = {"type": "builtins.tuple", "context": "null", "children_spec": [tree]}
    return tree
