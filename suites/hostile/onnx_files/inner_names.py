"""Names inside a model that reach messages, and models that have more of something than a message can hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto
from onnx.helper import make_node

from fixtures.graphs.assembly import assemble, value
from suites.hostile.case import OK, Case, of_bytes
from suites.hostile.onnx_files.graphs import call, changed, data, function, network

#: What is put into every name.
TEXTS = {
    "command": "\n::error::said by the model",
    "azure": "\r\n##vso[task.setvariable variable=a]b",
    "escape": "\x1b[2J\x1b]0;title\x07a\x1b[31m",
    "backwards": "a\u202egpj.\u202c\u2028##[error]b",
    "flood": "w" * 50_000,
    "lines": "line\n" * 20_000,
    "markup": "]]></failure><testcase name='a'/>&",
    "braces": "{0} {a.b} %s %(x)s %n",
}
_WRONG = ("E_GRAPH", "E_SCHEMA", "E_RUN", "V_CONTRACT")


def _renamed(text: str) -> Iterator[tuple[str, ModelProto]]:
    """Models whose fault cannot be told without *text*."""
    yield "operator", network(make_node("Op" + text, ["x"], ["y"]))
    yield "domain", network(make_node("Op", ["x"], ["y"], domain="d" + text))
    yield "input", network(make_node("Add", ["x", "in" + text], ["y"]))
    yield "output", network(make_node("Relu", ["x"], ["out" + text]))
    yield "node", network(make_node("Gather", ["x", "i"], ["y"], name="node" + text), weights={"i": np.array([99])})
    yield "attribute", network(make_node("Relu", ["x"], ["y"], **{"attribute" + text: 1}))
    yield "function", network(call("F" + text), functions=[function("F" + text, [make_node("Op", ["a"], ["b"])])])


def _legal(text: str) -> ModelProto:
    """A model that runs and carries *text* in every name that it has."""
    x, y = "x" + text, "y" + text
    node = make_node("Relu", [x], [y], name=text, doc_string=text)
    model = assemble(text, [node], [value(x, "n" + text, 4)], [value(y, "n" + text, 4)])
    model.producer_name = model.doc_string = model.graph.doc_string = text
    model.metadata_props.add(key="k" + text, value=text)
    return model


def _outputs(number: int, name: str = "y") -> ModelProto:
    outputs = [f"{name}{k}" for k in range(number)]
    nodes = [make_node("Identity", ["x"], [output]) for output in outputs]
    return assemble("many", nodes, [value("x", 1, 4)], [value(output, 1, 4) for output in outputs])


def _floods() -> Iterator[tuple[str, ModelProto]]:
    """Faults that come by the thousand."""
    loose = [make_node("Add", ["x", f"nowhere{k}"], [f"v{k}"], name=f"node_of_a_long_name_{k}") for k in range(5000)]
    yield "undefined-values", network(*loose, make_node("Relu", ["x"], ["y"]))
    back = [make_node("Relu", [f"v{k + 1}"], [f"v{k}"], name=f"node_of_a_long_name_{k}") for k in range(500)]
    yield "unsorted-nodes", network(*back, make_node("Relu", ["x"], ["v500"]), make_node("Relu", ["v0"], ["y"]))
    yield "unknown-operators", network(*(make_node(f"Op{k}", ["x"], [f"y{k}" if k else "y"]) for k in range(500)))
    yield (
        "outputs-undeclared",
        changed(
            lambda m: m.graph.output.extend(value(f"absent{k}", 1, 4) for k in range(3000)),
            make_node("Relu", ["x"], ["y"]),
        ),
    )
    yield "sizes-that-differ", _declared(1000)


def _declared(number: int) -> ModelProto:
    """Every output has another shape than is declared."""
    model = _outputs(number, "an_output_of_a_long_name_")
    for output in model.graph.output:
        output.CopyFrom(value(output.name, 7, 7))
    return model


def cases() -> Iterator[Case]:
    """Texts in names, and floods."""
    for kind, text in TEXTS.items():
        # A newline or a flood in a name is legal; whether a tool minds it is its own matter
        yield of_bytes(f"{kind}-in-all-names", data(_legal(text)), *_WRONG, "E_INPUT", OK)
        for place, model in _renamed(text):
            yield of_bytes(f"{kind}-in-{place}", data(model), *_WRONG)
    yield of_bytes("two-hundred-outputs", data(_outputs(200)))
    yield of_bytes("ten-thousand-outputs", data(_outputs(10_000)), "E_GRAPH", "E_TIMEOUT", "E_SIZE", "E_MEMORY", OK)
    for name, model in _floods():
        yield of_bytes(f"flood-of-{name}", data(model), *_WRONG)
