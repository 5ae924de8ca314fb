"""Conversions of a run: in workers, through the cache, checked and proven; and another batch from the source."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_nets import Baked, Deciding, Lstm, Mlp, Unsupported, seeded

from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.errors import BackendUnavailable, ConversionError, ModelError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.runner.conversion.prove import prove
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion
from suites.convert.conftest import HERE, X

Make = Callable[..., Engines]


def source_of(path: Path, net: Any = Mlp) -> SourceSpec:
    return SourceSpec(str(path), f"given/{path.name}", f"torch_nets:{net.__name__}")


def converted(engines: Engines, source: SourceSpec, **options: Any) -> Conversion:
    return engines.conversions.convert(source, ConvertOptions(**{"inputs": X, **options}))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sources that a converter was really asked to convert."""
    from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversions

    seen: list[str] = []
    real = Conversions._made

    def counting(self: Conversions, converter: Any, staged: Any, *more: Any) -> Any:
        seen.append(staged.shown)
        return real(self, converter, staged, *more)

    monkeypatch.setattr(Conversions, "_made", counting)
    return seen


def test_nothing_changed_nothing_is_converted(engines: Make, weights: Callable, calls: list[str]) -> None:
    path = weights(Mlp)
    first = converted(engines(), source_of(path), batch=2)
    again = converted(engines(), source_of(path), batch=2)
    assert (first.cached, again.cached, len(calls)) == (False, True, 1)
    assert "from cache" in again.notes
    assert first.converted.inputs == again.converted.inputs
    assert Path(again.path).name == "model-batch-2.onnx"
    assert Path(again.path).is_file()


def test_whatever_counts_makes_it_convert_again(
    engines: Make, weights: Callable, calls: list[str], tmp_path: Path
) -> None:
    for name in ("torch_nets.py",):
        shutil.copy(os.path.join(HERE, name), tmp_path / "other_nets.py")
    paths = (str(tmp_path), HERE)
    one = engines(import_paths=paths)
    source = SourceSpec(str(weights(Mlp)), "net.pth", "other_nets:Mlp")
    converted(one, source)
    converted(one, source, batch=2)
    converted(one, source, exporter="torchscript")
    converted(one, source, outputs=("y",))
    assert len(calls) == 4
    with (tmp_path / "other_nets.py").open("a") as file:
        file.write("# changed\n")
    converted(engines(import_paths=paths), source)
    assert len(calls) == 5, "the loader's source counts"
    weights(Mlp, seed=1)
    converted(engines(import_paths=paths), source)
    assert len(calls) == 6, "the weights count"
    converted(engines(import_paths=paths), source)
    assert len(calls) == 6


def test_a_corrupted_entry_is_rebuilt_with_one_notice(
    engines: Make, weights: Callable, calls: list[str], tmp_path: Path
) -> None:
    path = weights(Mlp)
    converted(engines(), source_of(path))
    (file,) = (tmp_path / "cache").glob("*/model.onnx")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    rebuilt = converted(engines(), source_of(path))
    assert (rebuilt.cached, len(calls)) == (False, 2)
    assert sum("is bad" in note for note in rebuilt.notes) == 1
    assert converted(engines(), source_of(path)).cached


