"""A conversion as a worker sees it: JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.convert.registry import make


def convert(
    converter: str, source: str, kind: str, gives: str, folder: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Let the *converter* (``module:name``) convert the staged *source* into *folder*."""
    return make(converter).convert(source, kind, gives, folder, ConvertOptions.from_json(options)).to_json()
