"""Models of the `transformers` library: converted, gated with no manifest, and each fine fault told with its module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("transformers", minversion="5", reason="needs the transformers library: tox -e transformers")

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.runner.conversion.convert import Saved
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.transformers.library_faults import INPUTS, WEIGHTS
from suites.transformers.library_judging import caught, converted, gated, names_it, plant, run_options
from suites.transformers.library_nets import NETS

FAULTS = {**WEIGHTS, **INPUTS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="module")
def made(folder: Path) -> Callable[[str], Saved]:
    """``made("bert")``: its weights in *folder*, converted beside them once."""
    known: dict[str, Saved] = {}

    def make(name: str) -> Saved:
        if name not in known:
            known[name] = converted(name, folder)
        return known[name]

    return make


@pytest.fixture(scope="module")
def engines(folder: Path) -> Iterator[Engines]:
    found = Engines(run_options(folder))
    yield found
    found.close()


@pytest.mark.parametrize("net", NETS)
def test_healthy(made: Callable[[str], Saved], folder: Path, engines: Engines, net: str) -> None:
    saved = made(net)
    assert saved.proof is not None
    assert "hollow" not in saved.proof.figures
    contract, parity, batch = gated(net, Path(saved.path), folder, engines, ("contract", "parity", "batch"))
    assert [r.message for r in (contract, parity, batch) if r.verdict is not Verdict.PASSED] == []
    assert parity.figures["reach"]["share"] > 0.95


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fine_fault(made: Callable[[str], Saved], folder: Path, engines: Engines, tmp_path: Path, kind: str) -> None:
    fault = FAULTS[kind]
    candidate = tmp_path / f"{fault.net}.onnx"
    plant(fault, Path(made(fault.net).path), candidate)
    (result,) = gated(fault.net, candidate, folder, engines)
    assert caught(result), result.message
    assert names_it(result, fault), (result.message, result.details, result.notes)
