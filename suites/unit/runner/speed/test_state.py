"""What an interrupted speed run is continued from: it counts only for what it was measured of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.runner.speed.state import Standing, StateFile

FACTS = {"model": "ab12", "ways": ["PyTorch 2", "as shipped"], "threads": None}


def standing() -> Standing:
    found = Standing(("graph simplification",), ("advised: graph simplification",), runs=1, seconds=12.5)
    found.add({"source": [(9, 8), (9, 9)], "shipped": [(3, 3), (4, 3)]})
    return found


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "deep" / "state.json", FACTS)
    assert file.read() == Standing()
    file.write(standing())
    found = file.read()
    assert found == standing()
    assert found.pairs == 2
    file.remove()
    assert file.read() == Standing()
    assert list(file.path.parent.iterdir()) == []


@pytest.mark.parametrize("changed", [{"model": "cd34"}, {"ways": ["as shipped"]}, {"threads": 1}])
def test_what_was_found_of_something_else_does_not_count(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = tmp_path / "state.json"
    StateFile(path, FACTS).write(standing())
    assert StateFile(path, {**FACTS, **changed}).read() == Standing()


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: "[]",
        lambda told: "{",
        lambda told: "",
        lambda told: json.dumps({**told, "schema": 2}),
        lambda told: json.dumps({**told, "blocks": {"source": [["soon"]]}}),
        lambda told: json.dumps({**told, "blocks": {"source": [[]]}}),
        lambda told: json.dumps({**told, "blocks": {"source": [[-4]]}}),
        lambda told: json.dumps({**told, "runs": None}),
        lambda told: json.dumps({k: v for k, v in told.items() if k != "advised"}),
    ],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: Any) -> None:
    file = StateFile(tmp_path / "state.json", FACTS)
    file.write(standing())
    file.path.write_text(damage(json.loads(file.path.read_text())))
    assert file.read() == Standing()


def test_rows_of_which_one_has_fewer_samples_count_as_that_one() -> None:
    found = standing()
    found.blocks["shipped"].pop()
    assert found.pairs == 1


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be kept") as caught:
        StateFile(tmp_path / "file" / "state.json", FACTS).write(standing())
    assert "--state" in caught.value.remedy
