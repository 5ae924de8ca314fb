"""Operands that are texts or categories: the keys that encoders know, and one that they do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from onnx import numpy_helper

from pytest_onnxaccel.graph.inputs.findings import Finding, named
from pytest_onnxaccel.graph.inputs.patterns import matching
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: A text that no list of keys holds.
STRANGER = "onnxaccel"
#: Words in letters of both cases, for operators that take any text.
_WORDS = ("Monday", "tuesday", "WEDNESDAY", "a b c", "naïve", "x,y;z", "12", "3.5")
#: At most so many keys are drawn from.
_MOST = 512


def _chosen(site: Site, keys: Sequence[Any], what: str, place: int = 0) -> None:
    choices = tuple(key.decode("utf-8", "replace") if isinstance(key, bytes) else key for key in keys)
    kind = "text" if any(isinstance(choice, str) for choice in choices) else "category"
    kept = tuple(dict.fromkeys(choices))[:_MOST]
    for trace in site.operand(place).traces:
        if trace.plain and kept:
            text = f"{what} in {named(site.node)}"
            columns = () if trace.column is None else (*[()] * trace.column, kept)  # of one column of a table alone
            site.findings.add(Finding(trace.input, text, kind, choices=kept, columns=columns))


def _replaced_sample(keys: Sequence[Any]) -> list[Any]:
    if keys and isinstance(keys[0], (int, float)):
        return [*keys[: _MOST - 1], max(keys) + 1]
    return [*keys[: _MOST - 1], STRANGER]


def _attributes(*names: str) -> Callable[[Site], list[Any]]:
    def found(site: Site) -> list[Any]:
        for name in names:
            value = site.attribute(name)
            if value is not None:
                return list(numpy_helper.to_array(value).reshape(-1).tolist() if hasattr(value, "dims") else value)
        return []

    return found


def keys(*names: str) -> Rule:
    """Return the keys of an encoder, which gives its default for any other."""
    listed = _attributes(*names)

    def rule(site: Site) -> None:
        found = listed(site)
        if found:
            _chosen(site, _replaced_sample(found), f"knows {len(found)} keys")

    return rule


def one_hot(site: Site) -> None:
    """OneHotEncoder: its categories; another one only where it gives zeros for it."""
    found = _attributes("cats_strings", "cats_int64s")(site)
    known = _replaced_sample(found) if found and site.attribute("zeros", 1) else found
    _chosen(site, known, f"knows {len(found)} categories")


def category_mapper(site: Site) -> None:
    """CategoryMapper: from texts to numbers, or back, by the input's type."""
    texts = site.operand(0).elem_type == 8
    found = _attributes("cats_strings" if texts else "cats_int64s")(site)
    if found:
        _chosen(site, _replaced_sample(found), f"knows {len(found)} categories")


def normalizer(site: Site) -> None:
    """StringNormalizer: words of both cases, and those that it leaves out."""
    _chosen(site, [*_WORDS[:3], *(site.attribute("stopwords") or ())], "takes words")


def words(site: Site) -> None:
    """Operators that take any text."""
    for place in range(len(site.operands)):
        if site.operand(place).elem_type == 8:
            _chosen(site, _WORDS, "takes texts", place)


def pattern(site: Site) -> None:
    """RegexFullMatch: texts that match, texts that nearly do, and others."""
    found = site.attribute("pattern", b"")
    _chosen(site, [*matching(found.decode("utf-8", "replace")), *_WORDS], "matches texts")


def cast(site: Site) -> None:
    """Cast of a text to a number: texts that are numbers."""
    if site.operand(0).elem_type == 8 and int(site.attribute("to", 0)) != 8:
        whole = int(site.attribute("to", 0)) not in (1, 10, 11, 16)
        _chosen(site, ["7", "0", "-3", "12"] if whole else ["0.47892547", "-1.5", "3", "1e-3"], "reads numbers")


RULES: Mapping[str, Sequence[Rule]] = {
    "ai.onnx.ml:LabelEncoder": (keys("keys_strings", "keys_int64s", "keys_floats", "keys_tensor", "classes_strings"),),
    "ai.onnx.ml:OneHotEncoder": (one_hot,),
    "ai.onnx.ml:CategoryMapper": (category_mapper,),
    ":TfIdfVectorizer": (keys("pool_strings", "pool_int64s"),),
    ":StringNormalizer": (normalizer,),
    ":StringConcat": (words,),
    ":StringSplit": (words,),
    ":RegexFullMatch": (pattern,),
    ":Cast": (cast,),
}
