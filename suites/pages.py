"""Examples of the documentation, to be run by tests."""

from __future__ import annotations

import re


def code_of(page: str, name: str, end: str = "") -> str:
    """Return the code block after ``<!-- example: name -->``, without the indentation of a list item that it stands in.

    Args:
        page: Markdown.
        end: what is put after its last line.
    """
    found = re.search(rf"( *)<!-- example: {re.escape(name)} -->\n *```\w*\n(.*?)\n *```", page, re.DOTALL)
    assert found, f"the page has no example {name}"
    return re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE) + end
