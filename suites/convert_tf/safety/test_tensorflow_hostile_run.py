"""What the scans refuse does harm where TensorFlow and Keras run it, and what they pass runs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.backends.tensorflow.graph_files import read_graph, read_meta_graph
from pytest_onnxaccel.backends.tensorflow.keras.config import refuse_config
from pytest_onnxaccel.backends.tensorflow.keras.scan import refuse_keras
from pytest_onnxaccel.backends.tensorflow.open import open_tensorflow
from pytest_onnxaccel.backends.tensorflow.safety.graph_scan import refuse_graph, refuse_meta_graphs
from pytest_onnxaccel.core.errors import ModelError
from suites.convert_tf import sources
from suites.convert_tf.safety.test_tensorflow_unsafe_sources import refusal

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def written(canary: Path) -> Any:
    """Adds to a graph what writes *canary* whenever the graph runs."""

    def extra(tf: Any, y: Any) -> Any:
        with tf.control_dependencies([tf.raw_ops.WriteFile(filename=str(canary), contents="x")]):
            return tf.identity(y)

    return extra


def in_a_function(canary: Path) -> Any:
    def extra(tf: Any, y: Any) -> Any:
        return tf.function(lambda value: written(canary)(tf, value))(y)

    return extra


def in_a_branch(canary: Path) -> Any:
    def extra(tf: Any, y: Any) -> Any:
        return tf.raw_ops.If(
            cond=tf.constant(True), input=[y], Tout=[tf.float32],
            then_branch=concrete(tf, lambda v: written(canary)(tf, v)), else_branch=concrete(tf, tf.identity),
        )[0]  # fmt: skip

    return extra


def concrete(tf: Any, body: Any) -> Any:
    return tf.function(body).get_concrete_function(tf.TensorSpec([None, 2], tf.float32))


def in_a_data_set(canary: Path) -> Any:
    def extra(tf: Any, y: Any) -> Any:
        many = tf.data.Dataset.from_tensors(y).map(lambda value: written(canary)(tf, value))
        return tf.data.experimental.get_single_element(many)

    return extra


def from_a_text(canary: Path) -> Any:
    def extra(tf: Any, y: Any) -> Any:
        with tf.Graph().as_default() as inner:
            zero = written(canary)(tf, tf.zeros([1, 2]))
            many = tf.raw_ops.TensorDataset(components=[zero], output_shapes=[tf.TensorShape([1, 2])])
            name = many.op.name
        graph_def = inner.as_graph_def()
        result = graph_def.node.add(op="_Retval", name="result", input=[name])
        result.attr["T"].type, result.attr["index"].i = tf.variant.as_datatype_enum, 0
        many = tf.raw_ops.DatasetFromGraph(graph_def=tf.constant(graph_def.SerializeToString()))
        one = tf.raw_ops.DatasetToSingleElement(
            dataset=many, output_types=[tf.float32], output_shapes=[tf.TensorShape([1, 2])]
        )
        return y + one[0]

    return extra


@pytest.mark.parametrize(
    "way", [written, in_a_function, in_a_branch, in_a_data_set, from_a_text], ids=lambda way: way.__name__
)
def test_a_graph_that_writes_is_refused_and_would_write(way: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    canary = tmp_path / "canary"
    path = sources.frozen(tmp_path / "f.pb", extra=way(canary))
    code, line, imported = refusal(path, "graphdef")
    assert (code, imported) == ("E_UNSAFE", False)
    assert len(line) <= 300
    assert not canary.exists()
    graph_def = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        # What a text holds is run while the graph is optimised, which then fails
        with contextlib.suppress(tf.errors.InvalidArgumentError):
            session.run("scores:0", {"x:0": X[:1]})
    assert canary.exists()


def test_a_checkpoint_whose_outputs_save_elsewhere_is_refused_and_would_save(tmp_path: Path) -> None:
    import tensorflow as tf

    v1, canary = tf.compat.v1, tmp_path / "canary"
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        w = v1.get_variable("w", initializer=sources.WEIGHTS, use_resource=False)
        saves = tf.raw_ops.SaveV2(
            prefix=str(canary), tensor_names=["t"], shape_and_slices=[""], tensors=[tf.constant([1.0])]
        )
        with tf.control_dependencies([saves]):
            plain = tf.matmul(x, w)
        tf.nn.relu(plain, name="scores")
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, str(tmp_path / "model"))
            session.run("scores:0", {"x:0": X})
    assert list(tmp_path.glob("canary*"))
    for file in tmp_path.glob("canary*"):
        file.unlink()
    code, line, imported = refusal(tmp_path / "model.meta", "checkpoint")
    assert (code, imported) == ("E_UNSAFE", False)
    assert "SaveV2" in line
    with pytest.raises(ModelError, match="SaveV2"):
        open_tensorflow(str(tmp_path / "model.meta"), "checkpoint", ["x:0"], ["scores:0"])
    assert not list(tmp_path.glob("canary*"))


# -- what passes, and runs ---------------------------------------------------------------------------------------------


def loops(tf: Any, y: Any) -> Any:
    return tf.while_loop(lambda at, _: at < 3, lambda at, value: (at + 1, value * 1.5), [0, y])[1]


def looks_up(tf: Any, y: Any) -> Any:
    table = tf.raw_ops.AnonymousHashTable(key_dtype=tf.string, value_dtype=tf.float32)
    filled = tf.raw_ops.LookupTableImportV2(table_handle=table, keys=["a", "b"], values=[1.0, 2.0])
    with tf.control_dependencies([filled]):
        return y * tf.raw_ops.LookupTableFindV2(table_handle=table, keys="b", default_value=0.0)


def branches(tf: Any, y: Any) -> Any:
    return tf.switch_case(tf.constant(1), [lambda: y, lambda: y + 1, lambda: y * 0])


def holds_a_graph_as_a_text(tf: Any, y: Any) -> Any:
    with tf.Graph().as_default() as inner:
        tf.nn.relu(tf.zeros([2]))
    return y + tf.cast(tf.strings.length(tf.constant(inner.as_graph_def().SerializeToString())), tf.float32) * 0


def maps(tf: Any, y: Any) -> Any:
    return tf.map_fn(lambda row: row * 2, y)


def prints(tf: Any, y: Any) -> Any:
    with tf.control_dependencies([tf.print("rows:", tf.shape(y)[0])]):
        return tf.identity(y)


@pytest.mark.parametrize(
    "extra", [loops, looks_up, branches, holds_a_graph_as_a_text, maps, prints], ids=lambda extra: extra.__name__
)
def test_a_graph_that_computes_passes_and_runs(extra: Any, tmp_path: Path) -> None:
    path = sources.saved_model(tmp_path / "saved", extra)
    opened = open_tensorflow(str(path), "saved_model")
    (found,) = opened.callable()(X)
    assert found.shape == (5, 2)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)
    opened.close()


def test_what_tensorflow_1_wrote(tmp_path: Path) -> None:
    """Loops of Switch and Merge, a queue, Print, summaries and an optimizer, in a checkpoint and its frozen graph."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        v1.disable_control_flow_v2()
        x = v1.placeholder(tf.float32, [1, 2, 2, 3], name="x")
        w = v1.get_variable("w", initializer=1.0, use_resource=False)
        y = v1.while_loop(lambda at, _: at < 2, lambda at, value: (at + 1, value * w), [0, tf.nn.lrn(x)])[1]
        y = v1.Print(y, ["seen"], name="scores")
        queue = v1.FIFOQueue(2, tf.float32)
        queue.enqueue(1.0)
        v1.summary.scalar("loss", tf.reduce_mean(y))
        v1.train.AdamOptimizer().minimize(tf.reduce_mean(y))
        v1.enable_control_flow_v2()
        found = {node.op for node in graph.as_graph_def().node}
        assert {"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "Print", "ApplyAdam"} <= found
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, str(tmp_path / "model"))
    meta = read_meta_graph(str(tmp_path / "model.meta"))
    refuse_meta_graphs([meta])
    opened = open_tensorflow(str(tmp_path / "model.meta"), "checkpoint", ["x:0"], ["scores:0"])
    assert opened.callable()(np.ones((1, 2, 2, 3), np.float32))[0].shape == (1, 2, 2, 3)
    (tmp_path / "g.pb").write_bytes(opened.frozen().SerializeToString())
    refuse_graph(read_graph(str(tmp_path / "g.pb")))
    opened.close()


