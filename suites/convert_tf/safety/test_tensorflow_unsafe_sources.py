"""Sources that would touch files or run code are refused before TensorFlow is imported, in every form."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from suites.convert_tf import sources


def refusal(path: Path, kind: str) -> tuple[str, str, bool]:
    """Code and line of the refusal of *path*, and whether TensorFlow had been imported by then."""
    code = (
        "import json, sys\n"
        "from pytest_onnxaccel.backends.tensorflow.open import open_tensorflow\n"
        "from pytest_onnxaccel.core.errors import OnnxAccelError\n"
        "try: open_tensorflow(sys.argv[1], sys.argv[2])\n"
        "except OnnxAccelError as e: print(json.dumps([e.code, str(e), 'tensorflow' in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path), kind], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return found[0], found[1], found[2]


def reads(tf: Any, y: Any) -> Any:
    return y + tf.strings.to_number(tf.io.read_file("/etc/hostname"))


def writes(tf: Any, y: Any) -> Any:
    with tf.control_dependencies([tf.raw_ops.WriteFile(filename="/tmp/never", contents="x")]):
        return tf.identity(y)


def calls_python(tf: Any, y: Any) -> Any:
    return tf.reshape(tf.numpy_function(lambda a: a, [y], tf.float32), [-1, 2])


def prints(tf: Any, y: Any) -> Any:
    with tf.control_dependencies([tf.print(y, output_stream="file:///tmp/never")]):
        return tf.identity(y)


EXTRAS = {reads: "ReadFile", writes: "WriteFile", calls_python: "PyFunc", prints: "PrintV2"}


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.__name__)
@pytest.mark.parametrize("kind", ["graphdef", "saved_model"])
def test_graphs_that_touch_files_or_run_python(kind: str, extra: Any, tmp_path: Path) -> None:
    made = sources.frozen(tmp_path / "f.pb", extra=extra) if kind == "graphdef" else None
    path = made or sources.saved_model(tmp_path / "saved", extra)
    code, line, imported = refusal(path, kind)
    assert code == "E_UNSAFE"
    assert re.search(rf"holds (Eager)?{EXTRAS[extra]}\w* '", line)
    assert not imported
    if kind == "saved_model":
        assert "in function '__inference" in line


def test_a_vocabulary_that_is_read_at_the_start(tmp_path: Path) -> None:
    import tensorflow as tf

    (tmp_path / "words.txt").write_text("a\nb\n")
    module = tf.Module()
    words = tf.lookup.TextFileInitializer(
        str(tmp_path / "words.txt"), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    module.table = tf.lookup.StaticHashTable(words, -1)
    call = tf.function(lambda x: {"y": module.table.lookup(x)}).get_concrete_function(tf.TensorSpec([None], tf.string))
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=call)
    code, line, imported = refusal(tmp_path / "saved", "saved_model")
    assert (code, imported) == ("E_UNSAFE", False)
    assert "InitializeTableFromTextFile" in line


@pytest.mark.parametrize("kind", ["keras", "keras_h5"])
def test_a_lambda_layer(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("m.keras" if kind == "keras" else "m.h5")
    sources.keras_file(path, layer=lambda keras: keras.layers.Lambda(lambda t: t * 2, name="double"))
    code, line, imported = refusal(path, kind)
    assert (code, imported) == ("E_UNSAFE", False)
    assert "holds Lambda in layer 'double', which runs Python code" in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["config"]["layers"][1].update(module="os", class_name="system"), "os.system in layer 'dense'"),
        (
            lambda c: c["config"]["layers"][1].update(module="keras.utils", class_name="get_file"),
            "keras.utils.get_file in layer 'dense'",
        ),
        (lambda c: c["config"]["layers"][1].update(class_name="TFSMLayer"), "TFSMLayer in layer 'dense', which loads"),
        (
            lambda c: c["config"]["layers"][1]["config"].update(kernel_initializer={"class_name": "__lambda__"}),
            "__lambda__ in layer 'dense'",
        ),
        (
            lambda c: c["config"]["layers"][1]["config"].update(vocabulary="/etc/passwd"),
            "reads a file: vocabulary is '/etc/passwd' in layer 'dense'",
        ),
        (
            lambda c: c["config"]["layers"][1].update(module=None, class_name="Mine", registered_name="pkg>Mine"),
            "custom object pkg>Mine",
        ),
    ],
    ids=["os", "get_file", "saved-model-layer", "initializer", "vocabulary", "custom"],
)
def test_a_keras_configuration_that_names_other_things(change: Any, said: str, tmp_path: Path) -> None:
    whole = sources.keras_file(tmp_path / "whole.keras")
    with zipfile.ZipFile(whole) as given, zipfile.ZipFile(tmp_path / "m.keras", "w") as made:
        for name in given.namelist():
            data = given.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            made.writestr(name, data)
    code, line, imported = refusal(tmp_path / "m.keras", "keras")
    assert (code, imported) == ("E_UNSAFE", False)
    assert said in line


def test_weights_that_lie_in_another_file(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = sources.keras_file(tmp_path / "m.h5")
    with h5py.File(path, "a") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/secret")
    code, line, imported = refusal(path, "keras_h5")
    assert (code, imported) == ("E_UNSAFE", False)
    assert "link to another file: //elsewhere" in line


def test_broken_keras_files(tmp_path: Path) -> None:
    whole = sources.keras_file(tmp_path / "whole.keras").read_bytes()
    at = whole.index(b"model.weights.h5") + 600
    (tmp_path / "flipped.keras").write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    code, line, _ = refusal(tmp_path / "flipped.keras", "keras")
    assert code == "E_PARSE"
    assert "does not fit its checksum" in line or "Bad CRC" in line or "not a Keras model" in line
    (tmp_path / "weights.h5").write_bytes(sources.keras_file(tmp_path / "m.h5").read_bytes()[:900])
    assert refusal(tmp_path / "weights.h5", "keras_h5")[0] == "E_PARSE"
