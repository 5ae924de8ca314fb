"""The version of this package, as its installed metadata gives it."""

from __future__ import annotations


def own_version() -> str:
    """Return the version, or ``unknown`` where the package is on the path but not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pytest-onnxaccel")
    except PackageNotFoundError:
        return "unknown"
