"""Pages are easy to read: no sentence is longer than a breath."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Most words up to a full stop, colon or semicolon; code, links' addresses and what stands in brackets are not counted.
LONGEST = 35
PAGES = [*ROOT.glob("docs/**/*.md"), *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"))]


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield paragraphs, items of lists and cells of tables with the line where each begins; no code, no headings."""
    text = re.sub(r"(```.*?```|<!--.*?-->)", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    begun, parts = 1, []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        line = line.strip()
        new = not line or line.startswith(("|", "#", "- ", "* ", ":::", "![")) or re.match(r"\d+\. ", line)
        if new:
            yield begun, " ".join(parts)
            begun, parts = number, []
        if line.startswith("|"):
            yield from ((number, cell) for cell in re.split(r"(?<!\\)\|", line))
        elif line and not line.startswith(("#", ":::", "![")):
            parts.append(line)


def sentences(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the line, the number of words and the words of each sentence."""
    for number, block in blocks(text):
        plain = re.sub(r"`[^`]*`", "CODE", block)
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain)
        plain = re.sub(r"\([^()]*\)", "", plain)
        for one in re.split(r"(?<=[.!?:;])[*\"]*\s+", plain):
            yield number, len(re.findall(r"[A-Za-z][\w'-]*", one)), one


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_no_sentence_is_too_long(page: Path) -> None:
    found = [
        f"{page.relative_to(ROOT)}:{line}: {count} words, at most {LONGEST}: {one}"
        for line, count, one in sentences(page.read_text(encoding="utf-8"))
        if count > LONGEST
    ]
    assert not found, "\n".join(found)


def test_the_test_can_fail() -> None:
    long = "This is " + "a very " * 20 + "long one."
    counted = [
        count for _, count, _ in sentences(f"Short. {long} See [a page](b.md) (in brackets).\n\n| {long} | x |\n")
    ]
    assert sorted(count for count in counted if count) == [1, 1, 3, 44, 44]
    assert not any(count for _, count, _ in sentences(f"# {long}\n\n```text\n{long}\n```\n<!-- {long} -->\n"))
