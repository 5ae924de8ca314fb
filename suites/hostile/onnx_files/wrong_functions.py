"""Functions of a model that call themselves, each other, nothing, or a billion copies of something."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from onnx import ModelProto
from onnx.helper import make_function, make_node, make_opsetid

from fixtures.graphs.assembly import OPSET
from suites.hostile.case import OK, Case, of_bytes
from suites.hostile.onnx_files.graphs import OWN, call, data, function, network


def laughs(levels: int, width: int) -> ModelProto:
    """Functions each of which calls the next one *width* times: ``width ** levels`` nodes when they are inlined."""
    functions = []
    for level in range(levels):
        names = ["a", *(f"v{k}" for k in range(width - 1)), "b"]
        inner = [
            call(f"F{level + 1}", taken, given) if level < levels - 1 else make_node("Neg", [taken], [given])
            for taken, given in itertools.pairwise(names)
        ]
        functions.append(function(f"F{level}", inner))
    return network(call("F0"), functions=functions)


def _chain(length: int) -> ModelProto:
    functions = [function(f"F{k}", [call(f"F{k + 1}", "a", "b")]) for k in range(length)]
    return network(call("F0"), functions=[*functions, function(f"F{length}", [make_node("Neg", ["a"], ["b"])])])


def cases() -> Iterator[Case]:
    """Cycles, floods and functions that are not whole."""
    negative = make_node("Neg", ["a"], ["b"])
    yield of_bytes("two-levels", data(laughs(2, 3)))
    yield of_bytes("chain-of-ten", data(_chain(10)))
    wrong = {
        "calls-itself": network(call("F"), functions=[function("F", [call("F", "a", "b")])]),
        "call-each-other": network(
            call("F"), functions=[function("F", [call("G", "a", "b")]), function("G", [call("F", "a", "b")])]
        ),
        "ring-of-hundred": network(
            call("F0"), functions=[function(f"F{k}", [call(f"F{(k + 1) % 100}", "a", "b")]) for k in range(100)]
        ),
        "absent": network(call("F"), functions=[function("G", [negative])]),
        "undefined-value": network(call("F"), functions=[function("F", [make_node("Add", ["a", "c"], ["b"])])]),
        "gives-nothing": network(call("F"), functions=[function("F", [make_node("Neg", ["a"], ["c"])])]),
        "without-opset": network(call("F"), functions=[make_function(OWN, "F", ["a"], ["b"], [negative], [])]),
        "unknown-operator-in-it": network(call("F"), functions=[function("F", [make_node("Nothing", ["a"], ["b"])])]),
        "made-twice-in-it": network(call("F"), functions=[function("F", [negative, negative])]),
        "inputs-too-many": network(
            make_node("F", ["x", "x", "x"], ["y"], domain=OWN), functions=[function("F", [negative])]
        ),
    }
    for name, model in wrong.items():
        yield of_bytes(name, data(model), "E_GRAPH", "E_SCHEMA")
    yield of_bytes("chain-of-3000", data(_chain(3000)), "E_GRAPH", "E_SCHEMA")
    odd = {
        "defined-twice": network(call("F"), functions=[function("F", [negative]), function("F", [negative])]),
        "named-as-a-standard-one": network(
            make_node("Relu", ["x"], ["y"]),
            functions=[make_function("", "Relu", ["a"], ["b"], [negative], [make_opsetid("", OPSET)])],
        ),
        "opset-of-its-own": network(
            call("F"), functions=[make_function(OWN, "F", ["a"], ["b"], [negative], [make_opsetid("", 7)])]
        ),
    }
    for name, model in odd.items():
        yield of_bytes(name, data(model), "E_GRAPH", "E_SCHEMA", OK)
