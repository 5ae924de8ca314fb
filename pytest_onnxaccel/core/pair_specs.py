"""What was declared of preprocessing: two functions side by side, and one that moves into a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from pytest_onnxaccel.core.frozen import record


@record(frozen=True)
class PreprocessingSpec:
    """Two functions that must make the same of every image, as the user declared them.

    Attributes:
        name: unique in the run and part of the item's id.
        reference: ``package.module:function``, what training used.
        candidate: ``package.module:function``, what is deployed.
        faster: least factor by which the candidate must be faster; None when only equality is asked.
        shape: the deployed shape of an image, (H, W, C); None for that of the own images, or (240, 320, 3).
        shapes: the legal (H, W) sizes, or (samples,) of a signal; empty for any.
        tolerance: largest difference of floats, in units in the last place of the largest reference value; or measures
            by name.
        layout: ``any``, or the memory layout that the result must have.
        examples, seed: None for the settings of the run.
        settings: further arguments of the comparison; ``functions`` holds those that a marker gave as such.
    """

    name: str
    reference: str
    candidate: str
    faster: float | None = None
    shape: tuple[int, ...] | None = None
    shapes: tuple[tuple[int, ...], ...] = ()
    tolerance: float | Mapping[str, float] = 4.0
    layout: str = "any"
    examples: int | None = None
    seed: int | None = None
    origin: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@record(frozen=True)
class FoldSpec:
    """A preprocessing that is to be folded into its model's graph, as the user declared it.

    Attributes:
        name: unique in the run and part of the item's id.
        model: path of the model as written, relative to *folder*.
        preprocess: ``package.module:function``, the reference: an image to what the model takes.
        mean, scale: one number, or one for each channel: ``(image - mean) * scale``.
        target: path of the file to write once it is proven, relative to *folder*; None proves and writes nothing.
        images: a glob of files, or a function that returns a list; None for random ones.
        folder: what relative paths start from; None for pytest's rootdir.
        function: the preprocessing where a marker gave it as such.
    """

    name: str
    model: str
    preprocess: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    target: str | None = None
    method: str = "prepend"
    layout: str = "NHWC"
    channel_order: str = "same"
    images: Any = None
    backend: str = "ort-cpu"
    rtol: float | None = None
    atol: float | None = None
    origin: str = ""
    folder: str | None = None
    function: Any = None
