"""What a gate does with each verdict on a budget, on a backend whose timings are written down."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures import graphs
from suites.plugin.pythonpath import before

#: Each session that is timed takes the next line of ``moods``, the last one again and again: wall and CPU ms of a call.
#: A file whose path holds the first word of ``slow`` takes so many times as long.
BACKEND = """
from pathlib import Path

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.core.specs import Timing

HERE = Path(__file__).parent


class Session:
    def __init__(self, session, path, threads):
        self._session, self._path, self._mood = session, path, None
        session.info.facts["threads"] = threads or 1
        self.info, self.run, self.close = session.info, session.run, session.close

    def time(self, feeds, plan):
        if self._mood is None:
            first, *rest = (HERE / "moods").read_text().splitlines()
            (HERE / "moods").write_text("\\n".join(rest or [first]))
            word, factor = (HERE / "slow").read_text().split()
            self._mood = [float(ms) * (float(factor) if word in self._path else 1) for ms in first.split()]
        wall, cpu = (tuple(int(ms * 1e6) + n % 7 for n in range(plan.samples)) for ms in self._mood)
        return Timing(wall, cpu, plan.warmup, wall[0])


class Scripted(OrtCpu):
    name = "scripted"
    optimizes = False

    def load(self, path, options):
        return Session(super().load(path, options), path, options.threads)
"""


@pytest.fixture
def scripted(tmp_path: Path, gate: Callable, save: Callable) -> Callable:
    """``scripted(moods, *arguments)``: the latency check of one model on timings that are written down."""
    site = tmp_path / "site"
    info = site / "scripted-0.1.dist-info"
    info.mkdir(parents=True)
    (site / "scripted.py").write_text(BACKEND)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[pytest_onnxaccel.backends]\nscripted = scripted:Scripted\n")
    model = save(graphs.mlp(), "mlp.onnx")

    def run(regimes: str, *arguments: str, only: str = "latency or test_", slow: str = "- 1") -> Any:
        (site / "moods").write_text("\n".join(regimes.split(", ")))
        (site / "slow").write_text(slow)
        return gate(
            # The backend counts its sessions in a file beside it, which a confined worker may not write
            f"--onnx-model={model}", "--onnx-backend=scripted", "--onnx-sandbox=off", "-k", only,
            f"--junitxml={tmp_path / 'junit.xml'}",
            *arguments, env={"PYTHONPATH": before(site)},
        )  # fmt: skip

    return run


def cases(folder: Path) -> dict[str, str]:
    """Outcome by test of the JUnit file."""
    found = {}
    for case in ElementTree.parse(folder / "junit.xml").iter("testcase"):
        outcome = next((e.tag for e in case if e.tag in ("failure", "error", "skipped")), "passed")
        assert (case.get("name") or "") not in found, "a test is in the file twice"
        found[case.get("name") or ""] = outcome
    return found


P95 = "--onnx-budget=p95=8ms"
LATENCY = "latency[scripted]"
#: Inside the budget; over by waiting; over by computing.
FAST, CROWDED, SLOW = "5 5", "20 5", "20 20"


def test_inside_the_budget(scripted: Callable) -> None:
    run = scripted(FAST, P95)
    assert run.status == 0
    assert run.row("latency")["message"].startswith("inside its budget (p95 of 5 ms is at most 5 ms, limit 8 ms)")
    assert cases(run.folder) == {LATENCY: "passed"}
    assert "DEFERRED" not in run.out
    assert "deferred" not in run.out


def test_a_failure_is_confirmed_and_junit_names_the_test(scripted: Callable) -> None:
    run = scripted(SLOW, P95, "-v")
    assert run.status == 1
    row = run.row("latency")
    assert (row["verdict"], row["code"]) == ("failed", "V_LATENCY")
    assert row["figures"]["confirmed"] is True
    assert cases(run.folder) == {LATENCY: "failure"}
    assert "p95 of 20 ms is over the limit of 8 ms, and the model itself computes for 20 ms" in run.out
    assert "DEFERRED" not in run.out


@pytest.mark.parametrize(
    ("policy", "status", "outcome", "parallel"),
    [
        ("warn", 0, "passed", ()),
        ("fail", 1, "failure", ()),
        ("skip", 0, "skipped", ()),
        ("fail", 1, "failure", ("-n", "2")),
    ],
)
def test_undecided_is_run_once_more_and_follows_the_policy(
    scripted: Callable, policy: str, status: int, outcome: str, parallel: tuple[str, ...]
) -> None:
    if parallel:
        pytest.importorskip("xdist")
    run = scripted(CROWDED, P95, f"--onnx-inconclusive={policy}", "-v", *parallel)
    assert run.status == status, run.out
    assert run.row("latency")["verdict"] == "inconclusive"
    assert re.match(r"p95 over by 12 ms, of which 12 ms waiting for a CPU", run.row("latency")["message"])
    assert cases(run.folder) == {LATENCY: outcome}
    assert "DEFERRED" in run.out
    assert "1 deferred" in run.out


def test_a_budget_may_have_a_policy_of_its_own(scripted: Callable) -> None:
    assert scripted(CROWDED, P95, "--onnx-budget=inconclusive=fail").status == 1
    assert scripted(CROWDED, P95, "--onnx-budget=inconclusive=warn", "--onnx-inconclusive=fail").status == 0


def test_undecided_and_then_decided(scripted: Callable) -> None:
    run = scripted(f"{CROWDED}, {FAST}", P95, "--onnx-inconclusive=fail")
    assert run.status == 0, run.out
    assert run.row("latency")["verdict"] == "passed"
    assert cases(run.folder) == {LATENCY: "passed"}
    run = scripted(f"{CROWDED}, {SLOW}", P95)
    assert run.status == 1
    assert run.row("latency")["verdict"] == "failed"
    assert cases(run.folder) == {LATENCY: "failure"}


def test_a_failure_that_does_not_come_again_is_never_a_pass(scripted: Callable) -> None:
    """Failed, passed in a fresh process; at the end once more, where it fails and passes again."""
    run = scripted(f"{SLOW}, {FAST}, {SLOW}, {FAST}", P95)
    assert run.row("latency")["verdict"] == "inconclusive"
    assert run.row("latency")["message"].startswith("failed, and not again in a fresh process: at first p95 of 20 ms")


def test_the_end_is_after_all_other_tests(scripted: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        """
import pytest

