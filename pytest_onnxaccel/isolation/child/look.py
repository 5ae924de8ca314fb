"""What samples reach inside a model, next to the session that runs it: neither weights nor probed values travel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.errors import ModelError

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def look(
    session: Session, feeds: Sequence[Mapping[str, Array]], path: str, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Move the weights of a session and count what it runs.

    Args:
        session: of the file at *path*, which ``graph/reach`` wrote.
        feeds: samples, at least one.
        path: the file that *session* runs.
        wanted: ``weights`` (triples, empty for no moving), ``outputs`` and ``effort`` of
            :class:`~pytest_onnxaccel.numerics.reach.sensitivity.Sensitivity`, and ``probes``.

    Returns:
        ``shown``: None where nothing was moved; ``coverage``: of each sample, None where the model does not run on it.

    Raises:
        OnnxAccelError: the model does not run on the first sample.
    """
    from pytest_onnxaccel.numerics.reach.coverage import counted
    from pytest_onnxaccel.numerics.reach.sensitivity import Effort, Sensitivity

    coverage: list[dict[str, Any] | None] = []
    known: dict[int, tuple[Mapping[str, Array], float]] = {}
    for index, one in enumerate(feeds) if wanted["probes"] else ():
        start = time.perf_counter()
        try:
            outputs = session.run(one)
        except ModelError:
            coverage.append(None)
            continue
        known[index] = outputs, time.perf_counter() - start
        coverage.append(counted(wanted["probes"], {**one, **outputs}).to_json())
    if not wanted["weights"]:
        return {"shown": None, "coverage": coverage}
    from pytest_onnxaccel.graph.reach.variant import mover

    tried = Sensitivity(session.run, mover(path), feeds, wanted["outputs"], known)
    weights = [(name, label, elements) for name, label, elements in wanted["weights"]]
    return {"shown": asdict(tried.measured(weights, Effort(**wanted["effort"]))), "coverage": coverage}