#: One of each family of ``keras.applications`` that is quick to build; each has layers that the others lack.
APPLICATIONS = ["MobileNetV3Small", "EfficientNetV2B0", "ResNet50V2", "DenseNet121", "NASNetMobile", "Xception"]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_application_of_keras_passes(name: str) -> None:
    import keras

    shape = {"input_shape": (224, 224, 3)} if name == "NASNetMobile" else {}
    refuse_config(json.loads(getattr(keras.applications, name)(weights=None, **shape).to_json()))


def test_a_small_convnext_passes_and_runs(tmp_path: Path) -> None:
    from keras.src.applications import convnext

    model = convnext.ConvNeXt(
        depths=[1, 1, 1, 1], projection_dims=[4, 4, 8, 8], weights=None, classes=3, input_shape=(32, 32, 3),
        classifier_activation="softmax", default_size=32,
    )  # fmt: skip
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        assert b"LayerScale" in file.read("config.json")
    opened = open_tensorflow(str(tmp_path / "m.keras"), "keras")
    (found,) = opened.callable()(np.ones((1, 32, 32, 3), np.float32))
    np.testing.assert_allclose(found.sum(), 1, atol=1e-5)


def test_layers_of_every_kind_pass_and_run(tmp_path: Path) -> None:
    import keras
    from keras import layers

    def own_loss(truth: Any, found: Any) -> Any:
        return keras.ops.mean(truth - found)

    words = keras.Input((1,), dtype="string", name="words")
    y = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)(words)
    y = layers.Embedding(5, 4, embeddings_regularizer="l2")(y)
    y = layers.Bidirectional(layers.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True))(y)
    y = layers.MultiHeadAttention(2, 4)(y, y)
    y = layers.SpectralNormalization(layers.Dense(3, activation=keras.activations.gelu))(y)
    y = keras.ops.mean(keras.ops.relu(y) * 2, axis=1)
    y = keras.Sequential([layers.Dense(2, kernel_constraint="max_norm"), layers.LeakyReLU(0.1)])(y)
    model = keras.Model(words, layers.Activation(keras.ops.softplus)(y))
    model.compile("adam", own_loss, metrics=["mae", keras.metrics.AUC()])
    model.save(tmp_path / "m.keras")
    refuse_keras(str(tmp_path / "m.keras"))
    assert keras.saving.load_model(tmp_path / "m.keras", compile=False)(np.array([["a b"]])).shape == (1, 2)