@pytest.mark.latency_budget(p95="8ms", inconclusive="skip")
def test_timed(onnx_model, backend, request):
    assert request.node.user_properties == []

@pytest.mark.latency_budget(p95="8ms")
def test_broken(onnx_model, backend):
    assert False, "its own failure"

def test_other(onnx_model, backend):
    pass
"""
    )
    run = scripted(CROWDED, "-v", only="test_")
    assert run.status == 1
    order = re.findall(r"::(test_\w+)\[.*?\] (PASSED|FAILED|SKIPPED|DEFERRED)", run.out)
    assert order == [
        ("test_timed", "DEFERRED"), ("test_broken", "FAILED"), ("test_other", "PASSED"), ("test_timed", "SKIPPED"),
    ]  # fmt: skip
    assert sorted(cases(run.folder).values()) == ["failure", "passed", "skipped"]
    assert [row["verdict"] for row in run.rows] == ["inconclusive"]


def test_the_second_run_has_fixtures_of_its_own(scripted: Callable, tmp_path: Path) -> None:
    """And what goes wrong when those of the first are taken down is an error, as ever."""
    (tmp_path / "test_own.py").write_text(
        """
import pytest

made = []

@pytest.fixture
def part():
    made.append("part")
    yield len(made)
    assert len(made) > 1, "the first is not taken down"

@pytest.mark.latency_budget(p95="8ms", inconclusive="skip")
def test_timed(onnx_model, backend, part):
    print(f"with part {part}")
