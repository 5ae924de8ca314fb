"""Keras files that name code, files or other models, however they spell it, are refused before Keras is imported."""

from __future__ import annotations

import copy
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.backends.tensorflow.keras.config import refuse_config
from pytest_onnxaccel.backends.tensorflow.keras.scan import refuse_keras
from pytest_onnxaccel.core.errors import ModelError

Config = dict[str, Any]


def named(module: str | None, name: str, config: Any = None, **more: Any) -> Config:
    """What Keras writes for a class, or for a function where *name* is ``function``."""
    return {"module": module, "class_name": name, "config": {} if config is None else config, **more}


def layer(**config: Any) -> Config:
    return named("keras.layers", "Dense", {"name": "y", "units": 2, **config}, registered_name=None)


def model(*layers: Config, **more: Any) -> Config:
    shown = named("keras.layers", "InputLayer", {"batch_shape": [1, 4], "name": "x"}, registered_name=None)
    return named("keras", "Sequential", {"name": "s", "layers": [shown, *layers]}, registered_name=None, **more)


def function(module: str | None, name: Any, registered: Any = "function") -> Config:
    return named(module, "function", name, registered_name=registered)


def lambda_layer() -> Config:
    code = named(None, "__lambda__", {"code": "4wEAAAA=", "defaults": None, "closure": None})
    return named("keras.layers", "Lambda", {"name": "y", "function": code})


