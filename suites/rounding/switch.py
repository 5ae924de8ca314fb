"""A pytest plugin: with ``ONNXACCEL_TEST_PERTURB=SEED`` the suites run as on a processor that rounds otherwise.

The root ``conftest.py`` loads it. The double goes into this process, and into every process below it that keeps
PYTHONPATH: workers, inner runs of pytest, the processes of xdist. The product has no switch for it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

#: Where the package ``other_processor`` lies, which workers import by that name: they do not see the suites.
HERE = str(Path(__file__).parent)
SEED = "ONNXACCEL_TEST_PERTURB"

_SITE = """\
import sys

sys.path.append({here!r})
from other_processor.install import install

install({seed!r})
"""


def written(seed: str, folder: Path) -> str:
    """*folder* for the front of PYTHONPATH, with a ``sitecustomize`` that installs the double of *seed*."""
    (folder / "sitecustomize.py").write_text(_SITE.format(here=HERE, seed=seed), encoding="utf-8")
    return str(folder)


def _switched_on(seed: str) -> None:
    if "other_processor" in sys.modules:
        return  # a process below the first one: its sitecustomize has done it
    folder = tempfile.mkdtemp(prefix="onnxaccel-perturb-")
    # Not at the end of this session: a process below may outlive it by a moment
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([written(seed, Path(folder)), *([before] if before else [])])
    sys.path.append(HERE)
    from other_processor.install import install

    install(seed)


if os.environ.get(SEED):
    _switched_on(os.environ[SEED])


def pytest_report_header() -> str | None:
    seed = os.environ.get(SEED)
    return f"outputs: perturbed as by another processor, {SEED}={seed}" if seed else None
