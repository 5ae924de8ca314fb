"""Makes the speed table of one model: advice, then all ways in turn, kept in a file as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from pytest_onnxaccel.checks.advice.recommend import Advice
from pytest_onnxaccel.checks.latency.paired_ratio import Arm
from pytest_onnxaccel.checks.speed.table import TWIN, SpeedTable, Way, control, rows
from pytest_onnxaccel.checks.speed.turns import Turns
from pytest_onnxaccel.core.errors import BackendUnavailable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.environments.locate import cache_folder
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.advice.advise import Advising
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.speed.state import Standing, StateFile, key_of
from pytest_onnxaccel.runner.speed.ways import Opening, Ways

#: Seconds of the whole where nobody says otherwise; the share of those left that advice may take, and its least.
SECONDS, ADVICE_SHARE, _LEAST = 100.0, 0.4, 10.0
#: Pairs of a full table, and those that are taken however long it takes: fewer give no bounds.
PAIRS, FEWEST = 80, 8
#: Seconds after which what was measured is kept.
_KEPT = 1.0

Say = Callable[[str], None]


@record(frozen=True)
class SpeedRequest:
    """What to time.

    Attributes:
        spec: the model, with its source where it has one.
        backend: the runtime.
        threads: intra-op threads for all; None for their own.
        seconds: of the whole, about.
        pairs: samples of each way.
        state: file that an interrupted run continues from; None for one in the user's cache.
        afresh: forget what an interrupted run found.
    """

    spec: ModelSpec
    backend: str = "ort-cpu"
    threads: int | None = None
    seconds: float = SECONDS
    pairs: int = PAIRS
    state: Path | None = None
    afresh: bool = False


def speed(asked: SpeedRequest, options: RunOptions, say: Say = lambda line: None) -> SpeedTable:
    """Return the speed table of *asked*.

    Args:
        say: is told what goes on.

    Raises:
        OnnxAccelError: the model does not run in the runtime.
        ConfigError: what was measured cannot be kept.
    """
    engines = Engines(options)
    try:
        found = engines.availability(asked.backend)
        if not found.ok:
            raise BackendUnavailable(f"{asked.backend}: {found.reason}", remedy=found.remedy)
        model_session = ModelSession(asked.spec, engines, 0, (asked.backend,), options.seed)
        with closing(model_session):
            return _Run(asked, options, engines, model_session, say).table()
    finally:
        engines.close()


def _told(found: Advice) -> tuple[str, ...]:
    """Return what is advised, and what was not tried."""
    head = f"advised: {' + '.join(found.titles)}" if found.titles else "advised: nothing that is certain to be faster"
    return (head, f"not tried: {found.limit}") if found.limit else (head,)


class _Run:
    def __init__(
        self, asked: SpeedRequest, options: RunOptions, engines: Engines, model_session: ModelSession, say: Say
    ) -> None:
        self._asked = asked
        self._options = options
        self._say = say
        self._begun = time.monotonic()
        self._session = model_session
        self._engines = engines
        self._ways = Ways(model_session, engines, asked.backend, asked.threads)
        self._inputs: Inputs = model_session.ready(asked.backend).resolved.inputs

    def table(self) -> SpeedTable:
        """All of it."""
        self._say("opening")
        here = [self._ways.source(), self._ways.onnx_tf(), self._ways.shipped()]
        file = self._file([one.way.title for one in here if isinstance(one, Opening)])
        standing = Standing() if self._asked.afresh else file.read()
        before = standing.seconds
        standing.runs += 1
        if standing.pairs:
            self._say(f"continuing: {standing.pairs} of {self._asked.pairs} pairs are there")

        def keep() -> None:
            standing.seconds = before + time.monotonic() - self._begun
            file.write(standing)

        here.append(self._advised(standing))
        keep()
        self._take([one for one in here if isinstance(one, Opening)], standing, keep)
        keep()
        ways = [one.way if isinstance(one, Opening) else one for one in here]
        made = self._made(ways, standing)
        file.remove()
        return made

    def _made(self, ways: list[Way], standing: Standing) -> SpeedTable:
        facts = {
            "backend": self._asked.backend,
            "threads": self._asked.threads,
            "seed": self._options.seed,
            "batch": self._inputs.batch,
            "inputs": {name: list(array.shape) for name, array in self._inputs.feeds(0).items()},
            "versions": dict(sorted(self._ways.versions.items())),
        }
        blocks = {key: taken[: standing.pairs] for key, taken in standing.blocks.items()}
        return SpeedTable(
            self._asked.spec.name,
            rows(ways, blocks),
            control(blocks),
            standing.pairs,
            standing.runs,
            standing.seconds,
            facts,
            standing.advice,
        )

    def _file(self, titles: list[str]) -> StateFile:
        spec, source = self._asked.spec, self._asked.spec.source
        facts: Mapping[str, Any] = {
            "model": self._session.taken()[0].sha256,
            "source": None if source is None else (source.path, source.loader),
            "ways": titles,  # with the versions of what runs them
            "threads": self._asked.threads,
            "seed": self._options.seed,
            "shapes": {name: array.shape for name, array in self._inputs.feeds(0).items()},
        }
        name = f"{key_of({'path': spec.path, 'source': facts['source'], 'threads': self._asked.threads})[:16]}.json"
        return StateFile(self._asked.state or cache_folder() / "speed" / name, facts)

    def _advised(self, standing: Standing) -> Opening | Way:
        """Return the model as advised; the advice is looked for unless *standing* knows it."""
        ready, asked = self._session.ready(self._asked.backend), self._asked
        advising = Advising(TimedModel(self._session, self._engines, asked.backend, ready), asked.threads)
        if standing.advised:
            setup = advising.setup_of(standing.advised)
            if setup is not None:
                return self._ways.advised(advising.opens(setup))
            standing.advised, standing.blocks = None, {}  # of something that is no longer
        if standing.advised is None:
            self._say("looking for what makes it faster")
            left = asked.seconds - (time.monotonic() - self._begun)
            found = advising.advise(seconds=max(_LEAST, ADVICE_SHARE * left), whole=False)
            standing.advised, standing.advice = found.titles, _told(found)
            if found.titles:
                return self._ways.advised(advising.opens(found.setup))
        return self._ways.not_advised()

    def _take(self, here: list[Opening], standing: Standing, keep: Callable[[], None]) -> None:
        """Take pairs of all that are *here*, until there are enough or the time is up."""
        asked, feeds = self._asked, self._inputs.feeds(0)
        keys = {one.way.key for one in here} | {TWIN}
        if set(standing.blocks) != keys:
            standing.blocks = {}
        if standing.pairs >= asked.pairs:
            return
        with ExitStack() as opened:
            opens = {**{one.way.key: one.opens for one in here}, TWIN: self._ways.plain(asked.backend)}
            arms = {key: Arm(key, opened.enter_context(closing(open_())), feeds) for key, open_ in opens.items()}
            turns = Turns(arms, self._options.seed + standing.runs)
            kept = time.monotonic()
            fewest = min(FEWEST, asked.pairs)
            while standing.pairs < asked.pairs:
                if standing.pairs >= fewest and time.monotonic() - self._begun > asked.seconds:
                    break
                standing.add(turns.round())
                if time.monotonic() - kept > _KEPT:
                    keep()
                    kept = time.monotonic()
                    self._say(f"timing: {standing.pairs} of {asked.pairs} pairs")
