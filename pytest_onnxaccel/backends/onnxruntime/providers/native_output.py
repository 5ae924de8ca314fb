"""What native code prints while something is made: providers tell why they did not start on standard error alone."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from typing import IO

from pytest_onnxaccel.core.errors import printable

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
#: Time stamp, file and signature before what ONNX Runtime logs.
_LOGGED = re.compile(r"^\S+ \S+ \[([EW]):onnxruntime:[^\]]*\] ?(.*)$")
_SOURCE = re.compile(r"^(?:/[\w./-]*/)?[\w.-]+\.(?:cc|h|cpp):\d+ .*?\)(?: const)? ?(?=\S)")


@contextlib.contextmanager
def native_output() -> Iterator[list[str]]:
    """Collect what is written to descriptor 2 in the block, which still goes where it would have gone."""
    lines: list[str] = []
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield lines
        return
    with _anonymous() as file:
        try:
            os.dup2(file.fileno(), 2)
            yield lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said = file.read()
            with contextlib.suppress(OSError):
                os.write(2, said)
            lines.extend(_ESCAPES.sub("", said.decode("utf-8", "replace")).splitlines())


def _anonymous() -> IO[bytes]:
    if hasattr(os, "memfd_create"):  # a confined worker writes nowhere but in its folder
        return os.fdopen(os.memfd_create("said"), "w+b")
    return tempfile.TemporaryFile()


def reason(lines: list[str]) -> str:
    """Return the first error that ONNX Runtime logged among *lines*, without file names; empty where there is none."""
    for line in lines:
        found = _LOGGED.match(line)
        if found and found[1] == "E" and found[2].strip():
            return clean(_SOURCE.sub("", found[2]))
    return ""


def clean(text: str) -> str:
    """Return what ONNX Runtime says of a provider without paths and signatures, which hide the sentence."""
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"Failed to load library \S+ with error: ", "", text)
    return printable(re.sub(r"^\S*\.(?:cc|h|cpp):\d+ .*?\) (?=[A-Z]|\[ERROR)", "", text.strip()), 300)
