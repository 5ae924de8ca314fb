"""Names and messages that come from files, made harmless wherever they are shown.

A file's name, a node's name and a runtime's message are data that a stranger may have written: they may be no UTF-8,
hold line breaks, escape codes or characters that turn the text around, and begin with what a CI service obeys. What
leaves for a terminal, a test id, a report or a file goes through this module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: Longest message or refusal, in characters.
LIMIT = 300
#: Most lines of one kind (details, notes, warnings) below a message.
LINES = 50

_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.")
# Printable by name and invisible: comparisons that follow a language's rules skip them, those of CI services among them
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# GitHub obeys lines that start with "::", white space before it or not; GitHub, Azure and TeamCity "##name[" anywhere
_LINE_COMMAND = re.compile(r"^(\s*)::")
_INLINE_COMMAND = re.compile(r"##(?=\w*\[)")
_LONG_NAME = re.compile(r"\S{61,}")
#: As much of a text is read, in characters: a model's messages may be of any length.
_READ = 1 << 20
_COLONS = re.compile(":(?=:)")


def disarm(line: str) -> str:
    """Return *line* with commands to CI services broken up."""
    if "::" not in line and "##" not in line:
        return line
    return _INLINE_COMMAND.sub("# #", _LINE_COMMAND.sub(r"\1: :", line))


def escaped(text: str | bytes) -> str:
    r"""Escape each character of *text* that cannot be seen, and break up commands to CI services.

    Nothing of a name is lost by it: ``\n`` stands for a line break, ``\xff`` for a byte that is not UTF-8.
    """
    if isinstance(text, bytes):  # what protobuf gives for a name in a model that is not UTF-8
        text = text.decode(errors="surrogateescape")
    if text.isascii() and text.isprintable():
        return disarm(text)
    return disarm("".join(c if c.isprintable() and not _INVISIBLE.match(c) else _escape(c) for c in text))


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte of a file's name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def printable(text: str | bytes, limit: int = LIMIT) -> str:
    """Return *text* as one line of prose, at most *limit* characters.

    White space is one space and terminal codes are gone; what else cannot be seen is an escape, see :func:`escaped`.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="surrogateescape")
    if len(text) <= limit and text.isascii() and text.isprintable() and text == " ".join(text.split()):
        return cut(disarm(text), limit)
    line = " ".join(_INVISIBLE.sub("", _TERMINAL_CODE.sub("", text[:_READ])).split())
    if len(line) > limit:
        # Names are shortened before the sentence that they stand in is cut
        line = _LONG_NAME.sub(lambda found: f"{found.group()[:40]}…{found.group()[-19:]}", line)[: 2 * limit]
    return cut(escaped(line), limit)


def breakable(text: str, limit: int = LIMIT) -> str:
    """Return *text* as :func:`printable`, without ``::``: harmless where a program breaks it into lines."""
    return _COLONS.sub(": ", printable(text, limit))


def cut(line: str, limit: int = LIMIT) -> str:
    """Return *line* in at most *limit* characters, with a sign where it was cut."""
    return line if len(line) <= limit else line[: limit - 1] + "…"


def identifier(text: str) -> str:
    """Turn *text* into a name for a test id: :func:`escaped`, without ``::``, which separates an id's parts."""
    return _COLONS.sub(": ", escaped(text))


def file_name(text: str) -> str:
    """Turn *text*, one part of a path, into a file name that every runtime opens and that may be printed."""
    return disarm(identifier(text).replace("\\", "_"))


def near(path: str, limit: int = 80) -> str:
    """Return *path* for a message: relative where it is in the working folder, else its end."""
    shown = path
    if os.path.isabs(path):
        base = _working_folder()
        inside = base != os.sep and (path + os.sep).startswith(base + os.sep)
        parts = path.split(os.sep)
        shown = os.path.relpath(path, base) if inside else "…/" + "/".join(parts[-2:]) if len(parts) > 3 else path
    shown = escaped(shown)
    return shown if len(shown) <= limit else disarm("…" + shown[len(shown) - limit + 1 :])


def local(text: str) -> str:
    """Return *text* with paths below the working folder made relative."""
    base = _working_folder()
    return text if base == os.sep else text.replace(base + os.sep, "")


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return os.sep


def counted(texts: Sequence[str], room: int = 160, separator: str = ", ") -> str:
    """Return *texts* one after the other, as many as *room* characters hold, and how many more there are."""
    shown: list[str] = []
    for text in texts:
        if shown and len(separator.join([*shown, text])) > room:
            return f"{separator.join(shown)} and {len(texts) - len(shown):,} more"
        shown.append(cut(text, room))
    return separator.join(shown)


def named(names: Iterable[str], room: int = 160) -> str:
    """Return *names* as Python writes a list of them, as :func:`counted`."""
    return f"[{counted([repr(name) for name in names], room)}]"


def lines(texts: Sequence[str]) -> tuple[str, ...]:
    """Return *texts* as at most :data:`LINES` printable lines; the last one tells how many are left out."""
    kept = texts if len(texts) <= LINES else texts[: LINES - 1]
    shown = [printable(local(text)) for text in kept]
    return (*shown, f"and {len(texts) - len(kept):,} more") if len(kept) < len(texts) else tuple(shown)


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """Shorten a message to one line of at most :data:`LIMIT` characters, with a few more of what it leaves out."""
    whole = printable(local(text), 6 * LIMIT)
    if len(whole) <= LIMIT:
        return whole, ()
    return cut(whole), continued(whole[LIMIT - 1 :])


def continued(rest: str) -> tuple[str, ...]:
    """Return *rest* of a message, from :func:`printable`, in lines with a sign that they continue it."""
    size = LIMIT - 1
    return tuple("…" + rest[start : start + size] for start in range(0, len(rest), size))


def left_out(text: str, shown: str) -> tuple[str, ...]:
    """Return *text* in lines where *shown* had to leave out a part of it; else none."""
    whole = printable(local(text), 6 * LIMIT)
    return () if whole in shown else continued(whole)


def harmless(value: Any) -> Any:
    """Return *value* of JSON with every text :func:`escaped`; keys that become equal get a number."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, item in value.items():
            plain = escaped(str(key))
            name, number = plain, 2
            while name in found:
                name, number = f"{plain}~{number}", number + 1
            found[name] = harmless(item)
        return found
    if isinstance(value, (list, tuple)):
        return [harmless(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else escaped(str(value))