HOSTILE: dict[str, Callable[[], Config]] = {
    "a layer of Python": lambda: model(lambda_layer()),
    "a layer of Python within a layer": lambda: model(
        named("keras.layers", "TimeDistributed", {"name": "t", "layer": lambda_layer()})
    ),
    "a layer of Python of a module within": lambda: model(named("keras.src.layers.core.lambda_layer", "Lambda")),
    "a layer of Python without a module": lambda: model({"class_name": "Lambda", "config": {"name": "y"}}),
    "an activation of Python": lambda: model(layer(activation=named(None, "__lambda__", {"value": "x"}))),
    "an initializer of Python": lambda: model(layer(kernel_initializer={"class_name": "__lambda__", "config": {}})),
    "another SavedModel": lambda: model(named("keras.layers", "TFSMLayer", {"filepath": "/tmp/x"})),
    "another SavedModel of a module within": lambda: model(
        named("keras.src.export.tfsm_layer", "TFSMLayer", {"filepath": "/tmp/x"}, registered_name="TFSMLayer")
    ),
    "a module of PyTorch": lambda: model(named("keras.layers", "TorchModuleWrapper", {"module": "gAJ9"})),
    "a function of JAX": lambda: model(named("keras.src.utils.jax_layer", "JaxLayer", {})),
    "a module of Flax": lambda: model(named("keras.layers", "FlaxLayer", {})),
    "a function of Python": lambda: model(layer(activation=function("builtins", "eval"))),
    "a function of Python as an old file writes it": lambda: model(layer(activation="eval")),
    "a function of a module of Python": lambda: model(layer(activation=function("os", "system"))),
    "a class of a module of Python": lambda: model(named("os", "system", {"command": "true"})),
    "a function that fetches": lambda: model(layer(activation=function("keras.utils", "get_file"))),
    "a function that fetches, by a path": lambda: model(layer(activation=function("keras", "utils.get_file"))),
    "a function that fetches, of a module within": lambda: model(
        layer(activation=function("keras.src.utils.file_utils", "get_file"))
    ),
    "a function that fetches, as a shorthand": lambda: model(layer(activation="utils.get_file")),
    "a function that fetches, as a registered name": lambda: model(
        layer(activation=function("keras.activations", "relu", "utils.get_file"))
    ),
    "a function that fetches, as a class": lambda: model(named("keras.utils", "get_file", {"fname": "a"})),
    "a function that fetches, as a class by a path": lambda: model(named("keras", "utils.get_file", {"fname": "a"})),
    "a function that fetches, as an initializer": lambda: model(layer(kernel_initializer="keras.utils.get_file")),
    "a function that fetches, as a regularizer": lambda: model(
        layer(kernel_regularizer=named("keras.utils", "get_file", {}))
    ),
    "a function that fetches, in a list": lambda: model(layer(metrics=["mae", ["get_file"]])),
    "a function that loads": lambda: model(layer(activation=function("keras.models", "load_model"))),
    "a function that loads, old": lambda: model({"class_name": "load_model", "config": {"filepath": "/tmp/x"}}),
    "a function that builds from a configuration": lambda: model({"class_name": "deserialize", "config": {}}),
    "a function that drops the safe mode": lambda: model(
        layer(activation=function("keras.config", "enable_unsafe_deserialization"))
    ),
    "a whole model with weights from elsewhere": lambda: model(
        layer(activation=function("keras.applications", "MobileNetV2"))
    ),
    "a whole model with weights from elsewhere, as a class": lambda: model(
        named("keras.applications", "MobileNetV2", {"weights": "imagenet"})
    ),
    "a function that calls functions": lambda: model(layer(activation=function("keras.ops", "map"))),
    "an operation that calls functions": lambda: model(named("keras.src.ops.core", "Map", {}, registered_name="Map")),
    "an operator of TensorFlow": lambda: model({"class_name": "TFOpLambda", "config": {"function": "io.read_file"}}),
    "a node of TensorFlow": lambda: model({"class_name": "TensorFlowOpLayer", "config": {"node_def": "WriteFile"}}),
    "a type of TensorFlow": lambda: model(
        layer(
            spec={"class_name": "__typespec__", "spec_name": "X", "module": "os", "registered_name": "X", "config": []}
        )
    ),
    "a type of TensorFlow, old": lambda: model(
        layer(spec={"class_name": "TypeSpec", "type_spec": "x", "serialized": []})
    ),
    "a class that somebody registered": lambda: model(named(None, "Mine", {}, registered_name="pkg>Mine")),
    "a known class under the name that somebody registered": lambda: model(
        named("keras.layers", "Dense", {"name": "y"}, registered_name="pkg>Mine")
    ),
    "a class of another package": lambda: model(named("keras_hub.src.layers", "Tokenizer", {"vocabulary": None})),
    "a class of a module that only begins alike": lambda: model(named("keras.layersx", "Dense", {})),
    "a class of a package that only begins alike": lambda: model(named("kerasx.layers", "Dense", {})),
    "a class of a module with a path": lambda: model(named("keras.layers/../os", "Dense", {})),
    "a module of tests": lambda: model(named("keras.src.layers.core.dense_test", "Dense", {})),
    "a layer of a module for losses": lambda: model(named("keras.losses", "Dense", {})),
    "a class whose name is a list": lambda: model(named("keras.layers", ["Dense"], {})),  # type: ignore[arg-type]
    "a module that is a list": lambda: model(named(["keras.layers"], "Dense", {})),  # type: ignore[arg-type]
    "a function whose name is a dictionary": lambda: model(layer(activation=function("builtins", {"a": "eval"}))),
    "a vocabulary in a file": lambda: model(
        named("keras.layers", "StringLookup", {"name": "y", "vocabulary": "/etc/passwd"})
    ),
    "weights of words in a file": lambda: model(
        named("keras.layers", "TextVectorization", {"name": "y", "idf_weights": "/etc/passwd"})
    ),
    "a configuration in a text": lambda: model(layer(extra=json.dumps(lambda_layer()))),
    "a configuration in a text in a text": lambda: model(layer(extra=json.dumps([json.dumps(lambda_layer())]))),
    "what a model within was trained with": lambda: model(
        model(layer(), compile_config={"loss": function("keras.utils", "get_file")})
    ),
    "what it was trained with": lambda: model(layer(), compile_config={"loss": function("keras.utils", "get_file")}),
    "what it was trained with, a function of Python": lambda: model(layer(), compile_config={"loss": "eval"}),
    "what it was trained with, by a path": lambda: model(layer(), compile_config={"optimizer": "os.system"}),
    "how a layer is built": lambda: model({**layer(), "build_config": {"input_shape": lambda_layer()}}),
    "how it is quantised": lambda: model(layer(quantization_config=named("pickle", "loads", {}))),
    "the dtype of a layer": lambda: model(layer(dtype=named("os", "getcwd", {"name": "float32"}))),
    "an object that is shared": lambda: model({**named("os", "system", {}), "shared_object_id": 1}),
}


