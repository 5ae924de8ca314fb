"""The grammar of latency budgets: what a marker, a manifest and ``--onnx-budget`` may say in addition to plain limits.

Each parser takes the value as written, text or a Python/TOML value, and refuses it with one line.
"""

from __future__ import annotations

import math
import re

from pytest_onnxaccel.config import units
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.core.specs import LatencyBudget, Scenario

#: Keys of a budget to the fields of :class:`~pytest_onnxaccel.core.specs.LatencyBudget`, in the order of the docs.
FIELDS = {
    "p50": "p50_ns",
    "p95": "p95_ns",
    "p99": "p99_ns",
    "speedup_over": "speedup_over",
    "regression": "regression",
    "scenario": "scenario",
    "threads": "threads",
    "advise": "advise",
    "inconclusive": "inconclusive",
}

#: What an undecided measurement may do to a test.
POLICIES = ("warn", "fail", "skip")

#: What marks the revision of a baseline in ``regression``.
GIT = "git:"

_REGRESSION = 'write a percentage, such as "10%", and optionally a revision, such as "10% git:origin/main"'
_SCENARIO = "write single-stream, offline, server:100/s, server:20ms or idle-gap:50ms"
#: Behind a rate: make the requests really come in as well, next to the replay.
_LIVE = " live"
_REVISION = re.compile(r"[\w@][\w./@{}~^+-]*")
_RATE = re.compile(r"(\d+\.?\d*|\.\d+)\s*/\s*(s|min)")


def regression(value: object) -> tuple[float, str]:
    """Return fraction and baseline of ``10%`` or ``10% git:origin/main``; empty for the reference model.

    Raises:
        ConfigError: no percentage above zero, or a baseline that is not a revision.
    """
    text = scalars.text(value, 'a regression such as "10%"')
    share, _, baseline = text.partition(" ")
    fraction = units.percentage(share)
    if not 0 < fraction < math.inf:
        raise ConfigError(f"{share!r} is not above zero: equal models never measure equal", remedy=_REGRESSION)
    baseline = baseline.strip()
    if not baseline:
        return fraction, ""
    revision = baseline[len(GIT) :]
    if not baseline.startswith(GIT):
        raise ConfigError(f"{baseline!r} of {text!r} is not a git:REVISION", remedy=_REGRESSION)
    # git would take a leading dash for an option, and what follows a colon for a path
    if not _REVISION.fullmatch(revision):
        raise ConfigError(f"{revision!r} of {text!r} is not a revision", remedy=_REGRESSION)
    return fraction, baseline


def scenario(value: object) -> Scenario:
    """Parse ``single-stream``, ``offline``, ``server:RATE[ live]``, ``server:TARGET`` or ``idle-gap:PAUSE``.

    Raises:
        ConfigError: another kind, or a value that is missing, superfluous or without its unit.
    """
    text = scalars.text(value, "a scenario")
    kind, colon, detail = (part.strip() for part in text.partition(":"))
    if kind not in Scenario.KINDS:
        raise ConfigError(f"{kind!r} is not a scenario", remedy=f"{nearest(kind, Scenario.KINDS)}; {_SCENARIO}")
    if kind in ("single-stream", "offline"):
        if colon:
            raise ConfigError(f"{kind} takes no value, {detail!r} is given", remedy=f"write {kind}")
        return Scenario(kind)
    if not detail:
        raise ConfigError(f"{text!r} names no {'rate' if kind == 'server' else 'pause'}", remedy=_SCENARIO)
    if kind == "idle-gap":
        return Scenario(kind, pause_ns=units.duration_ns(detail))
    detail, live = (detail[: -len(_LIVE)].strip(), True) if detail.endswith(_LIVE) else (detail, False)
    rate = _RATE.fullmatch(detail)
    if rate is None and live:
        raise ConfigError(f"{text!r} asks for a live run without a rate", remedy="write server:100/s live")
    if rate is None:
        return Scenario(kind, target_ns=units.duration_ns(detail))
    per_s = float(rate[1]) / (60 if rate[2] == "min" else 1)
    if not 0 < per_s < math.inf:
        raise ConfigError(f"{detail!r} is not above zero", remedy=_SCENARIO)
    return Scenario(kind, rate_per_s=per_s, live=live)


def advise(value: object) -> bool:
    """Parse a boolean, or ``true`` or ``false`` as text."""
    found = {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ConfigError(f"{value!r} is neither true nor false", remedy="write true or false")
    return found


def inconclusive(value: object) -> str:
    """Return one of :data:`POLICIES`."""
    if value not in POLICIES:
        raise ConfigError(f"{value!r} is not one of {', '.join(POLICIES)}", remedy=nearest(str(value), POLICIES))
    return str(value)


def written(budget: LatencyBudget) -> dict[str, str]:
    """Return *budget* as its user would write it, by key."""
    found: dict[str, str] = {}
    for key, field in FIELDS.items():
        value = getattr(budget, field)
        if value is None:
            continue
        if key == "speedup_over":
            found[key] = f"{value[0]}:{value[1]:g}"
        elif key == "regression":
            found[key] = f"{value[0] * 100:g}% {value[1]}".strip()
        elif isinstance(value, bool):
            found[key] = str(value).lower()
        elif isinstance(value, float):
            found[key] = f"{value / 1e6:g}ms"
        else:
            found[key] = str(value)
    return found
