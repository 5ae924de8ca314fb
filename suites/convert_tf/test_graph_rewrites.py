"""What is changed before tf2onnx takes a graph: Erfc, functions, loops in them; and which inputs share a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from pytest_onnxaccel.convert.from_tensorflow.rewrites import rewrite
from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import ConversionError
from pytest_onnxaccel.core.specs import SourceSpec, TensorSpec
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.convert_tf import sources


def converted(engines: Engines, path: Path, **options: Any) -> Any:
    return engines.conversions.convert(SourceSpec(str(path), path.name), ConvertOptions(**options)).converted


def run(path: str, *feeds: Any) -> Any:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]
    return session.run(None, dict(zip(names, feeds, strict=True)))[0]


# -- Erfc -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_gelu_of_keras_3(suffix: str, engines: Engines, tmp_path: Path) -> None:
    import keras

    path = sources.keras_file(tmp_path / f"m.{suffix}", activation="gelu")
    made = converted(engines, path)
    assert "Erfc" not in {node.op_type for node in onnx.load(made.path).graph.node}
    x = np.random.default_rng(0).normal(0, 4, size=(64, 3)).astype(np.float32)
    expected = np.asarray(keras.saving.load_model(path, compile=False)(x))
    np.testing.assert_allclose(run(made.path, x), expected, rtol=1e-5, atol=1e-6)


def test_what_keras_lets_xla_compile(engines: Engines, tmp_path: Path) -> None:
    """Convolutions in groups, and the LayerScale of ConvNeXt, as in keras.applications."""
    import keras
    from keras.src.applications.convnext import LayerScale

    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 4))
    y = keras.layers.Conv2D(4, 3, groups=4, padding="same")(x)
    y = keras.layers.LayerNormalization(epsilon=1e-6)(y)
    y = LayerScale(0.5, 4, name="scale")(keras.layers.Activation("gelu")(y))
    model = keras.Model(x, keras.layers.Add()([x, y]))
    model.save(tmp_path / "block.keras")
    made = converted(engines, tmp_path / "block.keras")
    values = np.random.default_rng(0).normal(size=(3, 8, 8, 4)).astype(np.float32)
    np.testing.assert_allclose(run(made.path, values), np.asarray(model(values)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_erfc_at_the_top_and_in_functions_is_the_same_function(dtype: str) -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], dtype)], autograph=False)
    def inner(x: Any) -> Any:
        return tf.math.erfc(x) * x

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(dtype, [None], name="x")
        tf.identity(inner(x) + tf.math.erfc(x, name="direct"), name="y")
    graph_def = graph.as_graph_def()
    values = np.linspace(-5, 5, 41).astype(dtype)
    before = _evaluated(tf, graph_def, "y:0", values)
    now = rewrite(graph_def, ["x:0"], ["y:0"])
    ops = [n.op for n in graph_def.node] + [n.op for f in graph_def.library.function for n in f.node_def]
    assert "Erfc" not in ops
    assert not {"PartitionedCall", "StatefulPartitionedCall"} & {n.op for n in graph_def.node}
    scale = np.finfo(dtype).eps * 16
    np.testing.assert_allclose(_evaluated(tf, graph_def, now["y:0"], values), before, rtol=scale, atol=scale)


def _evaluated(tf: Any, graph_def: Any, output: str, x: Any) -> Any:
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        return session.run(output, {"x:0": x})


# -- SavedModels ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Any]]:
    """``exported(build)``: the SavedModel that Keras exports of ``build(keras)``, and the model."""

    def export(build: Callable[[Any], Any]) -> tuple[Path, Any]:
        import keras

        keras.utils.set_random_seed(0)
        model, path = build(keras), tmp_path_factory.mktemp("exported") / "saved"
        model.export(path, verbose=False)
        return path, model

    return export


def _gelu(keras: Any) -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="gelu")])


def _recurrent(layer: str) -> Callable[[Any], Any]:
    return lambda keras: keras.Sequential([keras.Input((5, 3)), getattr(keras.layers, layer)(4)])


def _stateless(keras: Any) -> Any:
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.Rescaling(2.0)(x))


@pytest.mark.parametrize(
    ("build", "shape"),
    [(_gelu, (3,)), (_recurrent("LSTM"), (5, 3)), (_recurrent("GRU"), (5, 3)), (_stateless, (3,))],
    ids=["gelu", "lstm", "gru", "stateless"],
)
def test_what_keras_exports_converts(build: Any, shape: tuple[int, ...], exported: Any, engines: Engines) -> None:
    path, model = exported(build)
    made = converted(engines, path)
    assert made.inputs[0].shape == ("batch", *shape)
    assert (made.outputs[0].shape or ())[0] == "batch"
    x = np.random.default_rng(0).normal(size=(6, *shape)).astype(np.float32)
    np.testing.assert_allclose(run(made.path, x), np.asarray(model(x)), rtol=1e-4, atol=1e-5)


def test_an_operator_that_is_lacking_points_to_the_keras_file(engines: Engines, tmp_path: Path) -> None:
    path = sources.saved_model(tmp_path / "saved", extra=lambda tf, y: tf.math.lgamma(y + 1.5, name="odd"))
    with pytest.raises(ConversionError, match=r"no operator 'Lgamma'.* - give the \.keras file"):
        converted(engines, path)
    path = sources.frozen(tmp_path / "f.pb", extra=lambda tf, y: tf.math.lgamma(y + 1.5, name="odd"))
    with pytest.raises(ConversionError, match=r"no operator 'Lgamma'.* - rebuild the model without it"):
        converted(engines, path)


# -- one batch ------------------------------------------------------------------------------------------------------


def _graph(path: Path, function: Callable[..., Any], **inputs: list[int | None] | None) -> Path:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        given = [tf.compat.v1.placeholder(tf.float32, shape, name=name) for name, shape in inputs.items()]
        tf.identity(function(tf, *given), name="y")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


@pytest.mark.parametrize(
    ("function", "inputs", "first"),
    [
        (lambda tf, a, b: tf.concat([a, b], 1), {"a": [None, 4], "b": [None, 6]}, "batch batch -> batch"),
        (lambda tf, a, b: a + b, {"a": [None, 4], "b": [None, 4]}, "batch batch -> batch"),
        # Each has rows of its own: one name would forbid what the model can do
        (lambda tf, a, b: tf.matmul(a, b, transpose_b=True), {"a": [None, 4], "b": [None, 4]}, "own own -> own"),
        (lambda tf, a, b: tf.matmul(a, b), {"a": [None, 4], "b": [4, 6]}, "batch 4 -> batch"),
        (lambda tf, a: tf.reduce_sum(a, 0), {"a": [None, 4]}, "own -> 4"),
        (lambda tf, a, b: a * b, {"a": [3, 4], "b": [3, 4]}, "3 3 -> 3"),
    ],
    ids=["concat", "add", "apart", "table", "summed", "fixed"],
)
def test_inputs_that_share_their_batch_get_one_symbol(
    function: Any, inputs: dict[str, Any], first: str, engines: Engines, tmp_path: Path
) -> None:
    names = tuple(TensorSpec(f"{name}:0", "", None) for name in inputs)
    made = converted(engines, _graph(tmp_path / "g.pb", function, **inputs), inputs=names)
    told = [(spec.shape or ("",))[0] for spec in (*made.inputs, *made.outputs)]
    own = [dim for dim in told if isinstance(dim, str) and dim != "batch"]
    assert len(own) == len(set(own))
    shown = ["own" if isinstance(dim, str) and dim != "batch" else str(dim) for dim in told]
    assert f"{' '.join(shown[:-1])} -> {shown[-1]}" == first
