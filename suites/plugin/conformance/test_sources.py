"""The conformance kit for sources: the backend torch passes it, and one that breaks a promise fails in that check."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_onnxaccel.backends.pytorch.backend import TorchBackend
from pytest_onnxaccel.testing import SourceConformance
from suites.plugin.pythonpath import before

torch = pytest.importorskip("torch")

TOYS = Path(__file__).parent / "toys"
DOCS = Path(__file__).parents[3] / "docs" / "backends.md"


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated:DeprecationWarning")
class TestTorch(SourceConformance):
    make = TorchBackend
    must_run = True

    def source(self, folder, weights, bias):
        net = torch.nn.Linear(4, 3)
        net.load_state_dict({"weight": torch.from_numpy(weights.T.copy()), "bias": torch.from_numpy(bias)})
        torch.jit.script(net).save(f"{folder}/net.pt")
        return f"{folder}/net.pt"


VALUES = {"test_computes[1]", "test_computes[3]", "test_takes_load_options", "test_varies_within_rounding"}

#: By wrong backend, the checks that must fail, and a part of what one of them says.
WRONG: Mapping[str, tuple[set[str], str]] = {
    "Runtime": ({"test_describes_itself"}, "its role 'runtime' is not 'source'"),
    "Kindless": ({"test_describes_itself"}, "its kinds ('exported', 'flax') are not a tuple of kinds of sources"),
    "OwnNames": (VALUES, "the model declares ['y']"),
    "Drifting": ({"test_varies_within_rounding"}, "output 'y' is wrong"),
    "Careless": ({"test_refuses_a_broken_file"}, "load() of half a source must raise a ModelError, it raised "),
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """By toy backend, the messages of the checks that it fails, in one run of pytest."""
    folder = tmp_path_factory.mktemp("toys")
    text = DOCS.read_text(encoding="utf-8")
    documented = text[text.index("# test_my_torch.py") :].partition("```")[0]
    lines = [documented, "import toy_sources as toys"]
    lines += [f"class Test{name}(TestMyTorch):\n    make = toys.{name}" for name in WRONG]
    lines.append("class TestUnwritten(SourceConformance):\n    make = MyTorch")
    (folder / "test_toys.py").write_text("\n".join(lines))
    (folder / "my_torch.py").write_text(
        "from pytest_onnxaccel.backends.pytorch.backend import TorchBackend\n"
        "class MyTorch(TorchBackend):\n    name = 'my-torch'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=out.xml", "test_toys.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": before(TOYS, folder)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {}
    for case in ET.parse(folder / "out.xml").getroot().iter("testcase"):
        messages = found.setdefault(case.attrib["classname"].rpartition(".Test")[2], {})
        for failure in (*case.iter("failure"), *case.iter("error")):
            messages[case.attrib["name"]] = failure.attrib.get("message", "") + (failure.text or "")
    return found


@pytest.mark.parametrize("name", WRONG)
def test_a_broken_promise_fails_its_check(failed: dict[str, dict[str, str]], name: str) -> None:
    checks, said = WRONG[name]
    assert set(failed[name]) == checks or name == "Runtime", "a runtime runs the ONNX file, which torch cannot"
    assert any(said in message for message in failed[name].values()), failed[name]


def test_the_documented_class_passes(failed: dict[str, dict[str, str]]) -> None:
    assert failed["MyTorch"] == {}


def test_without_a_source_the_kit_says_what_to_write(failed: dict[str, dict[str, str]]) -> None:
    assert "define source() in TestUnwritten" in failed["Unwritten"]["test_computes[1]"]
    assert "test_describes_itself" not in failed["Unwritten"]
