"""What a model declares, read from every builder and from graphs that declare oddly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from fixtures import graphs, hazards
from fixtures.graphs.assembly import assemble, initializer, value
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import Dim, ModelInfo
from pytest_onnxaccel.graph.describe import describe, dtype_name, external_locations, inspect
from pytest_onnxaccel.graph.files import all_graphs
from pytest_onnxaccel.graph.lint import hygiene

BUILDERS = [n for n in graphs.__all__ if n != "external_data"]
PROTOS = [
    "cyclic", "div_crash", "endless_loop", "external_escape", "external_missing", "future_ir", "future_opset",
    "huge_constant", "mod_crash", "unknown_operator", "wrong_types",
]  # fmt: skip

#: Inputs, outputs and batch, as the builders' own descriptions say.
DECLARED: dict[str, tuple[str, str, Dim]] = {
    "small_cnn": ("image float32[1x3x8x8]", "logits float32[1x5]", 1),
    "mlp": ("x float32[Nx4]", "y float32[Nx3]", "N"),
    "lstm": ("x float32[1x5x4]", "y float32[1x5x3]", 1),
    "two_lstm": ("x float32[1x5x4]", "y float32[1x5x3]", 1),
    "free_dims": ("image float32[1x3xHxW]", "pooled float32[1x4]", 1),
    "impossible_dims": ("x float32[1xL]", "y float32[1x2]", 1),
    "int_tokens": ("ids int64[NxT]", "y float32[Nx4]", "N"),
    "string_input": ("words string[N]", "codes float32[N]", "N"),
    "sequence_input": ("parts float32[Kx4]", "joined float32[Mx4]", None),
    "float64_model": ("x float64[Nx4]", "y float64[Nx3]", "N"),
    "log_domain": ("x float32[Nx4]", "y float32[Nx4]", "N"),
    "initializers_as_inputs": ("x float32[Nx4]", "y float32[Nx3]", "N"),
    "unused_initializer": ("x float32[Nx4]", "y float32[Nx3]", "N"),
    "custom_op": ("x float32[Nx4]", "y float32[Nx4]", "N"),
    "ms_op": ("x float32[Nx4]", "y float32[Nx4]", "N"),
    "mixes_samples": ("x float32[Nx4]", "y float32[Nx4]", "N"),
    "dynamic_batch_baked_reshape": ("x float32[Nx8]", "y float32[Nx4x2]", "N"),
    "training_mode_batchnorm": ("x float32[Nx3x4]", "y float32[Nx3x4]", "N"),
    "training_dropout": ("x float32[Nx64]", "y float32[Nx64]", "N"),
    "unstable": ("x float32[Nx4]", "y float32[Nx4]", "N"),
    "endless_loop": ("x float32[1]", "y float32[1]", 1),
    "huge_constant": ("x float32[1]", "y float32[1]", 1),
    "div_crash": ("", "c int32[]", None),
    "mod_crash": ("", "c int32[]", None),
}


def built(name: str) -> onnx.ModelProto:
    model: onnx.ModelProto = getattr(graphs if name in graphs.__all__ else hazards, name)()
    return model


@pytest.mark.parametrize("name", [*BUILDERS, *PROTOS])
def test_every_builder_is_described_as_it_says(name: str) -> None:
    info = describe(built(name))
    expected = DECLARED.get(name, ("x float32[Nx4]", "y float32[Nx4]", "N"))
    assert ("; ".join(map(str, info.inputs)), "; ".join(map(str, info.outputs)), info.batch) == expected
    assert info.nodes == sum(info.operators.values())
    assert info.producer == "pytest-onnxaccel"


def test_a_file_is_described_in_json(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    assert ModelInfo.from_json(inspect(str(path))) == describe(graphs.small_cnn())


def test_operators_of_subgraphs_count() -> None:
    info = describe(hazards.endless_loop())
    assert info.operators == {"Loop": 1, "Identity": 1, "Add": 1}


def test_versions_are_told() -> None:
    assert describe(hazards.future_ir()).ir_version == 999
    assert describe(hazards.future_opset()).opset == 999
    assert dict(describe(graphs.ms_op()).opsets) == {"ai.onnx": 17, "com.microsoft": 1}


def test_the_default_domain_has_two_spellings() -> None:
    model = graphs.mlp()
    model.opset_import[0].domain = "ai.onnx"
    assert describe(model).opset == 17


def test_sizes_of_weights_are_hints_most_frequent_first() -> None:
    assert describe(graphs.small_cnn()).dim_hints == (3, 4, 5)


# -- odd declarations -------------------------------------------------------------------------------------------


def shapes(*dims: Any) -> Any:
    model = graphs.mlp()
    shape = model.graph.input[0].type.tensor_type.shape
    del shape.dim[:]
    for dim in dims:
        added = shape.dim.add()
        if isinstance(dim, int):
            added.dim_value = dim
        elif dim:
            added.dim_param = dim
    return describe(model).inputs[0].shape


def test_dimensions_of_every_kind() -> None:
    assert shapes(1, "N", "", -1, 0) == (1, "N", None, None, 0)
    assert shapes() == ()


def test_a_rank_that_is_not_declared_is_unknown() -> None:
    model = graphs.mlp()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    info = describe(model)
    assert (info.inputs[0].shape, info.batch) == (None, None)


def test_a_value_without_a_type_is_a_tensor_as_far_as_anyone_knows() -> None:
    model = graphs.mlp()
    model.graph.output[0].ClearField("type")
    output = describe(model).outputs[0]
    assert (output.kind, output.dtype, output.shape) == ("tensor", "", None)


def test_kinds_that_are_no_dense_tensor() -> None:
    model = graphs.mlp()
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    kinds = {
        "sequence": helper.make_sequence_type_proto(tensor),
        "optional": helper.make_optional_type_proto(tensor),
        "map": helper.make_map_type_proto(TensorProto.INT64, tensor),
        "sparse": helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [1]),
    }
    for kind, proto in kinds.items():
        model.graph.input[0].type.CopyFrom(proto)
        assert describe(model).inputs[0].kind == kind


@pytest.mark.parametrize(
    ("elem_type", "name"),
    [
        (TensorProto.FLOAT, "float32"), (TensorProto.DOUBLE, "float64"), (TensorProto.FLOAT16, "float16"),
        (TensorProto.BFLOAT16, "bfloat16"), (TensorProto.INT8, "int8"), (TensorProto.BOOL, "bool"),
        (TensorProto.STRING, "string"), (TensorProto.FLOAT8E4M3FN, "float8e4m3fn"), (TensorProto.UINT4, "uint4"),
        (TensorProto.COMPLEX64, "complex64"), (TensorProto.UNDEFINED, ""), (9999, "type 9999"),
    ],
)  # fmt: skip
def test_element_types(elem_type: int, name: str) -> None:
    assert dtype_name(elem_type) == name


@pytest.mark.parametrize(
    ("firsts", "batch"), [(("N", "N"), "N"), ((2, 2), 2), ((1, 2), None), (("N", 1), None), (("N", "M"), None)]
)
def test_the_batch_is_what_all_inputs_share(firsts: tuple[Dim, Dim], batch: Dim) -> None:
    inputs = [value("a", firsts[0], 4), value("b", firsts[1], 4)]
    model = assemble("two", [helper.make_node("Add", ["a", "b"], ["y"])], inputs, [value("y", None, 4)])
    assert describe(model).batch == batch


# -- external data ----------------------------------------------------------------------------------------------


def external(tensor: TensorProto, location: str | None) -> TensorProto:
    tensor.data_location = TensorProto.EXTERNAL
    if location is not None:
        tensor.external_data.add(key="location", value=location)
    return tensor


def test_every_place_that_may_hold_external_data_is_looked_at() -> None:
    def constant(name: str) -> TensorProto:
        return external(TensorProto(name=name, dims=[1], data_type=TensorProto.FLOAT), f"{name}.bin")

    body = helper.make_graph([], "body", [], [], [constant("sub")])
    nodes = [
        helper.make_node("Constant", [], ["c"], value=constant("attribute")),
        helper.make_node("If", ["k"], ["i"], then_branch=body, else_branch=body),
        helper.make_node("Odd", [], ["o"], domain="d", many=[constant("listed")]),
    ]
    model = assemble("e", nodes, [], [])
    sparse = onnx.SparseTensorProto(values=constant("values"), indices=constant("indices"), dims=[1])
    nodes[2].attribute.add(name="s", type=onnx.AttributeProto.SPARSE_TENSOR, sparse_tensor=sparse)
    model.graph.node[2].CopyFrom(nodes[2])
    model.graph.initializer.append(constant("top"))
    model.graph.sparse_initializer.append(sparse)
    names = ("top", "attribute", "sub", "listed", "values", "indices")
    assert set(external_locations(all_graphs(model))) == {f"{name}.bin" for name in names}


def test_a_location_is_listed_once_and_inner_data_not_at_all(tmp_path: Path) -> None:
    model = onnx.load(graphs.external_data(tmp_path), load_external_data=False)
    model.graph.initializer.append(initializer("inside", [1.0]))
    assert describe(model).external == ("weights.bin",)
    assert describe(graphs.mlp()).external == ()


def test_external_data_without_a_location_is_refused() -> None:
    model = graphs.mlp()
    external(model.graph.initializer[0], None)
    with pytest.raises(ModelError, match="tensor 'w1' has external data without a location") as caught:
        describe(model)
    assert caught.value.code == "E_EXTERNAL"


@pytest.mark.parametrize(("key", "value"), [("offset", "-1"), ("offset", "zero"), ("length", "1e3"), ("length", "")])
def test_external_data_at_a_place_that_is_no_number_is_refused(key: str, value: str) -> None:
    tensor = external(TensorProto(name="w"), "w.bin")
    tensor.external_data.add(key=key, value=value)
    model = graphs.mlp()
    model.graph.initializer.append(tensor)
    with pytest.raises(ModelError, match=f"'w' has external data of {key} '{value}'") as caught:
        external_locations(all_graphs(model))
    assert (caught.value.code, caught.value.remedy) == ("E_EXTERNAL", "save the model and its data again")


@pytest.mark.parametrize(("name", "what"), [("XXXX", "an input"), ("YYYY", "an output"), ("ZZZZ", "an operator")])
def test_a_name_that_is_not_utf8_is_refused_where_a_runtime_needs_it(name: str, what: str, tmp_path: Path) -> None:
    path = latin_1(name, tmp_path)
    with pytest.raises(ModelError, match=f"the name of {what} is not UTF-8") as caught:
        inspect(str(path))
    assert caught.value.code == "E_PARSE"
    assert "\\xe4" in str(caught.value)


@pytest.mark.parametrize("name", ["NNNN", "PPPP", "VVVV"])
def test_a_name_that_is_not_utf8_does_no_harm_elsewhere(name: str, tmp_path: Path) -> None:
    path = latin_1(name, tmp_path)
    told = inspect(str(path))
    assert told["producer"] == ("\\xe4PPP" if name == "PPPP" else "PPPP")
    assert all(finding["message"].isprintable() for finding in hygiene(str(path)))


def latin_1(name: str, folder: Path) -> Path:
    """A model in which the first letter of *name* is a byte that is not UTF-8."""
    nodes = [helper.make_node("ZZZZ" if name == "ZZZZ" else "Exp", ["XXXX"], ["VVVV"], name="NNNN")]
    nodes += [helper.make_node("Identity", ["VVVV"], ["YYYY"]), helper.make_node("Relu", ["VVVV"], ["unused"])]
    values = (helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, 4]) for end in ("XXXX", "YYYY"))
    graph = helper.make_graph(nodes, "g", [next(values)], [next(values)])
    path = folder / "model.onnx"
    data = helper.make_model(graph, producer_name="PPPP").SerializeToString()
    path.write_bytes(data.replace(name.encode(), b"\xe4" + name[1:].encode()))
    return path
