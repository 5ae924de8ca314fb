"""What onnx's evaluator computes wrongly: proven by arithmetic, so that a row falls once the evaluator is right."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions

Floats = NDArray[np.float64]
#: Support vectors of each class, features, rows, and the width of the kernel.
EACH, WIDE, ROWS, GAMMA = 4, 3, 5, 0.5


class Machine:
    """A classifier of support vectors with *classes* classes, whose numbers are drawn."""

    def __init__(self, classes: int, probabilities: bool) -> None:
        random = np.random.default_rng(classes)
        self.classes, self.count = classes, classes * EACH
        self.pairs = list(combinations(range(classes), 2))
        self.vectors = random.normal(size=(self.count, WIDE)).astype(np.float32)
        self.weights = random.normal(size=(classes - 1, self.count)).astype(np.float32)
        self.rho = random.normal(size=len(self.pairs)).astype(np.float32)
        self.slopes = (-1 - random.random(len(self.pairs))).astype(np.float32)
        self.offsets = random.normal(size=len(self.pairs)).astype(np.float32)
        self.rows = random.normal(size=(ROWS, WIDE)).astype(np.float32)
        self.probabilities = probabilities

    def model(self) -> onnx.ModelProto:
        more = {"prob_a": self.slopes.tolist(), "prob_b": self.offsets.tolist()} if self.probabilities else {}
        node = helper.make_node(
            "SVMClassifier", ["x"], ["label", "scores"], name="machine", domain="ai.onnx.ml",
            classlabels_ints=list(range(self.classes)), coefficients=self.weights.ravel().tolist(),
            kernel_params=[GAMMA, 0.0, 3.0], kernel_type="RBF", post_transform="NONE", rho=self.rho.tolist(),
            support_vectors=self.vectors.ravel().tolist(), vectors_per_class=[EACH] * self.classes, **more,
        )  # fmt: skip
        width = self.classes if self.probabilities else len(self.pairs)
        graph = helper.make_graph(
            [node], "svc", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, WIDE])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, [ROWS]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, [ROWS, width]),
            ],
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def right(self) -> Floats:
        """Probabilities, or scores, in float64: Wu, Lin and Weng (2004), the second approach, solved exactly."""
        rows = self.rows.astype(np.float64)
        apart = np.square(rows[:, None] - self.vectors[None].astype(np.float64)).sum(-1)
        kernel = np.exp(-GAMMA * apart)
        scores = np.stack([self._score(kernel, i, j, p) for p, (i, j) in enumerate(self.pairs)], 1)
        if not self.probabilities:
            return scores
        return np.stack([self._coupled(1 / (1 + np.exp(row * self.slopes + self.offsets))) for row in scores])

    def _score(self, kernel: Floats, i: int, j: int, pair: int) -> Floats:
        a, b = (slice(k * EACH, (k + 1) * EACH) for k in (i, j))
        found: Floats = kernel[:, a] @ self.weights[j - 1, a] + kernel[:, b] @ self.weights[i, b] + self.rho[pair]
        return found

    def _coupled(self, first: Floats) -> Floats:
        beaten = np.zeros((self.classes, self.classes))
        for (i, j), share in zip(self.pairs, np.clip(first, 1e-7, 1 - 1e-7), strict=True):
            beaten[i, j], beaten[j, i] = share, 1 - share
        system = -beaten.T * beaten
        np.fill_diagonal(system, np.square(beaten).sum(0))
        edge = np.ones((self.classes, 1))
        whole = np.block([[system, edge], [edge.T, np.zeros((1, 1))]])
        found: Floats = np.linalg.solve(whole, np.append(np.zeros(self.classes), 1.0))[:-1]
        return found


def scores_of(machine: Machine) -> tuple[Floats, Floats]:
    """What ONNX Runtime and the evaluator as it is give."""
    model = machine.model()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"x": machine.rows}
    return session.run(None, feeds)[1], ReferenceEvaluator(model).run(None, feeds)[1]


#: The iteration of both ends within this of the exact solution.
NEAR = 1e-2


@pytest.mark.parametrize("classes", [3, 4, 5])
def test_probabilities_of_three_classes_are_wrong_in_the_evaluator_and_right_in_the_runtime(classes: int) -> None:
    machine = Machine(classes, True)
    runtime, evaluator = scores_of(machine)
    assert np.abs(runtime - machine.right()).max() < NEAR
    assert np.abs(evaluator - machine.right()).max() > 2 * NEAR


@pytest.mark.parametrize(("classes", "probabilities"), [(2, True), (2, False), (3, False), (4, False)])
def test_two_classes_and_plain_scores_are_right_in_both(classes: int, probabilities: bool) -> None:
    machine = Machine(classes, probabilities)
    for found in scores_of(machine):
        if found.shape == machine.right().shape:
            assert np.abs(found - machine.right()).max() < NEAR
        else:  # two classes: a score for each
            assert np.abs(np.abs(found) - np.abs(machine.right())).max() < NEAR


def test_the_first_norm_is_wrong_in_the_evaluator_as_it_is() -> None:
    """:mod:`.reference_operators` puts it right, see ``test_reference_operators.py``."""
    node = helper.make_node("LpNormalization", ["x"], ["y"], axis=1, p=1)
    sides = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2])] for name in ("x", "y")]
    model = helper.make_model(helper.make_graph([node], "g", *sides), opset_imports=[helper.make_opsetid("", 22)])
    (found,) = ReferenceEvaluator(model).run(None, {"x": np.array([[1, -3]], np.float32)})
    assert not np.allclose(found, [[0.25, -0.75]])


def load(model: onnx.ModelProto, folder: Path) -> Any:
    onnx.save(model, folder / "m.onnx")
    return ReferenceBackend().load(str(folder / "m.onnx"), LoadOptions())


def test_a_model_that_it_computes_wrongly_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="computes SVMClassifier 'machine' wrongly") as raised:
        load(Machine(3, True).model(), tmp_path)
    assert raised.value.code == "E_SCHEMA"
    assert load(Machine(2, True).model(), tmp_path).info.outputs
    assert load(Machine(3, False).model(), tmp_path).info.outputs


@pytest.mark.parametrize(("classes", "verdict"), [(3, Verdict.NOT_APPLICABLE), (2, Verdict.PASSED)])
def test_there_it_is_no_reference(classes: int, verdict: Verdict, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(Machine(classes, True).model(), path)
    spec = ModelSpec("m", str(path), "m.onnx", backends=("ort-cpu", "reference"))
    found = validate(spec, checks=["parity"], options=RunOptions(in_process=True))
    (judged,) = [r for r in found if (r.check, r.backend) == ("parity", "reference")]
    assert judged.verdict is verdict, str(judged)
