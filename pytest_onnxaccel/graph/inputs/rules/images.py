"""Operators of images and boxes: sizes, places in an image, files of images."""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.rules.declared import exact
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: Where boxes begin and end, as shares of the shorter side.
_NEAR, _FAR = (0.0, 0.07, 0.13, 0.21, 0.34, 0.46), (0.53, 0.61, 0.74, 0.87, 0.93, 1.0)


def crop_or_pad(site: Site) -> None:
    """CenterCropPad: the declared sizes of its axes."""
    after = site.output_shape()
    axes = site.attribute("axes")
    if after is None:
        exact(site, 1, None, "the shape")
        return
    chosen = range(len(after)) if axes is None else [int(axis) for axis in axes]
    exact(site, 1, [after[axis] for axis in chosen], "the shape")


def affine_grid(site: Site) -> None:
    """AffineGrid: the shape of the image that the grid is for; of its channels the grid says nothing."""
    after = site.output_shape()
    exact(site, 1, None if after is None else [after[0], 1, *after[1:-1]], "the size")


def col2im(site: Site) -> None:
    """Col2Im: the declared image, and blocks that fit it as often as there are columns."""
    before, after = site.operand(0).shape, site.output_shape()
    if before is None or after is None or len(before) != 3:
        found: tuple[Sequence[Bound | None] | None, ...] = (None, None)
    else:
        image = [int(d) for d in after[2:] if isinstance(d, int)]
        whole = len(image) == len(after) - 2 and all(isinstance(d, int) for d in (*before[1:], after[1]))
        found = (after[2:], next(_blocks(site, image, before, after), None) if whole else None)
    exact(site, 1, found[0], "the image")
    exact(site, 2, found[1], "the block")


def _blocks(site: Site, image: Sequence[int], before: Any, after: Any) -> Iterator[list[Bound | None]]:
    rank = len(image)
    strides = site.attribute("strides") or [1] * rank
    dilations = site.attribute("dilations") or [1] * rank
    pads = site.attribute("pads") or [0] * (2 * rank)
    volume = before[1] // max(after[1], 1)
    sides = [range(1, size + pads[i] + pads[i + rank] + 1) for i, size in enumerate(image)]
    for block in itertools.islice(itertools.product(*sides), 100_000):
        counts = [
            (image[i] + pads[i] + pads[i + rank] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1
            for i in range(rank)
        ]
        if math.prod(block) == volume and math.prod(counts) == before[2] and min(counts) > 0:
            yield list(block)


def max_unpool(site: Site) -> None:
    """MaxUnpool: indices of the elements of what was pooled."""
    before = site.operand(0).shape
    kernel = site.attribute("kernel_shape") or ()
    if before is not None and all(isinstance(d, int) for d in before):
        strides, pads = (
            site.attribute("strides") or [1] * len(kernel),
            site.attribute("pads") or [0] * (2 * len(kernel)),
        )
        sizes = [int(d) for d in before[:2] if isinstance(d, int)]
        for i, size in enumerate(before[2:]):
            assert isinstance(size, int)
            sizes.append((size - 1) * strides[i] + kernel[i] - pads[i] - pads[i + len(kernel)])
        most = math.prod(sizes)
        site.findings.bounds(
            site.operand(1).traces, site.node, Demand(f"indexes {most} elements", 0, most - 1, "index")
        )
    exact(site, 2, site.output_shape(), "the shape")


def suppression(site: Site) -> None:
    """NonMaxSuppression: a few boxes of a class, thresholds that let some of them through."""
    site.findings.bounds(site.operand(0).traces, site.node, Demand("are boxes", 0, 1))
    site.findings.bounds(site.operand(1).traces, site.node, Demand("are scores", 0, 1))
    for value in (site.operand(0), site.operand(1)):
        for trace in value.traces:
            if trace.ordered:
                site.findings.batch_axes.setdefault(trace.input, 0)  # the free axis is that of the boxes
    for place, number, what in ((2, 3, "the most boxes"), (3, 0.1, "the overlap"), (4, 0.2, "the least score")):
        exact(site, place, [number], what)


def roi(site: Site) -> None:
    """RoiAlign: boxes inside the image."""
    shape = site.operand(0).shape
    sizes = [d for d in (shape or ())[2:] if isinstance(d, int)]
    scale = float(site.attribute("spatial_scale", 1.0)) or 1.0
    if sizes:
        last = (min(sizes) - 1) / abs(scale)
        site.findings.bounds(site.operand(1).traces, site.node, Demand("are boxes", 0, last))
        # The first corner is the upper left one: what is turned round is no box
        corners = [tuple(last * share for share in shares) for shares in (_NEAR, _FAR)]
        for trace in site.operand(1).traces:
            if trace.ordered and trace.plain:
                text = f"are boxes in {named(site.node)}"
                site.findings.add(Finding(trace.input, text, columns=(corners[0],) * 2 + (corners[1],) * 2))


def grid(site: Site) -> None:
    """GridSample: places inside the image, which ends at -1 and 1, and past its border."""
    site.findings.bounds(
        site.operand(1).traces, site.node, Demand("is a place in an image", points=(-1.43, -1.07, 1.07, 1.43))
    )


def decoder(site: Site) -> None:
    """ImageDecoder: the bytes of an image of the declared size."""
    after = site.output_shape()
    size = site.operand(0).size(0)
    height, width = (after[0], after[1]) if after is not None and len(after) == 3 else (None, None)
    if not isinstance(height, int) or not isinstance(width, int):
        exact(site, 0, None, "the file")
        return
    data = picture(height, width)
    # What comes after the end of the image is not read
    found = None if size is None or size < len(data) else [*data, *bytes(size - len(data))]
    exact(site, 0, found, "the file")


def picture(height: int, width: int) -> bytes:
    """Return a PNG file of two coloured fields side by side, every other row of them the other way round."""
    half = width // 2
    row = b"\xe0\x40\x20" * half + b"\x10\x80\xf0" * (width - half)
    rows = (b"\0" + (row if y % 2 else row[::-1]) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def position(place: int) -> Rule:
    """Return an element of a sequence: the first is there in any that is not empty."""

    def rule(site: Site) -> None:
        for trace in site.operand(place).traces:
            site.findings.add(Finding(trace.input, f"is a place in {named(site.node)}", "index", 0, 0))

    return rule


def parts(site: Site) -> None:
    """SplitToSequence: parts that add up to the axis."""
    size, axis = site.operand(1).shape, int(site.attribute("axis", 0))
    whole = site.operand(0).size(axis)
    count = size[0] if size else None
    if size == ():
        exact(site, 1, [max(1, (whole or 2) // 2)], "the size of a part")
    elif isinstance(count, int) and whole is not None and count > 0:
        exact(site, 1, [whole // count + (1 if i >= count - whole % count else 0) for i in range(count)], "the parts")
    else:
        exact(site, 1, None, "the parts")


RULES: Mapping[str, Sequence[Rule]] = {
    ":CenterCropPad": (crop_or_pad,),
    ":AffineGrid": (affine_grid,),
    ":Col2Im": (col2im,),
    ":MaxUnpool": (max_unpool,),
    ":NonMaxSuppression": (suppression,),
    ":RoiAlign": (roi,),
    ":GridSample": (grid,),
    ":ImageDecoder": (decoder,),
    ":SequenceAt": (position(1),),
    ":SequenceErase": (position(1),),
    ":SequenceInsert": (position(2),),
    ":SplitToSequence": (parts,),
}
