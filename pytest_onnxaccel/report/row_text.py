"""Results in a few words, from their flat properties: for reports of others, which have one row for a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import printable
from pytest_onnxaccel.report.junit import FIGURES, PREFIX

#: How the figures of a row are called, and how they end; others have their name, without underscores.
_WORDS = {
    "max_abs": ("max abs error", ""), "max_ulp": ("max ulp", ""), "load_ms": ("load", " ms"),
    "first_call_ms": ("first call", " ms"), "p50_ms": ("p50", " ms"), "p90_ms": ("p90", " ms"),
    "p95_ms": ("p95", " ms"), "p99_ms": ("p99", " ms"), "throughput_per_s": ("throughput", "/s"),
    "cpu_p50_ms": ("CPU p50", " ms"), "peak_memory_mb": ("peak memory", " MB"),
    "device_memory_mb": ("device memory", " MB"),
}  # fmt: skip
#: Characters of a message; all of it stands in the test's own output.
_LONGEST = 400
#: The code of a check that passed.
OK = "OK"


@record(frozen=True)
class Row:
    """One result for a reader.

    Attributes:
        title: the check with its backend, reference and batch, as its id has them: ``parity[ort-cpu~torch-b3]``.
        verdict: in words, with the code of a failure.
        message: empty for a check that passed.
        figures: name with value and unit, in a fixed order.
    """

    title: str
    verdict: str
    message: str
    figures: tuple[tuple[str, str], ...]

    def text(self) -> str:
        """Return it as one line."""
        parts = [f"{self.title}: {self.verdict}", self.message, ", ".join(f"{n} {v}" for n, v in self.figures)]
        return "; ".join(filter(None, parts))


def rows(properties: Iterable[tuple[str, object]]) -> list[Row]:
    """Return a row for each result among a test's *properties*, as :func:`~.junit.properties` writes them."""
    return [_row(found) for found in _results(properties)]


def _results(properties: Iterable[tuple[str, object]]) -> Iterator[dict[str, str]]:
    """Yield the properties of each result; a name that comes again begins the next one."""
    found: dict[str, str] = {}
    for name, value in properties:
        if not name.startswith(PREFIX):
            continue
        key = name.removeprefix(PREFIX)
        if key in found:
            yield found
            found = {}
        found[key] = str(value)
    if found:
        yield found


def _row(found: dict[str, str]) -> Row:
    sides = "~".join(filter(None, (found.get("backend"), found.get("reference"))))
    batch = f"b{found['batch']}" if "batch" in found else ""
    inside = "-".join(filter(None, (sides, batch)))
    title = found.get("check", "") + (f"[{inside}]" if inside else "")
    code = found.get("code", OK)
    verdict = found.get("verdict", "").replace("_", " ") + ("" if code == OK else f" ({code})")
    figures = tuple(_figure(name, found[name]) for name in FIGURES if name in found)
    return Row(printable(title, 120), verdict, printable(found.get("message", ""), _LONGEST), figures)


def _figure(name: str, value: str) -> tuple[str, str]:
    word, unit = _WORDS.get(name, (name.replace("_", " "), ""))
    return word, printable(value, 80) + unit