@pytest.fixture(params=["keras", "h5"])
def written(request: Any, tmp_path: Path) -> Callable[[Any], str]:
    """Writes a configuration into a file of the form."""
    if request.param == "keras":
        return lambda config: archive(tmp_path / "m.keras", config)
    h5py = pytest.importorskip("h5py")

    def write(config: Any) -> str:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file.attrs["model_config"] = json.dumps(config)
        return str(tmp_path / "m.h5")

    return write


def archive(path: Path, config: Any, **entries: bytes | str) -> str:
    """A ``.keras`` file of *config*, with more *entries*."""
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("metadata.json", "{}")
        made.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
        for name, data in entries.items():
            made.writestr(name, data)
    return str(path)


def refused(path: str, canary: Path, code: str = "E_UNSAFE") -> str:
    with pytest.raises(ModelError) as caught:
        refuse_keras(path)
    line = str(caught.value)
    assert caught.value.code == code
    assert len(line) <= 300
    assert not canary.exists()
    return line


@pytest.mark.parametrize("what", HOSTILE)
def test_a_configuration_that_names(what: str, written: Callable[[Any], str], tmp_path: Path) -> None:
    config = json.loads(json.dumps(HOSTILE[what]()).replace("/tmp/x", str(tmp_path / "canary")))
    line = refused(written(config), tmp_path / "canary")
    assert "--onnx-trust" not in line or "keras_hub" in line


def test_the_layer_is_named_and_what_it_does(tmp_path: Path) -> None:
    for what, said in (
        ("a layer of Python", "holds Lambda in layer 'y', which runs Python code"),
        ("another SavedModel", "holds TFSMLayer in layer 's', which loads another model"),
        ("a function that fetches, as a shorthand", "names utils.get_file as its activation in layer 'y', which is no"),
        ("a function of Python", "names builtins.eval in layer 'y', which is not a building block of Keras"),
        ("a vocabulary in a file", "reads a file: vocabulary is '/etc/passwd' in layer 'y'"),
        ("a class that somebody registered", "names the custom object pkg>Mine in layer 's', whose code is not in the"),
    ):
        assert said in refused(archive(tmp_path / "m.keras", HOSTILE[what]()), tmp_path / "canary")


