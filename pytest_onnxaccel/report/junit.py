"""A result as flat properties of a JUnit test case, for dashboards that read nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache

from pytest_onnxaccel.core.results import CheckResult, Json, Verdict, finite
from pytest_onnxaccel.report.text_format import safe

PREFIX = "onnxaccel."

#: Figures that become properties, where a result has them; docs/report-schema.md says what each means.
FIGURES = (
    "max_abs",
    "max_rel_range",
    "max_ulp",
    "cosine",
    "bad_share",
    "rtol",
    "atol",
    "worst_output",
    "samples",
    "load_ms",
    "first_call_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "throughput_per_s",
    "cpu_p50_ms",
    "peak_memory_mb",
    "device_memory_mb",
    "threads",
    "provider",
    "device",
    "device_p50_ms",
    "speedup",
    "speedup_over",
    "speedup_low",
    "speedup_high",
    "kind",
    "findings",
    "opset",
    "ir_version",
    "nodes",
    "runs",
)


def properties(result: CheckResult) -> list[tuple[str, str]]:
    """Return ``(name, value)`` pairs in a fixed order; what a result does not have is left out.

    The message is there for every verdict but *passed*: an inconclusive check may leave a passed test case,
    which has no other place for it.
    """
    message = "" if result.verdict is Verdict.PASSED else result.message
    named: list[tuple[str, Json]] = [
        ("model", result.model),
        ("check", result.check),
        ("backend", result.backend),
        ("reference", result.reference),
        ("batch", result.batch),
        ("verdict", result.verdict.value),
        ("code", result.code),
        ("message", message),
        *((name, result.figures.get(name)) for name in FIGURES),
        ("placement", _placement(result.figures.get("placement"))),
    ]
    return [shared(PREFIX + name, _text(value)) for name, value in named if _present(value)]


@lru_cache(maxsize=4096)
def shared(name: str, text: str) -> tuple[str, str]:
    """Return the pair, one copy of it for the whole process.

    Reports are kept until the run ends, and those of thousands of models have most of their pairs in common.
    """
    return sys.intern(name), sys.intern(text)


def _placement(nodes: Json) -> str:
    """Return nodes by execution provider in one text."""
    return ", ".join(f"{name} {count}" for name, count in nodes.items()) if isinstance(nodes, Mapping) else ""


def _present(value: Json) -> bool:
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and value != "")


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        found = finite(value)
        return found if isinstance(found, str) else f"{value:.6g}"
    return safe(str(value))
