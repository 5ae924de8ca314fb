"""Fold a model's preprocessing into its graph, prove the result, and only then write it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.conversion.folded_preprocessing import FoldedModel, foldin
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo, Tolerance
from pytest_onnxaccel.isolation.staging.external_data import stage_external
from pytest_onnxaccel.isolation.staging.stage_model import stage
from pytest_onnxaccel.runner import arguments
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.tools import TOOLS

#: Ways to fold, by the graph function that does it.
METHODS = {"prepend": "prepend", "conv": "fold_into_first_conv"}
#: Random images that the proof takes.
IMAGES = 3


def fold_in(  # noqa: PLR0913 - called by users, who give each by its name
    model: str | os.PathLike[str],
    target: str | os.PathLike[str] | None,
    preprocess: Callable[[Any], Any],
    mean: Sequence[float],
    scale: Sequence[float],
    method: str = "prepend",
    layout: str = "NHWC",
    channel_order: str = "same",
    images: Sequence[Any] = (),
    backend: str = "ort-cpu",
    tolerance: Tolerance | None = None,
    options: RunOptions | None = None,
) -> CheckResult:
    """Write *model* with ``(image - mean) * scale`` in its graph to *target*, when it is proven to do the same.

    Args:
        model: path of the ``.onnx`` file.
        target: path of the ``.onnx`` file to write; None proves it and writes nothing.
        preprocess: the reference preprocessing: an image (uint8, H x W x C) to what *model* takes.
        mean: one number, or one for each channel, in the model's channel order and in levels of the image (0 to 255).
        scale: one factor, or one for each channel, in the model's channel order.
        method: ``prepend`` (Cast, Transpose, Sub, Mul in front) or ``conv`` (in the first convolution's weights).
        layout: of the new input: ``NHWC``, ``HWC`` or ``NCHW``.
        channel_order: ``reversed`` when *preprocess* exchanges RGB and BGR.
        images: of the model's size; random ones by default.
        backend: name of the backend that runs both models.
        tolerance: that of the comparison; by dtype when None.
        options: settings of a run: time and memory limits, sandbox; the defaults when None.

    Returns:
        The result of the check; nothing is written unless it passed.

    Raises:
        OnnxAccelError: the model cannot be read, folded or run.
    """
    if method not in METHODS:
        raise ConfigError(f"{method!r} is not a method", remedy=f"use one of {', '.join(METHODS)}")
    for name, value in (("mean", mean), ("scale", scale)):
        arguments.several(name, value, "numbers")
    arguments.several("images", images, "images")
    chosen, shown = arguments.run_options(options), arguments.path("model", model)
    engines = Engines(chosen)
    try:
        seconds = engines.options.limits.seconds
        staged = stage(os.path.abspath(shown), shown, os.path.join(engines.folder, "model"), seconds)
        tools = engines.open(TOOLS, {}, own=staged.folder)
        info = ModelInfo.from_json(tools.graph("inspect", path=staged.path))
        stage_external(staged, info.external, shown, seconds)
        # Under its final name: a large model's data file is named after it
        folded = os.path.join(staged.folder, "folded", os.path.basename(os.fspath(target or shown)))
        os.makedirs(os.path.dirname(folded))
        told = tools.graph(
            METHODS[method],
            source=staged.path,
            target=folded,
            mean=[float(v) for v in mean],
            scale=[float(v) for v in scale],
            layout=layout,
            channel_order=channel_order,
        )
        paths = [staged.path, folded]
        if "first" in told:
            for path in (staged.path, folded):
                paths.append(os.path.join(staged.folder, f"first-{len(paths)}.onnx"))
                tools.graph("tap", source=path, target=paths[-1], value=told["first"])
        tools.close()
        engine = engines.open(backend, info.operators, own=staged.folder)
        original, new, *firsts = [engine.load(path, LoadOptions()) for path in paths]
        cut = (firsts[0], firsts[1]) if firsts else None
        pair = FoldedModel(original, new, preprocess, cut, str(told["input"]))
        result = foldin(os.path.basename(shown), backend, pair, images or _images(info), tolerance)
        engines.release(backend, engine)
        result = result.with_(figures={**result.figures, "method": told["method"]}, notes=tuple(told["edited"]))
        if result.verdict is Verdict.PASSED and target is not None:
            for entry in os.scandir(os.path.dirname(folded)):
                shutil.copyfile(entry.path, os.path.join(os.path.dirname(os.path.abspath(target)), entry.name))
        return result
    finally:
        engines.close()


def _images(info: ModelInfo) -> list[Any]:
    """Return random images of the size that the model declares.

    Raises:
        ConfigError: it leaves its size open.
    """
    from pytest_onnxaccel.preprocessing.speed.verdict import images

    shapes = [spec.shape for spec in info.inputs if spec.shape is not None and len(spec.shape) == 4]
    channels, *sides = (shapes or [(None,) * 4])[0][1:]
    shape = tuple(size for size in (*sides, channels) if isinstance(size, int))
    if len(shape) != 3:
        raise ConfigError("the model leaves the size of its image open", remedy="give images=")
    return list(images(shape, count=IMAGES))
