"""Options of an execution provider that takes no part in the run: on the command line a mistake, in a file none."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.plugin.probe import Read

pytest_plugins = ("pytester",)

TF32 = "--onnx-provider-option=ort-cuda.use_tf32=0"


@pytest.fixture(autouse=True)
def net(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (pytester.path / "net.onnx").write_bytes(b"")
    return pytester.path


@pytest.mark.parametrize("model", [(), ("--onnx-model=net.onnx",)])
def test_an_option_that_nothing_would_take_is_a_usage_error(read: Read, model: tuple[str, ...]) -> None:
    with pytest.raises(pytest.UsageError) as caught:
        read(*model, "--onnx-backend=ort-cpu,onnx-tf", TF32)
    assert str(caught.value) == (
        "onnxaccel[E_CONFIG] --onnx-provider-option: ort-cuda takes no part in this run, which is on ort-cpu, onnx-tf"
        " - add ort-cuda to --onnx-backend; [backends.ort-cuda] of a manifest may be for other runs"
    )


def test_backends_of_the_manifest_are_those_of_the_run(read: Read, net: Path) -> None:
    table = '[models.net]\npath = "net.onnx"\n'
    (net / "onnxaccel.toml").write_text(f'{table}backends = ["ort-cpu"]\n')
    with pytest.raises(pytest.UsageError, match="ort-cuda takes no part in this run, which is on ort-cpu"):
        read(TF32)
    (net / "onnxaccel.toml").write_text(f'{table}backends = ["ort-cuda:1"]\n')
    assert read(TF32).providers == {"ort-cuda": (("use_tf32", "0"),)}
    # A model that names none runs on every backend that is here
    (net / "onnxaccel.toml").write_text(f'{table}backends = ["ort-cpu"]\n[models.other]\npath = "net.onnx"\n')
    assert read(TF32).providers


@pytest.mark.parametrize(
    "part",
    [
        (),
        ("--onnx-backend=ort-cpu,ort-cuda",),
        ("--onnx-backend=ort-cpu,ort-cuda:1",),
        ("--onnx-backend=ort-cpu", "--onnx-require=ort-cuda"),
        ("--onnx-backend=ort-cpu", "--onnx-reference=ort-cuda"),
        ("--onnx-backend=ort-cpu", "--onnx-budget=speedup_over=ort-cuda:1"),
        ("--onnx-backend=ort-cpu", "--onnx-advise"),
        ("--onnx-backend=ort-cpu", "--onnx-budget=advise=true"),
    ],
)
def test_whatever_takes_part_may_have_options(read: Read, part: tuple[str, ...]) -> None:
    assert read("--onnx-model=net.onnx", *part, TF32).providers == {"ort-cuda": (("use_tf32", "0"),)}


def test_options_of_what_converts_are_for_a_conversion(read: Read) -> None:
    given = "--onnx-provider-option=onnx-tf.device=CPU"
    assert read("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", given).providers


def test_a_file_that_serves_several_runs_says_what_it_likes(read: Read, net: Path) -> None:
    (net / "onnxaccel.toml").write_text('[backends.ort-cuda]\nuse_tf32 = 0\n[models.net]\npath = "net.onnx"\n')
    (net / "pytest.ini").write_text("[pytest]\nonnx_provider_option = ort-tensorrt.trt_fp16_enable=1\n")
    assert set(read("--onnx-backend=ort-cpu").providers) == {"ort-cuda", "ort-tensorrt"}


def test_a_misspelt_backend_in_a_file_is_a_usage_error(read: Read, net: Path) -> None:
    (net / "onnxaccel.toml").write_text('[backends.ort-cudda]\nuse_tf32 = 0\n[models.net]\npath = "net.onnx"\n')
    with pytest.raises(pytest.UsageError) as caught:
        read("--onnx-backend=ort-cpu")
    assert "onnxaccel.toml [backends.ort-cudda]: no backend is named 'ort-cudda' - did you mean 'ort-cuda'?" in str(
        caught.value
    )
