"""One state per registered backend, those of third parties included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pytest_onnxaccel.backends import lookup
from pytest_onnxaccel.backends.protocol import GROUP, Availability, Backend
from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.doctor.ask import ask
from pytest_onnxaccel.doctor.diagnosis import BackendState, Problem
from pytest_onnxaccel.doctor.machine import cores
from pytest_onnxaccel.doctor.trial import Trial

#: Our own distribution.
OURS = "pytest-onnxaccel"
BUILT_IN = "built-in"

_TRIAL_FAULTS = frozenset(("E_CRASH", "E_TIMEOUT", "E_MEMORY", "E_ERROR"))


@record(frozen=True)
class Registered:
    """An entry point and who made it."""

    point: EntryPoint
    source: str


def registered() -> list[Registered]:
    """Return every backend of the group, by name; of two under one name the one that is used."""
    used = {name: registry.reference(GROUP, name) for name in registry.names(GROUP)}
    found = {item.point.name: item for item in _points() if used.get(item.point.name) == item.point.value}
    return [found[name] for name in sorted(found, key=lambda name: (found[name].source != BUILT_IN, name))]


def clashes() -> list[Problem]:
    """Return the names that more than one distribution registered."""
    by_name: dict[str, list[Registered]] = {}
    for item in _points():
        by_name.setdefault(item.point.name, []).append(item)
    found = []
    for name, items in by_name.items():
        others = [item.source for item in items if item.source != BUILT_IN]
        if len(items) > 1 and others:
            sources = " and by ".join(item.source for item in items)
            what = f"the backend {name!r} is registered by {sources}; {registry.reference(GROUP, name)} wins"
            found.append(Problem("backend-twice", what, f"python -m pip uninstall -y {others[0].split()[0]}"))
    return found


def _points() -> Iterator[Registered]:
    for point in entry_points(group=GROUP):
        yield Registered(point, _source(point))
    for point in entry_points(group=registry.PROVIDERS):
        yield Registered(EntryPoint(f"ort-{point.name}", point.value, point.group), _source(point))
    for name in registry.names(GROUP):
        plugin = registry.point(GROUP, name)
        if plugin is not None and plugin.group == registry.PLUGIN_PREFIX:
            yield Registered(plugin, BUILT_IN)


def _source(point: EntryPoint) -> str:
    dist = point.dist
    ours = dist is None or dist.name == OURS
    return BUILT_IN if ours or dist is None else f"{dist.name} {dist.version}"


def state(item: Registered, driver: bool, trial: Callable[[str], Trial] | None) -> BackendState:
    """Return the state of *item* here.

    Args:
        item: the registered backend.
        driver: a GPU's driver was found.
        trial: tries a backend by its name; None to believe what it says.
    """
    name = item.point.name
    base = BackendState(name, item.source, "broken", remedy=_reinstall(item.source))
    if item.source != BUILT_IN:
        # In another interpreter first: what its import does to a process shall not be done to this one
        answer = ask(f"{item.point.module}:{item.point.attr}")
        if answer.error:
            return replace(base, reason=f"its entry point cannot be used: {answer.error}")
    try:
        backend = lookup.backend(name)
        nvidia = getattr(getattr(backend, "row", None), "needs", "") == "nvidia"
        if isinstance(backend, lookup.Broken):
            return replace(base, reason=f"its entry point cannot be used: {backend.why}")
        found = backend.availability()
        base = replace(base, role=backend.role, versions=dict(found.versions), interpreter=_interpreter(backend))
    except Exception as error:
        reason = printable(f"its entry point cannot be used: {type(error).__name__}: {error}", 250)
        return replace(base, reason=reason)
    if not found.ok:
        absent = replace(base, status="absent", reason=found.reason, remedy=found.remedy)
        return _without_driver(absent) if nvidia and not driver else absent
    base = replace(base, device=_device(found, {}), remedy="", status="untried")
    if trial is None or backend.role == "source":
        # A framework that runs sources has nothing to be tried on: the small model is ONNX
        return base
    ended = trial(name)
    base = replace(base, seconds=round(ended.seconds, 2))
    if ended.error is not None:
        failed = _failed(base, ended.error, backend)
        return _without_driver(failed) if nvidia and not driver else failed
    facts = ended.facts or {}
    return replace(
        base,
        status="runs",
        provider=str(facts.get("provider", "")),
        device=_device(found, facts),
        versions=base.versions or {k: str(v) for k, v in dict(facts.get("versions", {})).items()},
    )


def _failed(base: BackendState, error: OnnxAccelError, backend: Backend) -> BackendState:
    """Return the state with another remedy: the runtime's own blames the user's model."""
    remedy = error.remedy
    if error.code in _TRIAL_FAULTS or not remedy:
        if backend.environment:
            remedy = f"python -m pytest_onnxaccel env {backend.environment} --rebuild"
        else:
            wanted = " ".join(f"{name}=={version}" for name, version in base.versions.items())
            remedy = f"python -m pip install --force-reinstall --no-deps {wanted}" if wanted else ""
    return replace(base, status="fails", reason=printable(error.cause, 250), remedy=remedy)


def _without_driver(base: BackendState) -> BackendState:
    """Return the remedy with a comment where it helps: no command fixes a machine without a GPU."""
    return replace(
        base,
        reason=f"no NVIDIA driver was found on this machine; {base.reason}",
        remedy=f"{base.remedy}  # on a machine with an NVIDIA GPU",
    )


def _device(found: Availability, facts: Mapping[str, Any]) -> str:
    device = found.devices[0] if found.devices else "cpu"
    if device.lower() != "cpu":
        return device
    affinity = facts.get("affinity") or facts.get("cores") or cores()
    count = len(affinity) if isinstance(affinity, list) else int(affinity)
    return f"{count} core{'s' * (count != 1)}"


def _interpreter(backend: Backend) -> str:
    if not backend.environment:
        return ""
    from pytest_onnxaccel.environments.locate import interpreter

    return interpreter(backend.environment) or ""


def _reinstall(source: str) -> str:
    name = OURS if source == BUILT_IN else source.split()[0]
    return f"python -m pip install --force-reinstall {name}"
