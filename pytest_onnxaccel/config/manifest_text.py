"""Reads a manifest's text."""

from __future__ import annotations

from pathlib import Path

from pytest_onnxaccel.core.errors import ConfigError


def manifest_text(file: Path) -> str:
    """Return the text of *file*.

    Raises:
        ConfigError: it is not a regular file in UTF-8, or cannot be read.
    """

    def refused(cause: str, remedy: str = "name a manifest such as onnxaccel.toml") -> ConfigError:
        return ConfigError(f"{cause} in {file.absolute().parent}", subject=file.name, remedy=remedy)

    if not file.exists():
        raise refused("no such file")
    if not file.is_file():
        raise refused("not a regular file")
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise refused(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise refused("is not UTF-8 text,", "save it as UTF-8") from None
