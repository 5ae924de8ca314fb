"""Whatever a stranger wrote, what is shown of it is one line that no terminal and no CI service obeys."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_onnxaccel.core import printing

#: What CI services obey: at the start of a line, white space before it or not, and anywhere in one.
LINE = re.compile(r"^\s*::")
INLINE = re.compile(r"##\w*\[")

HOSTILE = {
    "no utf-8": "bad\udcff\udcfe.onnx",
    "lone surrogate": "a\ud800b",
    "newline": "a\nb\r\nc\x0b\x0c\x1c\x1e\x85\u2028\u2029d",
    "escape code": "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b1A",
    "nul": "a\x00b",
    "turned around": "abc\u202egnp.exe\u2066",
    "zero width": "#\u200b#vso[x]\ufeff::error::",
    "soft hyphen": "##\u00advso[x]",
    "invisible letters": "##\u034fvso[x]\ufe0f\u3164",
    "github": "::error::x",
    "github after space": " \t\u3000::set-output name=a::b",
    "github three": ":::error::x",
    "github four": "::::",
    "old github": "##[set-env name=PATH;]/evil",
    "azure": "##vso[task.setvariable variable=a]b.onnx",
    "azure inside": "x ##VSO[task.complete]",
    "azure many": "#####vso[##vso[a]]",
    "azure by escapes": "#\x1b[0m#vso[x]",
    "teamcity": "##teamcity[testFailed name='x']",
    "separators": "a::b[c]::d",
    "spaces": "  a  b  ",
    "empty": "",
}
texts = st.text(st.characters(exclude_categories=())) | st.text(
    st.sampled_from("::##[]\n\t \\ vsoa\x1b\x00\u200b\u202e\u2028\udcff\ufe0f\u3000"), max_size=40
)


def harmless(line: str) -> bool:
    """One line that can be seen, is UTF-8, and that no CI service obeys."""
    line.encode()
    return line.isprintable() and len(line.splitlines()) <= 1 and not LINE.match(line) and not INLINE.search(line)


def shown(text: str) -> list[str]:
    """*text* by each of the ways out."""
    message, rest = printing.split(text)
    lines = [printing.printable(text), printing.printable(text, 5), printing.breakable(text), printing.escaped(text)]
    lines += [printing.identifier(text), printing.file_name(text), printing.near(text), printing.near("/" + text)]
    return [*lines, message, *rest, *printing.lines([text, text])]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_are_harmless(text: str) -> None:
    assert all(harmless(line) for line in shown(text)), shown(text)


@settings(max_examples=500, deadline=None)
@example("##" * 3 + "[" * 3)
@example("\x1b::")
@given(texts)
def test_any_text_is_harmless(text: str) -> None:
    assert all(harmless(line) for line in shown(text)), shown(text)
    assert len(printing.printable(text)) <= printing.LIMIT
    assert "::" not in printing.identifier(text)
    assert "::" not in printing.breakable(text)
    # What was made harmless once stays as it is: it passes several of these on its way
    for made in (printing.escaped, printing.identifier, printing.printable, printing.breakable):
        assert made(made(text)) == made(text)


@settings(max_examples=200, deadline=None)
@given(st.recursive(texts | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_any_json_is_harmless_and_loses_no_key(value: object) -> None:
    made = printing.harmless(value)
    json.dumps(made, ensure_ascii=False).encode()
    assert not INLINE.search(json.dumps(made).replace('"', ""))
    assert printing.harmless(made) == made
    if isinstance(value, dict):
        assert len(made) == len(value)


def test_plain_names_are_left_alone() -> None:
    for text in ("model.onnx", "sub/größe 3.onnx", "模型.onnx", "a[1].onnx", "v1:2", "#3 ##", "C:\\models"):
        assert printing.escaped(text) == printing.identifier(text) == printing.printable(text) == text


def test_nothing_of_a_name_is_lost() -> None:
    assert printing.identifier("bad\udcff.onnx") == "bad\\xff.onnx"
    assert printing.identifier("a\nb\u202e") == "a\\nb\\u202e"
    assert printing.identifier("::error::x.onnx") == ": :error: :x.onnx"
    assert printing.escaped("::error::x.onnx") == ": :error::x.onnx"
    assert printing.file_name("bad\udcff.onnx") == "bad_xff.onnx"


def test_keys_that_become_equal_are_told_apart() -> None:
    assert printing.harmless({"\n": 1, "\\n": 2, "::": [("a\x1b",)]}) == {"\\n": 1, "\\n~2": 2, ": :": [["a\\x1b"]]}


def test_a_long_list_tells_how_many_it_leaves_out() -> None:
    names = [f"y{n}" for n in range(2000)]
    assert printing.counted(names, 10) == "y0, y1, y2 and 1,997 more"
    assert printing.counted(names[:3], 10) == "y0, y1, y2"
    assert printing.counted(["x" * 999, "y"], 10) == "xxxxxxxxx… and 1 more"
    assert printing.counted([]) == ""
