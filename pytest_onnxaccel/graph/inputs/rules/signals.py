"""Operators of signal processing: lengths of windows and frames for which the declared sizes come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.rules.declared import exact
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

_RATE = 8000


def window(site: Site) -> None:
    """Windows: as long as their result."""
    after = site.output_shape()
    exact(site, 0, after if after and len(after) == 1 else None, "the length")


def dft(site: Site) -> None:
    """DFT: its axis is the one whose size changes, its length what that becomes."""
    before, after = site.operand(0).shape, site.output_shape()
    changed = []
    if before is not None and after is not None and len(before) == len(after):
        changed = [i for i, (b, a) in enumerate(zip(before[:-1], after[:-1], strict=True)) if b != a]
    given = site.operand(2).scalar if len(site.operands) > 2 else site.attribute("axis", 1)
    axis = int(given) if given is not None else (changed[0] if changed else 1)
    exact(site, 2, [axis], "the axis")
    length: Bound | None = None
    if before is not None and after is not None and -len(after) <= axis < len(after):
        one_sided, inverse = site.attribute("onesided", 0), site.attribute("inverse", 0)
        source, size = before[axis], after[axis]
        if not one_sided or inverse:
            length = size
        elif isinstance(source, int) and isinstance(size, int):
            length = source if source // 2 + 1 == size else (size - 1) * 2
    exact(site, 1, [length], "the length")


def stft(site: Site) -> None:
    """STFT: frames of a length and a step that give the declared numbers of frames and of bins."""
    signal, after = site.operand(0).shape, site.output_shape()
    length: int | None = None
    if after is not None and len(after) == 4 and isinstance(after[2], int):
        length = (after[2] - 1) * 2 if site.attribute("onesided", 1) else after[2]
    length = site.operand(2).size(0) or length
    given = site.operand(3).scalar
    length = int(given) if given is not None else length
    step: int | None = None
    if signal is not None and after is not None and isinstance(signal[1], int) and isinstance(after[1], int) and length:
        frames = after[1]
        step = (signal[1] - length) // max(frames - 1, 1) if frames > 1 else max(signal[1] - length + 1, 1)
    exact(site, 1, [step], "the step")
    exact(site, 3, [length], "the length")


def mel(site: Site) -> None:
    """MelWeightMatrix: counts by the declared shape, edges below half the sample rate."""
    after = site.output_shape()
    bins = after[1] if after is not None and len(after) == 2 else None
    rows = after[0] if after is not None and len(after) == 2 else None
    exact(site, 0, [bins], "the number of bands")
    exact(site, 1, [(rows - 1) * 2 if isinstance(rows, int) else None], "the length")
    for place, number, what in (
        (2, _RATE, "the sample rate"),
        (3, 0, "the lower edge"),
        (4, _RATE // 2, "the upper edge"),
    ):
        exact(site, place, [number], what)


RULES: Mapping[str, Sequence[Rule]] = {
    ":BlackmanWindow": (window,),
    ":HammingWindow": (window,),
    ":HannWindow": (window,),
    ":DFT": (dft,),
    ":STFT": (stft,),
    ":MelWeightMatrix": (mel,),
}
