"""TensorFlow Lite files that need code of others or keep their weights elsewhere are refused, wherever it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.backends.tensorflow.lite.files import read_lite
from pytest_onnxaccel.backends.tensorflow.lite.scan import LAST, is_allowed
from pytest_onnxaccel.backends.tensorflow.open import open_tensorflow
from pytest_onnxaccel.core.errors import ModelError
from suites.convert_tf import sources

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def schema() -> Any:
    return pytest.importorskip("tensorflow.lite.python.schema_py_generated")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sources.lite(tmp_path_factory.mktemp("lite") / "m.tflite").read_bytes()


@pytest.fixture
def changed(schema: Any, whole: bytes, tmp_path: Path) -> Callable[[Callable[[Any], None]], str]:
    """Writes the plain model as a function has changed it."""
    import flatbuffers

    def change(how: Callable[[Any], None]) -> str:
        model = schema.ModelT.InitFromPackedBuf(whole, 0)
        how(model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        (tmp_path / "changed.tflite").write_bytes(builder.Output())
        return str(tmp_path / "changed.tflite")

    return change


def refused(path: str, code: str = "E_UNSAFE") -> str:
    with pytest.raises(ModelError) as caught:
        read_lite(path)
    assert caught.value.code == code
    assert len(str(caught.value)) <= 300
    return str(caught.value)


def operator(number: int, custom: str = "") -> Callable[[Any], None]:
    """Makes another operator of the last one of the main graph."""

    def how(model: Any) -> None:
        code = model.operatorCodes[model.subgraphs[0].operators[-1].opcodeIndex]
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        code.customCode = custom or None

    return how


def test_unchanged_it_passes_and_runs(changed: Any) -> None:
    path = changed(lambda model: None)
    opened = open_tensorflow(path, "tflite")
    np.testing.assert_allclose(opened.callable()(X)[0], sources.expected(X), atol=1e-6)


@pytest.mark.parametrize(
    ("number", "custom", "said"),
    [
        (32, "FlexWriteFile", "custom operator FlexWriteFile '", ),
        (32, "", "custom operator CUSTOM '"),
        (51, "", "custom operator DELEGATE '"),
        (51, "TfLiteFlexDelegate", "custom operator TfLiteFlexDelegate '"),
        (173, "", "custom operator STABLEHLO_CUSTOM_CALL '"),
        (127, "", "operator number 127 '"),
        (LAST + 1, "", f"operator number {LAST + 1} '"),
        (10_000, "WriteFile", "operator number 10000 '"),
    ],
)  # fmt: skip
def test_an_operator_that_is_not_on_the_list(number: int, custom: str, said: str, changed: Any) -> None:
    assert said in refused(changed(operator(number, custom)))


def test_an_operator_of_another_subgraph(schema: Any, changed: Any) -> None:
    def how(model: Any) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.customCode = 32, 32, "FlexReadFile"
        model.operatorCodes.append(code)
        graph, node = schema.SubGraphT(), schema.OperatorT()
        node.opcodeIndex, node.inputs, node.outputs = len(model.operatorCodes) - 1, [], [0]
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = "contents", [1], 0
        graph.tensors, graph.inputs, graph.outputs, graph.operators = [tensor], [], [0], [node]
        model.subgraphs.append(graph)

    assert "FlexReadFile 'contents'" in refused(changed(how))


def test_every_operator_has_been_judged(schema: Any) -> None:
    """A new release may bring new ones: this names them, for somebody to look at."""
    known = {name: value for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    assert {name for name, value in known.items() if not is_allowed(value)} == {
        "CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES", "STABLEHLO_CUSTOM_CALL",
    }  # fmt: skip
    assert not is_allowed(-1)
    assert not is_allowed(LAST + 1)


def test_weights_in_other_files(schema: Any, changed: Any) -> None:
    def group(model: Any) -> None:
        other = schema.ExternalBufferGroupT()
        other.name = "/etc/passwd"
        model.externalBufferGroups = [other]

    def buffer(model: Any) -> None:
        other = schema.ExternalBufferT()
        other.id, other.group, other.length = 1, 0, 8
        model.externalBuffers = [other]

    def tensor(model: Any) -> None:
        model.subgraphs[0].tensors[0].externalBuffer = 1

    assert "keeps weights in other files: '/etc/passwd'" in refused(changed(group))
    for how in (buffer, tensor):
        assert "keeps weights in other files" in refused(changed(how))


def test_weights_beyond_the_end(changed: Any) -> None:
    def buffer(offset: int, size: int) -> Callable[[Any], None]:
        def how(model: Any) -> None:
            model.buffers[-1].offset, model.buffers[-1].size = offset, size

        return how

    for offset, size in ((1 << 20, 4), (64, 1 << 40), ((1 << 64) - 1, 4), (2, (1 << 64) - 1)):
        assert "beyond its end" in refused(changed(buffer(offset, size)), "E_PARSE")
    for offset, size in ((0, 0), (1, 0), (64, 4)):
        read_lite(changed(buffer(offset, size)))

    def options(model: Any) -> None:
        model.subgraphs[0].operators[0].largeCustomOptionsOffset = 1 << 30
        model.subgraphs[0].operators[0].largeCustomOptionsSize = 8

    assert "beyond its end" in refused(changed(options), "E_PARSE")


def test_buffers_that_it_lacks(changed: Any) -> None:
    def tensor(model: Any) -> None:
        model.subgraphs[0].tensors[0].buffer = 10_000

    def metadata(model: Any) -> None:
        model.metadata[0].buffer = 10_000

    for how in (tensor, metadata):
        assert "names a buffer that it lacks" in refused(changed(how), "E_PARSE")


def test_variables_and_what_is_called_once_pass_and_run(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.count = tf.Variable([0.0, 0.0])

    @tf.function(input_signature=[tf.TensorSpec([1, 2], tf.float32, name="x")], autograph=False)
    def add(x: Any) -> Any:
        module.count.assign_add(x[0])
        return {"y": module.count + 1.0}

    module.add = add
    converter = tf.lite.TFLiteConverter.from_concrete_functions([add.get_concrete_function()], module)
    converter.experimental_enable_resource_variables = True
    (tmp_path / "m.tflite").write_bytes(converter.convert())
    path = str(tmp_path / "m.tflite")
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf((tmp_path / "m.tflite").read_bytes(), 0)
    used = {max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes}
    assert {schema.BuiltinOperator.VAR_HANDLE, schema.BuiltinOperator.CALL_ONCE} <= used
    (found,) = open_tensorflow(path, "tflite").callable()(np.array([[1.0, 2.0]], np.float32))
    np.testing.assert_allclose(found, [2.0, 3.0])
