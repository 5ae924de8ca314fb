"""What leaves the cache of conversions, and what never does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_onnxaccel.convert.cache import locks
from pytest_onnxaccel.convert.cache.cache import Cache, key_of
from pytest_onnxaccel.convert.cache.locks import acquire
from pytest_onnxaccel.convert.cache.pruning import ROOM, UNUSED, Entry, doomed, lock_of, prune
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversions

DAY = 86400
NOW = 1_000_000_000.0
Store = Callable[..., str]


def entry(name: str, days: float, size: int = 1) -> Entry:
    return Entry(name, NOW - days * DAY, size)


@pytest.mark.parametrize(
    ("entries", "room", "gone"),
    [
        ([], 10, []),
        ([entry("a", 0, 5), entry("b", 1, 5)], 10, []),
        ([entry("a", 0, 5), entry("b", 1, 5), entry("c", 2)], 10, ["c"]),
        ([entry("a", 3, 1), entry("b", 1, 9), entry("c", 2, 9)], 10, ["a", "c"]),
        ([entry("a", 90), entry("b", 90.001), entry("c", 400)], 10, ["c", "b"]),
        ([entry("a", 100, 50), entry("b", 1, 10)], 10, ["a"]),
        ([entry("from a clock ahead", -5)], 10, []),
    ],
)
def test_what_goes(entries: list[Entry], room: int, gone: list[str]) -> None:
    assert [one.key for one in doomed(entries, room, NOW)] == gone
    assert [one.key for one in doomed(entries[::-1], room, NOW)] == gone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> Store:
    """Stores an entry as a run does, under its lock, and makes its last use so many days ago."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "model.onnx").write_bytes(b"m" * 1000)

    def store(name: str, days: float = 0, room: int = ROOM) -> str:
        cache, key = Cache(str(folder), room=room), key_of(name=name)
        with cache.building(key):
            assert cache.store(key, str(made), {"path": "model.onnx"})
        assert cache.notices == []
        if days:
            used(folder / key, days)
        return key

    return store


def used(path: Path, days: float) -> None:
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"locks"}


def test_an_entry_that_nobody_uses_goes_with_its_lock(store: Store, folder: Path) -> None:
    store("old", days=91)
    recent, new = store("recent", days=89), store("new")
    assert kept(folder) == {recent, new}
    assert {path.name for path in (folder / "locks").iterdir()} == {f"{recent}.lock", f"{new}.lock"}


def test_a_read_is_a_use(store: Store, folder: Path, tmp_path: Path) -> None:
    key = store("old", days=91)
    target = tmp_path / "target"
    target.mkdir()
    assert Cache(str(folder)).fetch(key, str(target)) == {"path": "model.onnx"}
    new = store("new")
    assert kept(folder) == {key, new}


def test_beyond_its_size_the_oldest_use_goes(store: Store, folder: Path) -> None:
    keys = [store(str(days), days) for days in (3, 1, 2)]
    each = sum(path.stat().st_size for path in (folder / keys[0]).iterdir())
    new = store("new", room=3 * each - 1)
    assert kept(folder) == {keys[1], new}, "two fit"


def test_what_was_just_stored_stays_though_it_is_too_large(store: Store, folder: Path) -> None:
    store("old", days=1)
    new = store("new", room=1)
    assert kept(folder) == {new}


def test_an_entry_in_use_by_another_process_stays(store: Store, folder: Path) -> None:
    key = store("old", days=91)
    script = f"""
import sys
from pytest_onnxaccel.convert.cache.cache import Cache
with Cache({str(folder)!r}).building({key!r}):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        new = store("new")
        assert kept(folder) == {key, new}
    assert other.returncode == 0
    store("new")
    assert kept(folder) == {new}


def test_an_entry_used_since_it_was_listed_stays(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_onnxaccel.convert.cache import pruning

    key = store("old", days=91)

    def late(path: str, patience: float) -> int:
        used(folder / key, 0)
        return acquire(path, patience)

    monkeypatch.setattr(pruning, "acquire", late)
    prune(str(folder), ROOM, time.time())
    assert kept(folder) == {key}


def test_leftovers_of_killed_runs_go_and_what_is_not_the_caches_stays(store: Store, folder: Path) -> None:
    key = store("entry")
    half, dying = f"{key_of(name='half')}.1-abcd.tmp", f"{key_of(name='bad')}.1-abcd.bad"
    recent = f"{key_of(name='recent')}.1-abcd.tmp"
    linked = key_of(name="link")
    for name in (half, dying, recent, "notes", "f" * 63):
        (folder / name).mkdir()
        (folder / name / "file").write_text("")
    (folder / linked).symlink_to(folder / "notes")
    (folder / "locks" / "mine").write_text("")
    for path in folder.iterdir():
        if path.name not in (key, recent, linked):
            used(path, UNUSED / DAY + 1)
    assert kept(folder) == {key, half, dying, recent, linked, "notes", "f" * 63}
    new = store("new")
    assert kept(folder) == {key, new, recent, linked, "notes", "f" * 63}
    assert (folder / "notes" / "file").exists()
    assert (folder / "locks" / "mine").exists()


def test_a_lock_that_was_removed_before_it_was_taken_is_not_held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(lock_of(str(folder), key_of(name="x")))
    opened: list[int] = []
    real = os.open

    def removed_once(*arguments: object, **options: object) -> int:
        opened.append(real(*arguments, **options))  # type: ignore[arg-type]
        if len(opened) == 1:
            path.unlink()
        return opened[-1]

    monkeypatch.setattr(locks.os, "open", removed_once)
    handle = acquire(str(path), 5)
    monkeypatch.undo()
    assert len(opened) == 2
    assert os.path.samestat(os.fstat(handle), path.stat())
    with pytest.raises(OSError, match="for too long"):
        acquire(str(path), 0)
    os.close(handle)
    os.close(acquire(str(path), 0))


@pytest.mark.parametrize(
    ("value", "room", "notices"),
    [
        ("", ROOM, []),
        ("5GB", 5 * 10**9, []),
        (
            "5",
            ROOM,
            ["conversion cache: ONNXACCEL_CACHE_SIZE: '5' is a bare number; 20 GB are kept"],
        ),
    ],
)
def test_its_size_is_the_users(
    value: str, room: int, notices: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONNXACCEL_CACHE_SIZE", value)
    rooms: list[int] = []
    plain = Cache.__init__

    def told(self: Cache, *arguments: object, **options: object) -> None:
        plain(self, *arguments, **options)  # type: ignore[arg-type]
        rooms.append(self._room)

    monkeypatch.setattr(Cache, "__init__", told)
    engines = Engines(RunOptions(cache=str(tmp_path / "cache"), limits=Limits()))
    try:
        cache = Conversions(engines).cache
    finally:
        engines.close()
    assert cache is not None
    assert (rooms[-1], cache.notices) == (room, notices)
