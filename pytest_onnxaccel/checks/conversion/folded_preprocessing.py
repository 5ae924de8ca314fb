"""Does a model with its preprocessing folded in give what the reference preprocessing and the model give?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.core.errors import ModelError
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


def foldin(
    model: str,
    backend: str,
    original: Session,
    folded: Session,
    preprocess: Callable[[Any], Any],
    images: Sequence[Array],
    tolerance: Tolerance | None = None,
    firsts: tuple[Session, Session] | None = None,
    name: str = "",
) -> CheckResult:
    """Check that the folded model gives for images what the original gives after *preprocess*.

    Args:
        model: name of the model, as reports show it.
        backend: name of the backend.
        original: the model without preprocessing.
        folded: the model that takes the image itself.
        preprocess: the reference: an image (uint8, H x W x C) to an array, with or without a batch axis.
        images: images of the size that the model takes; several are stacked where its batch is fixed.
        tolerance: that of every output; by dtype when None.
        firsts: sessions of both models cut after their first convolution (original, folded). They tell where a
            difference is made: the outputs of a detector no longer know.
        name: the image input; the only one of rank 4 by default.

    Returns:
        ``figures["kind"]`` names the difference: ``border``, ``channel-swap``, ``scale`` or ``other``.
    """
    taken = _input(original.info.inputs, name)
    feeds = [_feeds(taken, folded.info.inputs, preprocess, batch) for batch in _batches(taken, images)]
    agreement = Agreement(SIDES, tolerance or Tolerance())
    for image, prepared in feeds:
        agreement.add(folded.run(image), original.run(prepared))
        if agreement.problems:
            break
    row = CheckResult(model, "foldin", Verdict.PASSED, backend=backend, reference=SIDES[1], figures=agreement.summary())
    if agreement.ok:
        error = row.figures.get("max_abs", 0.0)
        return row.with_(message=f"the folded model agrees: max abs error {error:.3g} over {agreement.samples} inputs")
    kind = "other" if agreement.problems else _kind(original, folded, feeds, firsts, agreement.samples)
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


def _feeds(
    taken: TensorSpec, folded: Sequence[TensorSpec], preprocess: Callable[[Any], Any], batch: list[Array]
) -> _Feeds:
    rows = [np.asarray(preprocess(image.copy())) for image in batch]
    rows = [row if row.ndim == 4 else row[None] for row in rows]
    prepared = np.ascontiguousarray(np.concatenate(rows), np.dtype(taken.dtype))
    wanted = next((spec for spec in folded if spec.name == taken.name), folded[0])
    return {wanted.name: _arranged(np.stack(batch), wanted)}, {taken.name: prepared}


def _arranged(stack: Array, wanted: TensorSpec) -> Array:
    """Return images N x H x W x C in the layout that the folded model declares."""
    shape, channels = wanted.shape or (), stack.shape[-1]
    if len(shape) == 3:
        return np.ascontiguousarray(stack[0])
    if len(shape) == 4 and shape[1] == channels and shape[3] != channels:
        return np.ascontiguousarray(stack.transpose(0, 3, 1, 2))
    return np.ascontiguousarray(stack)


def _kind(
    original: Session, folded: Session, feeds: Sequence[_Feeds], firsts: tuple[Session, Session] | None, upto: int
) -> str:
    """Return what went wrong, from images with their channels reversed and from where the first convolutions differ."""
    if all(_agree(folded.run(_reversed(image)), original.run(prepared)) for image, prepared in feeds[:upto]):
        return "channel-swap"
    image, prepared = feeds[0]
    sides = (original, folded) if firsts is None else firsts
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
