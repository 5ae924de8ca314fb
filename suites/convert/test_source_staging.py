"""Sources on their way into the private folder: links, companions, and archives that only a worker may parse."""

from __future__ import annotations

import os
import resource
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from torch_nets import seeded

from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.formats import kind_of
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.staging.stage_source import stage_source
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

#: A SavedModel, and a MetaGraphDef with one node, as protobuf messages.
SAVED_MODEL = b"\x08\x01\x12\x02\n\x00"
META = b"\n\x06*\x042.21" + b"\x12\x12" + b"\n\x10\n\x01x\x12\x0bPlaceholder"


def refused(path: Path, tmp_path: Path, code: str) -> str:
    with pytest.raises(ModelError) as caught:
        stage_source(str(path), f"given/{path.name}", str(tmp_path / "staged"), kind_of)
    line = str(caught.value)
    assert line.startswith(f"onnxaccel[{code}] given/{path.name}: ")
    assert len(line) <= 300
    return line


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(SAVED_MODEL)
    (folder / "variables" / "variables.index").write_bytes(b"i")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


@pytest.mark.parametrize("target", ["../secret", "saved_model.pb", "/etc", ".", "nowhere"])
@pytest.mark.parametrize("place", ["assets", "variables/data"])
def test_a_folder_with_a_link_in_it(saved: Path, tmp_path: Path, place: str, target: str) -> None:
    (saved / place).symlink_to(target)
    assert f"'{place}' in it is a symbolic link" in refused(saved, tmp_path, "E_UNSAFE")


def test_a_folder_with_a_pipe_in_it(saved: Path, tmp_path: Path) -> None:
    os.mkfifo(saved / "variables" / "pipe")
    assert "'variables/pipe' in it is a FIFO, not a regular file" in refused(saved, tmp_path, "E_FILE")


def test_a_folder_that_the_owner_reaches_by_a_link(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(saved)
    found = stage_source(str(tmp_path / "way"), "way", str(tmp_path / "staged"), kind_of)
    assert found.kind == kinds.SAVED_MODEL
    assert found.sha256 == stage_source(str(saved), "saved", str(tmp_path / "again"), kind_of).sha256


def test_variables_beside_a_checkpoint_may_not_be_links(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "run.meta").write_bytes(META)
    (tmp_path / "run.index").write_bytes(b"i")
    (tmp_path / "run.data-00000-of-00001").symlink_to("secret")
    line = refused(tmp_path / "run.meta", tmp_path, "E_UNSAFE")
    assert "'run.data-00000-of-00001' next to it is a symbolic link" in line


def test_a_copy_that_takes_too_long(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="could not be copied within") as caught:
        stage_source(str(saved), "saved", str(tmp_path / "staged"), kind_of, seconds=-1)
    assert caught.value.code == "E_TIMEOUT"


def crowded(path: Path, members: int) -> Path:
    """An archive whose directory has *members* entries, all of them the same."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"")
    one = path.read_bytes()
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    directory = one[start:end] * members
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFE, 0xFFFE, len(directory), start, 0)
    path.write_bytes(one[:start] + directory + last)
    return path


@pytest.mark.parametrize("members", [150_000, 1_000_000])
def test_an_archive_of_very_many_members_is_parsed_in_a_worker_and_refused(tmp_path: Path, members: int) -> None:
    path = crowded(tmp_path / "net.pth", members)
    engines = Engines(RunOptions(limits=Limits(seconds=120.0)))
    try:
        engines.conversions.stage(SourceSpec(str(crowded(tmp_path / "few.pth", 1)), "few.pth"))  # the worker runs
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(OnnxAccelError, match="is an archive of more than 100,000 members") as caught:
            engines.conversions.stage(SourceSpec(str(path), "net.pth"))
        assert caught.value.code == "E_SIZE"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB, of which the copy takes few
    finally:
        engines.close()


def test_no_archive_is_parsed_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.pth"
    torch.save(seeded().state_dict(), path)

    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("an archive was parsed here")

    monkeypatch.setattr(zipfile, "ZipFile", parsed)
    engines = Engines(RunOptions())
    try:
        assert engines.conversions.stage(SourceSpec(str(path), "net.pth")).kind == kinds.TORCH
    finally:
        engines.close()


def test_a_source_that_is_refused_leaves_nothing_and_one_that_is_dropped_neither(tmp_path: Path) -> None:
    good, bad = tmp_path / "net.pth", tmp_path / "bad.pth"
    torch.save(seeded().state_dict(), good)
    bad.write_bytes(b"no source")
    engines = Engines(RunOptions())
    try:
        with pytest.raises(OnnxAccelError):
            engines.conversions.stage(SourceSpec(str(bad), "bad.pth"))
        source = SourceSpec(str(good), "net.pth")
        copy = engines.conversions.stage(source).path
        assert engines.conversions.stage(source).path == copy
        engines.conversions.drop(source)
        assert not os.path.exists(copy)
        assert not [name for name in os.listdir(engines.folder) if name.startswith("source")]
        assert os.path.exists(engines.conversions.stage(source).path), "it is staged again when it is asked for"
    finally:
        engines.close()