LEGAL: dict[str, Callable[[], Config]] = {
    "a plain model": lambda: model(layer(activation="relu")),
    "initializers and regularizers": lambda: model(layer(
        kernel_initializer=named("keras.initializers", "GlorotUniform", {"seed": None}, registered_name=None),
        kernel_regularizer=named("keras.regularizers", "L2", {"l2": 0.1}), bias_constraint="max_norm",
    )),
    "shorthands": lambda: model(layer(activation="swish", kernel_initializer="he_normal", bias_initializer="zeros")),
    "a policy for dtypes": lambda: model(layer(dtype=named("keras", "DTypePolicy", {"name": "mixed_float16"}))),
    "a function of Keras": lambda: model(layer(activation=function("keras.activations", "gelu", "gelu"))),
    "a function of Keras as old files write it": lambda: model(layer(activation=function("builtins", "softmax"))),
    "a function on tensors": lambda: model(layer(activation=function("keras.ops", "silu"))),
    "a layer as an activation": lambda: model(layer(activation=named("keras.layers", "LeakyReLU", {}))),
    "operations on tensors": lambda: model(
        named("keras.src.ops.numpy", "Einsum", {"name": "y", "subscripts": "ab->b"}, registered_name="Einsum")
    ),
    "a part of ConvNeXt": lambda: model(
        named("keras.src.applications.convnext", "LayerScale", {"name": "y"}, registered_name="LayerScale")
    ),
    "a part of Inception-ResNet": lambda: model(
        named("keras.src.applications.inception_resnet_v2", "CustomScaleLayer")
    ),
    "a model within": lambda: model(model(layer())),
    "a functional model": lambda: named("keras.src.models.functional", "Functional", {
        "name": "f", "layers": [{**layer(), "inbound_nodes": [{"args": [named(None, "__keras_tensor__", {
            "shape": [1], "dtype": "float32", "keras_history": ["x", 0, 0]})], "kwargs": {}}]}],
        "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]],
    }, registered_name="Functional"),
    "a wrapper": lambda: model(named("keras.layers", "Bidirectional", {"layer": named("keras.layers", "LSTM", {
        "units": 2, "recurrent_activation": "hard_sigmoid"})})),
    "cells": lambda: model(named("keras.layers", "RNN", {"cell": named("keras.layers", "GRUCell", {"units": 2})})),
    "words in the file": lambda: model(named("keras.layers", "StringLookup", {"vocabulary": ["a", "[UNK]", "{"]})),
    "words that come later": lambda: model(named("keras.layers", "TextVectorization", {"vocabulary": None})),
    "hashes": lambda: model(named("keras.layers", "Hashing", {"num_bins": 4, "salt": None})),
    "arrays": lambda: model(layer(mean=named(None, "__numpy__", {"value": [1, 2], "dtype": "float32"}))),
    "what it was trained with": lambda: model(layer(), compile_config={
        "optimizer": named("keras.optimizers", "Adam", {"learning_rate": named("keras.optimizers.schedules",
            "CosineDecay", {})}), "loss": {"y": "mse"}, "metrics": ["accuracy", named("keras.metrics", "AUC", {})],
    }),
    "a loss of the trainer's own": lambda: model(layer(), compile_config={
        "optimizer": "rmsprop", "loss": function("builtins", "my_loss"), "metrics": ["my_metric", "pkg>mine"]}),
    "how it is built": lambda: model({**layer(), "build_config": {"input_shape": [None, 4]}}),
    "how it is quantised": lambda: model(
        layer(quantization_config=named("keras.quantizers", "Int8QuantizationConfig"))
    ),
    "a slice": lambda: model(layer(at=named(None, "__slice__", {"start": None, "stop": 1, "step": None}))),
    "as Keras 2 wrote it": lambda: {"class_name": "Sequential", "config": [
        {"class_name": "Dense", "config": {"name": "d", "units": 1, "activation": "linear", "kernel_initializer": {
            "class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg"}}}}]},
    "texts that look like JSON": lambda: model(layer(note="[UNK]", other="{not json", third="[1, 2]")),
}  # fmt: skip


@pytest.mark.parametrize("what", LEGAL)
def test_a_configuration_may_name(what: str, written: Callable[[Any], str]) -> None:
    refuse_keras(written(LEGAL[what]()))


def test_a_package_of_keras_that_the_owner_trusts() -> None:
    config = HOSTILE["a class of another package"]()
    with pytest.raises(ModelError, match=r"--onnx-trust=keras_hub\.src\.layers\.Tokenizer$"):
        refuse_config(config)
    refuse_config(config, trusted=["keras_hub.*"])
    refuse_config(config, trusted=["keras_hub.src.layers.Tokenizer"])
    with pytest.raises(ModelError, match="Tokenizer"):
        refuse_config(config, trusted=["keras_cv.*"])
    # Nothing else can be trusted: Keras would not load it, or should not
    for what in (
        "a class of a module of Python",
        "a function of Python",
        "a function that fetches",
        "a layer of Python",
    ):
        with pytest.raises(ModelError):
            refuse_config(HOSTILE[what](), trusted=["*", "os.*", "builtins.*", "keras.*"])


def test_too_deep(tmp_path: Path) -> None:
    config: Any = {}
    for _ in range(400):
        config = {"config": config}
    assert "nested too deep" in refused(archive(tmp_path / "m.keras", config), tmp_path / "c", "E_PARSE")
    text = b"[" * 100_000
    assert "not JSON" in refused(archive(tmp_path / "n.keras", text), tmp_path / "c", "E_PARSE")