def test_every_class_of_keras_is_on_the_list_or_left_out_on_purpose() -> None:
    """A new release of Keras may bring new ones: this names them, for somebody to look at."""
    import inspect

    import keras

    from pytest_onnxaccel.backends.tensorflow.keras.names import is_class

    left_out = {
        "layers": {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "InputSpec"},
        "optimizers": {"OptimizerMap"},
    }
    for module in (
        "layers",
        "models",
        "initializers",
        "regularizers",
        "constraints",
        "losses",
        "metrics",
        "optimizers",
    ):
        found = {
            name for name, value in vars(getattr(keras, module)).items()
            if inspect.isclass(value) and name[0].isupper() and not is_class(name, f"keras.{module}")
        }  # fmt: skip
        assert found <= left_out.get(module, set()), module


def test_nothing_that_fetches_loads_or_calls_is_on_the_list() -> None:
    """By their declarations: no argument of what may be named is a file, an address or something to call."""
    import inspect
    import re

    import keras

    from pytest_onnxaccel.backends.tensorflow.keras.names import is_function

    named = re.compile(r"(?<!top_)path|file|url|fname|origin|weights_|callable|^f$|^fn$|_fn$|func")
    for module in ("activations", "losses", "metrics", "ops"):
        for name, value in vars(getattr(keras, module)).items():
            if inspect.isfunction(value) and is_function(name, f"keras.{module}"):
                assert [a for a in inspect.signature(value).parameters if named.search(a)] == [], name


def test_the_case_of_the_field_writes_nothing_with_the_plugin(tmp_path: Path) -> None:
    """The whole way: a graph in a text fails parity with its reason, one line, and writes nothing."""
    import onnx
    from onnx import TensorProto, helper

    canary = tmp_path / "canary"
    sources.frozen(tmp_path / "f.pb", extra=from_a_text(canary))
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", s]) for n, s in (("x:0", 3), ("scores:0", 2))]
    nodes = [helper.make_node("Slice", ["x:0", "zero", "two", "one"], ["scores:0"])]
    values = [helper.make_tensor(n, TensorProto.INT64, [1], [v]) for n, v in (("zero", 0), ("two", 2), ("one", 1))]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:], values)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 15)]), tmp_path / "m.onnx")
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--onnx-model=m.onnx", "--onnx-backend=ort-cpu",
        "--onnx-reference=f.pb", "-k", "parity",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "onnxaccel[E_UNSAFE]" in done.stdout
    assert "DatasetFromGraph" in done.stdout
    assert not canary.exists()
