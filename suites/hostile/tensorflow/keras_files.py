"""Keras files that name functions, classes or files instead of building blocks, in both formats."""

from __future__ import annotations

import base64
import functools
import io
import json
import marshal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from suites.hostile.case import OK, Case, Entry, Place
from suites.hostile.tensorflow import files
from suites.hostile.tensorflow.files import keras_config, keras_file, keras_layer

_UNSAFE = "E_UNSAFE"
Layer = dict[str, Any]


def _function(module: str | None, name: str, registered: str | None = "function") -> Layer:
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def _activation(value: Any) -> Layer:
    return {"class_name": "Activation", "config": {"activation": value}}


def _lambda(path: str) -> Layer:
    """A layer of Python's own code, as Keras writes one."""
    code = compile(f"open({path!r}, 'w').close()", "m", "eval")
    text = base64.b64encode(marshal.dumps(code)).decode()
    called = {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}
    return {"class_name": "Lambda", "config": {"function": called, "arguments": {}}}


def _dense(**config: Any) -> Layer:
    return {"class_name": "Dense", "config": {"units": 4, "use_bias": False, **config}}


#: Name -> a layer; given the canary's path.
_LAYERS: dict[str, Callable[[str], Layer]] = {
    "lambda": _lambda,
    "lambda-of-old": lambda path: {"class_name": "Lambda", "config": {"function": ["b64", None, None]}},
    "get-file": lambda path: _activation(_function("keras", "utils.get_file")),
    "get-file-of-module": lambda path: _activation(_function("keras.utils", "get_file")),
    "get-file-of-source": lambda path: _activation(_function("keras.src.utils.file_utils", "get_file")),
    "eval": lambda path: _activation(_function("builtins", "eval")),
    "exec": lambda path: _activation(_function("builtins", "exec", "exec")),
    "system": lambda path: _activation(_function("os", "system")),
    "system-without-a-module": lambda path: _activation(_function(None, "system")),
    "open": lambda path: _activation(_function("builtins", "open")),
    "load-model": lambda path: _activation(_function("keras.models", "load_model")),
    "save-image": lambda path: _activation(_function("keras.utils", "save_img")),
    "load-library": lambda path: _activation(_function("tensorflow", "load_op_library")),
    "write-file": lambda path: _activation(_function("tensorflow.io", "write_file")),
    "dotted": lambda path: _activation(_function("keras", "utils.io_utils.os.system")),
    "class-of-os": lambda path: {"module": "os", "class_name": "system", "config": {"command": f"touch {path}"}},
    "class-of-subprocess": lambda path: {"module": "subprocess", "class_name": "Popen", "config": {"args": path}},
    "class-of-path": lambda path: {"module": "pathlib", "class_name": "Path", "config": {}},
    "class-of-import": lambda path: {"module": "importlib", "class_name": "import_module", "config": {"name": "this"}},
    "class-of-others": lambda path: {"module": "antigravity", "class_name": "Layer", "config": {}},
    "registered": lambda path: {"module": None, "class_name": "Mine", "registered_name": "pkg>Mine", "config": {}},
    "saved-model": lambda path: {"class_name": "TFSMLayer", "config": {"filepath": path}},
    "torch-module": lambda path: {"class_name": "TorchModuleWrapper", "config": {"module": path}},
    "jax": lambda path: {"class_name": "JaxLayer", "config": {"call_fn": _function("builtins", "eval")}},
    "vocabulary": lambda path: {"class_name": "TextVectorization", "config": {"vocabulary": "/etc/passwd"}},
    "lookup": lambda path: {"class_name": "StringLookup", "config": {"vocabulary": path}},
    "initializer": lambda path: _dense(kernel_initializer=_function("builtins", "eval")),
    "regularizer": lambda path: _dense(kernel_regularizer={"module": "os", "class_name": "system", "config": {}}),
    "constraint": lambda path: _dense(kernel_constraint={"module": "os", "class_name": "system", "config": {}}),
    "policy": lambda path: _dense(dtype={"module": "os", "class_name": "system", "config": {}}),
    "wrapped": lambda path: {"class_name": "TimeDistributed", "config": {"layer": _lambda(path)}},
    "loss": lambda path: _dense(kernel_initializer={"class_name": "__lambda__", "config": {"code": ""}}),
    "typed": lambda path: _dense(units={"class_name": "__typespec__", "spec_name": "x", "module": "os"}),
    "text-to-import": lambda path: _activation({"class_name": "__import__", "config": "os"}),
}


def _nested(path: str) -> Any:
    """The layer in a model in a model."""
    inner = keras_config(keras_layer("inner", _lambda(path)))
    return keras_config(keras_layer("y", {"module": "keras", "class_name": "Sequential", "config": inner["config"]}))


def _called_lambda(path: str) -> Any:
    """A model that has the name of what runs code, and is legal."""
    whole = keras_config(keras_layer("y", _activation("linear")))
    whole["config"]["name"] = "Lambda"
    return whole


def _compiled(path: str) -> Any:
    """The layer is legal, and what the model was compiled with is not."""
    whole = keras_config(keras_layer("y", _activation("linear")))
    return {**whole, "compile_config": {"optimizer": "adam", "loss": _function("builtins", "eval")}}


def _escaped(path: str) -> bytes:
    """The name of the class is written with escapes, and twice."""
    written = json.dumps(keras_config(keras_layer("y", _lambda(path))))
    return written.replace('"Lambda"', '"\\u004c\\u0061mbda"').encode()


