"""Pickles of PyTorch's formats that name what runs code, by every opcode that calls something."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from suites.hostile.case import OK, Case, Entry, Place
from suites.hostile.pytorch import files

#: Builds the network around weights; the module lies on the gate's import path.
LOADER = "hostile_nets:net"
_NETS = """import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.W = torch.nn.Parameter(torch.zeros(4, 3))

    def forward(self, x):
        return torch.relu(x @ self.W)

def net():
    return Net()
"""
_UNSAFE = "E_UNSAFE"
#: What may be said of an archive that holds no weights, and too much of something else.
_LARGE = ("E_SIZE", "E_MEMORY", "E_UNSAFE", "E_PARSE")


class _Called:
    """Pickled, it is a call of *function*; *state* is then given to what comes of it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def _calls() -> Iterator[tuple[str, Callable[[str], Any]]]:
    """What is called; each makes the file whose path it is given."""
    import functools
    import importlib
    import logging
    import operator
    import os
    import pathlib
    import runpy
    import shutil
    import sqlite3
    import subprocess
    import tempfile

    import numpy as np
    import torch

    yield "system", lambda path: _Called(os.system, f"touch '{path}'")
    yield "eval", lambda path: _Called(eval, f"open({path!r}, 'w').close()")
    yield "exec", lambda path: _Called(exec, f"open({path!r}, 'w').close()")
    yield "open", lambda path: _Called(open, path, "w")
    yield "os-open", lambda path: _Called(os.open, path, os.O_CREAT | os.O_WRONLY)
    yield "subprocess", lambda path: _Called(subprocess.check_output, ("touch", path))
    yield "partial", lambda path: _Called(functools.partial(open, path, "w"))
    yield "getattr", lambda path: _Called(getattr, pathlib.Path(path), "touch")
    yield "methodcaller", lambda path: _Called(operator.methodcaller("touch"), pathlib.Path(path))
    yield "path", lambda path: _Called(pathlib.Path.touch, pathlib.Path(path))
    yield "import", lambda path: _Called(importlib.import_module, "antigravity")
    yield "run-module", lambda path: _Called(runpy.run_module, "this")
    yield "copy", lambda path: _Called(shutil.copyfile, "/etc/hostname", path)
    yield "sqlite", lambda path: _Called(sqlite3.connect, path)
    yield "log", lambda path: _Called(logging.FileHandler, path)
    yield "temporary", lambda path: _Called(tempfile.mkstemp, "", "x", path.rpartition("/")[0])
    yield "numpy", lambda path: _Called(np.save, path, 1)
    yield "memory-map", lambda path: _Called(np.memmap, path, "uint8", "w+", 0, 4)
    yield "torch-save", lambda path: _Called(torch.save, 1, path)
    yield "torch-load", lambda path: _Called(torch.load, io.BytesIO(pickle.dumps(_Called(open, path, "w"))))
    yield "state", lambda path: _Called(dict, state=_Called(open, path, "w"))


def _nested(inner: Any) -> dict[str, Any]:
    """The payload deep in what looks like a state dict."""
    return {"state_dict": {"W": [({"epoch": 3, "best": (1.0, [inner])},)]}}


def _torch(content: Any, zipped: bool = True) -> bytes:
    import torch

    found = io.BytesIO()
    torch.save(content, found, _use_new_zipfile_serialization=zipped)
    return found.getvalue()


def _weights() -> dict[str, Any]:
    import torch

    return {"W": torch.from_numpy(files.WEIGHTS.copy())}


def _opcodes(path: str) -> Iterator[tuple[str, bytes]]:
    """Pickles that no pickler writes, each of which opens *path*."""
    text = path.encode()
    arguments = b"(V" + text + b"\nVw\ntR"
    yield "global", b"cbuiltins\nopen\n" + arguments + b"."
    yield "global-of-2", b"c__builtin__\nopen\n" + arguments + b"."
    yield "global-of-io", b"c_io\nopen\n" + arguments + b"."
    yield "inst", b"(V" + text + b"\nVw\nibuiltins\nopen\n."
    yield "obj", b"(cbuiltins\nopen\nV" + text + b"\nVw\no."
    yield "stack-global", b"\x80\x04\x8c\x08builtins\x8c\x04open\x93" + arguments + b"."
    yield "dotted", b"\x80\x04\x8c\x02os\x8c\x0bpath.os.open\x93(V" + text + b"\nI65\ntR."
    yield "newobj", b"\x80\x02c_io\nFileIO\n(V" + text + b"\nVw\nt\x81."
    yield "newobj-ex", b"\x80\x04c_io\nFileIO\n(V" + text + b"\nVw\nt}\x92."
    memo = b"cbuiltins\nopen\np0\n0g0\n(V" + text + b"\nVw\ntR."
    yield "memo", memo
    yield "long-memo", b"cbuiltins\nopen\nr\xff\x00\x00\x000j\xff\x00\x00\x00(V" + text + b"\nVw\ntR."
    yield "after-a-stop", pickle.dumps({}, 2) + b"cbuiltins\nopen\n" + arguments + b"."


