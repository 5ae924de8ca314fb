"""benchmarks/verdicts.py: one table of what this project and others say of the same files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The command, imported as it finds its own parts."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    import verdicts  # type: ignore[import-not-found, unused-ignore]

    yield verdicts
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(BENCHMARKS):
            del sys.modules[name]


def row(text: str, name: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def fake(verdicts: ModuleType, monkeypatch: pytest.MonkeyPatch, equal: bool | None, place: str = "") -> None:
    """One tool alone, which always says the same."""
    said = verdicts.Said(equal, place)
    monkeypatch.setattr(verdicts, "TOOLS", {"fake": ("numpy", lambda both, folder: said)})
    monkeypatch.setattr(verdicts, "installed", lambda: {"fake": "1.0"})


def test_three_files_beside_a_tool_that_calls_all_different(
    verdicts: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report and its twin, and a report of two engines: found, refused, named; the wrong engine is accused."""
    fake(verdicts, monkeypatch, False, "b")
    assert verdicts.main(["--only", "default told as a change", "--all"]) == 0
    text = capsys.readouterr().out
    assert "beside: fake (1.0)" in text
    assert "default told as a change: right: " in text
    assert row(text, "all") == ["all", "1", "1", "1 / 0 / 1", "1 / 1 / 1"]
    assert verdicts.main(["--only", "initial state ignored"]) == 0
    text = capsys.readouterr().out
    assert row(text, "rebuilt reports")[:4] == ["rebuilt reports", "1", "1", "1 / 0 / 1"]
    assert "the wrong one accused: 1 of 1" in text


def test_what_is_judged_wrongly_is_told(
    verdicts: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(verdicts, monkeypatch, None)
    monkeypatch.setattr(sys.modules["verdicts_corpus"], "complaints", lambda report, result: ["another node"])
    assert verdicts.main(["--only", "default told as a change"]) == 1
    text = capsys.readouterr().out
    assert "default told as a change: WRONG: " in text
    assert "fake does not run" in text
    assert row(text, "all")[-1] == "0 / 0 / 0"


def test_a_tool_that_names_another_place_is_not_right(
    verdicts: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(verdicts, monkeypatch, False, "a")
    verdicts.main(["--only", "default told as a change"])
    assert row(capsys.readouterr().out, "all")[-1] == "1 / 1 / 0"


@pytest.mark.parametrize("tool", ["polygraphy run", "torch.testing", "torch.onnx.verification"])
def test_the_tools_get_the_files(verdicts: ModuleType, capsys: pytest.CaptureFixture[str], tool: str) -> None:
    need = verdicts.TOOLS[tool][0]
    if importlib.util.find_spec(need) is None:
        pytest.skip(f"{need} is not installed")
    verdicts.main(["--only", "default told as a change"])
    text = capsys.readouterr().out
    head, cells = row(text, "files"), row(text, "all")
    assert cells[head.index(tool)].startswith("1 / 0 / ")
