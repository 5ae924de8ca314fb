"""Whatever is raised inside a check is one row and one line, alike in JSON, JUnit and the line at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions
from suites.faults.running import Run, model

#: Raised by a backend in the pytest process itself: there is no worker that could catch it.
RAISED = {
    "odd_type in run": ("E_ERROR", "TypeError: 'str' object is not subscriptable (faulty_backend.py:"),
    "odd_type in load": ("E_ERROR", "TypeError"),
    "odd_exit in run": ("E_ERROR", "SystemExit: 3"),
    "odd_panic in load": ("E_ERROR", "Panic: index out of bounds"),
    "odd_recursion in run": ("E_ERROR", "RecursionError: maximum recursion depth exceeded"),
    "odd_memory in run": ("E_MEMORY", "memory ran out in the process that runs the checks: Unable to allocate 9 TiB"),
}

TESTS = """
import pytest

@pytest.mark.batch_size(1)
def test_marked(onnx_model, backend): ...

@pytest.mark.preprocessing_parity(reference="steps:fine", candidate="steps:fine", shape=(4, 4, 3))
def test_steps(): ...
"""


def test_in_the_pytest_process(launch: Callable[..., Run], tmp_path: Path) -> None:
    models = {fault: model(tmp_path / f"{fault.replace(' ', '-')}.onnx", fault) for fault in RAISED}
    good = [model(tmp_path / "first.onnx"), model(tmp_path / "last.onnx")]
    run = launch("--onnx-in-process", "-k", "contract or batch", models=[good[0], *models.values(), good[1]]).wait()
    assert run.status == 1, run.out
    rows = run.report["results"]
    for fault, path in models.items():
        mine = [row for row in rows if row["model"] == path.name]
        assert [row["check"] for row in mine] == ["contract", "batch"]
        for row in mine:
            if row["verdict"] == "not_applicable":
                continue  # it refers to the contract check
            assert row["code"] == RAISED[fault][0], row
            assert RAISED[fault][1] in row["message"]
            assert row["traceback"]
    assert {row["verdict"] for row in rows if row["model"] in ("first.onnx", "last.onnx")} == {"passed"}
    # Whoever has backends in this process looks for the fault in code, and is shown where
    assert "in odd_type" in run.out


def test_one_line_unless_more_is_asked_for(launch: Callable[..., Run], tmp_path: Path) -> None:
    """A check of the pytest process that raises: here, by a plugin that puts a fault into it."""
    (tmp_path / "conftest.py").write_text(
        "import pytest_onnxaccel.runner.checks.contract as runner\n"
        "def contract(model, *_):\n"
        "    if model.startswith('bad'): raise TypeError('no\\nway')\n"
        "    return whole(model, *_)\n"
        "whole, runner.contract = runner.contract, contract\n"
    )
    models = [model(tmp_path / "bad.onnx"), model(tmp_path / "good.onnx")]
    run = launch("-k", "contract", models=models).wait()
    assert run.status == 1, run.out
    run.agrees()
    assert run.codes == {"bad": "E_ERROR", "good": "OK"}
    assert "onnxaccel[E_ERROR] bad.onnx: TypeError: no way (conftest.py:3) - " in run.out
    assert "in contract" not in run.out
    told = launch("-k", "contract", "-vv", models=models).wait()
    assert "in contract" in told.out
    assert "TypeError: no" in told.out


def test_marked_tests_and_fixtures(launch: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "test_marked.py").write_text(TESTS)
    (tmp_path / "steps.py").write_text("def fine(image): return image\n")
    (tmp_path / "conftest.py").write_text(
        "from pytest_onnxaccel.plugin.items import preprocessing\n"
        "import pytest_onnxaccel.runner.checks.batch as runner\n"
        "def raises(*_, **__): raise KeyError('x')\n"
        "runner.batch = raises\n"
        "preprocessing._compared = raises\n"
    )
    run = launch("-k", "test_marked or test_steps", ".", models=[model(tmp_path / "m.onnx")]).wait()
    assert run.status == 1, run.out
    rows = run.agrees()["results"]
    assert sorted((row["check"], row["code"]) for row in rows) == [("batch", "E_ERROR"), ("preprocessing", "E_ERROR")]
    # A fixture that raises is a test that fails before it begins: one line as well
    (tmp_path / "conftest.py").write_text(
        "from pytest_onnxaccel.runner.sessions.model_sessions import ModelSessions\n"
        "def raises(*_, **__): raise ZeroDivisionError('by zero')\n"
        "ModelSessions.of = raises\n"
    )
    run = launch("-k", "test_marked", ".", models=[model(tmp_path / "m.onnx")]).wait()
    assert run.status == 1, run.out
    assert "onnxaccel[E_ERROR] ZeroDivisionError: by zero (conftest.py:2)" in run.out
    assert "Traceback" not in run.out
    assert "in raises" not in run.out


def test_outcomes_of_pytest_and_of_a_person_pass_through(launch: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "import pytest_onnxaccel.runner.checks.contract as runner\n"
        "def contract(model, *_): {'a.onnx': pytest.skip, 'b.onnx': pytest.fail, 'c.onnx': pytest.exit}[model]('so')\n"
        "runner.contract = contract\n"
    )
    run = launch("-k", "contract", models=[model(tmp_path / f"{name}.onnx") for name in "abcd"]).wait()
    assert run.status == 2, run.out
    assert "1 failed, 1 skipped" in run.out
    assert run.report["run"]["interrupted"] == "so"
    # A failure that somebody else raises inside a check (a time-out, say) is the result of that check
    assert [(r["model"], r["code"], r["message"]) for r in run.report["results"]] == [("b.onnx", "E_ERROR", "so")]


def test_without_pytest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = model(tmp_path / "m.onnx")
    from pytest_onnxaccel.runner.checks import structure

    def raises(*_: object) -> None:
        raise TypeError("no way")

    monkeypatch.setattr(structure, "structure", raises)
    (result,) = validate(path, ("ort-cpu",), ("structure",), RunOptions(in_process=True))
    assert (result.verdict, result.code) == (Verdict.FAILED, "E_ERROR")
    assert result.message.startswith("onnxaccel[E_ERROR] m.onnx: TypeError: no way (test_checks_raise.py:")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(structure, "structure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        validate(path, ("ort-cpu",), ("structure",), RunOptions(in_process=True))


def test_an_answer_that_pytest_may_not_hold(launch: Callable[..., Run], tmp_path: Path) -> None:
    """The worker may: only the limit of the pytest process is in its way, and only for this model."""
    (tmp_path / "conftest.py").write_text(
        "import resource, pytest\n"
        "@pytest.hookimpl(wrapper=True)\n"
        "def pytest_runtest_call(item):\n"
        "    soft, hard = resource.getrlimit(resource.RLIMIT_AS)\n"
        "    if 'giant' in item.nodeid:\n"
        "        import numpy, pytest_onnxaccel.runner.runner\n"
        "        pages = int(open('/proc/self/statm').read().split()[0])\n"
        "        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (300 << 20), hard))\n"
        "    try:\n        return (yield)\n"
        "    finally:\n        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))\n"
    )
    models = [model(tmp_path / "a.onnx"), model(tmp_path / "giant.onnx", "giant"), model(tmp_path / "z.onnx")]
    run = launch("-k", "contract", models=models).wait()
    assert run.status == 1, run.out
    run.agrees()
    assert run.codes == {"a": "OK", "giant": "E_MEMORY", "z": "OK"}
    assert "its answer does not fit into the memory of the pytest process" in run.out
    run.gone_after()
