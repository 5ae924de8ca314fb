"""What the first checks of a model will ask, sent in advance: the worker computes while this process imports NumPy."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.engine import WorkerEngine, graph_request, load_request
from pytest_onnxaccel.isolation.staging.stage_model import Staged, stage
from pytest_onnxaccel.runner.check_table import SESSION
from pytest_onnxaccel.runner.request import QUIET
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


@record(frozen=True)
class Prefetch:
    """One model that was staged in advance, and the engine of *backend* that already works on it."""

    model: str
    backend: str
    staged: Staged
    engine: WorkerEngine

    def drop(self) -> None:
        """End the worker of a model that nobody asks for, and remove its copy."""
        self.engine.close()
        shutil.rmtree(self.staged.folder, ignore_errors=True)


def foresee(
    engines: Engines, spec: ModelSpec, number: int, backends: Sequence[str], needs: Sequence[str]
) -> Prefetch | None:
    """Take the model in and begin with what its checks need in the first backend, which serves its graph too.

    None where there is nothing to gain, or where the model cannot be staged: the next one to stage it will say so.

    Args:
        engines: those of the run.
        spec: the model.
        number: that of the model in the run.
        backends: those of the model, by name.
        needs: as :attr:`~pytest_onnxaccel.runner.check_table.Check.needs`, of the checks that are selected.
    """
    backend = backends[0]
    runtime = engines.backend(backend)
    if runtime.environment or runtime.keep_worker or not engines.availability(backend).ok:
        return None
    try:
        folder = engines.private_folder(spec.name, number)
    except OnnxAccelError:
        return None
    engine = None
    try:
        engine = engines.open(backend, {}, own=folder, guests=backends[1:])
        if isinstance(engine, WorkerEngine):
            staged = stage(spec.path, spec.shown, folder, engines.options.limits.seconds)
            return _begun(spec, backend, staged, engine, needs, engines.reference(backend))
    except OnnxAccelError:
        pass
    if engine is not None:
        engine.close()
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _begun(
    spec: ModelSpec, backend: str, staged: Staged, engine: WorkerEngine, needs: Sequence[str], reference: str
) -> Prefetch:
    requests = [graph_request("inspect", {"path": staged.path})]
    requests += [graph_request(function, {"path": staged.path}) for function in needs if function != SESSION]
    if SESSION in needs:
        requests.append(load_request(reference, staged.path, QUIET))
    engine.prefetch(requests)
    return Prefetch(spec.name, backend, staged, engine)
