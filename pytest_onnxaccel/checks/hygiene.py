"""What is legal and worth fixing: a warning, unless the user asked for a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.results import CheckResult, Verdict


def hygiene(model: str, findings: Sequence[Mapping[str, Any]], load_warnings: Sequence[str], fail: bool) -> CheckResult:
    """Check that the graph holds nothing that slows it down or hides a mistake.

    Args:
        model: name of the model, as reports show it.
        findings: what :func:`pytest_onnxaccel.graph.lint.hygiene` found.
        load_warnings: what runtimes printed while they loaded the model.
        fail: findings fail the check instead of being warnings.
    """
    by_kind: Counter[str] = Counter()
    for finding in findings:
        by_kind[str(finding["kind"])] += int(finding["count"])
    lines = [f"{f['kind']}: {f['message']}" for f in findings]
    if load_warnings:
        by_kind["load-warning"] = len(load_warnings)
        more = f" (and {len(load_warnings) - 1} more)" if len(load_warnings) > 1 else ""
        lines.append(f"load-warning: the runtime says: {load_warnings[0]}{more}")
    figures = {"findings": len(lines), "by_kind": dict(by_kind)}
    if not lines:
        return CheckResult(model, "hygiene", Verdict.PASSED, message="nothing to fix", figures=figures)
    message = f"{len(lines)} finding{'s' if len(lines) > 1 else ''}: {', '.join(by_kind)}"
    if fail:
        return CheckResult(
            model, "hygiene", Verdict.FAILED, "V_HYGIENE", message, figures=figures, details=tuple(lines)
        )
    return CheckResult(model, "hygiene", Verdict.PASSED, message=message, figures=figures, warnings=tuple(lines))
