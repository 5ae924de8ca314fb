"""Golden data recorded: what ``python -m pytest_onnxaccel record`` and ``--onnx-golden=write`` do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.config.lockfile import rounded_up
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, ModelError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup.version import own_version
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import GoldenSpec, ModelSpec, Tolerance
from pytest_onnxaccel.golden import layout
from pytest_onnxaccel.runner.plan import Plan, make_plan
from pytest_onnxaccel.runner.request import GOLDEN, Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.reference_side import reference_side
from pytest_onnxaccel.runner.sessions.source import backend_for
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.targets import check_above

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array, Session

#: Samples that are stored, and bytes that both files may take, where nobody says otherwise: they are committed.
SAMPLES = 3
LARGEST = 10 << 20


@record(frozen=True)
class Recorded:
    """Golden data that was written.

    Attributes:
        folder: where.
        size: bytes of its files.
        of: what gave the outputs.
        result: of the comparison that was made before; None where the model itself gave them.
    """

    folder: str
    samples: int
    size: int
    of: str
    result: CheckResult | None = None

    def lines(self) -> list[str]:
        """Return its lines for a person."""
        count = f"{self.samples} sample" + ("" if self.samples == 1 else "s")
        found = [f"{self.folder}: {count} of {self.of}, {_mb(self.size)} ({layout.RECORD}, {layout.ARRAYS})"]
        return [*found, f"  {self.result.message}"] if self.result is not None else found


def _mb(size: int) -> str:
    return f"{size / 1e6:.3g} MB"


def own_folder(path: str) -> str:
    """Return the folder next to the model at *path* in which its golden data is found."""
    return os.path.splitext(path)[0] + layout.SUFFIX


def record_golden(
    spec: ModelSpec,
    target: str | None = None,
    samples: int = SAMPLES,
    largest: int = LARGEST,
    options: RunOptions | None = None,
) -> Recorded:
    """Run the reference of *spec*, or the model itself where it names none, and store inputs and outputs.

    The model must agree with the reference first: what is stored for gating is never known to be missed today.

    Args:
        spec: the model, with its source or reference and its inputs.
        target: folder to write; ``MODEL.golden`` next to the model by default.
        samples: how many to store.
        largest: bytes that both files may take.
        options: settings of a run: time and memory limits, sandbox; the defaults when None.

    Raises:
        ConfigError: *target* or the reference cannot be used.
        OnnxAccelError: something cannot be run, or the model does not agree with its reference.
    """
    from pytest_onnxaccel.golden.recorded import render

    folder = target or own_folder(spec.path)
    _check_target(folder)
    # What is stored already says nothing of what is stored now
    spec = replace(spec, golden=GoldenSpec("", "no"), reference=None if spec.reference == GOLDEN else spec.reference)
    chosen = replace(
        options or RunOptions(),
        write_lock=True,
        locked={},
        localise=False,
        advise=None,
        let_through=(KeyboardInterrupt, OnnxAccelError),
    )
    engines = Engines(chosen)
    plan = make_plan(spec, (), engines.backend, engines.availability)
    runner = Runner([spec], {spec.name: plan.backends}, chosen, engines=engines)
    try:
        request = _request(plan, engines)
        result = runner.check(request) if request.reference else None
        if result is not None and result.verdict is not Verdict.PASSED:
            remedy = "fix the model, or what it is compared with: nothing was written"
            raise ModelError(result.message, code=result.code, subject=spec.shown, remedy=remedy)
        model_session = runner.model_sessions.of(spec.name)
        ready = model_session.ready(request.backend)
        session: Session = ready.session
        if request.reference:
            session = reference_side(
                request, model_session, None, runner.model_sessions.other, model_session.ready
            ).session
        sets = []
        for index in range(samples):
            feeds = ready.resolved.inputs.for_sample(index).feeds(index, turn=index)
            sets.append((f"sample {index}", {"input": feeds, "output": _tensors(session.run(feeds))}))
        told = _told(spec, request, model_session, engines, runner, result)
        files = render(sets, told)
    finally:
        runner.close()
    size = sum(map(len, files.values()))
    if size > largest:
        raise ModelError(
            f"{samples} samples take {_mb(size)}, and the limit is {_mb(largest)}",
            code="E_SIZE",
            subject=folder,
            remedy="record fewer samples or smaller sizes, or raise --max-size",
        )
    _write(folder, files)
    return Recorded(folder, samples, size, _giver(spec, request), result)


def _tensors(outputs: Mapping[str, Any]) -> Mapping[str, Array]:
    for name, value in outputs.items():
        if not hasattr(value, "dtype"):
            raise ModelError(f"output {name!r} is not a tensor and cannot be recorded", code="E_INPUT")
    return outputs


def _check_target(folder: str) -> None:
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise ConfigError("is not a folder", subject=folder, remedy="name a folder; it need not exist yet")
    check_above(folder)
    others = set(os.listdir(folder)) - {layout.RECORD, layout.ARRAYS} if os.path.isdir(folder) else set()
    if others:
        raise ConfigError(f"holds {min(others)!r} already", subject=folder, remedy="name a folder of its own")


def _request(plan: Plan, engines: Engines) -> Request:
    """Return the comparison that is made first; without a reference, only who runs the model."""
    runnable = [name for name in plan.checked if name not in plan.sources and engines.availability(name).ok]
    named = plan.spec.reference or (plan.spec.source.path if plan.spec.source is not None else "")
    candidate = next((name for name in runnable if name != named), "")
    if not candidate:
        raise BackendUnavailable("no backend that could run the model is here", remedy="name one: --backend ort-cpu")
    return Request(plan.spec.name, "parity", candidate, named, source=plan.source)


def _giver(spec: ModelSpec, request: Request) -> str:
    if request.source is not None:
        return request.source.shown
    return request.reference or f"the model itself in {request.backend}"


def _told(
    spec: ModelSpec,
    request: Request,
    model_session: ModelSession,
    engines: Engines,
    runner: Runner,
    result: CheckResult | None,
) -> dict[str, Any]:
    """Return what is stored next to the arrays: where they come from, and how far from them others may be."""
    giver, source = request.backend, None
    if request.source is not None:
        giver = backend_for(request.source, engines)
        digest = engines.conversions.stage(request.source).sha256
        source = {"name": os.path.basename(request.source.path), "sha256": digest, "loader": request.source.loader}
    elif request.reference.endswith(".onnx"):
        digest = runner.model_sessions.other(request.reference).taken()[0].sha256
        source = {"name": os.path.basename(request.reference), "sha256": digest, "loader": None}
    elif request.reference:
        giver = request.reference
    versions = {"pytest-onnxaccel": own_version(), **engines.availability(giver).versions}
    return {
        "model": {"name": os.path.basename(spec.path), "sha256": model_session.taken()[0].sha256},
        "source": source,
        "by": {"backend": giver, "versions": versions},
        "seed": engines.options.seed,
        "tolerances": _tolerances(spec, model_session, result),
    }


def _tolerances(spec: ModelSpec, model_session: ModelSession, result: CheckResult | None) -> dict[str, dict[str, Any]]:
    """Return the user's tolerances, and for other outputs what rounding and the reference's noise need."""
    proposed: Mapping[str, Any] = dict(result.figures.get("lock", {})) if result is not None else {}
    found: dict[str, dict[str, Any]] = {}
    for output in model_session.info.outputs:
        given: Tolerance = spec.output_tolerances.get(output.name, spec.tolerance)
        if given.rtol is not None or given.atol is not None:
            found[output.name] = {"rtol": given.rtol or 0.0, "atol": given.atol or 0.0, "origin": "given"}
        elif output.name in proposed:
            entry = proposed[output.name]
            numbers = {key: rounded_up(float(entry[key])) for key in ("rtol", "atol")}
            found[output.name] = {**numbers, "origin": str(entry["origin"])}
    return found


def _write(folder: str, files: Mapping[str, bytes]) -> None:
    """Write *files* into *folder*, each whole or not at all; the arrays first: the record holds their hash."""
    try:
        os.makedirs(folder, exist_ok=True)
        for name in (layout.ARRAYS, layout.RECORD):
            temporary = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.tmp")
            try:
                with open(temporary, "xb") as file:
                    file.write(files[name])
                os.replace(temporary, os.path.join(folder, name))
            except OSError:
                if os.path.exists(temporary):
                    os.unlink(temporary)
                raise
    except OSError as error:
        cause = f"cannot be written: {error.strerror or error}"
        raise ModelError(cause, code="E_FILE", subject=folder, remedy="make room, or name another folder") from None
