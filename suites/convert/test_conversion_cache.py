"""The cache of conversions: what it gives back, and everything that can be wrong with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_onnxaccel.convert.cache import cache as module
from pytest_onnxaccel.convert.cache.cache import Cache, key_of
from pytest_onnxaccel.convert.cache.loader_digest import loader_digest, loader_files

KEY = key_of(source="abc", options={"batch": 1})


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A conversion's folder: a file and one below a folder."""
    folder = tmp_path / "made"
    (folder / "variables").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"model" * 1000)
    (folder / "variables" / "data").write_bytes(b"data")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"), patience=0.2)


def fetched(cache: Cache, tmp_path: Path) -> tuple[dict | None, dict[str, bytes]]:
    target = tmp_path / "target"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    found = cache.fetch(KEY, str(target))
    return found, {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()}


def test_it_gives_back_what_was_stored(cache: Cache, made: Path, tmp_path: Path) -> None:
    assert fetched(cache, tmp_path) == (None, {})
    assert cache.store(KEY, str(made), {"path": "model.onnx"})
    assert fetched(cache, tmp_path) == (
        {"path": "model.onnx"},
        {"model.onnx": b"model" * 1000, "variables/data": b"data"},
    )
    assert cache.notices == []


def test_every_fact_is_part_of_the_key() -> None:
    facts = {"source": "a", "options": {"batch": 1}, "versions": {"torch": "2.13"}}
    changed = [{**facts, "source": "b"}, {**facts, "options": {"batch": 2}}, {**facts, "versions": {"torch": "2.14"}}]
    assert len({key_of(**f) for f in [facts, *changed]}) == 4
    assert key_of(**facts) == key_of(**dict(reversed(facts.items())))


def flip(entry: Path) -> None:
    data = bytearray((entry / "model.onnx").read_bytes())
    data[100] ^= 1
    (entry / "model.onnx").write_bytes(data)


def truncate(entry: Path) -> None:
    os.truncate(entry / "model.onnx", 10)


def lose(entry: Path) -> None:
    (entry / "variables" / "data").unlink()


def describe_otherwise(entry: Path) -> None:
    data = json.loads((entry / "entry.json").read_text())
    data["made"]["path"] = "../../elsewhere"
    (entry / "entry.json").write_text(json.dumps(data))


def garble(entry: Path) -> None:
    (entry / "entry.json").write_text('{"key": ')


def link_file(entry: Path) -> None:
    (entry / "model.onnx").rename(entry.parent / "moved")
    (entry / "model.onnx").symlink_to(entry.parent / "moved")


def link_entry(entry: Path) -> None:
    entry.rename(entry.parent / "elsewhere")
    entry.symlink_to(entry.parent / "elsewhere")


def fifo(entry: Path) -> None:
    (entry / "model.onnx").unlink()
    os.mkfifo(entry / "model.onnx")


def fifo_entry(entry: Path) -> None:
    shutil.rmtree(entry)
    os.mkfifo(entry)


