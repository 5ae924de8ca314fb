"""No room, or no right to write: one row or one notice says so, and everything else is whole."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.faults.running import Run, model

MB = 1 << 20


def _may_mount() -> bool:
    """A user namespace of our own, in which file systems can be mounted."""
    try:
        return subprocess.run(["unshare", "-rm", "true"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


needs_mounts = pytest.mark.skipif(not _may_mount(), reason="may not mount a file system of its own (unshare -rm)")


def mounted(*mounts: str) -> list[str]:
    """What a command is begun with to run with *mounts* of its own, each the arguments of one ``mount``."""
    script = "".join(f"mount {one} || exit 99\n" for one in mounts) + 'exec "$@"'
    return ["unshare", "-rm", "sh", "-c", script, "sh"]


def _limited() -> None:
    # Room for the reports, not for a copy of the large model; as where a quota ends it
    resource.setrlimit(resource.RLIMIT_FSIZE, (MB, MB))


def _models(folder: Path) -> list[Path]:
    return [
        model(folder / "first.onnx"), model(folder / "large.onnx", padding=5 * MB), model(folder / "last.onnx")
    ]  # fmt: skip


def _one_row_says_so(run: Run, says: str) -> None:
    assert run.status == 1, run.out
    report = run.agrees()
    assert run.codes == {"first": "OK", "large": "E_FILE", "last": "OK"}
    (row,) = (r for r in report["results"] if r["code"] == "E_FILE")
    assert says in row["message"]


def test_a_file_that_may_not_grow(launch: Callable[..., Run], tmp_path: Path) -> None:
    run = launch("-k", "contract", models=_models(tmp_path), before=_limited).wait()
    _one_row_says_so(run, "File too large")
    run.gone_after()


@needs_mounts
def test_a_temporary_folder_that_is_full(launch: Callable[..., Run], tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    prefix = mounted(f"-t tmpfs -o size=2m tmpfs {full}")
    run = launch("-k", "contract", models=_models(tmp_path), temporary=full, prefix=prefix).wait()
    _one_row_says_so(run, "No space left on device")
    run.gone_after()


@needs_mounts
def test_a_temporary_folder_that_cannot_be_written(launch: Callable[..., Run], tmp_path: Path) -> None:
    """Another one is taken, as Python does; where there is none at all, each check says so in one line."""
    closed, other = tmp_path / "closed", tmp_path / "other"
    closed.mkdir()
    other.mkdir()
    only = [f"-t tmpfs -o ro tmpfs {place}" for place in (closed, "/var/tmp", "/usr/tmp") if Path(place).is_dir()]
    run = launch(
        "-k", "contract", models=[model(tmp_path / "m.onnx")], temporary=closed,
        prefix=mounted(*only, f"--bind {other} /tmp") if tmp_path.parts[1] != "tmp" else mounted(*only),
    ).wait()  # fmt: skip
    assert run.status == 0, run.out
    assert run.agrees()["summary"]["passed"] == 1
    run.gone_after()


@needs_mounts
def test_no_folder_that_can_be_written(launch: Callable[..., Run], tmp_path: Path) -> None:
    """Not even the working folder; the reports lie elsewhere. -s, because pytest itself captures into such a file."""
    closed, reports = tmp_path / "closed", tmp_path / "reports"
    closed.mkdir()
    reports.mkdir()
    models = [model(tmp_path / "a.onnx"), model(tmp_path / "b.onnx")]
    places = {str(Path(place).resolve()) for place in ("/tmp", "/var/tmp", "/usr/tmp") if Path(place).is_dir()}
    read_only = [f"--bind {place} {place} && mount -o remount,bind,ro {place}" for place in (*sorted(places), tmp_path)]
    again = f"--bind {reports} {reports} && mount -o remount,bind,rw {reports}"
    run = launch(
        "-s", "-k", "contract", f"--junitxml={reports}/j.xml", f"--onnx-report={reports}/r.json", models=models,
        temporary=closed, prefix=mounted(*read_only, again),
    ).wait()  # fmt: skip
    run.xml, run.json = reports / "j.xml", reports / "r.json"
    assert run.status == 1, run.out
    run.agrees()
    assert run.codes == {"a": "E_FILE", "b": "E_FILE"}
    assert "no folder for private copies" in run.out
    run.gone_after()


@needs_mounts
def test_a_report_that_has_no_room(launch: Callable[..., Run], tmp_path: Path) -> None:
    """JUnit and the terminal have every result, one line says what is missing, and the exit status tells it."""
    full = tmp_path / "full"
    full.mkdir()
    fill = f"-t tmpfs -o size=4k tmpfs {full} && head -c 4096 /dev/zero > {full}/filling; true"
    run = launch(
        "-k", "contract", f"--onnx-report={full}/r.json", models=[model(tmp_path / "m.onnx")], prefix=mounted(fill)
    ).wait()
    assert run.status == 3, run.out
    assert "the report cannot be written: No space left on device" in run.out
    assert "checks: 1 passed" in run.out
    assert run.xml.exists()
    run.gone_after()


@needs_mounts
@pytest.mark.parametrize("options", ["ro", "size=16k"], ids=["read-only", "full"])
def test_a_cache_that_cannot_be_written_is_one_notice(options: str, tmp_path: Path) -> None:
    """What was converted is used all the same."""
    cache = tmp_path / "cache"
    cache.mkdir()
    script = (
        "import json, pathlib, sys\n"
        "from pytest_onnxaccel.convert.cache.cache import Cache\n"
        "cache, made = Cache(sys.argv[1]), pathlib.Path(sys.argv[2])\n"
        "made.mkdir(); (made / 'model.onnx').write_bytes(b'x' * 100_000)\n"
        "with cache.building('k' * 64):\n"
        "    found = cache.fetch('k' * 64, str(made))\n"
        "    cache.store('k' * 64, str(made), {'path': 'model.onnx'})\n"
        "print(json.dumps([found, cache.notices]))\n"
    )
    command = [*mounted(f"-t tmpfs -o {options} tmpfs {cache}"), sys.executable, "-c", script, cache, tmp_path / "made"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found, notices = json.loads(done.stdout)
    assert found is None
    (notice,) = notices
    assert ("Read-only" if options == "ro" else "No space") in notice
    assert (tmp_path / "made" / "model.onnx").stat().st_size == 100_000