def _twice(path: str) -> bytes:
    """The first class of that key is legal; the last one counts."""
    written = json.dumps(keras_config(keras_layer("y", _lambda(path))))
    return written.replace('"class_name": "Lambda"', '"class_name": "ReLU", "class_name": "Lambda"').encode()


def _keras(name: str, make: Callable[[str], Any], *codes: str) -> Case:
    def build(place: Place) -> Entry:
        held = {"model.weights.h5": _no_weights()}
        path = keras_file(place.folder / "net.keras", make(str(place.canary)), more=held)
        return Entry(files.onnx_model(place), path)

    return Case(name, build, frozenset(codes))


@functools.cache
def _no_weights() -> bytes:
    """The weights of layers that have none."""
    import h5py

    found = io.BytesIO()
    with h5py.File(found, "w", libver="latest") as file:
        file.create_group("layers/activation/vars")
        file.create_group("vars")
    return found.getvalue()


def _flipped(place: Place) -> Entry:
    path = keras_file(place.folder / "net.keras", keras_config(keras_layer("y", _activation("linear"))))
    content = bytearray(path.read_bytes())
    content[content.index(b"Sequential") + 3] ^= 1
    path.write_bytes(content)
    return Entry(files.onnx_model(place), path)


def _configured_twice(place: Place) -> Entry:
    """Two configurations of one name; a reader takes the last one."""
    path = keras_file(place.folder / "net.keras", keras_config(keras_layer("y", _activation("linear"))))
    bad = json.dumps(keras_config(keras_layer("y", _lambda(str(place.canary)))))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("config.json"), bad)
    return Entry(files.onnx_model(place), path)


def _h5(name: str, change: Callable[[Any, Place], object], *codes: str, layer: Layer | None = None) -> Case:
    """A file of the old format, after *change* of it."""

    def build(place: Place) -> Entry:
        import h5py

        path = place.folder / "net.h5"
        with h5py.File(path, "w") as file:
            file.attrs["keras_version"], file.attrs["backend"] = "3.10.0", "tensorflow"
            file.attrs["model_config"] = json.dumps(keras_config(keras_layer("y", layer or _activation("linear"))))
            weights = file.create_group("model_weights")
            weights.attrs["layer_names"] = [b"y"]
            weights.create_group("y").attrs["weight_names"] = []
            change(file, place)
        return Entry(files.onnx_model(place), Path(path))

    return Case(name, build, frozenset(codes))


def _external(file: Any, place: Place) -> None:
    import h5py

    file["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/secret")


def _external_weights(file: Any, place: Place) -> None:
    import h5py

    del file["model_weights"]["y"]
    file["model_weights"]["y"] = h5py.ExternalLink(str(place.folder / "other.h5"), "/y")


def _stored_elsewhere(file: Any, place: Place) -> None:
    """The numbers of a data set lie in a file of any name, which is made where it is missing."""
    stored = [("/etc/hostname", 0, 4)]
    file["model_weights"].create_dataset("w", shape=(4,), dtype="u1", external=stored)


def _virtual(file: Any, place: Place) -> None:
    import h5py

    layout = h5py.VirtualLayout(shape=(4,), dtype="u1")
    layout[:] = h5py.VirtualSource(str(place.folder / "other.h5"), "w", shape=(4,))
    file["model_weights"].create_virtual_dataset("w", layout)


def _ring(file: Any, place: Place) -> None:
    """A group that holds itself."""
    import h5py

    file["model_weights"]["again"] = h5py.SoftLink("/model_weights")
    file["model_weights"]["same"] = file["model_weights"]


def cases() -> Iterator[Case]:
    """Layers, archives and HDF5 files; refused before TensorFlow is imported."""
    yield _keras("keras", lambda path: keras_config(keras_layer("y", _activation("linear"))))
    yield _keras("keras-called-lambda", _called_lambda)
    for name, layer in _LAYERS.items():
        yield _keras(f"keras-{name}", lambda path, of=layer: keras_config(keras_layer("y", of(path))), _UNSAFE)
    yield _keras("keras-nested", _nested, _UNSAFE)
    yield _keras("keras-compiled", _compiled, _UNSAFE, OK)  # which is read for training alone
    yield _keras("keras-escaped", _escaped, _UNSAFE)
    yield _keras("keras-twice", _twice, _UNSAFE, "E_PARSE")
    yield _keras("keras-no-json", lambda path: b"{", "E_PARSE")
    yield _keras("keras-deep-json", lambda path: b"[" * 200_000, "E_PARSE", "E_SIZE", _UNSAFE)
    yield _keras("keras-other-json", lambda path: [1, None, "Lambda"], "E_PARSE", _UNSAFE)
    yield Case("keras-flipped", _flipped, frozenset({"E_PARSE"}))
    yield Case("keras-config-twice", _configured_twice, frozenset({_UNSAFE, "E_PARSE"}))
    yield _h5("h5", lambda file, place: None)
    for name in ("lambda", "eval", "saved-model", "class-of-os"):
        yield _h5(f"h5-{name}", lambda file, place: None, _UNSAFE, layer=_LAYERS[name]("/never"))
    yield _h5("h5-external-link", _external, _UNSAFE)
    yield _h5("h5-external-weights", _external_weights, _UNSAFE)
    yield _h5("h5-stored-elsewhere", _stored_elsewhere, _UNSAFE)
    yield _h5("h5-virtual", _virtual, _UNSAFE)
    yield _h5("h5-ring", _ring, _UNSAFE, "E_PARSE", OK)
