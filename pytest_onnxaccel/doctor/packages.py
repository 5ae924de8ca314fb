"""What is wrong with the packages installed here, read from their metadata and files: nothing is imported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from pytest_onnxaccel.doctor.diagnosis import Problem

#: Oldest versions that work; what provides ``onnxruntime`` under another name has the same numbers.
FLOORS = {"onnx": "1.21", "onnxruntime": "1.24", "onnxruntime-gpu": "1.24"}

_MODULE = "onnxruntime/__init__.py"
#: Holds the name of the distribution that its wheel was built for.
_BUILD_INFO = "onnxruntime/capi/build_and_package_info.py"
_FAMILY = ("onnxruntime", "ort-nightly")


def versions(names: Sequence[str], path: list[str] | None = None) -> dict[str, str]:
    """Return the version by name of those of *names* that are installed (in the folders *path*)."""
    found = {_name(item): item.version for item in _distributions(path)}
    return {name: found[name] for name in names if name in found}


def problems(driver: bool, path: list[str] | None = None) -> list[Problem]:
    """Return what is wrong with the packages that the backends need.

    Args:
        driver: a GPU's driver was found here, which decides which of two distributions is worth keeping.
        path: folders to look in instead of the interpreter's own.
    """
    return [*_too_old(path), *_onnxruntime(driver, path)]


def _distributions(path: list[str] | None) -> Iterator[Distribution]:
    # Those that come first hide later ones of the same name, as in an import
    seen: set[str] = set()
    for item in distributions() if path is None else distributions(path=path):
        name = _name(item)
        if name and name not in seen:
            seen.add(name)
            yield item


def _name(item: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", item.metadata["Name"] or "").lower()


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _too_old(path: list[str] | None) -> list[Problem]:
    return [
        Problem(
            "too-old",
            f"{name} {version} is older than {FLOORS[name]}, the oldest that works",
            f'python -m pip install --upgrade "{name}>={FLOORS[name]}"',
        )
        for name, version in versions(list(FLOORS), path).items()
        if _number(version) < _number(FLOORS[name])
    ]


def _onnxruntime(driver: bool, path: list[str] | None) -> list[Problem]:
    found = [item for item in _distributions(path) if _name(item).startswith(_FAMILY) and _provides(item)]
    if len(found) > 1:
        return [_over_each_other(found, driver)]
    return [problem for item in found if (problem := _incomplete(item)) is not None]


def _provides(item: Distribution) -> bool:
    """Return whether it installs the module ``onnxruntime``; onnxruntime-extensions, for one, does not."""
    files = item.files
    if files is None:  # no list of files: some distributors leave it out
        return _name(item) in FLOORS
    return any(str(file) == _MODULE for file in files)


def _shown(item: Distribution) -> str:
    return f"{_name(item)} {item.version}"


def _over_each_other(found: list[Distribution], driver: bool) -> Problem:
    names = sorted(_name(item) for item in found)
    owner = _owner(found)
    whose = f"the files there are those of {_shown(owner)}" if owner else "which one the files belong to is unknown"
    gpu = [name for name in names if "gpu" in name]
    keep = gpu[0] if driver and gpu else next((name for name in names if "gpu" not in name), names[0])
    wanted = f'"{keep}[cuda,cudnn]"' if keep == "onnxruntime-gpu" else keep
    return Problem(
        "onnxruntime-twice",
        f"{' and '.join(sorted(map(_shown, found)))} are installed over each other: both provide the module "
        f"onnxruntime, the last one installed wins ({whose}), and uninstalling either breaks the other",
        f"python -m pip uninstall -y {' '.join(names)} && python -m pip install {wanted}",
    )


def _owner(found: list[Distribution]) -> Distribution | None:
    """Return whose files are in the module's folder."""
    for item in found:
        try:
            text = Path(str(item.locate_file(_BUILD_INFO))).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        said = re.search(r"package_name\s*=\s*['\"]([\w.-]+)['\"]", text)
        for other in found:
            if said and _name(other) == said.group(1).lower():
                return other
    return None


def _incomplete(item: Distribution) -> Problem | None:
    """Return the problem of a distribution whose metadata is there and some of whose files are not."""
    name, version = _name(item), item.version
    listed = [file for file in item.files or () if file.suffix != ".pyc"]
    gone = [str(file) for file in listed if not Path(str(item.locate_file(file))).exists()]
    if not gone:
        return None
    first = _MODULE if _MODULE in gone else gone[0]
    return Problem(
        "onnxruntime-incomplete",
        f"{name} {version} is listed as installed, but {len(gone)} of its {len(listed)} files are gone, such "
        f"as {first}: uninstalling another onnxruntime distribution, installed over it, removes them too",
        f"python -m pip install --force-reinstall --no-deps {name}=={version}",
    )
