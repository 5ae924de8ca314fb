"""LSTM, GRU and RNN, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Inputs = Sequence[Any]
Attributes = Mapping[str, Any]

#: One direction: steps ``[T, N, gates]`` already times W and with the biases of W; gives the next state.
Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-x)))


def lstm(inputs: Inputs, attributes: Attributes) -> Any:
    x, w, r, bias, lengths, h, c, peep = (*inputs, *[None] * 8)[:8]
    _plain(attributes, ["Sigmoid", "Tanh", "Tanh"])
    size = int(attributes["hidden_size"])

    def step(k: int) -> Step:
        back = np.zeros(4 * size) if bias is None else bias[k][4 * size :]
        pi, po, pf = np.split(np.zeros(3 * size) if peep is None else peep[k], 3)

        def one(gates: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
            hidden, cell = state
            i, o, f, new = np.split(gates + hidden @ r[k].T + back, 4, axis=1)
            cell = _sigmoid(f + pf * cell) * cell + _sigmoid(i + pi * cell) * np.tanh(new)
            return _sigmoid(o + po * cell) * np.tanh(cell), cell

        return one

    return _run(x, (w, bias, 4 * size, step), lengths, (h, c), attributes)


def gru(inputs: Inputs, attributes: Attributes) -> Any:
    x, w, r, bias, lengths, h = (*inputs, *[None] * 6)[:6]
    _plain(attributes, ["Sigmoid", "Tanh"])
    size = int(attributes["hidden_size"])
    late = bool(attributes.get("linear_before_reset"))

    def step(k: int) -> Step:
        back = np.zeros(3 * size) if bias is None else bias[k][3 * size :]

        def one(gates: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
            (hidden,) = state
            z = _sigmoid(gates[:, :size] + hidden @ r[k][:size].T + back[:size])
            reset = _sigmoid(gates[:, size : 2 * size] + hidden @ r[k][size : 2 * size].T + back[size : 2 * size])
            last, rest = r[k][2 * size :].T, back[2 * size :]
            inner = reset * (hidden @ last + rest) if late else (reset * hidden) @ last + rest
            return ((1 - z) * np.tanh(gates[:, 2 * size :] + inner) + z * hidden,)

        return one

    return _run(x, (w, bias, 3 * size, step), lengths, (h,), attributes)


def rnn(inputs: Inputs, attributes: Attributes) -> Any:
    x, w, r, bias, lengths, h = (*inputs, *[None] * 6)[:6]
    _plain(attributes, ["Tanh"])
    size = int(attributes["hidden_size"])

    def step(k: int) -> Step:
        back = np.zeros(size) if bias is None else bias[k][size:]
        return lambda gates, state: (np.tanh(gates + state[0] @ r[k].T + back),)

    return _run(x, (w, bias, size, step), lengths, (h,), attributes)


def _plain(attributes: Attributes, usual: list[str]) -> None:
    given = list(attributes.get("activations") or [])
    if given not in ([], usual, usual * 2) or attributes.get("clip") or attributes.get("input_forget"):
        raise NotImplementedError("a recurrent operator with activations of its own")


def _run(
    x: Array,
    direction: tuple[Array, Any, int, Callable[[int], Step]],
    lengths: Any,
    first: tuple[Any, ...],
    attributes: Attributes,
) -> Any:
    """Run every direction over time; *direction* holds W, biases, how many gates, and the step by direction."""
    w, bias, gates, step = direction
    turned = bool(attributes.get("layout"))
    x = np.swapaxes(x, 0, 1) if turned else x
    time, batch, size = x.shape[0], x.shape[1], int(attributes["hidden_size"])
    ends = np.full(batch, time) if lengths is None else np.asarray(lengths)
    ways = {"forward": [1], "reverse": [-1], "bidirectional": [1, -1]}[attributes.get("direction", "forward")]
    y = np.zeros((time, len(ways), batch, size))
    last: list[tuple[Array, ...]] = []
    for k, way in enumerate(ways):
        fed = x @ w[k].T + (0 if bias is None else bias[k][:gates])
        one = step(k)
        state = tuple(np.zeros((batch, size)) if s is None else (s[:, k] if turned else s[k]) for s in first)
        for t in range(time)[::way]:
            new = one(fed[t], state)
            # One past its own end keeps its state and gives 0
            runs = (t < ends)[:, None]
            state = tuple(np.where(runs, a, b) for a, b in zip(new, state, strict=True))
            y[t, k] = np.where(runs, state[0], 0.0)
        last.append(state)
    ends_ = [np.stack([state[i] for state in last]) for i in range(len(first))]
    if turned:
        return (y.transpose(2, 0, 1, 3), *(np.swapaxes(e, 0, 1) for e in ends_))
    return (y, *ends_)
