"""Files of samples that run code, never end, or are larger than they look."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suites.hostile.case import OK, Case, Entry, Place
from suites.hostile.onnx_files.graphs import data, network

#: What may be said of a file of samples that cannot be used.
_REFUSED = ("V_NOTJUDGED", "E_INPUT", "E_FILE", "E_UNSAFE", "E_PARSE", "E_CONFIG", "E_SIZE")


class _Opened:
    """Unpickling it makes the file *path*."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def _npy(array: Any) -> bytes:
    found = io.BytesIO()
    np.save(found, array, allow_pickle=True)
    return found.getvalue()


def _npz(**members: bytes) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return found.getvalue()


def _header(text: str) -> bytes:
    """A file of numbers with this header and sixteen bytes of them."""
    line = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + bytes(16)


def _objects(path: str) -> Any:
    array = np.empty(1, object)
    array[0] = _Opened(path)
    return array


_PLAIN = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }"
#: Name -> content; given the canary's path.
_CONTENTS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "objects": (".npy", lambda path: _npy(_objects(path))),
    "objects-in-archive": (".npz", lambda path: _npz(x=_npy(_objects(path)))),
    "pickle": (".npy", lambda path: pickle.dumps(_Opened(path))),
    "pickle-in-archive": (".npz", lambda path: _npz(x=pickle.dumps(_Opened(path)))),
    "header-of-code": (".npy", lambda path: _header(f"{{'descr': open({path!r}, 'w'), 'shape': (1, 4)}}")),
    "header-of-a-terabyte": (".npy", lambda path: _header(_PLAIN % "(1, 274877906944)")),
    "header-that-wraps": (".npy", lambda path: _header(_PLAIN % "(4294967296, 4294967296, 4)")),
    "header-negative": (".npy", lambda path: _header(_PLAIN % "(-1, 4)")),
    "header-deep": (".npy", lambda path: _header("(" * 20_000)),
    "bomb": (".npz", lambda path: _npz(x=_npy(np.zeros((1 << 14, 1 << 12), "f")))),
    "garbage": (".npy", lambda path: b"\xff" * 400),
    "empty": (".npy", lambda path: b""),
    "cut": (".npy", lambda path: _npy(np.zeros((3, 4), "f"))[:-8]),
    "cut-archive": (".npz", lambda path: _npz(x=_npy(np.zeros((3, 4), "f")))[:-40]),
    "not-numbers": (".npy", lambda path: _npy(np.array([["a", "b", "c", "d"]]))),
    "without-finite-ones": (".npy", lambda path: _npy(np.full((1, 4), np.nan, "f"))),
}


def _entry(place: Place, samples: Path) -> Entry:
    model = place.folder / "net.onnx"
    model.write_bytes(data(network()))
    return Entry(model, samples=samples)


def _written(suffix: str, make: Callable[[str], bytes]) -> Callable[[Place], Entry]:
    def build(place: Place) -> Entry:
        path = place.folder / f"samples{suffix}"
        path.write_bytes(make(str(place.canary)))
        return _entry(place, path)

    return build


def _made(make: Callable[[Path], object]) -> Callable[[Place], Entry]:
    def build(place: Place) -> Entry:
        path = place.folder / "samples.npy"
        make(path)
        return _entry(place, path)

    return build


def cases() -> Iterator[Case]:
    """Pickles, headers, archives and places."""
    yield Case("samples", _written(".npy", lambda path: _npy(np.ones((1, 4), "f"))))
    yield Case("samples-in-archive", _written(".npz", lambda path: _npz(x=_npy(np.ones((1, 4), "f")))))
    for name, (suffix, make) in _CONTENTS.items():
        # What is not finite may be fed all the same, and gives what it gives
        more = ("V_NONFINITE", OK) if name == "without-finite-ones" else ("E_MEMORY", OK) if name == "bomb" else ()
        yield Case(f"samples-{name}", _written(suffix, make), frozenset({*_REFUSED, *more}), inapplicable=True)
    places: dict[str, Callable[[Path], object]] = {
        "absent": lambda path: None,
        "fifo": os.mkfifo,
        "folder": os.mkdir,
        "zeros": lambda path: os.symlink("/dev/zero", path),
        "environment": lambda path: os.symlink("/proc/self/environ", path),
    }
    for name, place in places.items():
        yield Case(f"samples-of-{name}", _made(place), frozenset(_REFUSED), inapplicable=True)
