"""Figures as short text with their unit in it; a missing figure is empty text."""

from __future__ import annotations

import math

from pytest_onnxaccel.core.results import Json


def number(value: Json) -> float | None:
    """Return *value* as a float, also from the strings ``nan`` and ``inf``; None when it is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def three(value: float) -> str:
    """Return three significant digits without an exponent; whole numbers from 100 on."""
    if not math.isfinite(value):
        return str(value)
    size = abs(float(f"{value:.3g}"))
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 3
    return f"{value:.{decimals}f}"


def error(value: Json) -> str:
    """Return ``3.0e-07``; an exact ``0`` stands out."""
    found = number(value)
    if found is None:
        return ""
    return "0" if found == 0 else f"{found:.1e}"


def milliseconds(value: Json) -> str:
    """Return ``2.71 ms``; other units only below 0.1 ms and from 1000 ms, so that a column keeps one."""
    found = number(value)
    if found is None:
        return ""
    size = abs(float(f"{found:.3g}"))
    if size >= 1000:
        return f"{three(found / 1e3)} s"
    return f"{three(found * 1e3)} us" if 0 < size < 0.1 else f"{three(found)} ms"


def rate(value: Json) -> str:
    """Return ``369/s``."""
    found = number(value)
    if found is None:
        return ""
    return f"{found:.2g}/s" if 0 < found < 1 else f"{three(found)}/s"


def ratio(value: Json) -> str:
    """Return ``5.6x``; more digits below 2, where they say which side is faster, and by what."""
    found = number(value)
    if found is None:
        return ""
    if not math.isfinite(found):
        return f"{found}x"
    if found < 0.0995:
        return f"{found:.2g}x"
    return f"{found:.2f}x" if found < 1.995 else f"{found:.1f}x" if found < 99.95 else f"{found:.0f}x"


def share(value: Json) -> str:
    """Return ``97 %``: 100 % is all of it, and 0 % none."""
    found = number(value)
    if found is None:
        return ""
    whole = f"{found * 100:.0f} %"
    if whole == "100 %" and found < 1:
        return ">99 %"
    return "<1 %" if whole == "0 %" and found > 0 else whole


def megabytes(value: Json) -> str:
    """Return ``91 MB``, ``1.24 GB``."""
    found = number(value)
    if found is None:
        return ""
    if found >= 999.5:
        return f"{three(found / 1e3)} GB"
    return f"{found:.0f} MB" if found >= 9.95 else f"{found:.1f} MB"


def taken(used: float | None) -> str:
    """Return a share of a tolerance: in percent, and in times from ten on."""
    return "" if used is None else share(used) if used < 9.995 else ratio(used)