# -- archives ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "/x", "assets/../../x", "..\\x", "C:/x", "\\x"])
def test_an_entry_outside_of_the_archive(name: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", LEGAL["a plain model"](), **{name: b"x"})
    assert "entry outside of it" in refused(path, tmp_path / "x")


def test_a_link_and_two_entries_of_one_name(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("assets/vocabulary.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = archive(tmp_path / "m.keras", LEGAL["a plain model"]())
    with zipfile.ZipFile(path, "a") as made:
        made.writestr(link, "/etc/passwd")
    assert "holds a link" in refused(path, tmp_path / "c")
    path = archive(tmp_path / "n.keras", LEGAL["a plain model"]())
    with zipfile.ZipFile(path, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("config.json", json.dumps(HOSTILE["a layer of Python"]()))
    assert "two entries with one name" in refused(path, tmp_path / "c")


def test_weights_of_a_form_that_is_not_looked_through(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", LEGAL["a plain model"](), **{"model.weights.npz": b"PK"})
    assert "model.weights.npz" in refused(path, tmp_path / "c", "E_NOTMODEL")


def test_assets_of_layers_are_fine(tmp_path: Path) -> None:
    refuse_keras(archive(tmp_path / "m.keras", LEGAL["words that come later"](), **{"assets/layers/a.txt": b"a\nb\n"}))


# -- HDF5 -------------------------------------------------------------------------------------------------------------


def weights(change: Callable[[Any, Any], None]) -> bytes:
    """An HDF5 file that *change* writes, as bytes."""
    h5py = pytest.importorskip("h5py")
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file.attrs["model_config"] = json.dumps(LEGAL["a plain model"]())
        file.create_group("layers/dense/vars").create_dataset("0", data=[1.0, 2.0])
        change(file, h5py)
    return made.getvalue()


def virtual(file: Any, h5py: Any) -> None:
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "secret", (2,))
    file.create_virtual_dataset("layers/v", layout)


def filtered(file: Any, h5py: Any) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((2,))
    plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1,))
    h5py.h5d.create(file.id, b"z", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((2,)), plan)


HDF5: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "link": (lambda f, h: f.__setitem__("away", h.ExternalLink("/etc/o.h5", "/s")), "link to another file: //away"),
    "link-deep": (lambda f, h: f["layers/dense"].__setitem__("b", h.ExternalLink("o", "/s")), "/layers/dense/b"),
    "raw": (
        lambda f, h: f.create_dataset("raw", (2,), "f4", external=[("/etc/passwd", 0, 8)]),
        "keeps data in another file: //raw",
    ),
    "virtual": (virtual, "keeps data in another file: /layers/v"),
    "filter": (filtered, "HDF5 filter 32015"),
}


@pytest.mark.parametrize("what", HDF5)
def test_data_that_lie_elsewhere(what: str, tmp_path: Path) -> None:
    data = weights(HDF5[what][0])
    (tmp_path / "m.h5").write_bytes(data)
    assert HDF5[what][1] in refused(str(tmp_path / "m.h5"), tmp_path / "c")
    path = archive(tmp_path / "m.keras", LEGAL["a plain model"](), **{"model.weights.h5": data})
    assert HDF5[what][1] in refused(path, tmp_path / "c")


def test_links_within_the_file_are_fine(tmp_path: Path) -> None:
    def change(file: Any, h5py: Any) -> None:
        file["soft"] = h5py.SoftLink("/layers/dense")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["layers/dense/round"] = file["layers"]  # a circle of hard links
        file.create_dataset("packed", data=[1.0] * 64, compression="gzip", shuffle=True, fletcher32=True)

    (tmp_path / "m.h5").write_bytes(weights(change))
    refuse_keras(str(tmp_path / "m.h5"))


def test_how_it_was_trained(tmp_path: Path) -> None:
    def trained(config: Any) -> str:
        (tmp_path / "m.h5").write_bytes(weights(lambda f, h: f.attrs.__setitem__("training_config", config)))
        return str(tmp_path / "m.h5")

    for fine in ({"loss": "my_loss", "metrics": ["mae"]}, {"loss": {"class_name": "MyLoss", "config": {}}}):
        refuse_keras(trained(json.dumps(fine)))
    refuse_keras(trained("not read, so that it may be damaged"))
    for bad in ({"loss": "builtins.eval"}, {"optimizer_config": lambda_layer()}, {"metrics": ["exec"]}):
        refused(trained(json.dumps(bad)), tmp_path / "c")


def test_the_configuration_is_not_changed() -> None:
    config = LEGAL["a plain model"]()
    before = copy.deepcopy(config)
    refuse_config(config)
    assert config == before
