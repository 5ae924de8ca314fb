"""Arguments that are not UTF-8 on their way to the workers of pytest-xdist, which can send nothing but UTF-8."""

from __future__ import annotations

import re
from typing import Any

#: Where a byte that is not UTF-8 is put for the journey: private characters at the end of Unicode.
_AT = 0x10FE00
_BYTES = re.compile("[\udc80-\udcff]")
_SENT = re.compile("[\U0010fe80-\U0010feff]")


def packed(text: str) -> str:
    """Return *text* with its bytes that are not UTF-8 as private characters."""
    return _BYTES.sub(lambda found: chr(ord(found.group()) - 0xDC00 + _AT), text)


def unpacked(value: Any) -> Any:
    """Return what :func:`packed` was given; *value* is a text, or a list of them."""
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    return _SENT.sub(lambda found: chr(ord(found.group()) - _AT + 0xDC00), value) if isinstance(value, str) else value
