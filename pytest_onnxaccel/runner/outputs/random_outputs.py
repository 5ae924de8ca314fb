"""Outputs that differ between two equal runs: which operators draw their numbers, and one failure for one fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.comparisons import OutputFacts
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.runner.check_run import CheckRun

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def drawn(facts: OutputFacts, outputs: Sequence[str]) -> str:
    """Return the operators that draw the numbers of *outputs*, and what to do; empty where the graph has none."""
    nodes = list(dict.fromkeys(node for name in outputs for node in facts.random.get(name, ())))
    if not nodes:
        return ""
    verb = "draws" if len(nodes) == 1 else "draw"
    training = any(node.startswith("Dropout ") for node in nodes)
    remedy = "call eval() before the export" if training else "allow_random in onnxaccel.toml if that is meant"
    return f"{counted(nodes, 100)} {verb} numbers: {remedy}"


def told_once(context: CheckRun, result: CheckResult, sessions: Sequence[Session]) -> CheckResult:
    """Return a parity check that fails for an unstable output: with the operators, or for the contract check to tell.

    Args:
        context: the check as it runs.
        result: what it found.
        sessions: the candidate's, and the reference's where it is one.
    """
    if result.code != "V_UNSTABLE":
        return result
    told = next((name for name in _sides(context, sessions)), "")
    if told:
        message = f"two equal runs differ, see contract[{told}]"
        return result.with_(verdict=Verdict.NOT_APPLICABLE, message=message, details=())
    facts = context.other.output_facts if context.other is not None else context.model_session.output_facts
    own = context.model_session.output_facts
    why = drawn(own, list(own.random)) or drawn(facts, list(facts.random))
    return result.with_(message=f"{result.message}; {why}") if why else result


def _sides(context: CheckRun, sessions: Sequence[Session]) -> list[str]:
    """Return backends whose contract check, which is part of this run, sees the same."""
    request = context.request
    names = request.backend, "" if context.other is not None or request.source is not None else request.reference
    feeds = context.ready().resolved.inputs.feeds(0)
    return [
        name
        for name, session in zip(names, sessions, strict=False)
        if ("contract", name) in request.reported and context.file is None and differs(session, feeds)
    ]


def told_elsewhere(context: CheckRun, result: CheckResult) -> CheckResult:
    """Return a contract check that fails for an unstable output with more to say.

    It says the operators, or refers to the first backend.
    """
    if result.code != "V_UNSTABLE":
        return result
    facts = context.model_session.output_facts
    why = drawn(facts, list(facts.random))
    if not why:
        return result  # it is this backend that does so
    before = context.backends[: context.backends.index(context.backend)] if context.backend in context.backends else ()
    for name in before:
        if ("contract", name) not in context.request.reported:
            continue
        try:
            ready = context.ready(name)
            if differs(ready.session, ready.resolved.inputs.feeds(0)):
                message = f"two equal runs differ, see contract[{name}]"
                return result.with_(verdict=Verdict.NOT_APPLICABLE, message=message, details=())
        except OnnxAccelError:
            continue
    return result.with_(message=f"{result.message}; {why}")


def differs(session: Session, feeds: dict[str, Array]) -> bool:
    """Two runs on *feeds* give other values, as the contract check sees it."""
    from pytest_onnxaccel.checks.contract import same

    first, again = session.run(feeds), session.run(feeds)
    return any(not same(first[name], again.get(name)) for name in first)
