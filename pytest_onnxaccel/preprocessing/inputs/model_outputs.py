"""Legal outputs of a model, made up: scattered and crowded boxes, scores around thresholds, maps of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What an output may hold, by the name that ``outputs=`` gives.
CONTENTS = {
    "boxes": "corners x1, y1, x2, y2 from 0 to 1 in the last axis, many of them overlapping, a few beyond the image",
    "centres": "the same as centre, width, height",
    "deltas": "offsets from anchors, around 0",
    "probabilities": "sum to 1 along the last axis, on both sides of every threshold",
    "sigmoids": "each from 0 to 1, most of them low",
    "logits": "any number, around 0",
    "labels": "whole numbers from 0 to 20",
}
#: Thresholds that floats of every size hold exactly: a score stands on each of them in one of the scenes.
EXACT = (0.25, 0.5, 0.75)
#: What is seen; ``beyond`` has boxes that leave the image.
SCENES = ("scattered", "crowded", "empty", "full", "one", "small", "thresholds", "beyond")
#: Samples by scene.
DRAWS = 4


def generated(outputs: Any, seed: int = 0) -> list[Any]:
    """Return samples of a model's outputs.

    Args:
        outputs: ``(content, shape)`` of each output, such as ``("boxes", (1, 4420, 4))``: a list for a function that
            takes one argument each, a dict for one that takes a dict. A content of :data:`CONTENTS`, or
            ``(low, high)``.
        seed: of the random numbers.

    Raises:
        ConfigError: a content or a shape cannot be used.
    """
    if not isinstance(outputs, (Mapping, Sequence)) or isinstance(outputs, str) or not outputs:
        raise ConfigError(f"outputs is {outputs!r}", remedy='give [("boxes", (1, 100, 4)), ("sigmoids", (1, 100))]')
    wanted = outputs if isinstance(outputs, Mapping) else dict(enumerate(outputs))
    for name, said in wanted.items():
        _checked(name, said)
    samples: list[Any] = []
    for number, scene in enumerate(SCENES * DRAWS):
        random = np.random.default_rng((seed, number))
        made = {name: _made(content, tuple(shape), scene, random) for name, (content, shape) in wanted.items()}
        samples.append(made if isinstance(outputs, Mapping) else tuple(made.values()))
    return samples


def _checked(name: Any, said: Any) -> None:
    fine = isinstance(said, (list, tuple)) and len(said) == 2 and isinstance(said[1], (list, tuple))
    if not fine or (isinstance(said[0], str) and said[0] not in CONTENTS):
        raise ConfigError(
            f"output {name!r} is {said!r}", remedy=f"give (content, shape); contents are {', '.join(CONTENTS)}"
        )
    content, shape = said
    if not all(isinstance(n, int) and n > 0 for n in shape) or not shape:
        raise ConfigError(f"shape of output {name!r} is {shape!r}", remedy="give whole numbers, such as (1, 4420, 4)")
    if content in ("boxes", "centres") and shape[-1] != 4:
        raise ConfigError(f"output {name!r} holds {content} and has shape {shape!r}", remedy="the last axis holds 4")


def _made(content: Any, shape: tuple[int, ...], scene: str, random: np.random.Generator) -> Array:
    if not isinstance(content, str):
        low, high = (float(v) for v in content)
        return np.asarray(low + random.random(shape) * (high - low), np.float32)
    if content in ("boxes", "centres"):
        return _boxes(shape, scene, random, corners=content == "boxes")
    if content == "labels":
        return np.asarray(random.integers(0, 21, shape))
    if content == "deltas":
        return np.asarray(random.normal(0, 0.6, shape), np.float32)
    if content == "logits":
        return np.asarray(random.normal(0, 4, shape), np.float32)
    return _scores(content, shape, scene, random)


def _boxes(shape: tuple[int, ...], scene: str, random: np.random.Generator, corners: bool) -> Array:
    """Return boxes; in a crowd most are a few objects, met again and again."""
    count = int(np.prod(shape[:-1]))
    centre, side = random.random((count, 2)), 0.02 + random.random((count, 2)) ** 2 * 0.4
    if scene in ("crowded", "full"):
        objects = random.integers(0, 5, count)
        centre = random.random((5, 2))[objects] * 0.8 + 0.1 + random.normal(0, 0.02, (count, 2))
        side = (0.1 + 0.2 * random.random((5, 2)))[objects] * random.uniform(0.8, 1.25, (count, 2))
    if scene == "small":
        side = side * 0.05
    if not corners:
        return np.asarray(np.concatenate([centre, side], axis=1).reshape(shape), np.float32)
    boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
    beyond = scene == "beyond"
    return np.asarray((boxes if beyond else np.clip(boxes, 0, 1)).reshape(shape), np.float32)


def _scores(content: str, shape: tuple[int, ...], scene: str, random: np.random.Generator) -> Array:
    rows = shape[:-1] if content == "probabilities" else shape
    strong = {"empty": 0.0, "full": 1.0, "one": 0.0}.get(scene, 0.15)
    hot = random.random(rows) < strong
    if scene == "one":
        hot.reshape(-1)[random.integers(0, hot.size)] = True
    level = np.where(hot, random.uniform(0.05, 0.999, rows), random.uniform(0, 0.02, rows))
    if scene == "thresholds":
        places = random.permutation(level.size)[: len(EXACT)]
        level.reshape(-1)[places] = EXACT[: len(places)]
    if content != "probabilities":
        return np.asarray(level, np.float32)
    rest = random.dirichlet(np.ones(max(1, shape[-1] - 1)), rows) * (1 - level)[..., None]
    classes = np.concatenate([rest[..., :1], level[..., None], rest[..., 1:]], axis=-1)[..., : shape[-1]]
    classes = classes / classes.sum(-1, keepdims=True)
    if scene == "thresholds" and shape[-1] > 1:
        classes[..., 1] = level  # which a division may have moved off its threshold
    return np.asarray(classes, np.float32)
