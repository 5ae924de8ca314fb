"""The diagnosis as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.doctor.diagnosis import BackendState, Diagnosis

_COLORS = {"good": "\x1b[32m", "bad": "\x1b[31m", "dim": "\x1b[2m", "": ""}
_RESET = "\x1b[0m"


def render(found: Diagnosis, color: bool = False) -> str:
    """Render *found*, one fact for each line; commands stand alone on their lines, to be copied."""

    def paint(text: str, how: str) -> str:
        return f"{_COLORS[how]}{text}{_RESET}" if color and how else text

    python, machine = found.python, found.machine
    memory = f", {machine['memory'] / 1e9:.0f} GB" if machine["memory"] else ""
    lines = [
        f"pytest-onnxaccel {found.version}",
        f"  Python {python['version']} ({python['executable']})",
        f"  {python['platform']}, {_count(machine['cores'], 'core')}{memory}",
        f"  {_versions(found.packages) or 'neither onnx nor numpy is installed'}",
        f"  NVIDIA driver: {machine['nvidia_driver'] or 'none found'}",
        f"  Sandbox of workers: {machine['sandbox']}",
        "",
        "Backends",
    ]
    width = max((len(state.name) for state in found.backends), default=0)
    for state in found.backends:
        good, text = _state(state)
        lines.append(f"  {state.name:<{width}}  {paint(good, 'good' if state.works else 'bad')}{text}")
        if state.remedy:
            lines.append(f"  {'':<{width}}  {paint('fix it:', 'dim')} {state.remedy}")
    if not found.backends:
        lines.append("  none")
    if found.problems:
        lines += ["", "Problems"]
        for problem in found.problems:
            lines += [f"  {problem.what}", f"    {paint('fix it:', 'dim')} {problem.remedy}"]
    return "\n".join([*lines, "", _sum(found)])


#: What is said of a backend that is not a runtime.
_ROLES = {"oracle": "; an oracle, only compared with", "source": "; runs the sources of models"}


def _state(state: BackendState) -> tuple[str, str]:
    """Return the word that is painted, and what follows it."""
    if not state.works:
        return "does not run", f": {state.reason}{_origin(state)}"
    facts = [_versions(state.versions), state.provider, state.device]
    inside = ", ".join(fact for fact in facts if fact)
    oracle = _ROLES.get(state.role, "")
    word = "runs" if state.status == "runs" else "available"
    where = f" in {state.interpreter}" if state.interpreter else ""
    return word, (f" ({inside}{oracle})" if inside + oracle else "") + where + _origin(state)


def _origin(state: BackendState) -> str:
    return "" if state.source == "built-in" else f" [from {state.source}]"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _sum(found: Diagnosis) -> str:
    working = sum(state.works for state in found.backends)
    text = f"{working} of {_count(len(found.backends), 'backend')} run here"
    if any(state.status == "untried" and state.role != "source" for state in found.backends):
        text += ", by what they say of themselves"
    if found.problems:
        text += f"; {_count(len(found.problems), 'problem')}"
    if not found.works:
        text += "; no runtime runs here, so that no model can be validated"
    return text + "."
