"""Every model of onnx's backend suite through the gate: ``python -m suites.onnx_backend.run``.

Prints how many verdicts of each kind there were, and each false alarm. A model that ends its process is told as such,
and the run goes on behind it.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from suites.onnx_backend.cases import Case, all_cases
from suites.onnx_backend.judging import BACKENDS, Judged, judge

#: A model that takes longer than this ended in a loop without an end, seconds.
LONGEST = 120


def chosen(sample: int, seed: int, like: str = "") -> list[Case]:
    """A seeded sample of the cases; all of them for 0."""
    cases = [case for case in all_cases() if like in case.name]
    return random.Random(seed).sample(cases, min(sample, len(cases))) if sample else cases


def judged(cases: Sequence[Case], with_data: bool, backends: tuple[str, ...]) -> Iterator[Judged]:
    """Verdicts, of models that end the process too: a process of its own judges on behind each of those."""
    left = [case.name for case in cases]
    by_name = {case.name: case for case in cases}
    while left:
        with tempfile.TemporaryFile() as told, tempfile.NamedTemporaryFile("w", suffix=".json") as asked:
            json.dump({"names": left, "with_data": with_data, "backends": backends}, asked)
            asked.flush()
            command = [sys.executable, "-m", "suites.onnx_backend.run", "--worker", asked.name]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    if line.startswith("@"):
                        name, *found = json.loads(line[1:])
                        left.remove(name)
                        yield from (Judged(**one) for one in found)
            if process.returncode == 0:
                return
            case = by_name[left.pop(0)]
            yield Judged(case.name, case.kind, "process", "", "ended", str(process.returncode), "", None, None)


def worker(path: str) -> None:
    """Judge what the file at *path* names, one line of JSON for each."""
    import faulthandler
    import os
    import signal

    asked = json.loads(Path(path).read_text())
    wanted = {case.name: case for case in all_cases()}
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    for name in asked["names"]:
        signal.alarm(LONGEST)
        found = judge(wanted[name], asked["with_data"], tuple(asked["backends"]))
        print("@" + json.dumps([name, *(one.to_json() for one in found)]), file=out, flush=True)


def _pair(one: Judged) -> str:
    return f"{one.backend}~{one.reference}" if one.reference else one.backend


def table(found: Sequence[Judged]) -> str:
    """Verdicts by check, backend and code."""
    rows = Counter((one.check, _pair(one), one.verdict, one.code) for one in found)
    lines = [f"{'check':10} {'backend':20} {'verdict':15} {'code':14} {'models':>6}"]
    lines += [f"{c:10} {b:20} {v:15} {code:14} {count:6}" for (c, b, v, code), count in sorted(rows.items())]
    models = {one.case for one in found}
    decided = {one.case for one in found if one.check == "contract" and one.verdict in ("passed", "failed")}
    alarms = {one.case for one in found if one.false_alarm}
    missed = {one.case for one in found if one.missed}
    share = len(decided) / max(len(models), 1)
    lines.append(
        f"{len(models)} models, {len(decided)} with a verdict of contract ({share:.1%}), {len(alarms)} false alarms, "
        f"{len(missed)} passed that a plain script finds wrong"
    )
    return "\n".join(lines)


def main() -> int:
    """Run, print, and say by the exit status whether there were false alarms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="so many models instead of all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--like", default="", help="models with this in their name")
    parser.add_argument("--without-data", action="store_true", help="inputs are made up")
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--json", help="file for every verdict")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        worker(asked.worker)
        return 0
    cases = chosen(asked.sample, asked.seed, asked.like)
    found = list(judged(cases, not asked.without_data, tuple(asked.backends.split(","))))
    if asked.json:
        Path(asked.json).write_text(json.dumps([one.to_json() for one in found], indent=1))
    print(table(found))
    for one in found:
        if one.missed:
            print(f"missed: {one.case} {one.check}[{one.backend}~{one.reference}] {one.message}")
        if one.false_alarm:
            print(f"false alarm: {one.case} {one.check}[{one.backend}~{one.reference}] {one.code}: {one.message}")
    return int(any(one.false_alarm for one in found))


if __name__ == "__main__":
    sys.exit(main())
