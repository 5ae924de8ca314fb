"""The candidate that a look at the declarations suggests: right, refuted by the proof, and not applicable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.rebatch.rebatch import QUICK_SURVEY, rebatch
from suites.rebatch.proof import Original, prove
from suites.unit.graph.rebatch.rebatching import Save, const, node, relu, saver, weights


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model of one input ``x`` (unless told otherwise) and gives its path."""
    return saver(tmp_path)


def glanced(path: str, n: int = 3) -> tuple[dict[str, Any], str]:
    """The candidate, and what the proof says of it."""
    done = rebatch(path, path + ".new", n, QUICK_SURVEY)
    return done, prove(Original(path, n, 1), path + ".new", n, done["outputs"]) or "proven"  # type: ignore[arg-type]


def test_dimensions_are_enough(save: Save) -> None:
    done, verdict = glanced(relu(save))
    assert (done["method"], verdict) == ("dims", "proven")


def test_the_target_of_a_reshape_carries_the_batch(save: Save) -> None:
    nodes = [node("Reshape", ["x", "to"], ["y"], name="split")]
    done, verdict = glanced(save(nodes, {"x": [1, 8]}, {"y": [1, 2, 4]}, [const("to", [1, 2, 4])]))
    assert (done["method"], verdict) == ("rewrite", "proven")
    assert "Reshape 'split': [1, 2, 4] -> [3, 2, 4]" in done["edited"]


def test_the_target_may_be_a_node(save: Save) -> None:
    to = node("Constant", [], ["to"], value=const("to", [1, 2, 4]))
    done, verdict = glanced(save([to, node("Reshape", ["x", "to"], ["y"])], {"x": [1, 8]}, {"y": [1, 2, 4]}))
    assert (done["method"], verdict) == ("rewrite", "proven")


def test_a_target_that_is_no_batch_is_refuted_by_the_proof(save: Save) -> None:
    """[1, 8] is the shape of a table here, and has nothing to do with the batch."""
    nodes = [node("Reshape", ["table", "to"], ["row"]), node("Add", ["x", "row"], ["y"])]
    path = save(nodes, {"x": [1, 8]}, {"y": [1, 8]}, [const("to", [1, 8]), weights("table", 8)])
    assert glanced(path)[1] != "proven"


def test_another_operand_that_may_hold_the_batch_is_left_to_the_survey(save: Save) -> None:
    nodes = [node("Expand", ["x", "to"], ["y"])]
    path = save(nodes, {"x": [1, 4]}, {"y": [1, 4]}, [const("to", [1, 4])])
    with pytest.raises(ModelError, match="constant may hold"):
        glanced(path)


def test_outputs_that_join_otherwise_are_left_to_the_survey(save: Save) -> None:
    path = save([node("Transpose", ["x"], ["y"], perm=[1, 0])], {"x": [1, 4]}, {"y": [4, 1]})
    with pytest.raises(ModelError, match="axis 0"):
        glanced(path)


def test_a_dynamic_batch_is_left_to_the_survey(save: Save) -> None:
    with pytest.raises(ModelError, match="axis 0"):
        glanced(relu(save, "N"))
