"""Which sizes went in and which came out: what was made smaller, what larger, and what was never done."""

from __future__ import annotations

from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.results.leaves import Leaves

#: Fewest samples for a claim about all of them.
FEW = 4


def plane_of(shape: tuple[int, ...], depth: int) -> tuple[int, int] | None:
    """Return height and width of a result: next to its axis of channels, else its last two axes."""
    if len(shape) < 2:
        return None
    if depth > 1 and len(shape) >= 3 and shape[-1] in (1, depth):
        return shape[-3], shape[-2]
    if len(shape) >= 3 and shape[-1] in (1, 3, 4) and shape[-3] not in (1, 3, 4):
        return shape[-3], shape[-2]
    return shape[-2], shape[-1]


class Coverage:
    """Counts the sizes of images and results of the reference."""

    def __init__(self) -> None:
        self.sizes: dict[tuple[int, int], tuple[int, int]] = {}
        self.skipped: list[str] = []
        self._depth = 1

    def note(self, shape: tuple[int, ...], leaves: Leaves, domain: Domain) -> None:
        """Count one image and its result."""
        if not domain.picture or len(shape) < 2:
            return
        planes = [array for array in leaves.arrays.values() if array.ndim >= 2]
        if planes:
            largest = max(planes, key=lambda array: array.size)
            plane = plane_of(largest.shape, domain.depth)
            if plane is not None:
                self.sizes[shape[0], shape[1]] = plane

    @property
    def target(self) -> tuple[int, int] | None:
        """The size of every result where images have several; None where results follow their images."""
        out = set(self.sizes.values())
        return next(iter(out)) if len(out) == 1 and len(self.sizes) >= FEW else None

    @property
    def resizes(self) -> bool:
        """Results have another size than their images, and it is not the image turned."""
        other = [out for size, out in self.sizes.items() if out not in (size, size[::-1])]
        return bool(self.target) or 2 * len(other) > len(self.sizes) >= FEW

    def never(self) -> tuple[str, ...]:
        """Return what no image that was compared did, in words; empty for functions that do not resize."""
        found = list(self.skipped)
        if self.resizes:
            pairs = list(self.sizes.items())
            if not any(size[0] > out[0] or size[1] > out[1] for size, out in pairs):
                found.append("nothing was made smaller")
            if not any(size[0] < out[0] or size[1] < out[1] for size, out in pairs):
                found.append("nothing was made larger")
        return tuple(found)
