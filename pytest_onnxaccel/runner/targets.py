"""Where something may be written: missing folders are made once there is something to save."""

from __future__ import annotations

import os

from pytest_onnxaccel.core.errors import ConfigError


def check_above(target: str, remedy: str = "name another folder") -> None:
    """Refuse a *target* below something that is not a folder.

    Raises:
        ConfigError: names what stands in the way.
    """
    above = os.path.dirname(os.path.abspath(target))
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise ConfigError(f"{above} is not a folder", subject=target, remedy=remedy)
