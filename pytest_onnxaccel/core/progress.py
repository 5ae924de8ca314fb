"""How far the check that runs is, told by whatever works and read by whatever shows it.

Two short texts and nothing else: a loop that is timed may tell at each turn, for it costs as much as an assignment.
"""

from __future__ import annotations

_step = ""
_stage = ""


def tell(step: str) -> None:
    """Say how far the work is.

    Args:
        step: such as ``38/160 pairs``; it holds until the next one.
    """
    global _step
    _step = step


def enter(stage: str) -> None:
    """Say what is waited for.

    Args:
        stage: such as ``load, ort-cpu``.
    """
    global _stage
    _stage = stage


def begin() -> None:
    """Forget what was told: another check begins."""
    tell("")
    enter("")


def told() -> str:
    """Return step and stage; empty where nothing was told since :func:`begin`."""
    return ", ".join(part for part in (_step, _stage) if part)
