"""What the names of inputs suggest, where the graph says nothing that is against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from pytest_onnxaccel.core.domains import Bound, Domain
from pytest_onnxaccel.core.specs import Dim, TensorSpec

_MASK = re.compile(r"(?i)(^|_|\.)(attention_|padding_|pad_|encoder_|decoder_)*mask$|attn_mask")
_LENGTHS = re.compile(r"(?i)(^|_|\.)(seq(uence)?_?)?len(gth)?s?$")
_TYPES = re.compile(r"(?i)token_type_ids|segment_ids?$")
_IDS = re.compile(r"(?i)(input|token|word|decoder_input|label)_?ids?$|^ids$|^tokens?$")
_POSITIONS = re.compile(r"(?i)position_?ids?$|cache_position")
_RATE = re.compile(r"(?i)^(sr|sample_?rate)$")
_FLAG = re.compile(r"(?i)use_cache_branch|^is_|^use_")
_TIME = re.compile(r"(?i)seq|time|len|step|frame|token")
#: Numbers that every vocabulary has.
_VOCABULARY = 100


def suggested(specs: Sequence[TensorSpec], known: dict[str, Domain]) -> dict[str, Domain]:
    """Return domains by the names of inputs, of those of which the graph says no more than that they are numbers."""
    found: dict[str, Domain] = {}
    for spec in specs:
        own = known.get(spec.name)
        if own is not None and (own.kind != "number" or own.low is not None or own.high is not None):
            continue
        made = _by_name(spec, specs)
        if own is not None and own.points:
            # A length that is divided by the step of a window is one all the same
            if made is None or made.kind != "length":
                continue
            made = replace(made, points=own.points, facts=(*made.facts, *own.facts))
        if made is not None:
            found[spec.name] = made
    return found


def _by_name(spec: TensorSpec, specs: Sequence[TensorSpec]) -> Domain | None:
    whole = spec.dtype.startswith(("int", "uint"))
    for pattern, applies, maker in _TABLE:
        if pattern.search(spec.name) and applies(spec, whole):
            return maker(spec, specs)
    return None


def _named(kind: str, low: Bound | None = None, high: Bound | None = None) -> Callable[..., Domain | None]:
    def maker(spec: TensorSpec, specs: Sequence[TensorSpec]) -> Domain:
        return Domain(spec.name, kind, low, high, origin="name", facts=(f"is called {spec.name!r}",))

    return maker


def _time(spec: TensorSpec, specs: Sequence[TensorSpec]) -> Domain | None:
    """Return lengths of what another input holds along its axis of time."""
    for other in specs:
        if other.name == spec.name or other.shape is None or len(other.shape) < 2:
            continue
        sizes = [dim for dim in other.shape if isinstance(dim, str) and _TIME.search(dim)]
        size: Dim = sizes[0] if sizes else other.shape[1]
        if size is not None:
            text = f"is called {spec.name!r}, as lengths of {other.name!r} are"
            return Domain(spec.name, "length", 1, size, origin="name", facts=(text,))
    return None


def _integers(spec: TensorSpec, whole: bool) -> bool:
    return whole


def _any(spec: TensorSpec, whole: bool) -> bool:
    return True


_TABLE: tuple[tuple[re.Pattern[str], Callable[[TensorSpec, bool], bool], Callable[..., Domain | None]], ...] = (
    (_MASK, _any, _named("mask")),
    (_LENGTHS, _integers, _time),
    (_TYPES, _integers, _named("index", 0, 1)),
    (_POSITIONS, _integers, _named("index", 0, 7)),
    (_IDS, _integers, _named("index", 0, _VOCABULARY - 1)),
    (_RATE, _integers, lambda spec, specs: Domain(spec.name, "category", choices=(16000, 8000), origin="name",
                                                  facts=(f"is called {spec.name!r}",))),
    (_FLAG, lambda spec, whole: spec.dtype == "bool", _named("mask")),
)  # fmt: skip
