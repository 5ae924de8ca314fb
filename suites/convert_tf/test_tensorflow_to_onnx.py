"""Every form of a TensorFlow model converts to ONNX under its own names, and what cannot is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import ConfigError, ConversionError, ModelError
from pytest_onnxaccel.core.specs import SourceSpec, TensorSpec
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion
from suites.convert_tf import sources
from suites.unit.graph_bytes import graph, meta_graph, node, saved_model

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
SPEC = TensorSpec("x:0", "float32", (None, 3))


def converted(engines: Engines, path: Path, **options: Any) -> Conversion:
    return engines.conversions.convert(SourceSpec(str(path), path.name), ConvertOptions(**options))


def run(path: str, feed: Any = X) -> dict[str, Any]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_outputs()]
    (given,) = session.get_inputs()
    return dict(zip(names, session.run(names, {given.name: feed}), strict=True))


@pytest.mark.parametrize("kind", sources.NAMES)
def test_each_kind_converts_and_computes_the_same(kind: str, engines: Engines, tmp_path: Path) -> None:
    made = converted(engines, sources.make(kind, tmp_path), stem="net")
    (given,), (result,) = sources.NAMES[kind][:1], sources.NAMES[kind][1:]
    assert made.staged.kind == kind
    assert [spec.name for spec in made.converted.inputs] == [given]
    assert [spec.name for spec in made.converted.outputs] == [result]
    assert Path(made.path).name == "net.onnx"
    assert made.converted.opset == 15
    onnx.checker.check_model(made.path, full_check=True)
    found = run(made.path)
    np.testing.assert_allclose(found[result], sources.expected(X), atol=1e-6)


def test_a_signature_is_chosen_by_name(engines: Engines, tmp_path: Path) -> None:
    path = sources.saved_model(tmp_path / "saved")
    made = converted(engines, path, signature="raw")
    assert list(run(made.path)) == ["relu"]
    with pytest.raises(ConfigError, match="no signature 'nope'") as caught:
        converted(engines, path, signature="nope")
    assert "raw, serving_default" in str(caught.value) or "serving_default, raw" in str(caught.value)


def test_any_tensor_of_a_graph_can_be_an_output(engines: Engines, tmp_path: Path) -> None:
    made = converted(engines, sources.frozen(tmp_path / "f.pb"), inputs=(SPEC,), outputs=("Relu:0", "scores:0"))
    found = run(made.path)
    assert list(found) == ["Relu:0", "scores:0"]
    assert (found["Relu:0"] >= 0).all()
    assert found["Relu:0"].max() > 1
    # A SavedModel's outputs may also be called by their tensors
    path = sources.saved_model(tmp_path / "saved")
    tensor = converted(engines, path).converted.facts["tensors"]["scores"]
    assert tensor.startswith("StatefulPartitionedCall")
    assert list(run(converted(engines, path, outputs=(tensor,)).path)) == [tensor]


def test_the_outputs_of_a_training_must_be_named(engines: Engines, tmp_path: Path) -> None:
    path = sources.checkpoint(tmp_path, training=True)
    with pytest.raises(ConfigError, match="graph is that of a training"):
        converted(engines, path)
    made = converted(engines, path, outputs=("scores:0",))
    assert [spec.name for spec in made.converted.inputs] == ["x:0"]  # the truth is not asked for
    np.testing.assert_allclose(run(made.path)["scores:0"], sources.expected(X), atol=1e-6)


def test_a_name_that_is_not_there_is_refused_with_those_that_are(engines: Engines, tmp_path: Path) -> None:
    for path in (sources.frozen(tmp_path / "f.pb"), sources.saved_model(tmp_path / "saved")):
        with pytest.raises(ModelError, match=r"the source has no output 'score': it has .*scores") as caught:
            converted(engines, path, outputs=("score",))
        assert caught.value.code == "V_CONTRACT"


def test_a_batch_is_frozen_or_stays_open(engines: Engines, tmp_path: Path) -> None:
    path = sources.frozen(tmp_path / "open.pb")
    made = converted(engines, path, batch=5, stem="net")
    assert Path(made.path).name == "net-batch-5.onnx"
    assert [spec.shape for spec in (*made.converted.inputs, *made.converted.outputs)] == [(5, 3), (5, 2)]
    np.testing.assert_allclose(run(made.path)["scores:0"], sources.expected(X), atol=1e-6)
    made = converted(engines, path, batch="dynamic")
    assert made.converted.inputs[0].shape == ("batch", 3)
    assert not isinstance((made.converted.outputs[0].shape or (0,))[0], int)
    with pytest.raises(ConversionError, match="frozen at batch 4, asked for 5"):
        converted(engines, sources.frozen(tmp_path / "fixed.pb", rows=4), batch=5)


def test_opsets(engines: Engines, tmp_path: Path) -> None:
    path = sources.frozen(tmp_path / "f.pb")
    for opset in (9, 18):
        assert converted(engines, path, opset=opset).converted.opset == opset
    with pytest.raises(ConfigError, match="opsets 9 to 18, asked for 19"):
        converted(engines, path, opset=19)


def test_equal_sources_give_equal_files(engines: Engines, tmp_path: Path) -> None:
    """tf2onnx numbers its names through a process: those that users see are the same each time."""
    path = sources.frozen(tmp_path / "f.pb")
    first, again = (converted(engines, path, stem=stem).converted for stem in ("a", "b"))
    assert (first.inputs, first.outputs) == (again.inputs, again.outputs)
    assert converted(engines, path, stem="a").cached


def test_an_open_rank_is_said(engines: Engines, tmp_path: Path) -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as made:
        tf.identity(tf.compat.v1.placeholder(tf.float32, None, name="X") * 2.0, name="y")
    (tmp_path / "g.pb").write_bytes(made.as_graph_def().SerializeToString())
    found = converted(engines, tmp_path / "g.pb")
    assert any("rank of X:0 open" in note for note in found.notes)
    given = converted(engines, tmp_path / "g.pb", inputs=(TensorSpec("X:0", "float32", (None, 3)),))
    assert given.converted.inputs[0].shape == ("batch", 3)
    assert not given.notes
    np.testing.assert_array_equal(run(given.path)["y:0"], X * 2)


# -- what cannot be converted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["Betainc", "Lgamma"])
def test_an_operator_that_tf2onnx_lacks_is_named(operator: str, engines: Engines, tmp_path: Path) -> None:
    def extra(tf: Any, y: Any) -> Any:
        return tf.math.lgamma(y, name="odd") if operator == "Lgamma" else tf.raw_ops.Betainc(a=y, b=y, x=y, name="odd")

    """tf2onnx writes it into the file, which ONNX lacks, and exits 0."""
    with pytest.raises(ConversionError, match=rf"no operator '{operator}'.*\(node 'odd'\)") as found:
        converted(engines, sources.frozen(tmp_path / "f.pb", extra=extra))
    assert (found.value.code, found.value.backend) == ("E_CONVERT", "tensorflow")
    assert "\n" not in str(found.value)


def test_a_tf_trt_model_is_named_with_what_it_needs(engines: Engines, tmp_path: Path) -> None:
    engine = node("TRTEngineOp_000_000", "TRTEngineOp", "x")
    data = meta_graph(graph([node("x", "Placeholder"), engine]), {"serving_default": "TRTEngineOp_000_000:0"})
    (tmp_path / "saved_model.pb").write_bytes(saved_model(data))
    with pytest.raises(ModelError, match="was converted by TF-TRT: TRTEngineOp 'TRTEngineOp_000_000'") as caught:
        converted(engines, tmp_path)
    assert caught.value.code == "E_SCHEMA"
    assert "give the SavedModel that TF-TRT was given" in str(caught.value)


def test_garbage_is_one_line(engines: Engines, tmp_path: Path) -> None:
    whole = sources.frozen(tmp_path / "f.pb").read_bytes()
    (tmp_path / "cut.pb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError) as caught:
        converted(engines, tmp_path / "cut.pb")
    assert caught.value.code in ("E_PARSE", "E_NOTMODEL")
    assert "\n" not in str(caught.value)
