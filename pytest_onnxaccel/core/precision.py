"""What types a graph computes in on the way to its outputs: builtins only, safe to carry between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from pytest_onnxaccel.core.frozen import record

#: Float types of fewer digits than float32, narrowest first.
NARROW = ("bfloat16", "float16")


@record(frozen=True)
class Precision:
    """What a graph says of its types.

    Attributes:
        narrow: by output, the float type of fewest digits that is computed in, or that weights are stored in, on the
            way to it; outputs for which that is float32 or wider are missing.
        quantised: by output, nodes on the way to it that turn floats into few whole numbers or compute in those.
        nodes: nodes that compute in a type of :data:`NARROW`, by type.
    """

    narrow: Mapping[str, str] = field(default_factory=dict)
    quantised: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nodes: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Precision:
        quantised = {name: tuple(nodes) for name, nodes in data["quantised"].items()}
        return cls(dict(data["narrow"]), quantised, dict(data["nodes"]))
