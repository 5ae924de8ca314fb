"""Outputs that the user names: a name that no output has is told, never passed over."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.core.specs import ModelInfo


def named_outputs(names: Sequence[str], info: ModelInfo, key: str) -> None:
    """Refuse names that no output has.

    Raises:
        ModelError: ``E_CONFIG``: there is no such output; the nearest one is named.
    """
    known = [spec.name for spec in info.outputs]
    for name in names:
        if name != "*" and name not in known and name.rpartition("/")[0] not in known:
            raise ModelError(
                f"{key} names output {name!r}, which there is not", code="E_CONFIG", remedy=nearest(name, known)
            )
