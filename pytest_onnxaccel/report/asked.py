"""What a run was asked for by name, and what of it was judged: a thing that nobody judged is never green."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Json, Verdict
from pytest_onnxaccel.report.text_format import name as shown
from pytest_onnxaccel.runner.check_table import on_backends


@record(frozen=True)
class Asked:
    """One thing that was asked for.

    Attributes:
        what: ``model``, ``backend``, ``reference`` or ``golden data``.
        name: as the user calls it.
        judged: checks that decided something of it.
        tried: checks that were to.
        must: that none of them could is a failure.
        why: of those that could not, what the first one says.
        insisted: that no check was there to judge it is a failure as well.
    """

    what: str
    name: str
    judged: int
    tried: int
    must: bool = True
    why: str = ""
    insisted: bool = False

    @property
    def failed(self) -> bool:
        """It was asked for, and no check judged it: none could, or none was there though it was insisted on."""
        return self.judged == 0 and (self.insisted or (self.must and self.tried > 0))

    def line(self) -> str:
        """Return what is reported about it at the end of a run."""
        if self.failed and not self.tried:
            return f"{self.what} {shown(self.name)} was required, and no check of this run was on it"
        count = f"{self.judged} check" + ("" if self.judged == 1 else "s")
        told = f"{self.what} {shown(self.name)} was judged by {count}"
        return f"{told}, none of {self.tried} could" + (f": {self.why}" if self.why else "") if self.failed else told

    def to_json(self) -> dict[str, Json]:
        return {"what": self.what, "name": self.name, "judged": self.judged, "tried": self.tried, "failed": self.failed}


def asked(
    results: Sequence[CheckResult],
    models: Sequence[str],
    backends: Sequence[str],
    required: Sequence[str],
    reference: str = "",
    golden: Mapping[str, str] | None = None,
    insisted: bool = False,
) -> list[Asked]:
    """Return what was asked for by name, in the order of the arguments.

    Args:
        results: all of the run.
        models: names of the run's models.
        backends: those that an option or the manifest names.
        required: those whose absence is a failure.
        reference: what every model must agree with, by name; empty where no option says it.
        golden: by model, the golden data that the user names.
        insisted: that no check of the run was on a required backend is a failure.
    """
    judging = on_backends()
    runtime = [r for r in results if r.check in judging]
    found = [_of("model", name, [r for r in runtime if r.model == name]) for name in models]
    for name in dict.fromkeys((*backends, *required)):
        of = [r for r in runtime if name in (r.backend, r.reference)]
        judged = _of("backend", name, of, name in required)
        found.append(replace(judged, insisted=insisted and name in required))
    if reference:
        found.append(_of("reference", reference, [r for r in runtime if r.check == "parity"]))
    for name in dict.fromkeys((golden or {}).values()):
        models_of = [model for model, shown_as in (golden or {}).items() if shown_as == name]
        of = [r for r in runtime if r.reference == "golden" and r.model in models_of]
        found.append(_of("golden data", name, of))
    return [one for one in found if one.tried or one.failed]


def _of(what: str, name: str, results: Sequence[CheckResult], must: bool = True) -> Asked:
    judged = [r for r in results if r.verdict is not Verdict.NOT_APPLICABLE]
    why = next((r.message for r in results if r.verdict is Verdict.NOT_APPLICABLE), "")
    return Asked(what, name, len(judged), len(results), must, why)


def lines_of(found: Sequence[Asked]) -> list[str]:
    """Return the last lines of a run: all models in one line, then each backend and reference, failures first."""
    failed = [one for one in found if one.failed]
    models = [one for one in found if one.what == "model"]
    lines = [f"not judged: {one.line()} (V_NOTJUDGED)" for one in failed]
    if models and (len(found) > len(models) or failed):
        judged = sum(one.judged > 0 for one in models)
        lines.append(f"asked: {judged} of {len(models)} model{'s' if len(models) != 1 else ''} judged")
    lines += [f"asked: {one.line()}" for one in found if one.what != "model" and not one.failed]
    return lines
