"""Messages, docstrings and pages use plain English: words and phrases that read oddly stay away."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: What is not written, and what is written instead.
BANNED = {
    r"(?<!here )\b(?:is|are|was|were) no (?!longer\b|more\b)\w": "'is not a ...' ('there is no ...' is fine)",
    r"\b(?:truncated|missing) or no \w": "'or not a ...'",
    r"\bfrom 0 up\b": "non-negative",
    r"\bfrom 1 up\b": "positive",
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bwhoever\b": "anyone who",
    r"\bwhere(?:of|in|by|upon)\b": "of which, in which, by which",
    r"\bthere(?:of|in|upon)\b": "of it, in it",
    r"\bcannot be had\b": "is not available",
    r"\bleaves? aside\b": "ignore",
    r"\bit lies (?:in|on|outside|beside)\b": "it is in",
    r"\bone and the same\b": "the same",
    r"\bat hand\b": "available",
    r"\bbesides?\b(?!:)": "next to (a file), in addition to (a thing)",
}
_BANNED = re.compile("|".join(f"({pattern})" for pattern in BANNED), re.IGNORECASE)


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Every string literal with its line; of an f-string its parts of text, with a space for a value."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(p.value if isinstance(p, ast.Constant) else "x" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def odd(text: str) -> Iterator[tuple[str, str]]:
    """The phrases of *text* that are not written, each with what is written instead."""
    for match in _BANNED.finditer(re.sub(r"\s+", " ", text)):
        yield match.group(), list(BANNED.values())[(match.lastindex or 1) - 1]


def pieces(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module or a page, with the line where each begins."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        yield from strings(text)
    else:
        yield from enumerate(text.splitlines(), 1)


FILES = [*ROOT.glob("pytest_onnxaccel/**/*.py"), *ROOT.glob("docs/**/*.md"), ROOT / "README.md"]


@pytest.mark.parametrize("folder", sorted({str(file.parent.relative_to(ROOT)) for file in FILES}))
def test_no_odd_phrases(folder: str) -> None:
    files = [file for file in FILES if str(file.parent.relative_to(ROOT)) == folder]
    assert files
    found = [
        f"{file.relative_to(ROOT)}:{line}: write {instead} for {phrase!r}"
        for file in sorted(files)
        for line, text in pieces(file)
        for phrase, instead in odd(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    ["'x' is no number", "expected a number from 0 up", "it is converted\nanew", "mend it: pip", "beside the model"],
)
def test_an_odd_phrase_is_found(text: str) -> None:
    assert len(list(odd(text))) == 1


@pytest.mark.parametrize(
    "text",
    ["'x' is not a number", "there is no file", "it is no longer there", "recommended", "next to the model", "a fix"],
)
def test_plain_phrases_pass(text: str) -> None:
    assert not list(odd(text))


def test_values_of_f_strings_do_not_hide_a_phrase() -> None:
    texts = [text for _, text in strings('raise ValueError(f"{value!r} is no {kind}")')]
    assert any(list(odd(text)) for text in texts)
