"""The manifest as a JSON Schema, by which editors complete and check ``onnxaccel.toml``."""

from __future__ import annotations

from typing import Any

from pytest_onnxaccel.config.schema.key import Key, Table
from pytest_onnxaccel.config.schema.tables import TABLES

_TEXTS = {"type": "array", "items": {"type": "string"}}
_WHOLE = {"type": "integer"}
_PLAIN = {"type": ["number", "string", "boolean"]}

#: By the words of the table, what JSON Schema calls it.
TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "number from 0 to 1": {"type": "number", "minimum": 0, "maximum": 1},
    "whole number": _WHOLE,
    "boolean": {"type": "boolean"},
    "duration": {"type": "string", "pattern": r"^\s*[0-9.]+\s*(ns|us|µs|ms|s)\s*$"},
    "MODULE:FUNCTION": {"type": "string", "pattern": r"^[\w.]+:[\w.]+$"},
    "BACKEND:FACTOR": {"type": "string", "pattern": r"^[^:]+:.+$"},
    "PERCENT or PERCENT git:REVISION": {"type": "string", "pattern": r"^\s*[0-9.]+\s*%"},
    "number or table": {"type": ["number", "object"]},
    "table": {"type": "object"},
    "text or table": {"type": ["string", "object"]},
    "path or table": {"type": ["string", "object"]},
    "path or false": {"anyOf": [{"type": "string"}, {"const": False}]},
    "text or list of texts": {"anyOf": [{"type": "string"}, _TEXTS]},
    "whole number or list of them": {"anyOf": [_WHOLE, {"type": "array", "items": _WHOLE}]},
    "list of two numbers": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    "list of whole numbers": {"type": "array", "items": _WHOLE},
    "number, text or boolean": _PLAIN,
    "list of numbers, texts or booleans": {"type": "array", "items": _PLAIN},
    '"any" or list of sizes': {
        "anyOf": [{"const": "any"}, {"type": "array", "items": {"type": "array", "items": _WHOLE}}]
    },
    "boolean or list of outputs": {
        "anyOf": [{"type": ["boolean", "string"]}, {**_TEXTS, "minItems": 1}],
    },
    "number or list of numbers": {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]},
    "`prepend` or `conv`": {"enum": ["prepend", "conv"]},
    "`NHWC`, `HWC` or `NCHW`": {"enum": ["NHWC", "HWC", "NCHW"]},
    "`same` or `reversed`": {"enum": ["same", "reversed"]},
    "`warn`, `fail` or `skip`": {"enum": ["warn", "fail", "skip"]},
}

#: Values of the tables whose keys are the user's own.
_FREE = {
    "[models.NAME.dims]": {
        "anyOf": [_WHOLE, {"type": "string"}, {"type": "array", "items": {"type": ["integer", "string"]}}]
    },
    "[models.NAME.known]": {
        "anyOf": [
            {"type": "string", "pattern": r"^\s*[VE]_[A-Z]+\s*:\s*\S"},
            {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "pattern": r"^\s*[VE]_[A-Z]+\s*$"},
                    "reason": {"type": "string", "pattern": r"\S"},
                    "outputs": {"anyOf": [{"type": ["boolean", "string"]}, {**_TEXTS, "minItems": 1}]},
                },
                "required": ["code", "reason"],
                "additionalProperties": False,
            },
        ]
    },
    "[models.NAME.checks.CHECK]": True,
    "[backends.NAME]": _PLAIN,
}


def schema() -> dict[str, Any]:
    """Return the schema of a whole manifest, made from the tables that also read it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "onnxaccel.toml",
        **_table(TABLES[0], ()),
    }


def _table(table: Table, at: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "description": table.help, "additionalProperties": False}
    if table.title in _FREE:
        return {**found, "additionalProperties": _FREE[table.title]}
    properties = {key.name: _key(key) for key in table.keys}
    properties |= {name: _inside(name, at) for name in table.tables}
    required = [key.name for key in table.keys if key.required]
    return {**found, "properties": properties, **({"required": required} if required else {})}


def _inside(name: str, at: tuple[str, ...]) -> dict[str, Any]:
    """Return the kind of table that *name* holds: itself, or one for each name under it."""
    path = ".".join((*at, name))
    title = "budget" if path.endswith("budget") else path  # [defaults] has the one of models
    for table in TABLES:
        inside = table.title.strip("[]")
        if inside == title or (title == "budget" and inside.endswith(".budget")):
            return _table(table, (*at, name))
        if inside.rpartition(".")[0] == title:
            return {"type": "object", "additionalProperties": _table(table, tuple(inside.split(".")))}
    raise AssertionError(path)


def _key(key: Key) -> dict[str, Any]:
    return {**TYPES[key.type], "description": f"{key.help} Example: {key.example}"}