def test_without_a_cache_it_goes_on(engines: Make, weights: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = converted(engines(cache=str(tmp_path / "file")), source_of(weights(Mlp)))
    assert any("conversions are not kept" in note for note in made.notes)
    assert converted(engines(cache=""), source_of(weights(Mlp))).notes == (
        "it was in training mode and was switched to eval()",
    )


def test_a_conversion_is_proven_against_its_source(engines: Make, weights: Callable) -> None:
    run = engines()
    proof = prove(converted(run, source_of(weights(Mlp)), batch="dynamic"), run)
    assert proof.sizes == (1, 2, 3)
    assert proof.figures["max_abs"] < 1e-5


@pytest.mark.parametrize(
    ("net", "options", "says"),
    [
        (Baked, {"batch": "dynamic"}, "the batch did not stay dynamic: at batch 1"),
        (Deciding, {"batch": 1}, "the ONNX file is not its source: at batch 1 output 'output'"),
    ],
)
def test_an_export_that_is_silently_wrong_is_found(
    engines: Make, weights: Callable, net: Any, options: dict[str, Any], says: str
) -> None:
    """The TorchScript exporter writes both without an error."""
    run = engines()
    made = converted(run, source_of(weights(net), net), exporter="torchscript", **options)
    with pytest.raises(ConversionError) as caught:
        prove(made, run)
    assert says in str(caught.value)
    assert "given/net.pth" in str(caught.value)


def test_refusals_name_the_source_and_are_remembered(engines: Make, weights: Callable, tmp_path: Path) -> None:
    run = engines()
    with pytest.raises(ConversionError, match=r"given/net.pth: the dynamo exporter has no ONNX for operator") as caught:
        converted(run, source_of(weights(Unsupported), Unsupported))
    assert caught.value.backend == "torch"
    (tmp_path / "empty.pth").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"given/empty.pth: is empty"):
            converted(run, source_of(tmp_path / "empty.pth"))


