"""Text from models in Markdown: it is shown and never obeyed."""

from __future__ import annotations

import re
from html import escape

from pytest_onnxaccel.report.text_format import name, safe

#: What Markdown, or a site that renders it, may take for a command.
_MEANT = re.compile(r"[\\`*_\[\]{}|~$!#^]|:(?=\S)|(?<=www)\.")


def plain(text: str, limit: int = 300) -> str:
    """Return *text* for a line of Markdown: one line, nothing in it a link, an image, a mention or a tag.

    Args:
        text: of a model, a runtime or a person.
        limit: most characters that are shown.
    """
    shown = escape(safe(text, limit), quote=True)
    # An entity for itself holds "&" and "#", which must not be replaced a second time
    parts = re.split(r"(&(?:amp|lt|gt|quot|#x27);)", shown)
    parts[::2] = [_MEANT.sub(lambda found: f"&#{ord(found.group())};", part) for part in parts[::2]]
    # A mention stays one as an entity; with a space of no width behind the sign it is text
    return "".join(parts).replace("@", "&#64;&#8203;")


def code(text: str, width: int = 80) -> str:
    """Return *text* as a name in fixed width, shortened in the middle."""
    return f"<code>{plain(name(text, width), width)}</code>" if text else ""


def block(lines: list[str]) -> str:
    """Return *lines* as they are, in fixed width."""
    return "<pre>\n" + "\n".join(escape(line) for line in lines) + "\n</pre>"
