"""The conformance kit: built-in backends pass it, and one that breaks a promise fails in that check."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_onnxaccel.backends.onnx_tf.backend import OnnxTf
from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.testing import BackendConformance
from suites.plugin.pythonpath import before

TOYS = Path(__file__).parent / "toys"


class TestOrtCpu(BackendConformance):
    make = OrtCpu
    must_run = True


class TestReference(BackendConformance):
    make = ReferenceBackend
    must_run = True


class TestOnnxTf(BackendConformance):
    make = OnnxTf


FLOATS = {f"test_computes[{name}]" for name in ("add", "matmul_relu", "two_outputs", "scalar_output", "dynamic_batch")}
COMPUTES = FLOATS | {"test_computes[gather_int64]", "test_computes[where_bool]"}
#: Checks that also look at values.
USES = {"test_takes_load_options", "test_holds_several_sessions"}

#: Whatever needs a session.
MANY: set[str] = set()

#: By wrong backend, the checks that must fail, and a part of what one of them says.
WRONG: Mapping[str, tuple[set[str], str]] = {
    "Shouting": ({"test_describes_itself"}, "is not a plain word"),
    "Boss": ({"test_describes_itself"}, "'boss' is neither 'runtime' nor 'oracle'"),
    "Eager": ({"test_loads_no_framework_to_say_whether_it_runs"}, "it imports onnx"),
    "Mute": ({"test_tells_its_availability"}, "gives no remedy"),
    "Fancy": (MANY, "no preparation is called 'polish'"),
    "Crashing": ({"test_refuses_a_broken_file[garbage]", "test_refuses_a_broken_file[truncated]"}, "SIGSEGV"),
    "Careless": (
        {"test_refuses_a_broken_file[garbage]", "test_refuses_a_broken_file[truncated]"},
        "must raise a ModelError, it raised DecodeError",
    ),
    "Vague": ({"test_refuses_an_unknown_operator"}, "has the code E_PARSE"),
    "Stubborn": ({"test_takes_load_options"}, "threads are not supported"),
    "Renaming": (COMPUTES | USES, "run() gives ['y:0'], the model declares ['y']"),
    "Sorting": (
        {"test_computes[two_outputs]", "test_computes[where_bool]", "test_holds_several_sessions"},
        "run() gives ['area', 'total'], the model declares ['total', 'area']",
    ),
    "Dropping": (
        {"test_computes[two_outputs]", "test_computes[where_bool]", "test_holds_several_sessions"},
        "run() gives ['total'], the model declares ['total', 'area']",
    ),
    "Listing": (COMPUTES | USES | {"test_never"}, "'list' object has no attribute"),
    "Inexact": (FLOATS | USES | {"test_computes[where_bool]"}, "output 'y' is wrong"),
    "Narrow": ({"test_computes[gather_int64]"}, "expected [9007199254740993,"),
    "Flat": ({"test_computes[scalar_output]"}, "has shape (1,), not ()"),
    "Untyped": ({"test_computes[gather_int64]", "test_computes[where_bool]"}, "is float32, declared is"),
    "FirstOnly": (
        {"test_computes[dynamic_batch]", "test_takes_load_options"},
        "has shape (1, 3), not (3, 3)",
    ),
    "Misdeclared": (
        {"test_says_what_it_loaded[gather_int64]", "test_says_what_it_loaded[where_bool]"},
        "info.outputs calls 'y' float32, it is int64",
    ),
    "Nameless": ({"test_says_what_it_loaded"}, "info.inputs lists ['input_0'], the model declares ['x']"),
    "Scribbling": ({"test_never[alters its inputs]"}, "run() wrote into its input 'x'"),
    "Reusing": ({"test_never[alters earlier results]"}, "changed the output 'y' of the first"),
    "Brittle": ({"test_never[cannot be closed twice]"}, "the second close() raised AttributeError"),
    "Hasty": ({"test_times"}, "7 samples were asked for, 3 wall times came back"),
    "Timeless": ({"test_times"}, "wall times must be positive"),
    "Raw": ({"test_fails_as_a_model_error"}, "must raise a ModelError, it raised ValueError"),
    "Soothing": ({"test_fails_as_a_model_error"}, "raised nothing"),
    "Strict": (MANY, "it does not run here: it is Sunday - sleep 1d"),
}


class Outcome(NamedTuple):
    """Of one class: messages by failed check, and the number of checks that passed and that were skipped."""

    failed: dict[str, str]
    passed: int
    skipped: int


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """The kit on every toy backend, in one run of pytest."""
    folder = tmp_path_factory.mktemp("toys")
    lines = ["import toy_backends as toys", "from pytest_onnxaccel.testing import BackendConformance"]
    for name in ("Toy", "Absent", *(name for name in WRONG if name != "Strict")):
        lines.append(f"class Test{name}(BackendConformance):\n    make = toys.{name}")
    lines.append("class TestStrict(BackendConformance):\n    make = toys.Absent\n    must_run = True")
    lines.append("class TestLocal(BackendConformance):\n    make = lambda: toys.Toy()")
    (folder / "test_toys.py").write_text("\n".join(lines))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junitxml=out.xml",
        "test_toys.py",
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": before(TOYS)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, list[ET.Element]] = {}
    for case in ET.parse(folder / "out.xml").getroot().iter("testcase"):
        found.setdefault(case.attrib["classname"].rpartition(".Test")[2], []).append(case)
    return {name: _outcome(cases) for name, cases in found.items()}


def _outcome(cases: list[ET.Element]) -> Outcome:
    failures = {case.attrib["name"]: node for case in cases for node in case.findall("failure")}
    assert not any(case.findall("error") for case in cases)
    skipped = sum(bool(case.findall("skipped")) for case in cases)
    messages = {name: node.text or "" for name, node in failures.items()}
    return Outcome(messages, len(cases) - len(failures) - skipped, skipped)


def test_right_toy_passes(outcomes: dict[str, Outcome]) -> None:
    assert not outcomes["Toy"].failed
    assert not outcomes["Toy"].skipped
    assert outcomes["Toy"].passed >= 30


@pytest.mark.parametrize("name", WRONG)
def test_wrong_backend_fails_where_it_is_wrong(name: str, outcomes: dict[str, Outcome]) -> None:
    expected, said = WRONG[name]
    failed = outcomes[name].failed
    if expected is MANY:
        assert len(failed) > 15
    else:
        # A name without its parameters stands for all of them
        assert {n if n in expected else n.partition("[")[0] for n in failed} == expected, failed
    assert any(said in message for message in failed.values()), failed


def test_absent_backend_skips_its_sessions(outcomes: dict[str, Outcome]) -> None:
    assert not outcomes["Absent"].failed
    assert outcomes["Absent"].passed == 4
    assert outcomes["Absent"].skipped > 20


def test_backend_without_a_name_in_a_module_is_refused_in_one_line(outcomes: dict[str, Outcome]) -> None:
    messages = set(outcomes["Local"].failed.values())
    assert len(messages) == 1
    assert "has no name in a module, so that no worker can import it" in messages.pop()
