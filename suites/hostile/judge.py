"""What a run of the gate must hold, whatever it was given. Every function returns what is wrong, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from suites.hostile.case import OK, Case
from suites.hostile.gate import Finished

#: Longest line that a refusal may take, in characters.
LONGEST = 300

#: What CI services obey: GitHub at the start of a line, Azure anywhere in one.
_COMMAND = re.compile(r"^\s*(::|##\w*\[)|##vso\[")
#: What says by itself that nothing of a case may have run.
_REFUSED_WHOLE = {"E_UNSAFE", "E_EXTERNAL", "E_NOTMODEL", "E_FILE"}
#: pytest's word for each verdict.
_OUTCOMES = {"passed": "passed", "inconclusive": "passed", "failed": "failed", "not_applicable": "skipped"}


def problems(run: Finished) -> list[str]:
    """Everything that is wrong with *run*; empty when nothing is."""
    return [*broken(run), *shown_badly(run), *disagreement(run), *left_behind(run), *misjudged(run)]


def broken(run: Finished) -> Iterator[str]:
    """The run did not end as a run with failures does."""
    expected = 0 if all(case.legal for case in run.cases) else 1
    if run.status != expected:
        yield f"exit status {run.status} instead of {expected}: {_tail(run)}"
    for word in (b"INTERNALERROR", b"Traceback (most recent call last)"):
        if word in run.out:
            yield f"prints {word.decode()}: {_tail(run)}"
    if not run.report:
        yield "there is no JSON report"
    if run.junit is None:
        yield "there is no well-formed JUnit file"


def shown_badly(run: Finished) -> Iterator[str]:
    """A line of the output is not text, holds what a terminal obeys, or begins with what a CI service obeys."""
    try:
        text = run.out.decode()
    except UnicodeDecodeError as error:
        yield f"the output is not UTF-8: {error}"
        text = run.out.decode(errors="replace")
    for line in text.split("\n"):
        if not line.isprintable():
            yield f"a line holds control characters: {line[:200]!r}"
        if _COMMAND.search(line):
            yield f"a CI service would obey the line {line[:200]!r}"


def disagreement(run: Finished) -> Iterator[str]:
    """The JSON report, the JUnit file and the printed tallies count differently."""
    rows = run.report.get("results", [])
    verdicts = Counter(row["verdict"] for row in rows)
    summary = Counter({key: count for key, count in run.report.get("summary", {}).items() if count})
    if verdicts != summary:
        yield f"the JSON report counts {dict(summary)} and holds {dict(verdicts)}"
    text = run.out.decode(errors="replace")
    tally = re.findall(r"^checks: (.*)$", text, re.MULTILINE)
    told = Counter({word.replace(" ", "_"): int(count) for line in tally for count, word in _counted(line)})
    if told != verdicts:
        yield f"the tally says {dict(told)}, the JSON report {dict(verdicts)}"
    outcomes = Counter(_OUTCOMES[row["verdict"]] for row in rows)
    closing = re.findall(r"^(?:=+ )?([0-9].* in [0-9.:() ]+s?.*?)(?: =+)?$", text, re.MULTILINE)
    ended = Counter({word: int(count) for count, word in _counted(closing[-1] if closing else "")})
    ended = Counter({word: ended[word] for word in ("passed", "failed", "skipped", "error", "errors") if ended[word]})
    if ended != outcomes:
        yield f"pytest's last line says {dict(ended)}, the JSON report {dict(outcomes)}"
    if run.junit is not None:
        yield from _junit_disagreement(run, rows, outcomes)


def _junit_disagreement(run: Finished, rows: list[dict[str, Any]], outcomes: Counter[str]) -> Iterator[str]:
    assert run.junit is not None
    suite = next(run.junit.iter("testsuite"))
    number = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
    expected = {"tests": len(rows), "failures": outcomes["failed"], "errors": 0, "skipped": outcomes["skipped"]}
    if number != expected:
        yield f"the JUnit file counts {number}, the JSON report {expected}"
    told: Counter[tuple[str, ...]] = Counter()
    for item in run.junit.iter("testcase"):
        known = {entry.get("name"): entry.get("value") or "" for entry in item.iter("property")}
        told[tuple(known.get(f"onnxaccel.{key}", "") for key in ("check", "verdict", "code"))] += 1
        outcome = _outcome(item)
        if _OUTCOMES.get(known.get("onnxaccel.verdict", ""), "") != outcome:
            yield f"JUnit's case {item.get('name')!r} of {item.get('classname')!r} is {outcome}: {known}"
        yield from _told_badly(item, known.get("onnxaccel.code", ""), known.get("onnxaccel.model", ""))
    held = Counter((row["check"], row["verdict"], row["code"]) for row in rows)
    if told != held:
        yield f"only in JUnit: {dict(told - held)}; only in the JSON report: {dict(held - told)}"


def _outcome(item: ElementTree.Element) -> str:
    for tag, outcome in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        if item.find(tag) is not None:
            return outcome
    return "passed"


def _told_badly(item: ElementTree.Element, code: str, model: str) -> Iterator[str]:
    """A failure whose first line does not begin with its code, is long, or cannot be shown."""
    failure = item.find("failure")
    if failure is None:
        return
    text = (failure.get("message") or "").removeprefix("Failed: ")
    line = text.split("\n", 1)[0]  # a verdict's details stand below it
    own = f"{code} {model}"
    if not line.startswith((f"onnxaccel[{code}] ", own)):
        yield f"the failure of {item.get('classname')!r} does not begin with {code}: {line[:200]!r}"
    told = line.removeprefix(own).partition(": ")[2] if line.startswith(own) else line
    if len(told) > LONGEST or not text.replace("\n", "").isprintable():
        yield f"the failure of {item.get('classname')!r} is not short printable lines: {line[:200]!r}"


def _counted(line: str) -> list[tuple[str, str]]:
    return re.findall(r"(\d+) ([a-z][a-z ]*[a-z])(?=,| in |$)", line)


def left_behind(run: Finished) -> Iterator[str]:
    """Something was written, or outlives the run."""
    yield from (f"the payload of {name} ran" for name in run.canaries)
    yield from (f"changed by the run: {path}" for path in run.changed)
    # pytest keeps a folder of its own for pytest-xdist
    yield from (f"left after the run: {name}" for name in run.left if not name.startswith("pytest-of-"))


def misjudged(run: Finished) -> Iterator[str]:
    """A case whose outcome is another than it must be."""
    for case in run.cases:
        rows = rows_of(run, case)
        if not rows:
            yield f"{case.name}: no result"
        yield from (f"{case.name}: {what}" for what in _misjudged(case, rows))


def rows_of(run: Finished, case: Case) -> list[dict[str, Any]]:
    """The results of *case*: of the model of its name, or of the file in the folder of its name."""
    models = {model["name"] for model in run.report.get("models", []) if case.name in model.get("path", "").split("/")}
    return [row for row in run.report.get("results", []) if row["model"] in {case.name, *models}]


def _misjudged(case: Case, rows: list[dict[str, Any]]) -> Iterator[str]:
    failed = [row for row in rows if row["verdict"] == "failed"]
    told = [f"{row['check']} {row['code']}: {row['message']}"[:400] for row in rows]
    if case.legal:
        if any(row["verdict"] != "passed" for row in rows):
            yield f"a legal twin that does not pass: {told}"
        return
    refused = failed or [row for row in rows if case.inapplicable and row["code"] in case.codes]
    if not refused and OK not in case.codes and rows:
        yield f"nothing fails: {told}"
    if case.codes <= _REFUSED_WHOLE and any(row["verdict"] == "passed" for row in rows):
        yield f"a check passes though nothing of it may be used: {told}"
    for row in failed:
        if row["code"] not in case.codes:
            yield f"{row['check']} fails with {row['code']}, not one of {sorted(case.codes)}: {row['message']}"
    for row in rows:
        if len(row["message"]) > LONGEST:
            yield f"a message of {len(row['message'])} characters: {row['message'][:200]!r}"
        if not row["message"].isprintable():
            yield f"a message that is not one printable line: {row['message'][:200]!r}"


def _tail(run: Finished) -> str:
    return run.out.decode(errors="replace")[-600:]
