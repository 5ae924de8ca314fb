"""The examples of docs/providers.md do what the page says."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from fixtures.graphs import small_cnn
from pytest_onnxaccel.config.manifest import read_backends
from pytest_onnxaccel.plugin.options.provider_options import declared, merged
from suites.pages import code_of

PAGE = (Path(__file__).parents[3] / "docs" / "providers.md").read_text(encoding="utf-8")


def test_options_of_a_manifest(tmp_path: Path) -> None:
    file = tmp_path / "onnxaccel.toml"
    file.write_text(code_of(PAGE, "options"), encoding="utf-8")
    assert tomllib.loads(file.read_text())["models"]["net"]["path"] == "net.onnx"
    found = declared(read_backends(file), file.name)
    assert found == {"ort-openvino": (("num_of_threads", "1"),)}
    assert merged(found, {"ort-openvino": (("num_of_threads", "2"),)}) == {"ort-openvino": (("num_of_threads", "2"),)}


def test_a_row_of_another_distribution(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    info = packages / "acme_ort-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-ort\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest_onnxaccel.providers]\nacme = acme_row:ROW\n")
    (packages / "acme_row.py").write_text(code_of(PAGE, "row"))
    (tmp_path / "net.onnx").write_bytes(small_cnn().SerializeToString())
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--onnx-only", "--onnx-model=net.onnx",
           "-k", "contract", "--onnx-backend=ort-acme"]  # fmt: skip
    refused = [*run, "--onnx-provider-option=ort-acme.arena_extend_strategy=wild"]
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    for command, status, said in (
        (run, 0, "backend ort-acme was judged by 1 check"),
        (refused, 4, "does not fit the option arena_extend_strategy of ort-acme"),
        ([sys.executable, "-m", "pytest_onnxaccel", "doctor"], 0, "[from acme-ort 1.0]"),
    ):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert (done.returncode, said in done.stdout + done.stderr) == (status, True), done.stdout + done.stderr
