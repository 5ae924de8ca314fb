"""Libraries of custom operators: named by the owner, loaded in workers, and one clear line where that fails."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from pytest_onnxaccel.backends.onnxruntime import session
from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.config.manifest_values import libraries
from pytest_onnxaccel.core.errors import ConfigError, ModelError


def custom(path: Path) -> str:
    node = helper.make_node("Foo", ["x"], ["y"], domain="com.acme")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.acme", 1)]
    onnx.save(helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opsets, ir_version=8), path)
    return str(path)


def test_an_unknown_operator_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        OrtCpu().load(custom(tmp_path / "m.onnx"), LoadOptions())
    assert caught.value.code == "E_SCHEMA"
    assert "com.acme:Foo" in caught.value.cause
    assert "--onnx-ort-library=PATH" in caught.value.remedy
    assert "onnxruntime_extensions:get_library_path" in caught.value.remedy


def test_a_library_that_lacks_the_operator_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "register", lambda *_: None)
    with pytest.raises(ModelError) as caught:
        OrtCpu().load(custom(tmp_path / "m.onnx"), LoadOptions(libraries=("acme_ops:path",)))
    assert caught.value.cause == "com.acme:Foo is not a registered function/op, and not in acme_ops:path"
    assert "--onnx-ort-library=PATH" in caught.value.remedy


def test_a_file_that_is_not_a_library_is_one_line(tmp_path: Path) -> None:
    stub = tmp_path / "ops.so"
    stub.write_bytes(b"no library")
    with pytest.raises(ConfigError) as caught:
        OrtCpu().load(custom(tmp_path / "m.onnx"), LoadOptions(libraries=(str(stub),)))
    assert "ops.so cannot be loaded" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_function_gives_the_path(tmp_path: Path) -> None:
    (tmp_path / "acme_ops.py").write_text(
        f"def path():\n    return {str(tmp_path / 'absent.so')!r}\ndef wrong():\n    return 3\n"
    )
    load = OrtCpu().load
    with pytest.raises(ConfigError, match=r"acme_ops:path cannot be loaded"):
        load(custom(tmp_path / "m.onnx"), LoadOptions(libraries=("acme_ops:path",), import_paths=(str(tmp_path),)))
    with pytest.raises(ConfigError, match="gives a int"):
        load(custom(tmp_path / "m.onnx"), LoadOptions(libraries=("acme_ops:wrong",), import_paths=(str(tmp_path),)))


def test_what_a_manifest_names_is_there(tmp_path: Path) -> None:
    (tmp_path / "ops.so").write_bytes(b"")
    assert libraries("ops.so", tmp_path) == (str(tmp_path / "ops.so"),)
    assert libraries(["pkg.mod:path", "ops.so"], tmp_path) == ("pkg.mod:path", str(tmp_path / "ops.so"))
    with pytest.raises(ConfigError, match="there is no library at"):
        libraries("absent.so", tmp_path)


def test_options_travel_to_workers() -> None:
    options = LoadOptions(libraries=("/a.so",), import_paths=("/b",))
    assert LoadOptions.from_json(options.to_json()) == options


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime_extensions") is None, reason="not installed")
def test_a_real_library_loads(tmp_path: Path) -> None:
    node = helper.make_node("StringUpper", ["x"], ["y"], domain="ai.onnx.contrib")
    x, y = (helper.make_tensor_value_info(name, TensorProto.STRING, [1]) for name in "xy")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.contrib", 1)]
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opsets, ir_version=8), path)
    named = LoadOptions(libraries=("onnxruntime_extensions:get_library_path",))
    assert OrtCpu().load(str(path), named).info.inputs[0].dtype == "string"
