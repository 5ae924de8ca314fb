"""Which operands decide by their values how large a result is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.graph.inputs.trace import union

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site

#: Operands whose values are sizes, or how many results there are; of the first operand, where its values choose.
SIZING: Mapping[str, tuple[int, ...]] = {
    "Reshape": (1,), "Expand": (1,), "ConstantOfShape": (0,), "Tile": (1,), "Pad": (1, 3), "TopK": (1,),
    "Slice": (1, 2, 3, 4), "Range": (0, 1, 2), "Resize": (1, 2, 3), "Upsample": (1,), "Squeeze": (1,),
    "Unsqueeze": (1,), "Split": (1,), "OneHot": (1,), "Compress": (1,), "NonZero": (0,), "Unique": (0,),
    "NonMaxSuppression": (0, 1, 2, 3, 4), "CenterCropPad": (1,), "Col2Im": (1, 2), "MaxUnpool": (1, 2),
    "StringSplit": (0,), "SequenceAt": (1,), "SplitToSequence": (1,), "ConcatFromSequence": (0,), "AffineGrid": (1,),
    "STFT": (1, 3), "DFT": (1,), "BlackmanWindow": (0,), "HammingWindow": (0,), "HannWindow": (0,),
    "MelWeightMatrix": (0, 1), "ReduceSum": (1,), "ReduceMean": (1,), "ReduceMax": (1,), "ReduceMin": (1,),
    "ReduceProd": (1,), "ReduceL1": (1,), "ReduceL2": (1,), "ReduceLogSum": (1,), "ReduceLogSumExp": (1,),
    "ReduceSumSquare": (1,), "StringNormalizer": (0,), "ImageDecoder": (0,), "SequenceErase": (1,),
}  # fmt: skip


def sized_by(site: Site) -> frozenset[str]:
    """Return the inputs whose values the shapes of the node's results hang on."""
    values = [v.sized_by for v in site.operands if v is not None]
    chosen = site.operator.sizing
    return union([*values, *(site.operand(place).by for place in chosen)] if chosen else values)
