"""The article's headline in one run: onnx-tf, ONNX Runtime as the model is shipped, and ONNX Runtime as advised.

    python benchmarks/article.py models/ulfd/version-RFB-320.onnx [--threads N] [--seconds S] [--json FILE]

The advice is found first, and proven to give the outputs of the model as shipped. Then all are timed two by two:
alternating blocks, a session of its own for each side, and a second session of the second side as a control. Asked: at
least 2.3 times by advice, and at least 5 times over onnx-tf, by the whole interval. onnx-tf lives in an environment
of its own: ``python -m pytest_onnxaccel env onnx-tf`` builds it. It is timed twice: as the
article and its documentation run a model (``prepare(model).run`` on the file as shipped), and as the frozen graph of a
folded copy in a ``tf.Session``, which is faster and what the plugin's backend runs. The exit status is 1 where less
is certain.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from onnx_tf_run import opener

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.advice.recommend import Advice
from pytest_onnxaccel.checks.latency.paired_ratio import Ratio
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.advice.advise import Advising
from pytest_onnxaccel.runner.latency.paired_timing import measured
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

BY_ADVICE, OVER_TF = 2.3, 5.0
LOOKS = (20, 40, 80, 160)


def advised(
    model_session: ModelSession, engines: Engines, threads: int | None, folder: str
) -> tuple[Advice, str, LoadOptions]:
    """The advice, the advised file and its options."""
    model = TimedModel(model_session, engines, "ort-cpu", model_session.ready("ort-cpu"))
    found = Advising(model, threads).advise(folder)
    if not found.advised:
        raise SystemExit("\n".join(["nothing is advised:", *found.lines()]))
    return found, found.files[0], LoadOptions(**{"threads": threads, **found.setup.options})


def told(label: str, found: Ratio, asked: float | None) -> tuple[str, bool]:
    """A line of the table, and whether what was asked is certain."""
    control = "-" if found.control is None else f"{found.control.ratio:.3f}"
    held = asked is None or found.above(asked)
    wanted = "" if asked is None else f"at least {asked:g}: {'holds' if held else 'not certain'}"
    wall, cpu = (f"{i.ratio:.2f} ({i.low:.2f} to {i.high:.2f})" for i in (found.wall, found.cpu))
    times = f"{found.first_ms:7.2f} ms -> {found.second_ms:5.2f} ms"
    return f"{label:28} {times}   {wall:22} {cpu:22} {found.clock:7} {found.pairs:5} {control:>8}   {wanted}", held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, help="for all; the runtimes' own by default")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each comparison")
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args()
    engines = Engines(RunOptions())
    path = os.path.abspath(arguments.model)
    spec = ModelSpec(Path(path).name, path, arguments.model)
    plain = LoadOptions(threads=arguments.threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            model_session = ModelSession(spec, engines, 0, ("ort-cpu", "onnx-tf"), 0)
            advice, file, options = advised(model_session, engines, arguments.threads, folder)
            print("\n".join(advice.lines()), end="\n\n")
            feeds = model_session.ready("onnx-tf").resolved.inputs.feeds(0)
            tensorflow = (partial(model_session.fresh, "onnx-tf", None, plain), feeds)
            documented = (opener(engines, model_session, plain, RunOptions().limits), feeds)
            shipped = (partial(model_session.fresh, "ort-cpu", None, plain), feeds)
            faster = (partial(model_session.fresh, "ort-cpu", file, options), feeds)
            plan = (
                ("as shipped -> advised", shipped, faster, BY_ADVICE),
                ("onnx-tf run -> as shipped", documented, shipped, None),
                ("onnx-tf run -> advised", documented, faster, OVER_TF),
                ("onnx-tf frozen -> as shipped", tensorflow, shipped, None),
                ("onnx-tf frozen -> advised", tensorflow, faster, None),
            )
            header = f"{'':28} {'median of a call':>22}   {'times as fast: wall':22} {'CPU':22} decides pairs  control"
            print(header)
            figures, all_held = {}, True
            for label, first, second, asked in plan:
                found = measured(first, second, LOOKS, arguments.seconds, against=None)
                line, held = told(label, found, asked)
                print(line, flush=True)
                figures[label] = found.to_json()
                all_held = all_held and held
        if arguments.json:
            Path(arguments.json).write_text(json.dumps({"advice": advice.to_json(), "ratios": figures}, indent=2))
        return 0 if all_held else 1
    finally:
        engines.close()


if __name__ == "__main__":
    sys.exit(main())
