"""The project's own parity verdict on many candidates of one original. The one place of this suite that calls it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pytest_onnxaccel.backends.onnxruntime.session import OrtSession, make_session
from pytest_onnxaccel.backends.protocol import LoadOptions, Session, SessionInfo
from pytest_onnxaccel.checks.parity.check import SAMPLES, Noisy, ParityCase, parity
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelSpec, Timing, TimingPlan, Tolerance
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions import noise_variants as noise
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

Arrays = dict[str, NDArray[Any]]
BACKEND = "ort-cpu"
#: Many sessions are open in one process: no threads that wait for work
OPTIONS = LoadOptions(threads=1, spin=False)


class Remembered:
    """A session that computes each distinct set of feeds once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[bytes, Arrays] = {}

    @property
    def info(self) -> SessionInfo:
        return self._session.info

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        digest = hashlib.sha1()
        for array in feeds.values():
            digest.update(array.tobytes())
        key = digest.digest()
        if key not in self._known:
            self._known[key] = self._session.run(feeds)
        return dict(self._known[key])

    def time(self, feeds: Mapping[str, NDArray[Any]], plan: TimingPlan) -> Timing:
        return self._session.time(feeds, plan)

    def close(self) -> None:
        """Stays open: it is asked again for the next candidate."""


class Judge:
    """Verdicts on candidates of the model at *original*, in this process, as a run with ``--onnx-in-process`` has them.

    Attributes:
        feeds: the samples that every verdict is taken on; a second look takes further ones.
    """

    _numbers = itertools.count()

    def __init__(self, original: Path, tolerance: Tolerance | None = None) -> None:
        spec = ModelSpec(original.name, str(original), original.name, backends=(BACKEND,))
        engines = Engines(RunOptions(in_process=True))
        self._model_session = ModelSession(spec, engines, next(self._numbers), (BACKEND,), 0)
        self._inputs = model_inputs(self._model_session.info, (), 0, {})
        self._original = Remembered(load(original))
        self._tolerance = tolerance or Tolerance()
        self._made: list[tuple[str, Session | OnnxAccelError]] | None = None
        self.feeds = [self._inputs.feeds(index) for index in range(SAMPLES)]

    def verdict(self, candidate: Path | Session, options: LoadOptions = OPTIONS) -> CheckResult:
        """What ``pytest --onnx-model=CANDIDATE --onnx-reference=ORIGINAL`` says under parity on ort-cpu."""
        session = load(candidate, options) if isinstance(candidate, Path) else candidate
        return parity(ParityCase(
            "candidate", BACKEND, "original", session, self._original, self._inputs, self._tolerance,
            noisy=Noisy(self._variants, alike=True),
        ))  # fmt: skip

    def _variants(self) -> Iterator[tuple[str, Session | OnnxAccelError]]:
        """The original's legal variants, each made once and run once on a sample for all verdicts."""
        if self._made is None:
            found = noise.variants(self._model_session, BACKEND)()
            self._made = [(name, one if isinstance(one, OnnxAccelError) else Remembered(one)) for name, one in found]
        return iter(self._made)

    def outputs(self, candidate: Path | None = None, options: LoadOptions = OPTIONS) -> list[Arrays]:
        """Outputs by sample of *candidate*, or of the original."""
        session: Session = self._original if candidate is None else load(candidate, options)
        return [session.run(feeds) for feeds in self.feeds]

    def close(self) -> None:
        self._made = None
        self._model_session.close()


def load(path: Path, options: LoadOptions = OPTIONS) -> Session:
    """A session as ort-cpu has it, in this process, because the models of this suite are known to behave, and mute."""
    return OrtSession(make_session(str(path), options, ["CPUExecutionProvider"], _mute), options, {})


def _mute(options: Any) -> None:
    options.log_severity_level = 4