def file_entry(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_text("")


@pytest.mark.parametrize(
    "spoil",
    [flip, truncate, lose, describe_otherwise, garble, link_file, link_entry, fifo, fifo_entry, file_entry],
)
def test_a_bad_entry_is_one_notice_and_is_rebuilt(
    cache: Cache, made: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    cache.store(KEY, str(made), {"path": "model.onnx"})
    spoil(tmp_path / "cache" / KEY)
    assert fetched(cache, tmp_path) == (None, {}), "nothing of it is left where it was copied to"
    (notice,) = cache.notices
    assert notice.startswith(f"conversion cache: entry {KEY[:12]} is bad (")
    assert notice.endswith("it is converted again")
    assert cache.store(KEY, str(made), {"path": "model.onnx"})
    assert fetched(cache, tmp_path)[0] == {"path": "model.onnx"}
    assert len(cache.notices) == 1
    if spoil is link_entry:
        assert (tmp_path / "cache" / "elsewhere").is_dir(), "what a link led to is not ours to remove"


def no_room(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_one_notice(cache: Cache, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_write", no_room)
    assert not cache.store(KEY, str(made), {})
    assert not cache.store(KEY, str(made), {})
    assert cache.notices == [
        f"conversion cache: {tmp_path / 'cache'} cannot be used (No space left on device); conversions are not kept"
    ]


def test_no_room_for_the_copy_says_nothing_of_the_entry(
    cache: Cache, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.store(KEY, str(made), {"path": "model.onnx"})
    with monkeypatch.context() as patch:
        patch.setattr(module, "_copied", no_room)
        assert fetched(cache, tmp_path)[0] is None
    assert fetched(cache, tmp_path)[0] == {"path": "model.onnx"}


@pytest.mark.parametrize("obstacle", ["file", "link to nowhere"])
def test_a_folder_that_cannot_be_made_is_one_notice(tmp_path: Path, made: Path, obstacle: str) -> None:
    if obstacle == "file":
        (tmp_path / "cache").write_text("")
    else:
        (tmp_path / "cache").symlink_to("/proc/nowhere/at/all")
    cache = Cache(str(tmp_path / "cache"))
    with cache.building(KEY):
        assert fetched(cache, tmp_path)[0] is None
        assert not cache.store(KEY, str(made), {})
    assert 1 <= len(cache.notices) <= 2
    assert all("conversions are not kept" in notice for notice in cache.notices)


def test_a_leftover_of_a_killed_run_is_in_nobodys_way(cache: Cache, made: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    half = tmp_path / "cache" / f"{KEY}.1-abc.tmp"
    half.mkdir()
    assert fetched(cache, tmp_path)[0] is None
    assert cache.store(KEY, str(made), {"path": "model.onnx"})
    assert cache.notices == []


def test_many_processes_build_once(tmp_path: Path, made: Path) -> None:
    script = f"""
import sys, time, pathlib
from pytest_onnxaccel.convert.cache.cache import Cache
cache, target = Cache({str(tmp_path / "cache")!r}), sys.argv[1]
pathlib.Path(target).mkdir()
with cache.building({KEY!r}):
    if cache.fetch({KEY!r}, target) is None:
        time.sleep(0.3)
        cache.store({KEY!r}, {str(made)!r}, {{"path": "model.onnx"}})
        print("built")
assert not cache.notices
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / f"t{n}")], stdout=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    said = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4
    assert sorted(said) == ["", "", "", "built\n"]


def test_who_waits_too_long_goes_on_without(tmp_path: Path) -> None:
    one, other = (Cache(str(tmp_path / "cache"), patience=0.1) for _ in range(2))
    with one.building(KEY), other.building(KEY):
        pass
    assert one.notices == []
    assert "another run has been converting the same for too long" in other.notices[0]


# -- what a loader is made of --------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    files = {
        "nets/__init__.py": "",
        "nets/ssd.py": "from . import blocks\nimport torch\n",
        "nets/blocks.py": "from nets.deep.layers import conv\n",
        "nets/deep/__init__.py": "",
        "nets/deep/layers.py": "def conv():\n    import helpers\n",
        "helpers.py": "import json\n",
        "unrelated.py": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_loader_is_its_module_and_what_that_imports_from_the_repository(repository: Path) -> None:
    found = loader_files("nets.ssd", [str(repository)])
    assert set(found) == {"nets", "nets.ssd", "nets.blocks", "nets.deep", "nets.deep.layers", "helpers"}


def test_a_change_far_below_changes_the_digest(repository: Path) -> None:
    def digest() -> str:
        return loader_digest("nets.ssd:build", [str(repository)])

    before = digest()
    (repository / "unrelated.py").write_text("changed = True")
    assert digest() == before
    (repository / "helpers.py").write_text("import json, os\n")
    after = digest()
    assert after != before
    assert loader_digest("nets.ssd:other", [str(repository)]) != after
    (repository / "nets/blocks.py").write_text("this is not Python")
    assert digest() not in (before, after)
