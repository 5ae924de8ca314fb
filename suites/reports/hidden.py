"""Reports in which what differs is hidden: below rounding, behind constants, in a branch, in a long chain."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from suites.reports.making import BOOL, FLOAT, HALF, INT, Made, model, node, random, report, value


def amplified(first: float, second: float) -> onnx.ModelProto:
    nodes = [node("Softplus", ["x"], ["n"], "noise"), node("LeakyRelu", ["n"], ["a"], "first", alpha=0.5),
             node("Mul", ["a", "up"], ["b"], "second"), node("Sub", ["b", "n"], ["c"], "less"),
             node("Mul", ["c", "gain"], ["d"], "gain"), node("Add", ["d", "n"], ["y"], "sum")]  # fmt: skip
    return model(nodes, [value("x", FLOAT, [2, 8])], [value("y", FLOAT, [2, 8])],
                 {"up": np.float32([second]), "gain": np.float32([4096])})  # fmt: skip


@report("weight below rounding", "a scale that moved by four units in the last place, and is told before what grows",
        names=("second",), says=("constant 'up' differs",), never=("0.0e+00 of its scale off",),
        twin=lambda: (amplified(1, 1), amplified(1, 1)))  # fmt: skip
def small_weight() -> Made:
    return amplified(1.0, 1 + 2.0**-21), amplified(1.0, 1.0)


def computed_weight(scale: float) -> onnx.ModelProto:
    nodes = [node("DequantizeLinear", ["wq", "ws", "wz"], ["w"], "weights"), node("MatMul", ["x", "w"], ["a"], "dense"),
             node("Relu", ["a"], ["y"], "relu")]  # fmt: skip
    return model(nodes, [value("x", FLOAT, [3, 6])], [value("y", FLOAT, [3, 4])],
                 {"wq": np.random.default_rng(5).integers(-100, 100, (6, 4)).astype(np.int8),
                  "ws": np.float32(scale), "wz": np.int8(0)})  # fmt: skip


@report("scale of stored weights", "weights that are computed from constants: the scale was twice as large",
        names=("dense",), says=("constant 'ws' differs",),
        twin=lambda: (computed_weight(0.01), computed_weight(0.01)))  # fmt: skip
def weight_scale() -> Made:
    return computed_weight(0.02), computed_weight(0.01)


def long_chain(drop: int | None = None) -> onnx.ModelProto:
    """Twelve layers whose names tell nothing of each other in the two files."""
    nodes, last = [], "x"
    constants = {}
    for index in range(12):
        constants[f"w{index}"] = random(6, 6, seed=index, scale=0.6)
        nodes += [node("MatMul", [last, f"w{index}"], [f"m{index}"], f"dense_{index}"),
                  node("Tanh", [f"m{index}"], [f"t{index}"], f"tanh_{index}")]  # fmt: skip
        last = f"t{index}"
        if index == drop:
            nodes.append(node("Erf", [last], [f"e{index}"], "planted"))
            last = f"e{index}"
    nodes.append(node("Identity", [last], ["y"], "end"))
    return model(nodes, [value("x", FLOAT, [3, 6])], [value("y", FLOAT, [3, 6])], constants)


@report("node too many in a long chain", "the suspect stood behind 'and 9 more'", names=("planted",),
        twin=lambda: (long_chain(), long_chain()))  # fmt: skip
def planted() -> Made:
    return long_chain(7), long_chain()


def masked(low: float = -1e4, inverted: bool = False) -> onnx.ModelProto:
    nodes = [node("Gather", ["table", "ids"], ["e"], "embed"), node("MatMul", ["e", "w"], ["s"], "score"),
             node("Where", ["mask", "s", "low"] if not inverted else ["mask", "low", "s"], ["m"], "mask_out"),
             node("Softmax", ["m"], ["y"], "softmax", axis=1)]  # fmt: skip
    return model(nodes, [value("ids", INT, [2, 6]), value("mask", BOOL, [2, 6, 1])], [value("y", FLOAT, [2, 6, 3])],
                 {"table": random(40, 8), "w": random(8, 3), "low": np.float32(low)})  # fmt: skip


@report("mask turned round", "padding was attended to", names=("mask_out",), says=("inputs in the order",),
        twin=lambda: (masked(), masked()))  # fmt: skip
def turned_mask() -> Made:
    return masked(inverted=True), masked()


def module_names(named: bool, factor: float = 1.0) -> onnx.ModelProto:
    """A torch export whose MatMul lost its weight's name to a transposition, or a simplified copy of it."""
    weight = random(6, 4)
    weight[:, 1] *= np.float32(factor)
    first = ("/encoder/layer.0/dense/MatMul", "/encoder/layer.0/dense/Add") if named else ("", "")
    inner, bias = ("/a", "encoder.layer.0.dense.bias") if named else ("3", "b")
    nodes = [node("MatMul", ["x", "onnx::MatMul_12"], [inner], first[0]), node("Add", [inner, bias], ["y"], first[1])]
    return model(nodes, [value("x", FLOAT, [3, 6])], [value("y", FLOAT, [3, 4])],
                 {"onnx::MatMul_12": weight, bias: random(4)})  # fmt: skip


