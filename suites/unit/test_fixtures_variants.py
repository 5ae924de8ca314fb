"""Legal variants: the same function in another form."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from fixtures.graphs.residual import residual_classifier
from fixtures.running import run_seeded
from fixtures.variants import VARIANTS, Variant, fold_batchnorm, variants_of
from fixtures.variants.rewrites import initializers_as_constants, initializers_as_inputs, opset_down, opset_up


@pytest.fixture(scope="module")
def model() -> ModelProto:
    return residual_classifier(7)


def operators(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_it_is_valid_and_the_same_function(model: ModelProto, variant: Variant) -> None:
    made = variant.rewrite(model)
    onnx.checker.check_model(made, full_check=True)
    ours, theirs = run_seeded(made), run_seeded(model)
    assert list(ours) == list(theirs)
    for name, array in theirs.items():
        assert np.abs(ours[name] - array).max() < 5e-6 * np.abs(array).max(), name


@pytest.mark.parametrize("precise", [False, True])
def test_folding_leaves_no_batch_norm_and_no_weight_of_one(model: ModelProto, precise: bool) -> None:
    folded = fold_batchnorm(model, precise)
    assert "BatchNormalization" in operators(model)
    assert "BatchNormalization" not in operators(folded)
    assert operators(folded).count("Conv") == operators(model).count("Conv")
    assert not [t.name for t in folded.graph.initializer if t.name.endswith((".mean", ".variance"))]


def test_the_two_ways_of_folding_round_differently(model: ModelProto) -> None:
    plain, precise = (fold_batchnorm(model, way).SerializeToString(deterministic=True) for way in (False, True))
    assert plain != precise


def test_a_convolution_that_something_else_reads_is_not_folded(model: ModelProto) -> None:
    changed = ModelProto.FromString(model.SerializeToString())
    conv = next(node for node in changed.graph.node if node.op_type == "Conv")
    changed.graph.node.append(onnx.helper.make_node("Identity", [conv.output[0]], ["also"]))
    assert operators(fold_batchnorm(changed)).count("BatchNormalization") == 1


def test_where_initializers_are_declared(model: ModelProto) -> None:
    listed = initializers_as_inputs(model)
    assert len(listed.graph.input) == 1 + len(model.graph.initializer)
    assert [value.name for value in initializers_as_constants(listed).graph.input] == ["image"]


def test_opsets(model: ModelProto) -> None:
    assert (opset_up(model).opset_import[0].version, opset_down(model).opset_import[0].version) == (20, 15)


def test_a_model_without_batch_norms_has_fewer_variants(model: ModelProto) -> None:
    assert variants_of(model) == list(VARIANTS)
    fewer = [variant.name for variant in variants_of(fold_batchnorm(model))]
    assert "unoptimized" in fewer
    assert not [name for name in fewer if "norm" in name]
