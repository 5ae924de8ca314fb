"""Exported programs that run or write something while they are loaded or called: refused before PyTorch loads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_hostile import MODEL, Writing, archive, members, program, saved
from torch_hostile_programs import DAMAGED, OTHERS, RUNS, SAMPLES, member, target

from pytest_onnxaccel.backends.pytorch.load import load_source
from pytest_onnxaccel.core.errors import ModelError


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, canary: Path) -> Callable[..., ModelError]:
    """``refused(path)``: how the program is refused, PyTorch's loader not asked and the canary not written."""

    def load(path: Path, *codes: str, trusted: tuple[str, ...] = ()) -> ModelError:
        asked: list[Any] = []
        monkeypatch.setattr(torch.export, "load", lambda *given, **options: asked.append(given))
        with pytest.raises(ModelError) as caught:
            load_source(str(path), "exported", trusted=trusted)
        assert not asked
        assert not canary.exists()
        assert caught.value.code in (codes or ("E_UNSAFE",))
        assert len(str(caught.value)) <= 300
        assert "\n" not in str(caught.value)
        return caught.value

    return load


@pytest.mark.parametrize("kind", RUNS)
def test_what_pytorch_runs_is_refused(tmp_path: Path, canary: Path, refused: Callable, kind: str) -> None:
    change, branching = RUNS[kind](canary)
    path = program(tmp_path / "net.pt2", change, branching)
    try:
        torch.export.load(path).module(check_guards=False)
    except Exception as error:  # what it runs comes before
        said = error
    else:
        said = None
    assert canary.exists(), f"PyTorch no longer runs it: {said}"
    canary.unlink()
    assert "--onnx-trust" not in str(refused(path))


@pytest.mark.parametrize("kind", OTHERS)
def test_what_does_not_compute_is_refused(tmp_path: Path, canary: Path, refused: Callable, kind: str) -> None:
    change, branching = OTHERS[kind](canary)
    error = refused(program(tmp_path / "net.pt2", change, branching), "E_UNSAFE")
    assert "--onnx-trust" not in str(error)


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_damaged_is_refused(tmp_path: Path, refused: Callable, kind: str) -> None:
    refused(program(tmp_path / "net.pt2", DAMAGED[kind]), "E_PARSE", "E_SIZE")


def old_layout(path: Path, payload: bytes | None = None, also: dict[str, bytes] | None = None) -> Path:
    """The program in the layout of PyTorch before 2.8."""
    program(path, lambda held: None)
    held = members(path)
    weights = torch.export.load(path).state_dict
    made = {
        "version": b"8.20", "serialized_exported_program.json": held[MODEL],
        "serialized_state_dict.pt": payload or saved(dict(weights)), "serialized_constants.pt": saved({}),
        "serialized_example_inputs.pt": held[SAMPLES], "extra_files/labels.txt": b"a\nb", **(also or {}),
    }  # fmt: skip
    return archive(path, "", made)


def test_the_layout_before_28(tmp_path: Path, canary: Path, refused: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_source(str(old_layout(tmp_path / "old.pt2")), "exported")
    assert loaded.module(torch.ones(2, 4)).shape == (2, 3)
    refused(old_layout(tmp_path / "bad.pt2", saved({"W": Writing(canary)})))
    monkeypatch.undo()
    refused(old_layout(tmp_path / "code.pt2", also={"net.so": b"\x7fELF"}))


def test_an_operator_of_the_owners_own_is_offered(tmp_path: Path, refused: Callable) -> None:
    path = program(tmp_path / "net.pt2", target("torch.ops.mylib.twice.default"))
    assert "--onnx-trust=torch.ops.mylib.twice" in str(refused(path))
    bad = program(tmp_path / "bad.pt2", target("torch.ops.aten.from_file.default"))
    refused(bad, trusted=("torch.ops.*", "*.*"))


def test_extra_files_are_only_kept(tmp_path: Path) -> None:
    path = program(tmp_path / "net.pt2", member("extra/labels.txt", b"a\nb"))
    assert load_source(str(path), "exported").module(torch.ones(2, 4)).shape == (2, 3)
