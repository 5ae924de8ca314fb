"""onnxaccel.toml becomes model specs; what cannot be used is refused with its line and the nearest key."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pytest_onnxaccel.config.manifest import read
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import BatchPlan, Decision, InputSpec, LatencyBudget, Tolerance

DOCS = Path(__file__).parents[3] / "docs" / "manifest.md"


def write(folder: Path, text: str) -> Path:
    path = folder / "onnxaccel.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_documented_example(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    rfb, slim = read(write(tmp_path, found[1]))
    assert (rfb.name, rfb.path) == ("rfb-320", str(tmp_path / "models/version-RFB-320.onnx"))
    assert (rfb.shown, rfb.origin) == ("models/version-RFB-320.onnx", "onnxaccel.toml [models.rfb-320]")
    assert rfb.reference == "onnx-tf"
    assert rfb.backends == ("ort-cpu", "onnx-tf")
    assert rfb.batch == BatchPlan((1, 3, 10), "onnxaccel.toml [defaults]")
    assert rfb.tolerance == Tolerance(1e-3, None, "onnxaccel.toml [defaults]")
    scores = Tolerance(1e-4, 1e-6, "onnxaccel.toml [models.rfb-320.outputs.scores]")
    assert rfb.output_tolerances == {"scores": scores}
    assert rfb.inputs == (InputSpec("input", -1.0, 1.0, None, (1, 3, 240, 320)),)
    budget = "onnxaccel.toml [models.rfb-320.budget]"
    assert rfb.budget == LatencyBudget(p95_ns=12e6, speedup_over=("onnx-tf", 3.0), threads=1, origin=budget)
    assert slim.reference == str(tmp_path / "models/version-slim-320-main.onnx")
    assert slim.batch == BatchPlan((1,), "onnxaccel.toml [models.slim-320]")
    assert slim.inputs == (InputSpec("input", file=str(tmp_path / "samples/faces.npz")),)
    assert not slim.budget


def test_images_and_decisions(tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(
        """
        [models.a]
        path = "a.onnx"
        decision = { kind = "detection", threshold = 0.7 }
        inputs.x = { images = "imgs/*.jpg", preprocess = "serve.pre:prepare" }
        [models.b]
        path = "b.onnx"
        decision = "classification"
        inputs.x.images = "imgs/*.png"
        """
    )
    a, b = read(tmp_path / "onnxaccel.toml")
    assert a.decision == Decision("detection", threshold=0.7)
    assert a.inputs == (InputSpec("x", images=str(tmp_path / "imgs/*.jpg"), preprocess="serve.pre:prepare"),)
    assert b.decision == Decision("classification")
    assert b.inputs[0].preprocess is None


def test_a_reference_is_whatever_the_option_takes(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    text = """
        [defaults]
        reference = "refs:of_all"
        [models.all]
        path = "a.onnx"
        [models.function]
        path = "a.onnx"
        source = "net.pth"
        reference = "pkg.refs:predict"
        [models.file]
        path = "a.onnx"
        reference = "weights/net.pt2"
        [models.folder]
        path = "a.onnx"
        reference = "saved"
        [models.table]
        path = "a.onnx"
        reference = {path = "net.pth", loader = "nets:Net"}
        [models.golden]
        path = "a.onnx"
        reference = "golden"
        [models.other]
        path = "a.onnx"
        reference = "b.onnx"
    """
    found = {spec.name: spec for spec in read(write(tmp_path, text))}
    assert (found["all"].reference, found["all"].source) == ("refs:of_all", None)
    # What another batch is exported from stays
    function = found["function"]
    assert function.source is not None
    assert (function.reference, function.source.shown, function.source.function) == (
        "pkg.refs:predict",
        "net.pth",
        False,
    )
    for name, path in (("file", "weights/net.pt2"), ("folder", "saved"), ("table", "net.pth")):
        source = found[name].source
        assert source is not None
        assert (found[name].reference, source.path) == (None, str(tmp_path / path))
        assert source.origin == f"onnxaccel.toml [models.{name}]"
    assert found["table"].source.loader == "nets:Net"  # type: ignore[union-attr]
    assert (found["golden"].reference, found["golden"].source) == ("golden", None)
    assert found["other"].reference == str(tmp_path / "b.onnx")


def test_a_source_for_all_gives_way_to_a_models_own(tmp_path: Path) -> None:
    text = """
        [defaults]
        reference = "all.pth"
        [models.a]
        path = "a.onnx"
        [models.b]
        path = "b.onnx"
        source = "b.pth"
        [models.c]
        path = "c.onnx"
        reference = "onnx-tf"
    """
    a, b, c = read(write(tmp_path, text))
    assert [spec.source and spec.source.shown for spec in (a, b, c)] == ["all.pth", "b.pth", None]
    assert [spec.reference for spec in (a, b, c)] == [None, None, "onnx-tf"]


def test_defaults_give_way_to_a_models_own_keys_one_by_one(tmp_path: Path) -> None:
    text = """
        [defaults]
        rtol = 1e-3
        reference = "main.onnx"
        [defaults.budget]
        p95 = "12ms"
        threads = 1
        [models.a]
        path = "a.onnx"
        atol = 1e-5
        outputs.scores.atol = 0
        [models.a.budget]
        p95 = "9ms"
        [models."b.onnx"]
        path = "/elsewhere/b.onnx"
        backends = "ort-cpu"
    """
    a, b = read(write(tmp_path, text))
    both = "onnxaccel.toml [defaults], onnxaccel.toml [models.a]"
    assert a.tolerance == Tolerance(1e-3, 1e-5, both)
    assert (a.output_tolerances["scores"].rtol, a.output_tolerances["scores"].atol) == (1e-3, 0.0)
    assert (a.budget.p95_ns, a.budget.threads) == (9e6, 1)
    assert a.budget.origin == "onnxaccel.toml [defaults.budget], onnxaccel.toml [models.a.budget]"
    assert (b.name, b.path, b.backends) == ("b.onnx", "/elsewhere/b.onnx", ("ort-cpu",))
    assert b.reference == a.reference == str(tmp_path / "main.onnx")
    assert b.budget.p95_ns == 12e6


def test_paths_are_relative_to_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ci").mkdir()
    write(tmp_path / "ci", '[models.a]\npath = "../a.onnx"\n')
    monkeypatch.chdir(tmp_path)
    assert read("ci/onnxaccel.toml")[0].path == str(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[model.a]\npath = "a"',
            "onnxaccel.toml:1: 'model' is not a key of the manifest's top level - did you mean 'models'?",
        ),
        (
            '[models.a]\npath = "a"\n\nrtoll = 1',
            "onnxaccel.toml:4: 'rtoll' is not a key of [models.a] - did you mean 'rtol'?",
        ),
        (
            '[models.a]\npath = "a"\nzzz = 1',
            "onnxaccel.toml:3: 'zzz' is not a key of [models.a] - known: path, source, reference",
        ),
        (
            '[models.a]\npath = "a"\nsource = {path = "a.pth", load = "m:f"}',
            "source in [models.a]: 'load' is not a key of a source - did you mean 'loader'?",
        ),
        (
            '[models.a]\npath = "a"\nsource = {loader = "m:f"}',
            "onnxaccel.toml:3: source in [models.a]: it has no path - expected {path =",
        ),
        ('[models.a]\npath = "a"\nsource.path = "a.pth"\nsource.loader = "m"', "'m' names no function"),
        (
            '[models.a]\npath = "a"\n# budget\n[models.a.budget]\np_95 = "1ms"',
            "onnxaccel.toml:5: 'p_95' is not a key of [models.a.budget] - did you mean 'p95'?",
        ),
        (
            '[models.a]\npath = "a"\nbudget = { p_95 = "1ms" }',
            "onnxaccel.toml:3: 'p_95' is not a key of [models.a.budget] - did you mean 'p95'?",
        ),
        (
            '[defaults]\npath = "a"\n[models.a]\npath = "a"',
            "onnxaccel.toml:2: 'path' is not a key of [defaults]",
        ),
        (
            '[models.a]\npath = "a"\n[models.a.inputs."input:0"]\nrnage = [0, 1]',
            "onnxaccel.toml:4: 'rnage' is not a key of [models.a.inputs.\"input:0\"] - did you mean 'range'?",
        ),
        (
            '[models.a.onnx]\npath = "a"',
            "onnxaccel.toml:1: 'onnx' is not a key of [models.a] - quote a name with a dot: [",
        ),
        ("[models.a]\nbatch = 1", "onnxaccel.toml:1: [models.a] has no path - add path = "),
        (
            '[models.a]\npath = "a"\nrtol = "1e-3"',
            "onnxaccel.toml:3: rtol in [models.a]: '1e-3' is not a tolerance - expected a non-negative number",
        ),
        ('[models.a]\npath = "a"\nrtol = -1', "rtol in [models.a]: -1 is not a tolerance"),
        ('[models.a]\npath = "a"\natol = inf', "atol in [models.a]: inf is not a tolerance"),
        ('[models.a]\npath = "a"\nrtol = true', "rtol in [models.a]: True is not a tolerance"),
        ("[models.a]\npath = 3", "onnxaccel.toml:2: path in [models.a]: 3 is not a path - expected a path"),
        ('[models.a]\npath = ""', "path in [models.a]: '' is not a path"),
        (
            '[models.a]\npath = "a"\nbatch = [1, "3"]',
            "batch in [models.a]: '3' is not a batch size - expected positive whole numbers",
        ),
        ('[models.a]\npath = "a"\nbatch = []', "batch in [models.a]: the list is empty"),
        ('[models.a]\npath = "a"\nbatch = 0', "batch in [models.a]: 0 is not a batch size"),
        ('[models.a]\npath = "a"\nbackends = [1]', "backends in [models.a]: 1 is not a backend's name"),
        (
            '[models.a]\npath = "a"\nbudget.p95 = 12',
            "p95 in [models.a.budget]: '12' is a bare number - a unit is missing, write 12ms",
        ),
        (
            '[models.a]\npath = "a"\nbudget.speedup_over = 3',
            "speedup_over in [models.a.budget]: 3 is not a speed-up",
        ),
        (
            '[models.a]\npath = "a"\nbudget.threads = 0.5',
            "threads in [models.a.budget]: 0.5 is not a number of threads",
        ),
        (
            '[models.a]\npath = "a"\nbudget = "12ms"',
            "onnxaccel.toml:3: models.a.budget is '12ms' - expected a table such as [models.a.budget]",
        ),
        (
            '[models.a]\npath = "a"\ninputs.x.range = [1, -1]',
            "range in [models.a.inputs.x]: [1, -1] is empty",
        ),
        (
            '[models.a]\npath = "a"\ninputs.x.range = [1]',
            "range in [models.a.inputs.x]: [1] is not a range - expected two numbers",
        ),
        (
            '[models.a]\npath = "a"\ninputs.x.file = "a.png"',
            "'a.png' is not a file of samples - expected a .npy or .npz file",
        ),
        (
            '[models.a]\npath = "a"\ninputs.x.shape = [1, -1]',
            "shape in [models.a.inputs.x]: -1 is not a size of a dimension",
        ),
        (
            '[models.a]\npath = "a"\n[models.a.inputs.x]\nfile = "a.npz"\nrange = [0, 1]',
            "onnxaccel.toml:5: range is given together with file in [models.a.inputs.x] - keep one",
        ),
        (
            '[models.a]\npath = "a"\n[models.a.inputs.x]\nimages = "*.png"\nshape = [1]',
            "onnxaccel.toml:5: shape is given together with images in [models.a.inputs.x] - keep one",
        ),
        (
            '[models.a]\npath = "a"\n[models.a.inputs.x]\nimages = "*.png"\nfile = "a.npz"',
            "onnxaccel.toml:5: file is given together with images in [models.a.inputs.x] - keep one",
        ),
        (
            '[models.a]\npath = "a"\n[models.a.inputs.x]\npreprocess = "a:b"',
            "onnxaccel.toml:4: preprocess is given without images in [models.a.inputs.x] - add images",
        ),
        (
            '[models.a]\npath = "a"\ndecision = "argmax"',
            "onnxaccel.toml:3: decision in [models.a]: 'argmax' is not a kind of decision - write one of",
        ),
        (
            '[models]\na = "a.onnx"',
            "onnxaccel.toml:2: models.a is 'a.onnx' - expected a table such as [models.a]",
        ),
        (
            '[[models]]\npath = "a"',
            "onnxaccel.toml:1: models is [{'path': 'a'}] - expected a table such as [models.NAME]",
        ),
        ("", "onnxaccel.toml:1: names no model - add a table such as [models.rfb] with a path"),
        ("[defaults]\nrtol = 1", "names no model"),
        ('[models."a::b"]\npath = "a"', "'a::b' cannot name a model"),
        ('[models.""]\npath = "a"', "'' cannot name a model"),
        (
            '[models.a]\npath = "a"\nrtol = 1\nrtol = 2',
            "onnxaccel.toml:4: given a second time: rtol = 2 - keep one",
        ),
        (
            '[models.a]\npath = "a"\n[models.a]\npath = "b"',
            "onnxaccel.toml:3: given a second time: [models.a] - keep one",
        ),
        ("[models.a]\npath = a.onnx", "onnxaccel.toml:2: not TOML: Invalid value"),
        ("[models.a", "onnxaccel.toml:1: not TOML: "),
    ],
)
def test_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(write(tmp_path, text))
    message = str(caught.value)
    assert said in message
    assert message.startswith("onnxaccel[E_CONFIG] onnxaccel.toml")
    assert "\n" not in message
    assert len(message) <= 300


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        read(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path)
    path = write(tmp_path, "")
    path.write_bytes(b"\xff\xfe\x00[models]")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "onnxaccel.toml")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path / "onnxaccel.toml")
