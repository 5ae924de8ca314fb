"""Paths that are not regular files, that cannot be read, or that are something else by the time they are read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from fixtures import hazards
from suites.hostile.case import Case, Entry, Place
from suites.hostile.onnx_files.graphs import data, network

#: A conftest that changes the files whose names begin with ``late-`` once pytest has collected, before any check.
CHANGES = """
import os, pathlib

def pytest_collection_finish(session):
    for path in sorted(pathlib.Path(session.config.rootpath).parent.glob("cases/late-*/net.onnx")):
        kind = path.parent.name.removeprefix("late-")
        if kind == "touched":
            os.utime(path)
            continue
        if kind == "cut":
            os.truncate(path, 20)
            continue
        path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to("/dev/zero")
        elif kind == "folder":
            path.mkdir()
        elif kind == "emptied":
            path.touch()
"""
#: Cases of which :data:`CHANGES` changes the file: such a change is none of the gate's.
LATE = {
    "touched": (), "cut": ("E_PARSE", "E_SCHEMA", "E_GRAPH"), "gone": ("E_FILE",), "fifo": ("E_FILE",),
    "link": ("E_FILE",), "folder": ("E_FILE",), "emptied": ("E_NOTMODEL",),
}  # fmt: skip


def _whole(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data(network()))
    return path


def _linked(target: str) -> Callable[[Path], object]:
    return lambda path: os.symlink(target, path)


def _to_a_model(path: Path) -> None:
    os.symlink(_whole(path.with_name("true.onnx")), path)


def _through_links(path: Path) -> None:
    os.symlink(_whole(path.with_name("true.onnx")), path.with_name("l5"))
    for number in range(5):
        os.symlink(f"l{number + 1}", path.with_name(f"l{number}"))
    os.symlink("l0", path)


def _hard(path: Path) -> None:
    os.link(_whole(path.with_name("true.onnx")), path)


def _huge(path: Path) -> None:
    with _whole(path).open("r+b") as file:
        file.truncate(3 << 30)


def _sealed(path: Path) -> None:
    os.chmod(_whole(path), 0)


def _socket(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)  # the path of a socket holds some hundred bytes
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


#: Name -> what makes the path, and the codes of what it makes; none where the model is to be read.
_MADE: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "file": (_whole, ()),
    "link": (_to_a_model, ()),
    "links": (_through_links, ()),
    "hard-link": (_hard, ()),
    "absent": (lambda path: None, ("E_FILE",)),
    "fifo": (hazards.fifo, ("E_FILE",)),
    "socket": (_socket, ("E_FILE",)),
    "folder": (Path.mkdir, ("E_FILE",)),
    "folder-with-a-model": (lambda path: _whole(path / "net.onnx"), ("E_FILE",)),
    "link-to-nothing": (_linked("absent.onnx"), ("E_FILE",)),
    "link-to-itself": (_linked("net.onnx"), ("E_FILE",)),
    "link-to-a-folder": (_linked("."), ("E_FILE",)),
    "link-to-zeros": (_linked("/dev/zero"), ("E_FILE",)),
    "link-to-nowhere": (_linked("/dev/null"), ("E_FILE",)),
    "link-to-chance": (_linked("/dev/urandom"), ("E_FILE",)),
    "link-to-full": (_linked("/dev/full"), ("E_FILE",)),
    "link-to-stdin": (_linked("/dev/stdin"), ("E_FILE", "E_NOTMODEL")),
    "link-to-a-terminal": (_linked("/dev/tty"), ("E_FILE",)),
    "link-to-memory": (_linked("/proc/self/mem"), ("E_FILE", "E_NOTMODEL")),
    "link-to-an-environment": (_linked("/proc/self/environ"), ("E_FILE", "E_NOTMODEL", "E_PARSE")),
    "link-to-descriptors": (_linked("/proc/self/fd"), ("E_FILE",)),
    "of-three-gigabytes": (_huge, ("E_SIZE",)),
}


def _at(make: Callable[[Path], object], name: str = "net.onnx") -> Callable[[Place], Entry]:
    def build(place: Place) -> Entry:
        path = place.folder / name
        make(path)
        return Entry(path)

    return build


def _below_a_file(place: Place) -> Entry:
    return Entry(_whole(place.folder / "net.onnx") / "net.onnx")


def cases() -> Iterator[Case]:
    """Paths, devices, links and changes."""
    for name, (make, codes) in _MADE.items():
        yield Case(f"a-{name}", _at(make), frozenset(codes))
    sealed = "root may read everything" if os.geteuid() == 0 else ""
    yield Case("a-sealed-file", _at(_sealed), frozenset({"E_FILE"}), sealed)
    yield Case("below-a-file", _below_a_file, frozenset({"E_FILE"}))
    yield Case("of-detours", lambda place: Entry(_whole(place.folder / "a/net.onnx").parent / "../a/net.onnx"))
    for name, codes in LATE.items():
        yield Case(f"late-{name}", _at(_whole), frozenset(codes))


def long_paths() -> Iterator[Case]:
    """Names and paths that are longer than a file system takes."""
    yield Case("short", _at(_whole))
    yield Case("long-name", lambda place: Entry(place.folder / ("n" * 300 + ".onnx")), frozenset({"E_FILE"}))
    yield Case("long-path", lambda place: Entry(place.folder / ("n/" * 3000 + "n.onnx")), frozenset({"E_FILE"}))
    yield Case("long-link", _at(_linked("n" * 300)), frozenset({"E_FILE"}))
