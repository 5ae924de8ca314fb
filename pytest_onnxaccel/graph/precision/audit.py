"""Is what a quantised graph holds what its float original holds: arithmetic, without a run. Runs in a worker.

A weight of few whole numbers is right when it is the original's, to a step: nothing else needs to be known of it. So a
channel, a scale or a zero point that is off is proven, also where nobody said how much of a loss is too much. Weights
that were trained or balanced again are others in every channel; of them nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from pytest_onnxaccel.graph.fold_batchnorm import fold_batchnorm, foldable
from pytest_onnxaccel.graph.precision.operators import label
from pytest_onnxaccel.graph.precision.quantised import WHOLE, Quantised
from pytest_onnxaccel.graph.precision.steps import Held
from pytest_onnxaccel.graph.rebatch_files import read_whole

#: So many steps a number may be off: rounding is half of one, the end of the range another half, float16 scales a bit.
_STEPS = 1.25
#: Constants that stay floats are copied: as a share of the largest number, so much is more than rounding.
_FLOAT_STEP = 1e-4
#: As a share, scales that are fitted are another one's by no more.
_SCALE_STEP = 0.02
#: Past this share of its channels, weights that are off in other ways each were made anew.
_ANEW = 0.5
#: A constant of the original is that of the quantised graph from this cosine on, where its name does not say so.
_ALIKE = 0.6


def audit(candidate: str, reference: str) -> dict[str, Any]:
    """Compare the quantised constants of the model at *candidate* with the floats of the one at *reference*.

    Returns:
        ``faults``: each with ``node`` (in words), ``name`` of the constant or value, and ``text``. ``judged``: how many
        constants were compared. ``ranges``: see :meth:`.steps.Quantised.ranges`.

    Raises:
        ModelError: as :func:`~pytest_onnxaccel.graph.rebatch_files.read_whole`.
    """
    quantised = Quantised(read_whole(candidate))
    original = read_whole(reference)
    floats = [floats_in(original)]
    if foldable(original):
        floats.append(floats_in(fold_batchnorm(original)))
    faults, judged, anew = [], 0, 0
    for held in quantised.held():
        told = [against(held, known) for known in floats]
        judged += any(text is not None for text in told)
        anew += not any(text is not None for text in told) and any(counterpart(held, known) for known in floats)
        if any(text == "" for text in told):
            continue
        text = next((text for text in told if text), "")
        if text:
            faults.append({"node": label(held.reader), "name": held.name, "text": text})
    if anew > judged:  # it was trained further: what is off by little is so by that, too
        faults = []
    faults_of_floats, kept = _kept(quantised, floats)
    judged += kept
    faults += faults_of_floats + _exchanged(quantised) + _biases(quantised) + _unrectified(quantised, original)
    return {"faults": faults, "judged": judged, "ranges": quantised.ranges()}


def floats_in(model: onnx.ModelProto) -> dict[str, Any]:
    made = (
        (node.output[0], item.t)
        for node in model.graph.node if node.op_type == "Constant"
        for item in node.attribute if item.name == "value"
    )  # fmt: skip
    return _floats_of(((tensor.name, tensor) for tensor in (*model.graph.initializer,)), made)


def _floats_of(*tensors: Iterable[tuple[str, onnx.TensorProto]]) -> dict[str, Any]:
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)
    return {name: numpy_helper.to_array(t) for name, t in chain(*tensors) if t.data_type in kinds}


def against(held: Held, floats: Mapping[str, Any]) -> str | None:
    """Return what is wrong with *held*; empty where nothing is, None where it is not known what it should be."""
    known = counterpart(held, floats)
    if known is None:
        return None
    value, original = held.value, known.value
    off = np.abs(value - original) / np.where(held.step > 0, held.step, np.inf)
    bad = off > _STEPS
    if value.size == 1:
        return f"it is {value.item():.6g}, the original's {original.item():.6g}" if bad.any() else ""
    # What lies past the range of its numbers is cut off, by a calibration that wants it so
    bad &= ~(_at_end(held.numbers) & (np.abs(original) > np.abs(value)) & (original * value >= 0))
    return _described(value, original, np.where(_at_end(held.numbers), np.inf, held.step), bad) if bad.any() else ""


def _kept(quantised: Quantised, floats: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, str]], int]:
    """Compare the constants that stayed floats with those of the same name, and return faults and how many."""
    faults, judged = [], 0
    for name, value in _floats_of(quantised.constants.items()).items():
        originals = [known[name] for known in floats if name in known and known[name].shape == value.shape]
        readers = quantised.readers.get(name, ())
        if not originals or not readers or not value.size:
            continue
        judged += 1
        texts = [float_against(value.astype(np.float64), one.astype(np.float64)) for one in originals]
        text = next((text for text in texts if text), "")
        if text and all(texts):
            faults.append({"node": label(readers[0]), "name": name, "text": text})
    return faults, judged


def float_against(value: Any, original: Any) -> str:
    """Return how a constant of floats is off its original; empty where it is not, or where it was made again."""
    finite = np.isfinite(original)
    step = np.full(value.shape, float(np.abs(original[finite]).max(initial=0.0)) * _FLOAT_STEP or _FLOAT_STEP)
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(value - original) <= _STEPS * step) & (value != original) & finite
    if not bad.any():
        return ""
    if not value.ndim:
        return f"it is {float(value):.6g}, the original's {float(original):.6g}"
    return _described(value, original, step, bad) or ""


def _at_end(numbers: Any) -> Any:
    # Equal numbers, as of a bias that was dropped, have no end
    if numbers.size < 2 or numbers.min() == numbers.max():
        return np.zeros(numbers.shape, bool)
    return (numbers == numbers.min()) | (numbers == numbers.max())


class Original(NamedTuple):
    """What a quantised constant is made of.

    Attributes:
        name: in the original.
        value: in the shape of the quantised one, float64.
        turned: that is with its axes the other way round.
    """

    name: str
    value: Any
    turned: bool


def counterpart(held: Held, floats: Mapping[str, Any]) -> Original | None:
    """Return the original of *held* among *floats*: by name, else the most alike of all."""
    value = held.value
    if value.size == 1:  # one number is another one's by its name alone
        name = held.name.removesuffix(WHOLE)
        alone = name in floats and floats[name].size == 1
        return Original(name, floats[name].astype(np.float64).reshape(value.shape), False) if alone else None
    shapes = {n: a for n, a in floats.items() if sorted(a.shape) == sorted(value.shape) and a.size == value.size}
    named = [n for n in shapes if held.name.startswith(n)]
    best, most = None, -2.0 if named else _ALIKE
    for name in [max(named, key=len)] if named else shapes:
        for turned in (False, True):
            array = shapes[name].T if turned else shapes[name]
            if array.shape != value.shape:
                continue
            wide = array.astype(np.float64)
            found = _cosine(wide, value)
            found = abs(found) if named else found  # a sign that is off does not make it another one
            if found > most:
                best, most = Original(name, wide, turned and value.ndim > 1), found
    return best


def in_another_order(held: Held, known: Original) -> bool:
    """Return whether *held* has the numbers of its original in another order: scales of other channels, kernels turned.

    Training and balancing make other numbers.
    """
    value, steps = held.value, held.steps
    scale = np.ravel(steps.scale)
    if scale.size > 1 and scale.size == value.shape[steps.axis] and not steps.block:
        zero = steps.spread(steps.zero, value.shape)
        numbers, right = (
            np.moveaxis(array, steps.axis, 0).reshape(scale.size, -1) for array in (held.numbers - zero, known.value)
        )
        fitting = (numbers * right).sum(axis=1) / np.maximum(np.square(numbers).sum(axis=1), 1)
        fits = np.abs(numbers * fitting[:, None] - right) <= _STEPS * np.abs(fitting[:, None])
        if fits.all() and np.allclose(np.sort(fitting), np.sort(scale), rtol=_SCALE_STEP, atol=0):
            return True
    if value.ndim < 3:
        return False
    flat = [np.sort(array.reshape(*value.shape[:2], -1), axis=-1) for array in (value, known.value)]
    return bool((np.abs(flat[0] - flat[1]) <= _STEPS * held.step.reshape(flat[0].shape)).all())


def _cosine(a: Any, b: Any) -> float:
    size = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / size if size else 0.0


def _described(value: Any, original: Any, step: Any, bad: Any) -> str | None:
    """Return how *value* is off; None where it was made again, which is not a fault."""
    axis, where = _channels(bad)
    if axis is None or value.ndim == 1:
        kind, number = _affine(value, original, step)
        if kind != "other" or axis is None:
            return None if kind == "other" else _told("they are", kind, number)
    texts = [(i, *_affine(*(np.take(a, i, axis) for a in (value, original, step)))) for i in where]
    factors = [factor for _, kind, factor in texts if kind == "factor"]
    if len(where) > max(1, _ANEW * value.shape[axis]):
        if len(factors) == len(texts) and np.ptp(factors) <= 0.05 * abs(float(np.mean(factors))):
            return _told("they are", "factor", float(np.mean(factors)))
        offsets = [number for _, kind, number in texts if kind == "offset"]
        if len(offsets) == len(texts) and np.ptp(offsets) <= 1.0:
            return _told("they are", "offset", float(np.mean(offsets)))
        return None
    index, kind, number = texts[0]
    more = f" (and {len(where) - 1} more channels)" if len(where) > 1 else ""
    return _told(f"channel {index} is", kind, number) + more


def _channels(bad: Any) -> tuple[int | None, list[int]]:
    """Return the axis on which the fewest indices hold what is *bad*, and those; None where all do on every axis."""
    best: tuple[int | None, list[int]] = (None, [])
    least = 1.0
    for axis in range(bad.ndim):
        rest = tuple(a for a in range(bad.ndim) if a != axis)
        hit = np.flatnonzero(bad.any(axis=rest))
        if bad.shape[axis] > 1 and hit.size / bad.shape[axis] < least:
            best, least = (axis, [int(i) for i in hit]), hit.size / bad.shape[axis]
    return best


def _affine(value: Any, original: Any, step: Any) -> tuple[str, float]:
    """Return ``factor``, ``offset`` (in steps) or ``other``, with the number; an infinite *step* ends the range."""
    whole = np.isfinite(step) & (step > 0)
    if not whole.any():
        return "other", 0.0
    value, original, step = value[whole], original[whole], step[whole]
    apart = (value - original) / step
    middle = float(np.median(apart))
    if abs(middle) > _STEPS and float(np.abs(apart - middle).max()) <= _STEPS:
        return "offset", middle
    size = float(np.square(original).sum())
    factor = float((value * original).sum()) / size if size else 0.0
    if float((np.abs(value - factor * original) / step).max()) <= _STEPS * max(1.0, abs(factor)):
        return "factor", factor
    return "other", float(np.abs(apart).max())


def _told(what: str, kind: str, number: float) -> str:
    if kind == "factor":
        return f"{what} {number:.3g} times the original's"
    if kind == "offset":
        return f"{what} {round(abs(number), 1):g} steps {'above' if number > 0 else 'below'} the original's"
    return f"{what} up to {number:.3g} steps off the original's"


def _exchanged(quantised: Quantised) -> list[dict[str, str]]:
    """Return the values that are written with other steps than they are read with."""
    return [
        {
            "node": label(reader), "name": name,
            "text": f"it is written by {label(writer)} in {written} and read in {read}",
        }
        for name, written, writer, read, reader in quantised.exchanged()
        if not written.same(read)
    ]  # fmt: skip


def _unrectified(quantised: Quantised, original: onnx.ModelProto) -> list[dict[str, str]]:
    """Return the values whose Relu was left to whole numbers that begin at 0, and whose numbers begin below it."""
    made = {name: node for node in original.graph.node for name in node.output}
    found = []
    for name, (low, _, step, node) in quantised.ranges().items():
        rectified = name in made and made[name].op_type == "Relu"
        own = quantised.makers.get(name)
        while own is not None and own.op_type in ("DequantizeLinear", "QuantizeLinear"):
            own = quantised.makers.get(own.input[0])
        if rectified and own is not None and own.op_type not in ("Relu", "Clip") and low < -0.5 * step:
            text = f"the original's Relu has no node here, and its numbers begin {-low / step:.3g} steps below 0"
            found.append({"node": node, "name": name, "text": text})
    return found


def _biases(quantised: Quantised) -> list[dict[str, str]]:
    """Return the biases of 32 bits whose step is not the product of those of the input and of the weights.

    Integer kernels add them up as they are: the step of one of the two was changed afterwards.
    """
    found = []
    for node in quantised.graph.node:
        if node.op_type not in ("Conv", "Gemm") or len(node.input) < 3:
            continue
        makers = [quantised.makers.get(name) for name in node.input[:3]]
        if any(maker is None or maker.op_type != "DequantizeLinear" for maker in makers):
            continue
        steps = [quantised.steps(maker, 1, 2) for maker in makers if maker is not None]
        bias = quantised.array(makers[2].input[0]) if makers[2] is not None else None
        if any(step is None for step in steps) or bias is None or bias.dtype != np.int32:
            continue
        inner, weights, own = (np.ravel(step.scale) for step in steps if step is not None)
        if inner.size != 1 or weights.size not in (1, own.size):
            continue
        ratio = float(np.median(inner[0] * weights / np.where(own > 0, own, np.inf)))
        if ratio > 0 and abs(ratio - 1) > 1e-2:
            writer = quantised.makers.get(makers[0].input[0]) if makers[0] is not None else None
            text = f"its steps are {ratio:.3g} times those that the bias of {label(node)} was quantised for"
            found.append({"node": label(writer or node), "name": node.input[0], "text": text})
    return found
