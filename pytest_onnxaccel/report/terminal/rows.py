"""Results gathered into the rows of the table: one per model, backend and batch, one per file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Json, Verdict
from pytest_onnxaccel.report.counts import check_rank, ordered, words, worst
from pytest_onnxaccel.report.terminal import units
from pytest_onnxaccel.report.text_format import name, safe

#: What a failure of the run itself is called: a mismatch, a crash and a time-out must read differently.
_CAUSES = {"E_TIMEOUT": "time-out", "E_BACKEND": "unavailable", "E_NOTMODEL": "no model"}


@record(frozen=True)
class Row:
    """One row as text.

    Attributes:
        verdict: the worst of the row's checks.
        wordings: the verdict in words, fullest first, always four; the last is the bare verdict.
        cells: text by column; empty where there is no figure.
    """

    model: str
    verdict: Verdict
    wordings: tuple[str, ...]
    cells: Mapping[str, str]


def rows(results: Iterable[CheckResult]) -> list[Row]:
    """Return the rows of *results*: by model, the file's own checks first, then by backend and batch."""
    groups = _groups(ordered(results))
    return [_row(key, groups[key]) for key in sorted(groups)]


_Key = tuple[str, str, tuple[int, ...]]


def _groups(results: list[CheckResult]) -> dict[_Key, list[CheckResult]]:
    groups: dict[_Key, list[CheckResult]] = {}
    unplaced: list[CheckResult] = []
    for result in results:
        sizes = _sizes(result) if result.backend else ()
        if result.backend and not sizes:
            unplaced.append(result)
        else:
            groups.setdefault((result.model, result.backend, sizes), []).append(result)
    numbered = sorted(groups)
    for result in unplaced:
        # It failed before a batch was chosen (a crash at load), so it is told where the pair is first named.
        home = next((key for key in numbered if key[:2] == (result.model, result.backend)), None)
        groups.setdefault(home or (result.model, result.backend, ()), []).append(result)
    return groups


def _sizes(result: CheckResult) -> tuple[int, ...]:
    listed = result.figures.get("sizes")
    sizes = tuple(size for size in listed if isinstance(size, int)) if isinstance(listed, (list, tuple)) else ()
    # A sweep is a row of its own: its worst error belongs to all of its sizes, not to the last of them.
    return sizes if len(sizes) > 1 or result.batch is None else (result.batch,)


def _row(key: _Key, results: list[CheckResult]) -> Row:
    model, backend, sizes = key
    verdict = worst(results)
    measured = [r for r in results if r.check in ("latency", "preprocessing")]
    timed = [r for r in measured if units.number(r.figures.get("p50_ms")) is not None]
    # Several timings of one row (a marker beside the built-in check): the slowest one, whole.
    slowest: Mapping[str, Json] = max(timed, key=_p50).figures if timed else {}
    return Row(
        model=name(model),
        verdict=verdict,
        wordings=_wordings(verdict, [r for r in results if r.verdict is verdict])
        if verdict is not Verdict.PASSED or not any(r.expected for r in results)
        else _xfailed(results),
        cells={
            "backend": name(backend),
            "batch": _batch(sizes),
            "sizes": _input_sizes(results),
            "worst error": units.error(_worst_error(results)),
            "reach": _reach(results),
            "p50": units.milliseconds(slowest.get("p50_ms")),
            "p95": units.milliseconds(slowest.get("p95_ms")),
            "throughput": units.rate(slowest.get("throughput_per_s")),
            "speed-up": units.ratio(slowest.get("speedup")),
            "peak memory": units.megabytes(_largest(results, "peak_memory_mb")),
        },
    )


def _input_sizes(results: list[CheckResult]) -> str:
    """Return the sizes of free dimensions that ran, a question mark behind those that nobody gave."""
    for result in results:
        found = result.figures.get("input_sizes")
        if isinstance(found, str) and found:
            return safe(found, 28) + ("?" if result.figures.get("guessed_sizes") else "")
    return ""


def _reach(results: list[CheckResult]) -> str:
    """Return the least share of the weights that the inputs of a comparison reached, in percent."""
    shares = [
        share
        for result in results
        if isinstance(found := result.figures.get("reach"), Mapping)
        and (share := units.number(found.get("share"))) is not None
    ]
    return units.share(min(shares)) if shares else ""


def _p50(result: CheckResult) -> float:
    return units.number(result.figures.get("p50_ms")) or 0.0


def _batch(sizes: tuple[int, ...]) -> str:
    listed = ",".join(map(str, sizes))
    return listed if len(listed) <= 9 else f"{min(sizes)}..{max(sizes)}"


def _worst_error(results: list[CheckResult]) -> float | None:
    return _largest([r for r in results if r.check in ("parity", "batch", "preprocessing")], "max_abs")


def _largest(results: list[CheckResult], figure: str) -> float | None:
    found = [value for r in results if (value := units.number(r.figures.get(figure))) is not None]
    # NaN is the worst of errors, and max() would depend on where it stands.
    return next((value for value in found if value != value), max(found, default=None))


def _xfailed(results: list[CheckResult]) -> tuple[str, ...]:
    """As pytest says it of the tests: the checks that failed as was expected."""
    named = ", ".join(dict.fromkeys(safe(r.check, 30) for r in results if r.expected))
    return (f"xfailed: {named}",) * 2 + ("xfailed",) * 2


def _wordings(verdict: Verdict, deciding: list[CheckResult]) -> tuple[str, ...]:
    bare = words(verdict)
    if verdict not in (Verdict.FAILED, Verdict.INCONCLUSIVE):
        return (bare,) * 4
    causes: dict[str, str] = {}
    for result in sorted(deciding, key=lambda r: check_rank(r.check)):
        causes.setdefault(safe(result.check, 30), _cause(result.code))
    if len(set(causes.values())) == 1:
        full = ", ".join(causes) + next(iter(causes.values()))
    else:
        full = ", ".join(check + cause for check, cause in causes.items())
    first, cause = next(iter(causes.items()))
    more = f" +{len(causes) - 1}" if len(causes) > 1 else ""
    return (f"{bare}: {full}", f"{bare}: {first}{more}{cause}", f"{bare}: {first}{more}", bare)


def _cause(code: str) -> str:
    if not code.startswith("E_"):
        return ""
    return f" ({_CAUSES.get(code) or safe(code[2:], 20).lower()})"
