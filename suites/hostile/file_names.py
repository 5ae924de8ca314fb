"""File names that a terminal, a CI service, a shell or a path would obey. A file system takes any bytes but ``/``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from suites.hostile.case import Case, Entry, Place
from suites.hostile.onnx_files.graphs import data, network

#: Name of the case -> name of the file, without its suffix.
NAMES: dict[str, bytes] = {
    "set-output": b"::set-output name=a::b",
    "error": b"::error::x",
    "error-after-a-blank": b" ::error::x",
    "stop-commands": b"::stop-commands::now",
    "add-mask": b"::add-mask::a",
    "vso": b"##vso[task.setvariable variable=a]b",
    "vso-later": b"a ##vso[task.complete result=Succeeded]b",
    "azure-error": b"##[error]x",
    "teamcity": b"##teamcity[testFailed name='a']",
    "newline": b"a\n::error::b",
    "newline-first": b"\n::error::b",
    "carriage-return": b"a\r::error::b",
    "carriage-return-newline": b"a\r\n##[error]b",
    "form-feed": b"a\x0c::error::b",
    "next-line": "a\x85::error::b".encode(),
    "line-separator": "a\u2028::error::b".encode(),
    "paragraph-separator": "a\u2029##[error]b".encode(),
    "escape": b"a\x1b[31m\x1b[2Jb",
    "title": b"a\x1b]0;title\x07b",
    "link": b"a\x1b]8;;ftp:x\x1b\\b",
    "one-byte-csi": b"a\x9b31mb",
    "bell": b"\x07a\x08\x08b",
    "delete": b"a\x7fb",
    "tab": b"a\tb",
    "backwards": "a\u202egpj.\u202cb".encode(),
    "isolated": "a\u2066b\u2069".encode(),
    "no-width": "a\u200bb\ufeff".encode(),
    "combined": b"a" + "\u0301".encode() * 60,
    "wide": "\U0001f600\u6a21\u578b".encode(),
    "not-utf8": b"bad\xff\xfe",
    "half-utf8": b"bad\xe2\x82",
    "surrogate": b"bad\xed\xa0\x80",
    "only-bytes": b"\xff",
    "shell": b"$(touch x); `touch y` && a|b>c",
    "percent": b"%s%n%d {0} {a.b} %(x)s",
    "markup": b'<failure message="x">]]>&amp;\'',
    "brackets": b"a[b]-c",
    "glob": b"*?[a]",
    "node-id": b"a::b::c[d]",
    "option": b"-x --onnx-trust=all",
    "blanks": b"  a  ",
    "dots": b"..a..",
    "backslashes": b"C:\\a\\b\\n",
    "long": b"n" * 245,
}


def _named(name: bytes, content: bytes, place: Place) -> Entry:
    path = os.path.join(os.fsencode(place.folder), name + b".onnx")
    with open(path, "wb") as file:
        file.write(content)
    return Entry(Path(os.fsdecode(path)))


def cases() -> Iterator[Case]:
    """Every name twice: for a model, which passes, and for what is none."""
    whole = data(network())
    for name, written in NAMES.items():
        yield Case(f"{name}-model", lambda place, n=written: _named(n, whole, place))
        # Another name than the model's: two of one name are told apart by their folders, which then begin the line
        other = written[:240] + b"-2"
        yield Case(f"{name}-garbage", lambda place, n=other: _named(n, b"no model", place), frozenset({"E_PARSE"}))
