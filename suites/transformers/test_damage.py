"""Damage to one place of a transformer is seen against the healthy file, with no manifest and no samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from damage import Change, columns, damage_input, damage_weight, replaced, rows, scaled, shifted, swapped
from tiny_nets import HEADS, LAYERS, NETS, WIDTH, seeded

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.runner.conversion.convert import Saved
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

_HEAD = WIDTH // HEADS
_LAST = f"layers.{LAYERS - 1}"

#: Net, weight of its source, what is done to it.
WEIGHTS: dict[str, tuple[str, str, Change]] = {
    "queries replaced": ("encoder", "layers.0.attention.query.weight", replaced),
    "queries scaled": ("encoder", "layers.0.attention.query.weight", scaled(1.1)),
    "queries of the last layer": ("encoder", f"{_LAST}.attention.query.weight", scaled(0.9)),
    "shift of queries": ("encoder", "layers.0.attention.query.bias", replaced),
    "keys replaced": ("encoder", "layers.0.attention.key.weight", replaced),
    "one head of keys": ("encoder", f"{_LAST}.attention.key.weight", rows(_HEAD, 2 * _HEAD)),
    "values scaled": ("encoder", "layers.0.attention.value.weight", scaled(1.05)),
    "one head of values": ("encoder", "layers.0.attention.value.weight", rows(0, _HEAD)),
    "one head of the way out": ("encoder", "layers.0.attention.out.weight", columns(-_HEAD, 0)),
    "first words": ("encoder", "word.weight", rows(0, 8)),
    "last words": ("encoder", "word.weight", rows(-2, 0)),
    "first positions": ("encoder", "position.weight", rows(0, 2)),
    "type of the second sentence": ("encoder", "kinds.weight", rows(1, 2)),
    "gain of a norm": ("encoder", "layers.0.norm1.weight", scaled(1.02)),
    "shift of a norm": ("encoder", f"{_LAST}.norm2.bias", shifted),
    "pooler": ("encoder", "pooler.weight", scaled(1.1)),
    "shift of the pooler": ("encoder", "pooler.bias", shifted),
    "one neuron": ("encoder", "layers.0.wide.weight", rows(7, 8)),
    "queries of a decoder": ("decoder", "layers.0.attention.query.weight", replaced),
    "positions of a decoder": ("decoder", "position.weight", rows(-4, 0)),
    "keys of a decoder": ("decoder", f"{_LAST}.attention.key.weight", scaled(1.05)),
    "last words of a decoder's head": ("decoder", "head.weight", rows(-1, 0)),
    "recurrent kernel": ("tagger", "lstm.weight_hh_l0", replaced),
    "recurrent kernel, backwards": ("tagger", "lstm.weight_hh_l0_reverse", swapped),
    "tags": ("tagger", "head.bias", shifted),
    "patches": ("vision", "patch.weight", rows(-1, 0)),
    "positions of patches": ("vision", "position", lambda w, rng: columns(-4, 0)(w[0].T, rng).T[None]),
    "class token": ("vision", "start", shifted),
}
_HALF = np.repeat([1, 0], HEADS // 2).reshape(1, HEADS, 1, 1)
_ALL = np.zeros(1)
#: Net, input, what it is multiplied with, what is added.
INPUTS = {
    "mask ignored": ("encoder", "attention_mask", _ALL, 1.0),
    "mask of a decoder ignored": ("decoder", "attention_mask", _ALL, 1.0),
    "types ignored": ("encoder", "token_type_ids", _ALL, 0.0),
    "half of the cache": ("decoder", "past_key_values.1.key", _HALF, 0.0),
    "half of the cached values": ("decoder", "past_key_values.0.value", _HALF, 0.0),
}


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    made = Engines(RunOptions(import_paths=(str(Path(__file__).parent),)))
    yield made
    made.close()


@pytest.fixture(scope="module")
def parity(engines: Engines) -> Callable[[Path, Path], CheckResult]:
    """``parity(candidate, healthy)``: the check as it is without a manifest."""

    def check(candidate: Path, healthy: Path) -> CheckResult:
        spec = ModelSpec("m", str(candidate), candidate.name)
        runner = Runner([spec], {"m": ("ort-cpu",)}, engines.options, engines=engines)
        try:
            return runner.check(Request("m", "parity", "ort-cpu", str(healthy)))
        finally:
            runner.close()

    return check


@pytest.mark.parametrize("kind", WEIGHTS)
def test_a_changed_weight(converted: Callable[..., Saved], parity: Callable, tmp_path: Path, kind: str) -> None:
    net, name, change = WEIGHTS[kind]
    healthy, candidate = Path(converted(net).path), tmp_path / f"{net}.onnx"
    weight = seeded(NETS[net][0]).state_dict()[name].numpy()
    damage_weight(healthy, candidate, weight, change, seed=1)
    result = parity(candidate, healthy)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY"), result.message


@pytest.mark.parametrize("kind", INPUTS)
def test_an_input_without_effect(converted: Callable[..., Saved], parity: Callable, tmp_path: Path, kind: str) -> None:
    net, name, factor, plus = INPUTS[kind]
    healthy, candidate = Path(converted(net).path), tmp_path / f"{net}.onnx"
    damage_input(healthy, candidate, name, factor, plus)
    result = parity(candidate, healthy)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY"), result.message


@pytest.mark.parametrize("net", NETS)
def test_a_healthy_twin(converted: Callable[..., Saved], parity: Callable, net: str) -> None:
    """The same weights through the other exporter are the same model."""
    result = parity(Path(converted(net, "torchscript").path), Path(converted(net).path))
    assert result.verdict is Verdict.PASSED, result.message


def test_a_fault_at_any_length_is_told_with_its_module(
    converted: Callable[..., Saved], engines: Engines, tmp_path: Path
) -> None:
    """The sample that fails worst may be longer than the first; learnt positions follow from its length alone."""
    healthy, candidate = Path(converted("encoder").path), tmp_path / "encoder.onnx"
    weight = seeded(NETS["encoder"][0]).state_dict()["position.weight"].numpy()
    damage_weight(healthy, candidate, weight, rows(9, 11), seed=1)
    source = SourceSpec(str(healthy.with_suffix(".pth")), "encoder.pth", "tiny_nets:Encoder", (), "--onnx-reference")
    runner = Runner(
        [ModelSpec("m", str(candidate), candidate.name)], {"m": ("ort-cpu",)}, engines.options, engines=engines
    )
    try:
        result = runner.check(Request("m", "parity", "ort-cpu", "encoder.pth", source=source))
    finally:
        runner.close()
    assert result.code == "V_PARITY"
    assert "(module position)" in result.message, (result.message, result.notes)
