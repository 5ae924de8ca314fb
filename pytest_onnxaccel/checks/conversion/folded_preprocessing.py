"""Does a model with its preprocessing folded in give what the reference preprocessing and the model give?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import TensorSpec, Tolerance
from pytest_onnxaccel.numerics.compare.elementwise import default_tolerance

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Names of the two sides in messages.
SIDES = ("the folded model", "reference preprocessing and model")
#: Rings of a feature map that count as its border: what a padded convolution of usual size can reach.
RINGS = 3


@record(frozen=True)
class FoldedModel:
    """A model with its preprocessing folded in, and what it must be equal to.

    Attributes:
        original: session of the model that takes preprocessed arrays.
        folded: session of the one that takes images.
        preprocess: the reference: an image (uint8, H x W x C) to an array, with or without a batch axis.
        firsts: sessions of both models cut after their first convolution (original, folded). They tell where a
            difference is made: the outputs of a detector no longer know.
        image_input: the original's input that the image goes to; empty for its only one of rank 4.
    """

    original: Session
    folded: Session
    preprocess: Callable[[Any], Any]
    firsts: tuple[Session, Session] | None = None
    image_input: str = ""


def foldin(
    model: str, backend: str, pair: FoldedModel, images: Sequence[Array], tolerance: Tolerance | None = None
) -> CheckResult:
    """Check that the folded model gives for images what the original gives after preprocessing.

    Args:
        model: its name, for the result.
        backend: where both sessions run, for the result.
        pair: sessions of the original and the folded model, with the preprocessing.
        images: of the size that the model takes (uint8, H x W x C); several are stacked where its batch is fixed.
        tolerance: None for the default of each dtype.

    Returns:
        ``figures["kind"]`` names the difference: ``border``, ``channel-swap``, ``scale`` or ``other``.

    Raises:
        ModelError: ``E_INPUT``: the original does not take one image.
    """
    taken = _input(pair.original.info.inputs, pair.image_input)
    feeds = [_feeds(pair, taken, batch) for batch in _batches(taken, images)]
    agreement = Agreement(SIDES, tolerance or Tolerance())
    for image, prepared in feeds:
        agreement.add(pair.folded.run(image), pair.original.run(prepared))
        if agreement.problems:
            break
    row = CheckResult(model, "foldin", Verdict.PASSED, backend=backend, reference=SIDES[1], figures=agreement.summary())
    if agreement.ok:
        error = row.figures.get("max_abs", 0.0)
        return row.with_(message=f"the folded model agrees: max abs error {error:.3g} over {agreement.samples} inputs")
    kind = "other" if agreement.problems else _kind(pair, feeds[: agreement.samples])
    return row.with_(
        verdict=Verdict.FAILED,
        code="V_PREPROCESSING",
        message=f"{kind}: {_SENTENCES[kind]}; {agreement.message()}",
        figures={**row.figures, "kind": kind},
        details=agreement.details(),
    )


_SENTENCES = {
    "border": "wrong only at the edge: a folded mean needs the mean as padding, not zeros",
    "channel-swap": "right for the image with its channels reversed",
    "scale": "wrong all over the image: mean, scale or their order differ",
    "other": "different",
}

_Feeds = tuple[dict[str, "Array"], dict[str, "Array"]]


def _input(inputs: Sequence[TensorSpec], name: str) -> TensorSpec:
    found = [spec for spec in inputs if spec.shape is not None and len(spec.shape) == 4 and name in ("", spec.name)]
    if len(found) != 1 or len(inputs) != 1:
        listed = counted([str(spec) for spec in inputs])
        raise ModelError(f"the model takes {listed}, not one image", code="E_INPUT")
    return found[0]


def _batches(taken: TensorSpec, images: Sequence[Array]) -> list[list[Array]]:
    """Group *images* by the size that the model is frozen to; the first ones fill up the last group."""
    size = taken.shape[0] if taken.shape and isinstance(taken.shape[0], int) else 1
    filled = [*images, *(images[i % len(images)] for i in range(-len(images) % size))]
    return [filled[i : i + size] for i in range(0, len(filled), size)]


def _feeds(pair: FoldedModel, taken: TensorSpec, batch: list[Array]) -> _Feeds:
    rows = [np.asarray(pair.preprocess(image.copy())) for image in batch]
    rows = [row if row.ndim == 4 else row[None] for row in rows]
    prepared = np.ascontiguousarray(np.concatenate(rows), np.dtype(taken.dtype))
    inputs = pair.folded.info.inputs
    wanted = next((spec for spec in inputs if spec.name == taken.name), inputs[0])
    return {wanted.name: _arranged(np.stack(batch), wanted)}, {taken.name: prepared}


def _arranged(stack: Array, wanted: TensorSpec) -> Array:
    """Return images N x H x W x C in the layout that the folded model declares."""
    shape, channels = wanted.shape or (), stack.shape[-1]
    if len(shape) == 3:
        return np.ascontiguousarray(stack[0])
    if len(shape) == 4 and shape[1] == channels and shape[3] != channels:
        return np.ascontiguousarray(stack.transpose(0, 3, 1, 2))
    return np.ascontiguousarray(stack)


def _kind(pair: FoldedModel, feeds: Sequence[_Feeds]) -> str:
    """Return what went wrong, from images with their channels reversed and from where the first convolutions differ."""
    if all(_agree(pair.folded.run(_reversed(image)), pair.original.run(prepared)) for image, prepared in feeds):
        return "channel-swap"
    image, prepared = feeds[0]
    sides = pair.firsts or (pair.original, pair.folded)
    reference, candidate = sides[0].run(prepared), sides[1].run(image)
    maps = [(candidate[key], value) for key, value in reference.items() if key in candidate and value.ndim == 4]
    wrong = [where for ours, theirs in maps if (where := _bad(ours, theirs)).any()]
    if not wrong:
        return "other"
    return "border" if all(_only_border(where) for where in wrong) else "scale"


def _reversed(image: Mapping[str, Array]) -> dict[str, Array]:
    """Return the feeds with the channels of the image in the opposite order; the channels are the axis of 1 to 4."""
    name, array = next(iter(image.items()))
    axis = array.ndim - 1 if array.shape[-1] <= 4 else 1
    return {name: np.ascontiguousarray(np.flip(array, axis))}


def _agree(candidate: Mapping[str, Array], reference: Mapping[str, Array]) -> bool:
    return all(not _bad(candidate[key], value).any() for key, value in reference.items() if key in candidate)


def _bad(candidate: Array, reference: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return a mask of elements outside the default tolerance."""
    rtol, atol = default_tolerance(reference)
    a, b = candidate.astype(np.float64), reference.astype(np.float64)
    found: np.ndarray[Any, np.dtype[np.bool_]] = ~(np.abs(a - b) <= atol + rtol * np.abs(b))
    return found


def _only_border(wrong: np.ndarray[Any, np.dtype[np.bool_]]) -> bool:
    """Return whether all wrong elements of N x C x H x W are in the outer rings, and inner ones exist."""
    inner = wrong[:, :, RINGS:-RINGS, RINGS:-RINGS]
    return bool(inner.size) and not inner.any()
