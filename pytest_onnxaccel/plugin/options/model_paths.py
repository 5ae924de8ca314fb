"""What ``--onnx-model`` names, to model specs: folders and globs expanded, names made distinct."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.files.failure_folder import FOLDER
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.specs import ModelSpec

#: Suffix of the files that folders and globs give.
SUFFIX = ".onnx"


def expand(
    patterns: Iterable[str], base: Path, origin: str, declared: Iterable[ModelSpec] = ()
) -> tuple[ModelSpec, ...]:
    """Return *declared* models of a manifest, then one spec for each further file that *patterns* name.

    A file that the manifest declares keeps that declaration. A literal path is taken as it is, even when
    nothing usable is there: its checks say so with their own code.

    Args:
        patterns: files, folders and globs as the user wrote them.
        base: folder that relative ones are relative to.
        origin: where they were written, for messages.
        declared: models of the manifest.

    Raises:
        ConfigError: a glob or a folder that gives no model, or an empty path.
    """
    specs = list(declared)
    known = {spec.path for spec in specs}
    found: dict[str, str] = {}
    for pattern in patterns:
        for shown in _files(pattern, base, origin):
            path = os.path.abspath(base / os.path.expanduser(shown))
            if path not in known:
                found.setdefault(path, shown)
    names = distinct(list(found), taken={spec.name for spec in specs})
    specs += [
        ModelSpec(name=name, path=path, shown=shown, origin=origin)
        for name, (path, shown) in zip(names, found.items(), strict=True)
    ]
    return tuple(specs)


def distinct(paths: list[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a short name that can be shown for each of *paths*: the file's name, with parent folders where needed."""
    parts = [Path(path).parts for path in paths]
    depth = [1] * len(paths)
    used = set(taken)
    while True:
        names = ["/".join(p[-d:]) for p, d in zip(parts, depth, strict=True)]
        times = Counter(names)
        again = [
            i
            for i, name in enumerate(names)
            if (times[name] > 1 or identifier(name) in used) and depth[i] < len(parts[i])
        ]
        if not again:
            return _told_apart(names)
        for i in again:
            depth[i] += 1


def _told_apart(names: list[str]) -> list[str]:
    """Return *names* as they can be shown; those that then are equal end in a few digits of what they really are."""
    shown = [identifier(name) for name in names]
    times = Counter(shown)
    for i, name in enumerate(shown):
        if times[name] > 1:
            stem, suffix = os.path.splitext(name)
            digest = hashlib.sha256(names[i].encode("utf-8", "surrogatepass")).hexdigest()
            shown[i] = f"{stem}~{digest[:6]}{suffix}"
    return shown


def _files(pattern: str, base: Path, origin: str) -> list[str]:
    """Return the files of one pattern, written the way the pattern is."""
    if not pattern.strip() or "\0" in pattern:
        raise ConfigError(f"{pattern!r} is not a path", subject=origin, remedy="name a file, a glob or a folder")
    path = os.path.join(base, os.path.expanduser(pattern))
    if os.path.isdir(path):
        inside = sorted(_walk(path))
        if inside:
            return [os.path.join(pattern, name) for name in inside]
        if path.rstrip("/" + os.sep).endswith(SUFFIX):
            return [pattern]
        raise ConfigError(
            f"the folder {pattern!r} holds no *{SUFFIX} file",
            subject=origin,
            remedy="name a folder with models",
        )
    if os.path.lexists(path) or not glob.has_magic(pattern):
        return [pattern]
    return _globbed(pattern, base, origin)


def _globbed(pattern: str, base: Path, origin: str) -> list[str]:
    """Return the models that a glob matches; folders and other files (external data) are passed over."""
    matches = sorted(glob.glob(os.path.expanduser(pattern), root_dir=base, recursive=True))
    models = [m for m in matches if m.endswith(SUFFIX) and not os.path.isdir(os.path.join(base, m))]
    if FOLDER not in pattern:
        models = [model for model in models if FOLDER not in Path(model).parts]
    if models:
        return models
    if matches:
        cause = f"the glob {pattern!r} matches {len(matches)} path(s), none of them a *{SUFFIX} file"
    else:
        cause = f"the glob {pattern!r} matches nothing in {base}"
    raise ConfigError(cause, subject=origin, remedy="name an existing file, or quote the glob from the right folder")


def _walk(folder: str) -> Iterator[str]:
    """Yield models under *folder*, relative to it: not in hidden folders, virtual environments and saved failures."""
    for root, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name != FOLDER
            and not os.path.exists(os.path.join(root, name, "pyvenv.cfg"))
        ]
        for name in files:
            if name.endswith(SUFFIX) and not name.startswith("."):
                yield os.path.relpath(os.path.join(root, name), folder)
