"""The files for CI services follow the services' schemas, and their commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "docs" / "ci"
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
FILES = sorted(FOLDER.glob("*.yml"))

#: What a job needs that has no GPU and no quiet machine: the same command, on the quick checks.
QUICK = "-p no:cacheprovider -k 'structure or contract'"


def commands(name: str, job: str) -> list[str]:
    """The commands of a job, without those that install packages."""
    data = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    if "jobs" in data:
        found = [step["run"] for step in data["jobs"][job]["steps"] if "run" in step]
    else:
        found = data[job]["script"]
    return [command for command in found if "pip install" not in command]


@pytest.fixture
def project(tmp_path: Path, shipped: Path) -> Path:
    shutil.copy(shipped / "slim-320.onnx", tmp_path / "slim.onnx")
    shutil.copy(shipped / "rfb-320.onnx", tmp_path / "rfb.onnx")
    models = "".join(f'[models.{name}]\npath = "{name}.onnx"\nbackends = ["ort-cpu"]\n' for name in ("slim", "rfb"))
    (tmp_path / "onnxaccel.toml").write_text(models)
    return tmp_path


def run(folder: Path, command: str, **more: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {
        **os.environ,
        "PATH": path,
        "PYTEST_ADDOPTS": QUICK,
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        **more,
    }
    return subprocess.run(["bash", "-ec", command], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_follows_the_schema(file: Path) -> None:
    schema = SCHEMAS[file.name.partition("-")[0].removesuffix(".yml")]
    line = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(job.get("timeout-minutes") for job in (yaml.safe_load(file.read_text()).get("jobs") or {}).values())


def test_the_schemas_refuse_what_is_wrong(tmp_path: Path) -> None:
    for file in FILES:
        wrong = tmp_path / file.name
        wrong.write_text(file.read_text().replace("runs-on:", "runs:").replace("script:", "scripts:"))
        schema = SCHEMAS[file.name.partition("-")[0].removesuffix(".yml")]
        line = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(wrong)]
        assert subprocess.run(line, capture_output=True, check=False).returncode == 1, file.name


def test_the_pull_request(project: Path) -> None:
    (check,) = commands("github-pull-request.yml", "part")
    assert "matrix.part" in check
    for part in ("1", "2"):
        done = run(project, check.replace("${{ matrix.part }}", part))
        assert done.returncode == 0, done.stdout
    merge, cat, compare, parts = commands("github-pull-request.yml", "models")
    assert run(project, merge).returncode == 0
    assert len(json.loads((project / "report.json").read_text())["results"]) == 4
    assert (project / "report.html").exists()
    (project / "summary.md").write_text("")
    assert run(project, cat).returncode == 0
    assert "ONNX models: passed" in (project / "summary.md").read_text()
    assert run(project, compare).stdout == ""
    shutil.copy(project / "report.json", project / "onnxaccel-baseline.json")
    done = run(project, compare)
    assert done.returncode == 0, done.stdout
    assert "4 checks in both, nothing grew worse" in done.stdout
    data = json.loads((project / "report.json").read_text())
    (project / "report.json").write_text(json.dumps({**data, "results": data["results"][1:]}))
    assert run(project, compare).returncode == 1
    assert run(project, parts, PARTS="success").returncode == 0
    assert run(project, parts, PARTS="failure").returncode == 1


def test_gitlab(project: Path) -> None:
    (check,) = commands("gitlab.yml", "models")
    for part in ("1", "2"):
        done = run(project, check, CI_NODE_INDEX=part, CI_NODE_TOTAL="2")
        assert done.returncode == 0, done.stdout
        assert (project / f"junit-{part}.xml").exists()
    for command in commands("gitlab.yml", "report"):
        done = run(project, command)
        assert done.returncode == 0, done.stderr
    assert (project / "report.html").exists()


@pytest.mark.parametrize(("name", "job"), [("github-nightly.yml", "cpu"), ("gitlab.yml", "nightly")])
def test_the_night(project: Path, name: str, job: str) -> None:
    (check,) = commands(name, job)
    done = run(project, check, PYTEST_ADDOPTS="-p no:cacheprovider -k structure")
    assert done.returncode == 0, done.stdout
    assert {path.name for path in project.glob("report.*")} == {"report.json", "report.html"}


@pytest.mark.parametrize(("name", "job"), [("github-nightly.yml", "gpu"), ("gitlab.yml", "nightly-gpu")])
def test_a_gpu_runner_without_a_gpu_fails(project: Path, name: str, job: str) -> None:
    (check,) = commands(name, job)
    done = run(project, check, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1, done.stdout
    rows = json.loads((project / "report.json").read_text())["results"]
    assert {row["verdict"] for row in rows if row["backend"] == "ort-cuda"} == {"failed"}


def test_no_step_expands_what_a_stranger_wrote() -> None:
    """Names of branches and titles are data: an expression in a command would run them."""
    for file in FILES:
        for expression in re.findall(r"run:.*\$\{\{(.*?)\}\}", file.read_text()):
            assert expression.strip() == "matrix.part"
