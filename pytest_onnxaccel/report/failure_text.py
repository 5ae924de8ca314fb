"""A failed check in a few lines: what was asked, what is, and where it went wrong."""

from __future__ import annotations

from pytest_onnxaccel.core.errors import REFUSAL_LIMIT
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.report.counts import subject
from pytest_onnxaccel.report.text_format import safe

#: Most lines below the first one.
DETAIL_LINES = 6

_DETAIL_LIMIT = 200


def failure_lines(result: CheckResult) -> list[str]:
    """Return ``V_PARITY model [backend~reference b1]: message``, then at most :data:`DETAIL_LINES` lines.

    A message that is already a refusal (``onnxaccel[E_CRASH] path: ...``) names all that itself.
    """
    message = safe(result.message)
    first = message if message.startswith("onnxaccel[") else f"{_head(result)}: {message or 'no message'}"
    # What a long message left out goes on in its first details: nothing is lost between the two
    whole = bool(result.details) and result.details[0].startswith("…")
    limit = REFUSAL_LIMIT + (len(first) - len(message) if whole else 0)
    details = [*result.details, *(f"note: {note}" for note in result.notes)]
    shown = details if len(details) <= DETAIL_LINES else details[: DETAIL_LINES - 1]
    lines = [f"  {line}" for text in shown if (line := safe(text, _limit(text)))]
    if len(shown) < len(details):
        lines.append(f"  ... and {len(details) - len(shown)} more lines")
    return [safe(first, limit), *lines]


def _limit(text: str) -> int:
    return REFUSAL_LIMIT if text.startswith("…") else _DETAIL_LIMIT


def _head(result: CheckResult) -> str:
    code = safe(result.code, 30)
    # A failure without a code of its own is still told by the name of its check.
    return f"{code if code not in ('', 'OK') else safe(result.check, 30)} {subject(result)}"
