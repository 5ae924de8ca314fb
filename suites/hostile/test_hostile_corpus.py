"""Every class of hostile files and sources through the gate: whatever comes, each case has its result, and no more.

Everything is built here and now, in a folder of the test. One pytest runs over all cases of a class at once.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from suites.hostile import corpus, places
from suites.hostile.case import Case, Place
from suites.hostile.gate import run_gate
from suites.hostile.judge import problems

#: Cases without which a suite of this kind says little.
LEAST = 250

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="its files and processes are those of Linux")


def _cases(kind: str) -> Sequence[Case]:
    needed = corpus.NEEDS.get(kind)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    return corpus.of(kind)


@linux
@pytest.mark.parametrize("kind", corpus.CLASSES)
def test_every_case_of_a_class(kind: str, tmp_path: Path) -> None:
    run = run_gate(
        tmp_path, _cases(kind), *corpus.arguments(kind),
        conftest=places.CHANGES if kind == "places" else "", declared=kind != "file names",
    )  # fmt: skip
    found = problems(run)
    assert not found, f"{len(found)} problems:\n" + "\n".join(found)


@linux
@pytest.mark.parametrize("how", [["-q"], ["-n", "2"], ["-n", "2", "-v"]], ids=["quiet", "xdist", "xdist-verbose"])
def test_file_names_in_other_outputs(how: list[str], tmp_path: Path) -> None:
    if "-n" in how:
        pytest.importorskip("xdist")
    # One check is enough to see how a name is written
    arguments = ("-k", "structure", "--onnx-backend=ort-cpu", *how)
    found = problems(run_gate(tmp_path, corpus.of("file names"), *arguments, declared=False))
    assert not found, f"{len(found)} problems:\n" + "\n".join(found)


def test_how_many_cases_there_are() -> None:
    known = {kind: corpus.of(kind) for kind, needed in _needs().items() if importlib.util.find_spec(needed)}
    for kind, cases in known.items():
        legal = sum(case.legal for case in cases)
        print(f"{kind}: {len(cases)} cases, {legal} of them legal")
        assert legal, f"{kind} has no legal twin"
        assert len(cases) > legal, f"{kind} has no hostile case"
        assert len({case.name for case in cases}) == len(cases), f"two cases of {kind} have one name"
    total = sum(map(len, known.values()))
    print(f"all: {total}")
    assert total >= LEAST


def _needs() -> dict[str, str]:
    return {kind: corpus.NEEDS.get(kind, "onnx") for kind in corpus.CLASSES}


@linux
@pytest.mark.parametrize("kind", ["not models", "wrong tensors", "external contents", "mutations"])
def test_cases_are_the_same_each_time(kind: str, tmp_path: Path) -> None:
    first, second = (_written(kind, tmp_path / name) for name in ("first", "second"))
    assert [name for name in first if first[name] != second.get(name)] == []
    assert len(first) == len(second) > 0


def _written(kind: str, top: Path) -> dict[str, bytes]:
    """Content of the model of every case of *kind*, by the case's name."""
    found = {}
    for case in corpus.of(kind):
        folder = top / case.name
        folder.mkdir(parents=True)
        found[case.name] = case.build(Place(folder, top / "canary", top)).model.read_bytes()
    return found