"""
    )
    run = scripted(CROWDED, "-v", "-s", only="test_")
    assert run.status == 1
    assert [m[0] for m in re.finditer(r"^DEFERRED|(?<=\] )ERROR|^SKIPPED|with part \d", run.out, re.M)] == [
        "with part 1", "DEFERRED", "ERROR", "with part 2", "SKIPPED",
    ]  # fmt: skip
    assert "the first is not taken down" in run.out
    assert [row["verdict"] for row in run.rows] == ["inconclusive"]


# -- regressions ------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    names = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, check=True)


REGRESSION = "--onnx-budget=regression=10% git:HEAD"


@pytest.fixture
def committed(tmp_path: Path, save: Callable) -> Path:
    """A repository whose HEAD holds the model."""
    save(graphs.mlp(), "mlp.onnx")
    for command in (["init", "-q"], ["add", "mlp.onnx"], ["commit", "-qm", "the model"]):
        git(tmp_path, *command)
    return tmp_path


def test_no_regression_from_a_revision(scripted: Callable, committed: Path) -> None:
    run = scripted(FAST, REGRESSION)
    assert run.status == 0, run.out
    found = run.row("latency")["figures"]
    assert found["regression"] == pytest.approx(0, abs=1e-6)
    assert found["regression_from"] == "mlp.onnx at HEAD"
    assert found["budget"] == {"regression": "10% git:HEAD"}


def test_a_regression_from_a_revision(scripted: Callable, committed: Path) -> None:
    """What a model is compared with is staged in a folder of its own, by which the script makes it faster."""
    run = scripted(FAST, REGRESSION, slow="/900- 0.8")
    assert run.status == 1, run.out
    assert "+25.0% (+25.0% to +25.0%) in time against mlp.onnx at HEAD, allowed +10%; by CPU time" in run.out
    assert run.row("latency")["figures"]["confirmed"] is True


def test_a_model_that_is_new_has_nothing_to_regress_from(scripted: Callable, tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("no model yet")
    for command in (["init", "-q"], ["add", "readme"], ["commit", "-qm", "begin"]):
        git(tmp_path, *command)
    run = scripted(FAST, REGRESSION)
    assert run.row("latency")["verdict"] == "not_applicable"
    # The model was named, and nothing else was asked of it
    assert run.status == 1
    assert "V_NOTJUDGED" in run.out
    run = scripted(FAST, REGRESSION, P95)
    row = run.row("latency")
    assert row["verdict"] == "passed"
    assert row["notes"][-1].startswith("nothing to be slower than: onnxaccel[E_FILE] mlp.onnx at HEAD:")


def test_an_unknown_revision_is_named(scripted: Callable, committed: Path) -> None:
    run = scripted(FAST, "--onnx-budget=regression=10% git:origin/main")
    assert run.status == 1
    assert "E_FILE" in run.out
    assert "git knows no revision 'origin/main' here" in run.out


def test_a_reference_with_other_inputs_is_named(scripted: Callable, save: Callable) -> None:
    reference = save(graphs.small_cnn(), "main.onnx")
    run = scripted(FAST, "--onnx-budget=regression=10%", f"--onnx-reference={reference}")
    assert run.status == 1
    assert run.row("latency")["code"] == "V_CONTRACT"
    assert "main.onnx" in run.row("latency")["message"]


def test_a_reference_model(scripted: Callable, save: Callable) -> None:
    reference = save(graphs.mlp(), "main.onnx")
    run = scripted(FAST, "--onnx-budget=regression=10%", f"--onnx-reference={reference}")
    assert run.status == 0, run.out
    assert run.row("latency")["figures"]["regression_from"] == "main.onnx"
    assert scripted(FAST, "--onnx-budget=regression=10%").status == pytest.ExitCode.USAGE_ERROR


def test_speed_up_over_another_backend(scripted: Callable) -> None:
    """Of a real runtime, in another worker: so many times as fast as the script says is nothing."""
    run = scripted("1000 1000", "--onnx-budget=speedup_over=ort-cpu:2")
    assert run.status == 1, run.out
    assert "times as fast as ort-cpu, asked for 2; by" in run.out
    run = scripted("0.000001 0.000001", "--onnx-budget=speedup_over=ort-cpu:2")
    assert run.row("latency")["figures"]["speedup_over"] == "ort-cpu"
    assert run.row("latency")["figures"]["speedup"] > 2


def test_a_baseline_backend_that_is_absent(scripted: Callable, tmp_path: Path) -> None:
    run = scripted(FAST, "--onnx-budget=speedup_over=onnx-tf:2", f"--onnx-python=onnx-tf={tmp_path / 'nowhere'}")
    assert run.status == 0
    assert run.row("latency")["message"] == "onnx-tf did not run, so there is nothing to be 2 times faster than"
