"""Small TensorFlow models in each form in which TensorFlow saves one. All compute ``softmax(relu(x @ w + b))``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

#: Input ``x`` Nx3 float32, output ``scores`` Nx2 float32.
WEIGHTS = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]], np.float32)
BIAS = np.array([0.1, -0.2], np.float32)


def expected(x: Any) -> Any:
    """What every one of them gives for *x*."""
    logits = np.maximum(x.astype(np.float64) @ WEIGHTS + BIAS, 0)
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def frozen(path: Path, rows: int | None = None, extra: Any = None) -> Path:
    """A frozen graph with the tensors ``x:0`` and ``scores:0``; *extra* may add to it."""
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [rows, 3], name="x")
        y = tf.nn.relu(tf.matmul(x, tf.constant(WEIGHTS)) + tf.constant(BIAS))
        if extra is not None:
            y = extra(tf, y)
        tf.nn.softmax(y, name="scores")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def checkpoint(folder: Path, training: bool = False) -> Path:
    """The ``.meta`` of a TensorFlow 1 checkpoint; with the steps of an optimizer where *training*."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        w = v1.get_variable("w", initializer=WEIGHTS, use_resource=False)
        b = v1.get_variable("b", initializer=BIAS, use_resource=False)
        scores = tf.nn.softmax(tf.nn.relu(tf.matmul(x, w) + b), name="scores")
        if training:
            truth = v1.placeholder(tf.float32, [None, 2], name="truth")
            v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean((scores - truth) ** 2))
        saver = v1.train.Saver()
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            saver.save(session, str(folder / "model"))
    return folder / "model.meta"


def saved_model(folder: Path, extra: Any = None) -> Path:
    """A SavedModel of TensorFlow 2 with the signatures ``serving_default`` (x -> scores) and ``raw`` (x -> relu)."""
    import tensorflow as tf

    module = tf.Module()
    module.w, module.b = tf.Variable(WEIGHTS), tf.Variable(BIAS)
    spec = [tf.TensorSpec([None, 3], tf.float32, name="x")]

    @tf.function(input_signature=spec)
    def raw(x: Any) -> Any:
        y = tf.nn.relu(tf.matmul(x, module.w) + module.b)
        return {"relu": y if extra is None else extra(tf, y)}

    @tf.function(input_signature=spec)
    def scores(x: Any) -> Any:
        return {"scores": tf.nn.softmax(raw(x)["relu"])}

    signatures = {"serving_default": scores.get_concrete_function(), "raw": raw.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def keras_file(path: Path, activation: str = "relu", layer: Any = None) -> Path:
    """A Keras model with the input layer ``x`` and the output layer ``scores``; *layer* comes in between."""
    import keras

    x = keras.Input((3,), name="x")
    y = keras.layers.Dense(2, activation=activation, name="dense")(x)
    if layer is not None:
        y = layer(keras)(y)
    model = keras.Model(x, keras.layers.Softmax(name="scores")(y))
    model.get_layer("dense").set_weights([WEIGHTS, BIAS])
    model.save(path)
    return path


def lite(path: Path, rows: int | None = None, extra: Any = None, signature: bool = True, flex: bool = False) -> Path:
    """A TensorFlow Lite file with the signature ``serving_default`` (x -> scores); *flex* lets it hold TensorFlow's."""
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([rows, 3], tf.float32, name="x")], autograph=False)
    def scores(x: Any) -> Any:
        y = tf.nn.relu(tf.matmul(x, tf.constant(WEIGHTS)) + tf.constant(BIAS))
        found = tf.nn.softmax(y if extra is None else extra(tf, y))
        return {"scores": found} if signature else found

    module.scores = scores
    converter = tf.lite.TFLiteConverter.from_concrete_functions([scores.get_concrete_function()], module)
    sets = tf.lite.OpsSet
    converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS, *([sets.SELECT_TF_OPS] if flex else [])]
    path.write_bytes(converter.convert())
    return path


def make(kind: str, folder: Path) -> Path:
    """The plain model as *kind*."""
    if kind == "graphdef":
        return frozen(folder / "frozen.pb")
    if kind == "checkpoint":
        return checkpoint(folder)
    if kind == "saved_model":
        return saved_model(folder / "saved")
    if kind == "tflite":
        return lite(folder / "model.tflite")
    return keras_file(folder / ("model.keras" if kind == "keras" else "model.h5"))


#: What each kind calls the input and the output.
NAMES = {
    "graphdef": ("x:0", "scores:0"),
    "checkpoint": ("x:0", "scores:0"),
    "saved_model": ("x", "scores"),
    "keras": ("x", "scores"),
    "keras_h5": ("x", "scores"),
    "tflite": ("x", "scores"),
}
