"""Warnings of ONNX Runtime in what a worker prints."""

from __future__ import annotations

import re

from pytest_onnxaccel.core.errors import printable

_WARNING = re.compile(r"^(?:\S+ \S+ )?\[W:onnxruntime:[^,]*, [^\]]*\] ?(.*)$")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def warning_lines(text: str) -> list[str]:
    """Return the runtime's warnings in *text*, without time stamps and source lines, each once."""
    found = (_WARNING.match(_ESCAPE.sub("", line)) for line in text.splitlines())
    return list(dict.fromkeys(printable(match.group(1), 400) for match in found if match))
