"""What the sandbox costs: the quick checks, the start of a worker and a model's latency, with and without it.

    python benchmarks/sandbox.py [MODEL] [--rounds N] [--blocks N]

Both sides run in turns, in an order that changes from round to round, so that a machine whose speed changes changes it
for both. The quick checks are all built-in checks but latency on ort-cpu, as in ``quick_checks.py``, in whole runs of
pytest. Latency is the median of blocks of calls in two workers that are there at the same time, one confined and one
not. Processor time, which a busy neighbour disturbs less, is shown beside wall time. Ratios are with the sandbox over
without: the median over the rounds, with its 95 % interval by bootstrap.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from quick_checks import ROOT, seconds

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Session
    from pytest_onnxaccel.core.specs import TimingPlan

T = TypeVar("T")

#: Resamples of the bootstrap.
RESAMPLES = 4000
#: Calls of a block.
CALLS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=str(ROOT / "fixtures" / "models" / "rfb-320.onnx"))
    parser.add_argument("--rounds", type=int, default=20, help="of the quick checks; default: %(default)s")
    parser.add_argument("--blocks", type=int, default=100, help="of calls of the model; default: %(default)s")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from pytest_onnxaccel.isolation.confinement.level import level

    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; {level()}")
    model = str(Path(arguments.model).resolve())
    quick_checks(model, arguments.rounds)
    starts(arguments.rounds)
    latency(model, arguments.blocks)


def quick_checks(model: str, rounds: int) -> None:
    """Whole runs of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_empty.py").write_text("def test_empty(): pass\n")
        pytest = [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
            f"--onnx-model={model}", "--onnx-backend=ort-cpu", "-k", "not latency", "-W", "ignore", "test_empty.py",
        ]  # fmt: skip
        sides = {mode: partial(both, [*pytest, f"--onnx-sandbox={mode}"], folder) for mode in ("auto", "off")}
        taken = in_turns(sides, rounds)
    show("quick checks", [{mode: wall for mode, (wall, _) in one.items()} for one in taken])
    show("quick checks, processor time", [{mode: cpu for mode, (_, cpu) in one.items()} for one in taken])


def both(command: list[str], folder: str) -> tuple[float, float]:
    """Wall time and processor time of *command* and all that it starts, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = seconds(command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts(rounds: int) -> None:
    """From nothing to the first answer of a worker that imports NumPy alone."""
    from pytest_onnxaccel.backends.protocol import LoadOptions
    from pytest_onnxaccel.core.errors import OnnxAccelError
    from pytest_onnxaccel.runner.request import RunOptions
    from pytest_onnxaccel.runner.sessions.workers.engines import TOOLS, Engines

    def start(mode: str) -> float:
        engines = Engines(RunOptions(sandbox=mode))
        begun = time.perf_counter()
        engine = engines.open(TOOLS, {})
        with contextlib.suppress(OnnxAccelError):
            engine.load("nothing.onnx", LoadOptions())  # a refusal is an answer, too
        taken = time.perf_counter() - begun
        engine.close()
        engines.close()
        return taken

    show("start of a worker", in_turns({mode: partial(start, mode) for mode in ("auto", "off")}, rounds))


def latency(model: str, blocks: int) -> None:
    """Calls of the model in a confined worker and in one that is not."""
    from pytest_onnxaccel.backends.protocol import LoadOptions
    from pytest_onnxaccel.core.specs import ModelSpec, TimingPlan
    from pytest_onnxaccel.runner.request import RunOptions
    from pytest_onnxaccel.runner.sessions.model_session import ModelSession
    from pytest_onnxaccel.runner.sessions.workers.engines import Engines

    open_, sides = [], {}
    for mode in ("auto", "off"):
        engines = Engines(RunOptions(sandbox=mode))
        model_session = ModelSession(ModelSpec("m", model, model), engines, 0, ("ort-cpu",), 0)
        feeds = model_session.ready("ort-cpu").resolved.inputs.feeds(0)
        session = model_session.fresh("ort-cpu", options=LoadOptions(spin=False))
        open_.append((model_session, engines))
        plan = TimingPlan(samples=CALLS, warmup=3, seconds=60.0, least=CALLS, steady=False)
        sides[mode] = partial(medians, session, feeds, plan)
    name, taken = f"p50 of {os.path.basename(model)} on ort-cpu", in_turns(sides, blocks)
    show(name, [{mode: wall for mode, (wall, _) in one.items()} for one in taken])
    show(f"{name}, processor time", [{mode: cpu for mode, (_, cpu) in one.items()} for one in taken])
    for model_session, engines in open_:
        model_session.close()
        engines.close()


def medians(session: Session, feeds: Mapping[str, Any], plan: TimingPlan) -> tuple[float, float]:
    """Median wall time and processor time of a block of calls, seconds."""
    timing = session.time(feeds, plan)
    return statistics.median(timing.wall_ns) / 1e9, statistics.median(timing.cpu_ns) / 1e9


def in_turns(sides: Mapping[str, Callable[[], T]], rounds: int) -> list[dict[str, T]]:
    """Each side once a round, after one that does not count."""
    chance = random.Random(0)
    for side in sides.values():
        side()
    found = []
    for _ in range(rounds):
        order = list(sides)
        chance.shuffle(order)
        found.append({name: sides[name]() for name in order})
    return found


def show(what: str, rounds: Sequence[Mapping[str, float]]) -> None:
    """Medians of both sides, of times in seconds, and the ratio."""
    confined, free = (statistics.median(one[mode] for one in rounds) * 1e3 for mode in ("auto", "off"))
    ratios = [one["auto"] / one["off"] for one in rounds]
    low, high = interval(ratios)
    print(
        f"{what}: {confined:.2f} ms with, {free:.2f} ms without; "
        f"ratio {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f}), {len(rounds)} rounds"
    )


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the median."""
    chance = random.Random(0)
    medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)]


if __name__ == "__main__":
    main()
