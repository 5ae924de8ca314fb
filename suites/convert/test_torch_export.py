"""PyTorch to ONNX: every kind of source, both exporters, frozen and dynamic batches, names, modes, operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch_nets import Baked, Complex, Deciding, Lstm, Mlp, Named, OneByOne, Steps, Two, Unsupported, seeded

from fixtures.running import run as run_model
from pytest_onnxaccel.convert.from_pytorch.errors import refused
from pytest_onnxaccel.convert.from_pytorch.example_inputs import Examples, shared_batch
from pytest_onnxaccel.convert.protocol import Converted
from pytest_onnxaccel.core.errors import ConfigError, ConversionError, ModelError, OnnxAccelError
from pytest_onnxaccel.core.specs import TensorSpec

Export = Callable[..., Converted]
EXPORTERS = ("dynamo", "torchscript")


def images(batch: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(batch).uniform(-1, 1, (batch, *(shape or (4, 4)))).astype(np.float32)


def gives(module: torch.nn.Module, *arrays: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module.eval()(*map(torch.from_numpy, arrays)).numpy()


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("net", [Mlp, Lstm])
def test_a_frozen_batch(export: Export, weights: Callable, exporter: str, net: type) -> None:
    made = export(weights(net), loader=f"torch_nets:{net.__name__}", exporter=exporter, batch=3, stem="net")
    assert Path(made.path).name == "net-batch-3.onnx"
    assert [str(spec) for spec in made.inputs] == ["x float32[3x4x4]"]
    assert (made.opset, made.facts["exporter"]) == (18, exporter)
    x = images(3)
    np.testing.assert_allclose(run_model(Path(made.path), {"x": x})["output"], gives(seeded(net), x), atol=1e-5)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("net", [Mlp, Lstm])
def test_a_dynamic_batch_stays_dynamic(export: Export, weights: Callable, exporter: str, net: type) -> None:
    made = export(weights(net), loader=f"torch_nets:{net.__name__}", exporter=exporter, batch="dynamic")
    assert str(made.inputs[0]) == "x float32[batchx4x4]"
    for size in (1, 2, 5):
        x = images(size)
        np.testing.assert_allclose(run_model(Path(made.path), {"x": x})["output"], gives(seeded(net), x), atol=1e-5)


def test_a_batch_that_is_taken_for_a_constant_is_refused(export: Export, weights: Callable) -> None:
    with pytest.raises(ConversionError, match="the batch does not stay dynamic"):
        export(weights(OneByOne), loader="torch_nets:OneByOne", batch="dynamic")
    assert export(weights(OneByOne), loader="torch_nets:OneByOne", batch=4).inputs[0].shape == (4, 4, 4)


def test_a_batch_that_the_source_reads_as_a_number_stays_dynamic(export: Export, weights: Callable) -> None:
    made = export(weights(Baked), loader="torch_nets:Baked", batch="dynamic")
    x = images(5)
    np.testing.assert_allclose(run_model(Path(made.path), {"x": x})["output"], gives(seeded(Baked), x), atol=1e-5)


def test_a_length_that_is_taken_for_a_constant_is_named(export: Export, weights: Callable) -> None:
    steps = (TensorSpec("x", "float32", ("batch", "steps", 4)),)
    with pytest.raises(ConversionError, match="dimension 'steps' does not stay dynamic"):
        export(weights(Steps), loader="torch_nets:Steps", inputs=steps)
    assert export(weights(Steps), loader="torch_nets:Steps", inputs=(TensorSpec("x", "float32", ("n", 3, 4)),))


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_names_of_open_sizes_are_kept(export: Export, weights: Callable, exporter: str) -> None:
    specs = (TensorSpec("x", "float32", ("n", "rows", 4)),)
    made = export(weights(Lstm), loader="torch_nets:Lstm", inputs=specs, exporter=exporter)
    assert [str(spec) for spec in (*made.inputs, *made.outputs)] == ["x float32[nxrowsx4]", "output float32[nxrowsx5]"]
    x = np.random.default_rng(0).uniform(-1, 1, (3, 7, 4)).astype(np.float32)
    np.testing.assert_allclose(run_model(Path(made.path), {"x": x})["output"], gives(seeded(Lstm), x), atol=1e-5)
    # The dynamo exporter unrolls a recurrent layer of a fixed batch, and says so
    fixed = export(weights(Lstm), loader="torch_nets:Lstm", inputs=specs, exporter="torchscript", batch=4)
    assert [str(spec) for spec in fixed.inputs] == ["x float32[4xrowsx4]"]


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", ["linear", "mul", "linear.weight", "val_0", "/linear/Add_output_0"])
def test_a_name_that_a_value_of_the_exporter_has_is_kept(
    export: Export, weights: Callable, exporter: str, name: str
) -> None:
    specs = (TensorSpec("b", "float32", (1, 4)), TensorSpec("a", "float32", (1, 4)))
    made = export(weights(Two), loader="torch_nets:Two", inputs=specs, exporter=exporter, outputs=(name,))
    assert [spec.name for spec in made.outputs] == [name]
    onnx.checker.check_model(made.path, full_check=True)
    a, b = images(1, 4), images(1, 4) * 3
    expected = gives(seeded(Two), a, b)
    np.testing.assert_allclose(run_model(Path(made.path), {"a": a, "b": b})[name], expected, atol=1e-5)


def test_names_are_kept(export: Export, weights: Callable) -> None:
    made = export(weights(Named), loader="torch_nets:Named")
    assert [spec.name for spec in made.outputs] == ["logits", "probs"]
    renamed = export(weights(Named), loader="torch_nets:Named", outputs=("a", "b"))
    assert [spec.name for spec in renamed.outputs] == ["a", "b"]
    own = export(weights(Mlp), loader="torch_nets:Mlp", inputs=(TensorSpec("image", "float32", (1, 4, 4)),))
    assert [spec.name for spec in own.inputs] == ["image"]
    with pytest.raises(ConversionError, match=r"it gives 2 outputs and 1 names were given \(a\)"):
        export(weights(Named), loader="torch_nets:Named", outputs=("a",))
    with pytest.raises(ConfigError, match=r"'a' cannot name an output: it is the name of another output"):
        export(weights(Named), loader="torch_nets:Named", outputs=("a", "a"))
    taken = (TensorSpec("image", "float32", (1, 4, 4)),)
    with pytest.raises(ConfigError, match=r"'image' cannot name an output: it is the name of an input"):
        export(weights(Mlp), loader="torch_nets:Mlp", inputs=taken, outputs=("image",))


@pytest.mark.parametrize(
    ("shapes", "batch", "places"),
    [
        ([("samples",)], None, {}),
        ([("frames", 80)], None, {}),
        ([("n", 80)], "n", {"x0": 0}),
        ([("rows", 80), ("rows", 3)], "rows", {"x0": 0, "x1": 0}),
        ([("time", "batch", 5)], "batch", {"x0": 1}),
        ([("T", "N", 5), (1, "N", 6)], "N", {"x0": 1, "x1": 1}),
        ([(1, 3, "h", "w")], 1, {"x0": 0}),
    ],
)
def test_where_the_batch_of_declared_inputs_is(shapes: Any, batch: Any, places: dict[str, int]) -> None:
    specs = [TensorSpec(f"x{index}", "float32", shape) for index, shape in enumerate(shapes)]
    assert shared_batch(specs) == (batch, places)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("batch", [2, "dynamic"])
def test_inputs_are_bound_by_name_where_the_names_are_the_modules(
    export: Export, weights: Callable, exporter: str, batch: int | str
) -> None:
    specs = (TensorSpec("b", "float32", (1, 4)), TensorSpec("a", "float32", (1, 4)))
    made = export(weights(Two), loader="torch_nets:Two", inputs=specs, exporter=exporter, batch=batch)
    a, b = images(2, 4), images(2, 4) * 3
    expected = gives(seeded(Two), a, b)
    np.testing.assert_allclose(run_model(Path(made.path), {"a": a, "b": b})["output"], expected, atol=1e-5)


def test_training_mode_is_left_and_named(export: Export, weights: Callable) -> None:
    made = export(weights(Mlp), loader="torch_nets:Mlp")
    assert "it was in training mode and was switched to eval()" in made.notes
    assert not any("Dropout" in node.op_type for node in onnx.load(made.path).graph.node)
    assert export(weights(Mlp), loader="torch_nets:evaluating").notes == ()


@pytest.mark.parametrize("dynamic", [False, True])
def test_an_exported_program(export: Export, tmp_path: Path, dynamic: bool) -> None:
    shapes = ({0: torch.export.Dim("n")},) if dynamic else None
    program = torch.export.export(seeded().eval(), (torch.rand(2, 4, 4),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "net.pt2")
    made = export(tmp_path / "net.pt2", inputs=())
    assert str(made.inputs[0]) == f"x float32[{'batch' if dynamic else 2}x4x4]"
    x = images(2)
    np.testing.assert_allclose(run_model(Path(made.path), {"x": x})["output"], gives(seeded(), x), atol=1e-5)
    if dynamic:
        assert export(tmp_path / "net.pt2", inputs=(), batch=5).inputs[0].shape == (5, 4, 4)
    else:
        with pytest.raises(ConversionError, match="the exported program is frozen to batch 2 and cannot give batch 5"):
            export(tmp_path / "net.pt2", inputs=(), batch=5)


@pytest.mark.parametrize("how", ["script", "trace"])
def test_a_torchscript_archive(export: Export, tmp_path: Path, how: str) -> None:
    module, sample = seeded().eval(), torch.rand(2, 4, 4)
    made = {
        "script": lambda: torch.jit.script(module),
        "trace": lambda: torch.jit.trace(module, sample),
    }[how]()
    made.save(str(tmp_path / "net.pt"))
    found = export(tmp_path / "net.pt", batch="dynamic")
    assert "exported by the torchscript exporter: the dynamo one takes no TorchScript" in found.notes
    x = images(3)
    np.testing.assert_allclose(run_model(Path(found.path), {"x": x})["output"], gives(seeded(), x), atol=1e-5)
    with pytest.raises(ConversionError, match="the dynamo exporter takes no TorchScript"):
        export(tmp_path / "net.pt", exporter="dynamo")


def test_training_that_is_baked_in_is_refused(export: Export, tmp_path: Path) -> None:
    module, sample = seeded().train(), torch.rand(2, 4, 4)
    torch.export.save(torch.export.export(module, (sample,)), tmp_path / "net.pt2")
    torch.jit.trace(module, sample, check_trace=False).save(str(tmp_path / "net.pt"))
    for name in ("net.pt2", "net.pt"):
        with pytest.raises(ModelError, match=r"training is baked into it: batch_norm .* runs in training mode"):
            export(tmp_path / name)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_an_operator_without_onnx_is_named_with_its_module(export: Export, weights: Callable, exporter: str) -> None:
    with pytest.raises(ConversionError) as caught:
        export(weights(Unsupported), loader="torch_nets:Unsupported", exporter=exporter)
    text = str(caught.value)
    assert text.startswith(
        f"onnxaccel[E_CONVERT] the {exporter} exporter has no ONNX for operator aten.special_airy_ai"
    )
    assert "in module 'body.1'" in text
    assert "\n" not in text


def test_an_operator_that_lacks_complex_numbers_alone_is_told_so(export: Export, weights: Callable) -> None:
    with pytest.raises(ConversionError, match=r"no ONNX for operator aten\.\w+ of complex numbers \(node "):
        export(weights(Complex), loader="torch_nets:Complex")


def test_what_an_exporter_lists_is_told_with_its_first_line() -> None:
    error = RuntimeError("The following was found:\n\n  sizes differ\n  more\n")
    told = refused(error, "dynamo", None, (), {}, 18, Examples({}, (), False, None))
    assert "failed: RuntimeError: The following was found: sizes differ" in str(told)
    assert "more" not in str(told)


def test_a_forward_that_decides_by_values(export: Export, weights: Callable) -> None:
    with pytest.raises(ConversionError, match=r"its forward decides by values at torch_nets.py:\d+: Eq\(u0, 1\)"):
        export(weights(Deciding), loader="torch_nets:Deciding")
    made = export(weights(Deciding), loader="torch_nets:Deciding", exporter="torchscript")
    assert any(note.startswith("tracing has fixed what the source decides at torch_nets.py:") for note in made.notes)


def test_the_opset_is_the_one_that_was_asked_for(export: Export, weights: Callable) -> None:
    path = weights(Lstm)
    with pytest.raises(ConversionError, match="asked for opset 13, the dynamo exporter wrote opset 18 - use the torch"):
        export(path, loader="torch_nets:Lstm", opset=13)
    assert export(path, loader="torch_nets:Lstm", opset=13, exporter="torchscript").opset == 13
    assert export(path, loader="torch_nets:Lstm", opset=20).opset == 20


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({}, ConfigError, 'holds 7 tensors and no module - name a callable that builds the module: loader="'),
        ({"loader": "torch_nets:Two"}, ConfigError, "the state dict is not that of torch_nets:Two: the module lacks"),
        ({"loader": "torch_nets:Lstm"}, ConfigError, "the file lacks 'lstm.weight_ih_l0' and 3 more; the module lacks"),
        ({"loader": "torch_nets:raising"}, ConfigError, "loader torch_nets:raising raises RuntimeError: no such"),
        ({"loader": "torch_nets:needing"}, ConfigError, "loader torch_nets:needing needs the arguments width"),
        ({"loader": "torch_nets:no_module"}, ConfigError, "gives a dict, not a torch.nn.Module"),
        ({"loader": "torch_nets:Mpl"}, ConfigError, "torch_nets has no 'Mpl' - did you mean 'Mlp'?"),
        ({"loader": "torch_net:Mlp"}, ConfigError, "no module named 'torch_net' - did you mean 'torch_nets'?"),
        ({"loader": "torch_nets:X"}, ConfigError, "loader torch_nets:X"),
        ({"loader": "torch_nets:Mlp", "inputs": ()}, ConfigError, "nothing says what inputs it takes"),
        (
            {"loader": "torch_nets:Mlp", "inputs": (TensorSpec("x", "float32", (1, None, 4)),)},
            ModelError,
            "the source fails on these inputs: RuntimeError: running_mean should contain",
        ),
        (
            {"loader": "torch_nets:Mlp", "inputs": (TensorSpec("x", "float32", (1, 4, 9)),)},
            ModelError,
            "the source fails on these inputs: RuntimeError: mat1 and mat2 shapes cannot be multiplied",
        ),
        ({"loader": "torch_nets:Mlp", "exporter": "onnx"}, ConfigError, "'onnx' is not an exporter - use one of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(
    export: Export, weights: Callable, options: dict, kind: type[OnnxAccelError], says: str
) -> None:
    with pytest.raises(kind) as caught:
        export(weights(Mlp), **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_checkpoints_of_training_and_of_data_parallel(export: Export, tmp_path: Path) -> None:
    state = seeded().state_dict()
    torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "c.pth")
    made = export(tmp_path / "c.pth", loader="torch_nets:Mlp")
    assert any("DataParallel" in note for note in made.notes)
    x = images(1)
    np.testing.assert_allclose(run_model(Path(made.path), {"x": x})["output"], gives(seeded(), x), atol=1e-5)
    torch.save({"epoch": 3, "best": 0.5}, tmp_path / "d.pth")
    with pytest.raises(ModelError, match="holds a dict with epoch, best, and no state dict"):
        export(tmp_path / "d.pth", loader="torch_nets:Mlp")