def test_packages_that_are_missing(engines: Make, weights: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_onnxaccel.convert.from_pytorch import converter as torch_onnx

    monkeypatch.setattr(torch_onnx, "versions_of", lambda *names: {"torch": "2.13.0"})
    with pytest.raises(BackendUnavailable, match=r"torch\.onnx: onnxscript is not installed - python -m pip"):
        converted(engines(), source_of(weights(Mlp)))


# -- another batch -------------------------------------------------------------------------------------------------


@pytest.fixture
def runner(tmp_path: Path) -> Any:
    made: list[Runner] = []

    def make(spec: ModelSpec, **options: Any) -> Runner:
        chosen = RunOptions(import_paths=(HERE,), cache=str(tmp_path / "cache"), **options)
        made.append(Runner([spec], {spec.name: ("ort-cpu",)}, chosen))
        return made[-1]

    yield make
    for one in made:
        one.close()


def model_of(engines: Engines, source: SourceSpec, folder: Path, **options: Any) -> ModelSpec:
    """The ONNX model of *source*, as a repository would keep it."""
    made = converted(engines, source, **options)
    path = shutil.copy(made.path, folder / "m.onnx")
    return ModelSpec("m", str(path), "m.onnx", source=source)


def test_a_frozen_batch_is_exported_again_from_its_source(
    engines: Make, weights: Callable, runner: Any, tmp_path: Path
) -> None:
    spec = model_of(engines(), source_of(weights(Lstm), Lstm), tmp_path, outputs=("states",), batch=1)
    frozen = runner(spec).model_sessions.frozen("m", 4)
    assert (frozen.method, Path(frozen.path).name) == ("re-export", "m-batch-4.onnx")
    assert frozen.edited[0] == "exported again from given/net.pth by torch.onnx (dynamo), opset 18"
    assert [str(s) for s in (*frozen.info.inputs, *frozen.info.outputs)] == [
        "x float32[4x4x4]",
        "states float32[4x4x5]",
    ]
    assert frozen.proof["samples"] == 4


def test_a_source_that_is_not_the_models_is_refuted_and_another_way_wins(
    engines: Make, weights: Callable, runner: Any, tmp_path: Path
) -> None:
    spec = model_of(engines(), source_of(weights(Mlp)), tmp_path, batch=1)
    weights(Mlp, seed=1)  # trained on, and the model not exported again
    frozen = runner(spec).model_sessions.frozen("m", 3)
    assert frozen.method in ("dims", "rewrite")
    assert frozen.refuted[0].startswith("re-export: output 'output': ")


def test_a_source_that_cannot_be_exported_is_said_and_another_way_wins(
    engines: Make, weights: Callable, runner: Any, tmp_path: Path
) -> None:
    spec = model_of(engines(), source_of(weights(Mlp)), tmp_path, batch=1)
    (tmp_path / "net.pth").unlink()
    frozen = runner(spec).model_sessions.frozen("m", 3)
    assert frozen.refuted[0] == "re-export: does not exist"
    with pytest.raises(ModelError, match=r"no 're-export' way to batch 3 could be proven.*does not exist"):
        runner(spec).model_sessions.frozen("m", 3, "re-export")


def test_the_batch_check_finds_the_source_where_nothing_else_holds(
    engines: Make, weights: Callable, runner: Any, tmp_path: Path
) -> None:
    """What Baked computes is refused by every edit of the graph but a Scan, which is cheaper than an export."""
    spec = model_of(engines(), source_of(weights(Baked), Baked), tmp_path, batch=1)
    result = runner(spec).check(Request("m", "batch", "ort-cpu", sizes=(3,)))
    assert result.verdict is Verdict.PASSED, result.message


# -- parity ---------------------------------------------------------------------------------------------------------


def parity_of(run: Runner, source: SourceSpec, **more: Any) -> Any:
    return run.check(Request("m", "parity", "ort-cpu", source.path, source=source, **more))


def test_parity_with_the_source_at_any_batch(engines: Make, weights: Callable, runner: Any, tmp_path: Path) -> None:
    source = source_of(weights(Mlp))
    spec = model_of(engines(), source, tmp_path, batch=1)
    for batch in (None, 3):
        result = parity_of(runner(spec), source, batch=batch)
        assert (result.verdict, result.reference) == (Verdict.PASSED, "net.pth"), result.message
        assert "it was in training mode and was switched to eval()" in result.notes


def test_parity_with_other_weights_fails(engines: Make, weights: Callable, runner: Any, tmp_path: Path) -> None:
    source = source_of(weights(Mlp))
    spec = model_of(engines(), source, tmp_path, batch=1)
    weights(Mlp, seed=1)
    result = parity_of(runner(spec), source)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")


def test_another_number_of_outputs_breaks_the_contract(
    engines: Make, weights: Callable, runner: Any, tmp_path: Path
) -> None:
    spec = model_of(engines(), source_of(weights(Mlp)), tmp_path, batch=1)
    state = seeded().state_dict()
    torch.save({"linear.weight": state["linear.weight"], "linear.bias": state["linear.bias"]}, tmp_path / "named.pth")
    result = parity_of(runner(spec), SourceSpec(str(tmp_path / "named.pth"), "named.pth", "torch_nets:Named"))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_CONTRACT")
    assert "the source gives 2 outputs (logits, probs), the ONNX model 1 (output)" in result.message


def test_a_source_of_another_runtime_and_an_onnx_file_as_source(
    engines: Make, weights: Callable, runner: Any, tmp_path: Path
) -> None:
    spec = model_of(engines(), source_of(weights(Mlp)), tmp_path, batch=1)
    shutil.copy(spec.path, tmp_path / "renamed.pth")
    result = parity_of(runner(spec), SourceSpec(str(tmp_path / "renamed.pth"), "renamed.pth"))
    assert (result.verdict, result.code) == (Verdict.FAILED, "E_CONFIG")
    assert "is an ONNX model and no source of one - give it the suffix .onnx" in result.message


def test_variants_of_the_reference_are_legal_and_close(
    engines: Make, weights: Callable, runner: Any, tmp_path: Path
) -> None:
    source = source_of(weights(Mlp))
    model_session = runner(model_of(engines(), source, tmp_path, batch=1)).model_sessions.of("m")
    feeds = model_session.ready("ort-cpu").resolved.inputs.feeds(0)
    plain = model_session.sourced.session(source).run(feeds)["output"]
    found = dict(model_session.sourced.variants(source))
    assert list(found) == ["1 thread", "without oneDNN"]
    for session in found.values():
        assert abs(session.run(feeds)["output"] - plain).max() < 1e-5
