"""How comparisons and known faults are written in a manifest or a marker."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.core.comparisons import Comparison, KnownFault
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.core.specs import is_function

#: Keys of a comparison that is written as a table, by its kind.
_KEYS = {
    "ranked": ("scores", "axis"), "rows": ("scores", "axis"), "cosine": ("limit",), "psnr": ("limit",),
    "sqnr": ("limit",), "steps": ("limit",), "function": ("function",),
}  # fmt: skip
_EXAMPLES = {"cosine": "cosine:0.999", "psnr": "psnr:40", "sqnr": "sqnr:30", "steps": "steps:1"}
_LIMIT = re.compile(r"(?P<kind>[a-z]+):\s*(?P<number>[-+.\deE]+)\s*(?P<unit>[A-Za-z]*)")
_CHECK = re.compile(r"(?P<name>[a-z][a-z0-9_-]*)(\[(?P<inside>[^\[\]]+)\])?")
_CODE = re.compile(r"[VE]_[A-Z]+")
#: Checks of a file, whose ids have no brackets, and of a backend, whose ids name it.
_OF_FILES = ("structure", "hygiene")
_OF_BACKENDS = ("contract", "parity", "batch", "latency")


def comparison(value: object) -> Comparison:
    """Return ``"ranked"``, ``"cosine:0.999"``, ``"package.module:function"``, or a table with ``kind`` and its keys.

    Raises:
        ConfigError: no such kind, a limit that is missing or cannot be, or a key that the kind does not have.
    """
    if isinstance(value, Mapping):
        return _of_table(value)
    text = scalars.text(value, "a comparison")
    if is_function(text):
        return Comparison("function", function=text)
    found = _LIMIT.fullmatch(text)
    if found is not None:
        if found["unit"] and (found["kind"] not in ("psnr", "sqnr") or found["unit"].lower() != "db"):
            raise ConfigError(f"{text!r} has the unit {found['unit']!r}", remedy=f"write {_example(found['kind'])}")
        return _checked(found["kind"], {"limit": _number(found["number"])})
    return _checked(text, {})


def _of_table(table: Mapping[str, Any]) -> Comparison:
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise ConfigError(f"{dict(table)!r} has no kind", remedy=f"write one of {', '.join(Comparison.KINDS)}")
    return _checked(kind, {key: entry for key, entry in table.items() if key != "kind"})


def _checked(kind: str, given: Mapping[str, Any]) -> Comparison:
    if kind not in Comparison.KINDS:
        raise ConfigError(f"{kind!r} is not a comparison", remedy=nearest(kind, tuple(Comparison.KINDS)))
    keys = _KEYS.get(kind, ())
    for key in given:
        if key not in keys:
            named = ", ".join(("kind", *keys))
            raise ConfigError(f"{kind} has no key {key!r}", remedy=f"its keys are {named}")
    if kind == "function" and "function" not in given:
        raise ConfigError("function names none", remedy='write "package.module:function"')
    if kind in Comparison.LIMITED and "limit" not in given:
        raise ConfigError(f"{kind} has no limit, and none fits every model", remedy=f"write {_example(kind)}")
    values = {key: _parsed(kind, key, entry) for key, entry in given.items()}
    return Comparison(kind, **values)


def _parsed(kind: str, key: str, value: object) -> Any:
    if key == "function":
        return scalars.function(value)
    if key == "scores":
        return scalars.text(value, "an output's name")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{key} {value!r} is not a number", remedy=f"expected a number, such as {_example(kind)}")
    if key == "axis":
        if not isinstance(value, int) or not -32 <= value < 32:
            raise ConfigError(f"{value!r} is not an axis", remedy="expected a whole number, such as 1 or -2")
        return value
    if kind == "cosine" and not -1 <= value <= 1:
        raise ConfigError(f"a cosine is never {value:g}", remedy="expected a number from -1 to 1, such as 0.999")
    if kind == "steps" and (value < 0 or value != int(value)):
        raise ConfigError(
            f"{value:g} is not a number of steps", remedy="expected a non-negative whole number, such as 1"
        )
    return float(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{text!r} is not a number", remedy="write a limit such as cosine:0.999") from None


def _example(kind: str) -> str:
    return _EXAMPLES.get(kind, '"ranked"')


def comparisons(value: object) -> dict[str, Comparison]:
    """Return one comparison for every output (under the name ``*``), or a table of them by output name.

    Raises:
        ConfigError: as :func:`comparison`.
    """
    if not isinstance(value, Mapping) or "kind" in value:
        return {"*": comparison(value)}
    if not value:
        raise ConfigError("the mapping is empty", remedy='expected {"scores": "cosine:0.999"}')
    found = {}
    for name, entry in value.items():
        try:
            found[scalars.text(name, "an output's name")] = comparison(entry)
        except ConfigError as error:
            raise ConfigError(f"{name!r}: {error.cause}", remedy=error.remedy) from None
    return found


def outputs(value: object) -> tuple[str, ...]:
    """Return the outputs that *value* names: all (``*``) for true, none for false, or those of its names.

    Raises:
        ConfigError: something else.
    """
    if isinstance(value, bool):
        return ("*",) if value else ()
    entries = value if isinstance(value, (list, tuple)) else [value]
    if not entries:
        raise ConfigError("the list is empty", remedy='expected names of outputs, such as ["scores"], or true')
    return tuple(dict.fromkeys(scalars.text(entry, "an output's name") for entry in entries))


def known_fault(check: str, value: object) -> KnownFault:
    """Return a fault that is accepted: ``"V_PARITY: why"``, or a table with ``code``, ``reason`` and ``outputs``.

    Args:
        check: the id of the check that has it: ``parity[ort-cpu~reference]``, ``structure``.
        value: as the manifest has it.

    Raises:
        ConfigError: no such check or backend, no code, or no reason.
    """
    _check_id(check)
    if isinstance(value, Mapping):
        for key in value:
            if key not in ("code", "reason", "outputs"):
                raise ConfigError(f"a known fault has no key {key!r}", remedy="its keys are code, reason, outputs")
        code, reason = value.get("code", ""), value.get("reason", "")
        named_outputs = outputs(value["outputs"]) if "outputs" in value else ()
    else:
        code, _, reason = scalars.text(value, "a known fault").partition(":")
        named_outputs = ()
    if not isinstance(code, str) or not _CODE.fullmatch(code.strip()):
        raise ConfigError(f"{code!r} is not the code of a failure", remedy='write "V_PARITY: why it is accepted"')
    if not isinstance(reason, str) or not reason.strip():
        raise ConfigError(f"{code.strip()} has no reason", remedy=f'write "{code.strip()}: why it is accepted"')
    return KnownFault(check, code.strip(), reason.strip(), tuple(n for n in named_outputs if n != "*"))


def _check_id(check: str) -> None:
    """Refuse what is not the id of a check: its name, and for one that a backend runs in, what stands in brackets."""
    known = (*_OF_FILES, *_OF_BACKENDS, *registry.names(registry.CHECKS))
    found = _CHECK.fullmatch(check)
    name = check.partition("[")[0] if found is None else found["name"]
    if name not in known:
        raise ConfigError(f"{check!r} is not a check", remedy=nearest(name, known))
    if found is None or ((name in _OF_BACKENDS) != bool(found["inside"]) and name in (*_OF_BACKENDS, *_OF_FILES)):
        example = {"parity": "parity[ort-cpu~reference]"}.get(
            name, f"{name}[ort-cpu]" if name in _OF_BACKENDS else name
        )
        raise ConfigError(f"{check!r} is not the id of a check", remedy=f'write it as test ids do: "{example}"')
    backends = registry.names(registry.BACKENDS)
    backend = re.split(r"~|-b\d+$", found["inside"])[0] if found["inside"] else ""
    if backend and backends and not registry.known(registry.BACKENDS, backend):
        raise ConfigError(f"{check!r} names the backend {backend!r}", remedy=nearest(backend, backends))
