"""The model as it is at a git revision, for ``regression="10% git:origin/main"``: git's own copy of the file."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

from pytest_onnxaccel.core.errors import ModelError, NoBaseline, printable
from pytest_onnxaccel.core.files.beneath import Refused, split

#: How the pointers of Git LFS begin.
LFS = b"version https://git-lfs.github.com/spec/"
#: git answers from its own disk; a repository that is set up otherwise shall not hang a gate.
_SECONDS = 120.0


def at_revision(path: str, revision: str, folder: str, inspect: Callable[[str], Any]) -> str:
    """Return the file *path* as of *revision*, with its external data, as a file under *folder*.

    Args:
        path: a file in a git repository.
        revision: as git takes it, such as ``origin/main``.
        folder: private to the run.
        inspect: external data files that a model file names, as it names them.

    Raises:
        NoBaseline: the revision does not hold it.
        ModelError: no git, no repository, no such revision, or a Git LFS pointer.
    """
    source, name = os.path.split(os.path.abspath(path))
    shown = f"{name} at {revision}"
    commit = _commit(source, revision, shown)
    made = os.path.join(folder, f"baseline-{commit[:12]}")
    target = os.path.join(made, name)
    if os.path.exists(target):
        return target
    os.makedirs(made, mode=0o700, exist_ok=True)
    _fetch(source, commit, name, target, shown)
    for inner in _data_files(inspect(target)):
        if inner == name:
            continue  # the model itself, which is there
        os.makedirs(os.path.dirname(os.path.join(made, inner)), exist_ok=True)
        _fetch(source, commit, inner, os.path.join(made, inner), f"{inner} at {revision}")
    return target


def _data_files(locations: Iterable[str]) -> list[str]:
    """Return each file of external data once; what is refused is so with its own code when the model is staged."""
    found: dict[str, None] = {}
    for location in locations:
        with contextlib.suppress(Refused):
            found["/".join(split(location))] = None
    return list(found)


def _commit(source: str, revision: str, shown: str) -> str:
    found = _git(source, shown, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is not None:
        return found.decode().strip()
    if _git(source, shown, "rev-parse", "--git-dir") is None:
        cause, remedy = f"{source} is in no git repository", "run in a clone, or give --onnx-reference=main.onnx"
    else:
        cause = f"git knows no revision {revision!r} here"
        remedy = "fetch it first (a shallow clone holds one commit), or name another"
    raise ModelError(cause, code="E_FILE", subject=shown, remedy=remedy)


def _fetch(source: str, commit: str, name: str, target: str, shown: str) -> None:
    """Write the file *name*, relative to the folder *source*, as of *commit* to *target*."""
    with open(target, "wb") as file:
        found = _git(source, shown, "cat-file", "blob", f"{commit}:./{name}", into=file)
    if found is None:
        os.unlink(target)
        raise NoBaseline("the revision does not hold this file", subject=shown)
    with open(target, "rb") as file:
        if file.read(len(LFS)) != LFS:
            return
    os.unlink(target)
    raise ModelError(
        "git holds a Git LFS pointer there, not the model",
        code="E_NOTMODEL",
        subject=shown,
        remedy="check that revision out with git lfs elsewhere, and give its file as --onnx-reference",
    )


def _git(folder: str, shown: str, *arguments: str, into: Any = None) -> bytes | None:
    """Return what git prints, or nothing where that goes *into* a file; None when git says no."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ("git", "-C", folder, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=into or subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise ModelError("git is not installed", code="E_FILE", subject=shown, remedy="install git") from None
    except subprocess.TimeoutExpired:
        raise ModelError(f"git gave no answer within {_SECONDS:g} s", code="E_TIMEOUT", subject=shown) from None
    except OSError as error:
        raise ModelError(f"git cannot be run: {printable(str(error))}", code="E_FILE", subject=shown) from None
    return (done.stdout or b"") if done.returncode == 0 else None