@report("module of a simplified file", "the simplified file lost the module paths that its original has",
        says=("module encoder.layer.0.dense",),
        twin=lambda: (module_names(False), module_names(True)))  # fmt: skip
def lost_module() -> Made:
    return module_names(False, 1.3), module_names(True)


def island(factor: float = 1.0, half: bool = True) -> onnx.ModelProto:
    """A layer in float16 between two in float32."""
    second = random(8, 4) * np.float32(factor)
    nodes = [node("MatMul", ["x", "w"], ["a"], "first")]
    if half:
        nodes += [node("Cast", ["a"], ["h"], "to_half", to=HALF), node("MatMul", ["h", "v"], ["g"], "second"),
                  node("Cast", ["g"], ["b"], "to_float", to=FLOAT)]  # fmt: skip
    else:
        nodes += [node("MatMul", ["a", "v"], ["b"], "second")]
    nodes += [node("Relu", ["b"], ["y"], "relu")]
    weights = {"w": random(6, 8), "v": second.astype(np.float16) if half else second}
    return model(nodes, [value("x", FLOAT, [3, 6])], [value("y", FLOAT, [3, 4])], weights)


@report("weights of a float16 island", "one layer in float16 between two in float32; its last Cast was blamed",
        names=("origin: MatMul 'second'",), says=("constant 'v' differs",), never=("origin: Cast",))  # fmt: skip
def island_weights() -> Made:
    return island(1.2), island(half=False)


def normalised(epsilon: float, whole: bool = False) -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w"], ["a"], "dense")]
    if whole:
        nodes += [node("LayerNormalization", ["a", "g", "h"], ["y"], "norm", epsilon=epsilon)]
    else:
        steps = [
            ("ReduceMean", ["a"], "m", "mean"), ("Sub", ["a", "m"], "c", "center"), ("Mul", ["c", "c"], "s", "square"),
            ("ReduceMean", ["s"], "v", "variance"), ("Add", ["v", "e"], "ve", "epsilon"), ("Sqrt", ["ve"], "r", "root"),
            ("Div", ["c", "r"], "n", "divide"), ("Mul", ["n", "g"], "ng", "gain"), ("Add", ["ng", "h"], "y", "shift"),
        ]  # fmt: skip
        for op, reads, gives, name in steps:
            nodes.append(node(op, reads, [gives], name, **({"axes": [-1]} if op == "ReduceMean" else {})))
    constants = {"w": random(6, 8, scale=0.1), "g": random(8), "h": random(8)}
    extra = {} if whole else {"e": np.float32(epsilon)}
    return model(nodes, [value("x", FLOAT, [3, 6])], [value("y", FLOAT, [3, 8])], constants | extra)


@report("norm in nine nodes", "a LayerNormalization written out with another epsilon; that stood behind 'and 5 more'",
        names=("'norm'", "last of 9 nodes"), says=("Add 'epsilon'",),
        twin=lambda: (normalised(1e-5), normalised(1e-5, whole=True)))  # fmt: skip
def written_out() -> Made:
    return normalised(1e-2), normalised(1e-5, whole=True)


def branching(scale: float) -> onnx.ModelProto:
    def branch(name: str, factor: float) -> onnx.GraphProto:
        made = [node("Mul", ["a", f"{name}_scale"], [f"{name}_y"], name)]
        stored = [numpy_helper.from_array(np.float32(factor), f"{name}_scale")]
        return helper.make_graph(made, name, [], [value(f"{name}_y", FLOAT, [3, 4])], stored)

    choose = node("If", ["c"], ["y"], "choose", then_branch=branch("yes", scale), else_branch=branch("no", 2.0))
    inputs = [value("x", FLOAT, [3, 6]), value("c", BOOL, [])]
    nodes = [node("MatMul", ["x", "w"], ["a"], "dense"), choose]
    return model(nodes, inputs, [value("y", FLOAT, [3, 4])], {"w": random(6, 4)})


@report("constant in a branch", "a scale inside one branch of an If; the If alone was named", names=("choose",),
        says=("in then_branch, Mul 'yes': constant 'yes_scale' differs",),
        twin=lambda: (branching(3.0), branching(3.0)))  # fmt: skip
def branch_scale() -> Made:
    return branching(1.5), branching(3.0)
