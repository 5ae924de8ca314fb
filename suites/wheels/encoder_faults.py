"""Forty kinds of damage to the weights of a sentence encoder, by the names that its weights were published under."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

#: Changes a copy of one tensor of weights: of words x width, or of outputs x inputs, as PyTorch has them.
Change = Callable[[Any], None]
_HEAD = 32


def faults() -> Iterator[tuple[str, Mapping[str, Change]]]:
    """Yield what is wrong, and the change of each weight that is."""
    layer = "encoder.layer.{}."
    query, key, value = (layer + f"attention.self.{name}." for name in ("query", "key", "value"))
    out, inner, last = layer + "attention.output.dense.", layer + "intermediate.dense.", layer + "output.dense."
    for i in range(6):
        yield f"the query of layer {i} is another's", {query.format(i) + "weight": _another(i)}
    for i in (0, 2, 5):
        yield f"one head of layer {i} is lost", {value.format(i) + "weight": _rows(slice(_HEAD, 2 * _HEAD), 0.0)}
    for i in (1, 3, 5):
        yield f"the result of attention of layer {i} is another's", {out.format(i) + "weight": _another(9 + i)}
    for i in (0, 3, 5):
        yield f"the bias inside layer {i} is dropped", {inner.format(i) + "bias": _rows(slice(None), 0.0)}
    for i in (0, 2, 4):
        name = layer.format(i) + "attention.output.LayerNorm.weight"
        yield f"the scale of a norm of layer {i} is 1", {name: _ones}
    yield "the shift of the first norm is dropped", {"embeddings.LayerNorm.bias": _rows(slice(None), 0.0)}
    yield "the kind of a text is dropped", {"embeddings.token_type_embeddings.weight": _rows(slice(None), 0.0)}
    places = "embeddings.position_embeddings.weight"
    yield "positions 0 and 1 are swapped", {places: _swapped(0, 1)}
    yield "positions 100 to 199 are lost", {places: _rows(slice(100, 200), 0.0)}
    yield "the last twelve positions are lost", {places: _rows(slice(500, 512), 0.0)}
    words = "embeddings.word_embeddings.weight"
    yield "the last hundred words are lost", {words: _rows(slice(-100, None), 0.0)}
    yield "all words are one further", {words: _rolled}
    yield "every other word is 2 % longer", {words: _rows(slice(None, None, 2), 1.02)}
    for i in (1, 3, 5):
        yield (
            f"a hundred outputs of layer {i} are half as large again",
            {last.format(i) + "weight": _rows(slice(100), 1.5)},
        )
    for i in (0, 3, 5):
        yield f"two heads of the query of layer {i} are swapped", {query.format(i) + "weight": _heads}
    for i in (1, 4):
        yield f"the value of layer {i} is turned", {value.format(i) + "weight": _turned}
    for i in (2, 4):
        scaled = {query.format(i) + part: _rows(slice(None), 1.05) for part in ("weight", "bias")}
        yield f"scores of layer {i} are 5 % larger", scaled
    yield "a key of layer 3 is another's", {key.format(3) + "weight": _another(30)}
    yield "the last result is 1 % larger", {last.format(5) + "weight": _rows(slice(None), 1.01)}
    yield "the inner layer of layer 2 is in 8 bits", {inner.format(2) + "weight": _eight_bits}
    yield "the pooler is another's", {"pooler.dense.weight": _another(40)}
    yield "one output of the pooler has the other sign", {"pooler.dense.weight": _rows(slice(7, 8), -1.0)}


def _another(seed: int) -> Change:
    def change(array: Any) -> None:
        array[:] = np.random.default_rng(seed).standard_normal(array.shape) * array.std()

    return change


def _rows(which: slice, factor: float) -> Change:
    def change(array: Any) -> None:
        array[which] *= factor

    return change


def _swapped(a: int, b: int) -> Change:
    def change(array: Any) -> None:
        array[[a, b]] = array[[b, a]]

    return change


def _ones(array: Any) -> None:
    array[:] = 1


def _rolled(array: Any) -> None:
    array[:] = np.roll(array, 1, 0)


def _heads(array: Any) -> None:
    first = array[:_HEAD].copy()
    array[:_HEAD] = array[_HEAD : 2 * _HEAD]
    array[_HEAD : 2 * _HEAD] = first


def _turned(array: Any) -> None:
    array[:] = array.T.copy()


def _eight_bits(array: Any) -> None:
    step = np.abs(array).max() / 127
    array[:] = np.round(array / step) * step
