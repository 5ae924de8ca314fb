"""The result of a check: frozen, and JSON in builtins only, because it crosses processes as one string."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, field, fields, is_dataclass, replace
from enum import Enum
from typing import Any

from pytest_onnxaccel.core import printing
from pytest_onnxaccel.core.frozen import record

#: Version of the JSON form; see docs/report-schema.md for what may change within one version.
SCHEMA_VERSION = 1

#: What JSON can hold and what figures are made of.
Json = Any

#: Fields that hold no text of a model or a runtime, and the id, which is one.
_TEXTLESS = frozenset(("verdict", "batch", "figures", "duration_s", "nodeid"))

#: Longest text of which results share one copy, in characters: names and codes, not messages.
_SHORT = 80


class Verdict(str, Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"

    def __str__(self) -> str:
        return self.value


@record(frozen=True)
class CheckResult:
    """One row of a report; what it says is printable, its message one line of at most 300 characters.

    Attributes:
        model: name of the model under test.
        check: ``structure``, ``hygiene``, ``contract``, ``parity``, ``batch``, ``latency``, ``preprocessing``.
        verdict: one of the four verdicts.
        code: ``OK``, or the code of the failure or of the reason (``V_PARITY``, ``E_CRASH`` ...).
        message: one line that says what was asked and what is; what has no room in it begins the *details*.
        backend: the candidate backend; empty for checks of the file itself.
        reference: what the candidate was compared with; empty where nothing was.
        batch: batch size that ran; None where none applies.
        figures: numbers by documented name; units are in the name (``p50_ms``).
        details: further lines of the message, for a person; like notes and warnings at most 50 of 300 characters.
        notes: facts that qualify the verdict ("a prepared copy ran").
        warnings: findings that do not decide the verdict.
        duration_s: wall time of the check, seconds.
        xfail: why a failed check is expected to fail, by the mark of its test or a known fault of the manifest; empty
            where it is not.
        traceback: of an exception that nobody expected inside the check, for the person who fixes it.
    """

    model: str
    check: str
    verdict: Verdict
    code: str = "OK"
    message: str = ""
    backend: str = ""
    reference: str = ""
    batch: int | None = None
    figures: Mapping[str, Json] = field(default_factory=dict)
    details: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    duration_s: float = 0.0
    nodeid: str = ""
    traceback: tuple[str, ...] = ()
    xfail: str = ""

    def __post_init__(self) -> None:
        # Here, because every result passes: texts come from models and runtimes, and may be of any length
        message, rest = printing.split(self.message)
        plain: dict[str, object] = {
            "model": printing.identifier(self.model),
            "backend": printing.identifier(self.backend),
            "reference": printing.identifier(self.reference),
            "nodeid": printing.escaped(self.nodeid),
            "code": printing.printable(self.code, 40),
            "xfail": printing.printable(self.xfail),
            "message": message,
            "details": printing.lines((*rest, *self.details)),
            "notes": printing.lines(self.notes),
            "warnings": printing.lines(self.warnings),
            "traceback": printing.lines(self.traceback),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        return "\n".join([self.message, *self.details])

    def __repr__(self) -> str:
        sides = "~".join(side for side in (self.backend, self.reference) if side)
        batch = "" if self.batch is None else f" b{self.batch}"
        inside = f"[{sides}{batch}]" if sides or batch else ""
        return f"<{self.verdict} {self.check}{inside} of {self.model}: {self.message}>"

    @property
    def expected(self) -> bool:
        """It failed, as the mark ``xfail`` of its test or a known fault of the manifest says."""
        return self.verdict is Verdict.FAILED and bool(self.xfail)

    def with_(self, **changes: Any) -> CheckResult:
        """Return a copy with *changes*; texts that stay as they are need not be made printable again."""
        if not _TEXTLESS.issuperset(changes):
            return replace(self, **changes)
        made = object.__new__(type(self))
        vars(made).update(vars(self), **changes)
        if "nodeid" in changes:
            vars(made)["nodeid"] = printing.escaped(changes["nodeid"])
        return made

    def to_json(self) -> dict[str, Json]:
        data = asdict(self)
        data["verdict"] = self.verdict.value
        return data

    def dumps(self) -> str:
        """Return one line of JSON, every text in it harmless; non-finite figures as ``nan``, ``inf``, ``-inf``."""
        # What a check put into its figures by mistake is told as text, as in the report
        fields_ = {**vars(self), "verdict": self.verdict.value}
        return json.dumps(printing.harmless(finite(fields_)), separators=(",", ":"), default=str)

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> CheckResult:
        known = {f.name for f in fields(cls)}
        values = {k: v for k, v in data.items() if k in known}
        values["verdict"] = Verdict(values["verdict"])
        for name in ("details", "notes", "warnings", "traceback"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)

    @classmethod
    def loads(cls, text: str) -> CheckResult:
        """Return what :meth:`dumps` wrote; results of thousands of models share the names of their figures."""
        return cls.from_json(_shared(json.loads(text)))


def _shared(value: Json) -> Json:
    """Return *value* with one copy of each key and of each short text for the whole process."""
    if isinstance(value, dict):
        return {sys.intern(key): _shared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shared(item) for item in value]
    return sys.intern(value) if isinstance(value, str) and len(value) <= _SHORT else value


def finite(value: Json) -> Json:
    """Return *value* with non-finite floats as the strings ``nan``, ``inf``, ``-inf``: JSON has no such numbers."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return finite(asdict(value))
    return value


def _ended(result: CheckResult) -> str:
    return "xfailed" if result.expected else str(result.verdict)


_HEAD = ("check", "backend", "reference", "batch", "verdict", "message")


class Results(list[CheckResult]):
    """Results of one model: a list that reads as a table, in a notebook as one of HTML."""

    @property
    def ok(self) -> bool:
        """No check failed but those that are expected to, and at least one passed."""
        verdicts = {result.verdict for result in self if not result.expected}
        return Verdict.FAILED not in verdicts and Verdict.PASSED in verdicts

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (r.check, r.backend, r.reference, "" if r.batch is None else str(r.batch), _ended(r), r.message)
            for r in self
        ]

    def __str__(self) -> str:
        rows = [_HEAD, *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD) - 1)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows; what a model says in it is escaped."""
        from html import escape

        head = "".join(f"<th>{name}</th>" for name in _HEAD)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
