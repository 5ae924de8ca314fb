"""What a converted file is called where nobody says: ``{stem}-batch-{n}.onnx``, next to its source."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.protocol import Converted
from pytest_onnxaccel.core.errors import ConfigError


def default_target(source: str, made: Converted) -> str:
    """Return where *made* is saved: next to *source*, as the user wrote it; an open batch has no number.

    Raises:
        ConfigError: the result is not an ONNX file, or the source is one.
    """
    path = source.rstrip("/" + os.sep)
    if made.kind != kinds.ONNX or path.lower().endswith(".onnx"):
        raise ConfigError("nothing says where the result goes", subject=source, remedy="name it with -o")
    sizes = {spec.shape[0] for spec in made.inputs if spec.shape}
    batch = sizes.pop() if len(sizes) == 1 else None
    suffix = f"-batch-{batch}" if isinstance(batch, int) else ""
    return os.path.join(os.path.dirname(path), f"{Path(path).stem}{suffix}.onnx")