def _in_archive(data: bytes) -> bytes:
    """The archive of legal weights, with *data* as its pickle."""
    held = files.members(_torch(_weights()))
    return files.packed({name: data if name.endswith("data.pkl") else content for name, content in held.items()})


def _twice(path: str) -> bytes:
    """Two files of one name: the first is legal, and the last one is what a reader may take; or the reverse."""
    whole = files.members(_torch(_weights()))
    name = next(name for name in whole if name.endswith("data.pkl"))
    bad = next(content for kind, content in _opcodes(path) if kind == "global")
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        for member, content in [*whole.items(), (name, bad)]:
            archive.writestr(zipfile.ZipInfo(member), content)
    return found.getvalue()


def _flipped() -> bytes:
    whole = bytearray(_torch(_weights()))
    whole[whole.find(files.WEIGHTS.tobytes()) + 3] ^= 0x40
    return bytes(whole)


def _bomb() -> bytes:
    """An archive of some hundred kilobytes that unpacks to a thousand times as much, all of it zeros."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("archive/version"), b"3\n")
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps({}, 2))
        info = zipfile.ZipInfo("archive/data/0")
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as member:
            for _ in range(256):
                member.write(bytes(1 << 20))
    return found.getvalue()


def _directory() -> bytes:
    """An archive of very many names."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        for number in range(30_000):
            archive.writestr(f"archive/data/{number}", b"")
    return found.getvalue()


def _claiming(entries: int) -> bytes:
    """An archive whose last record says that it holds *entries* files."""
    whole = bytearray(_torch(_weights()))
    end = whole.rfind(b"PK\x05\x06")
    whole[end + 8 : end + 12] = struct.pack("<HH", entries, entries)
    return bytes(whole)


def _case(name: str, make: Callable[[str], bytes], *codes: str, suffix: str = ".pth", loader: str = LOADER) -> Case:
    def build(place: Place) -> Entry:
        (place.modules / "hostile_nets.py").write_text(_NETS)
        return files.entry(place, make(str(place.canary)), suffix, loader)

    return Case(name, build, frozenset(codes))


def cases() -> Iterator[Case]:
    """Calls, opcodes and archives; refused before anything is called."""
    yield _case("weights", lambda path: _torch(_weights()))
    yield _case("weights-of-old", lambda path: _torch(_weights(), zipped=False))
    for name, payload in _calls():
        yield _case(f"calls-{name}", lambda path, p=payload: _torch({"W": p(path)}), _UNSAFE)
    for name, payload in [*_calls()][:4]:
        yield _case(f"nested-{name}", lambda path, p=payload: _torch(_nested(p(path))), _UNSAFE)
        yield _case(f"old-{name}", lambda path, p=payload: _torch({"W": p(path)}, zipped=False), _UNSAFE)
        for protocol in (0, 2, 4):
            plain = f"plain-{protocol}-{name}"
            make = lambda path, p=payload, version=protocol: pickle.dumps(p(path), version)  # noqa: E731
            # A pickle of the first protocol is text, which is not a kind of source at all
            yield _case(plain, make, _UNSAFE, "E_NOTMODEL", "E_PARSE")
    for number, (name, _) in enumerate(_opcodes("")):
        make = lambda path, at=number: _in_archive([*_opcodes(path)][at][1])  # noqa: E731
        # What stands behind the end of a pickle is not read
        yield _case(f"opcode-{name}", make, _UNSAFE, "E_PARSE")
    yield _case("pickle-twice", _twice, _UNSAFE, "E_PARSE")
    yield _case("flipped", lambda path: _flipped(), "E_PARSE")
    yield _case("bomb", lambda path: _bomb(), *_LARGE)
    yield _case("thirty-thousand-names", lambda path: _directory(), *_LARGE)
    # Readers differ on whether they believe the number
    yield _case("claiming-no-names", lambda path: _claiming(0), "E_PARSE", "E_NOTMODEL", OK)
    yield _case("claiming-too-many-names", lambda path: _claiming(65_000), "E_PARSE", "E_NOTMODEL", OK)
    yield _case("cut", lambda path: _torch(_weights())[:-200], "E_PARSE")
    yield _case("cut-of-old", lambda path: _torch(_weights(), zipped=False)[:-40], "E_PARSE")
    yield _case("blank-pickle", lambda path: _in_archive(b""), "E_PARSE", _UNSAFE)
    deep = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    yield _case("deep-pickle", lambda path: _in_archive(deep), *_LARGE)
