"""The proof that a re-frozen model is right: N distinct samples at once against the original's own runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from pytest_onnxaccel.graph.rebatch.join import joined

Feeds = dict[str, np.ndarray]


def session(path: Path | str) -> ort.InferenceSession:
    """A session on one thread that says nothing below an error."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


_DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)":
    np.int32
}  # fmt: skip


class Original:
    """The original model with the results of its own runs on *samples* distinct blocks.

    Args:
        path: the model.
        samples: blocks to run; each input is drawn again for each.
        block: samples that one run takes; sizes left open are taken as 4.
    """

    def __init__(self, path: Path | str, samples: int, block: int = 1) -> None:
        run = session(path)
        draw = np.random.default_rng(3)
        self.names = [o.name for o in run.get_outputs()]
        self.types = {o.name: o.type for o in run.get_outputs()}
        self.feeds: list[Feeds] = []
        for _ in range(samples):
            feeds: Feeds = {}
            for value in run.get_inputs():
                shape = [block, *(d if isinstance(d, int) else 4 for d in value.shape[1:])]
                dtype = _DTYPES[value.type]
                whole = np.issubdtype(dtype, np.integer)
                drawn = draw.integers(0, 20, shape) if whole else draw.standard_normal(shape)
                feeds[value.name] = drawn.astype(dtype)
            self.feeds.append(feeds)
        self.block = block
        self.results: list[Feeds] = [dict(zip(self.names, run.run(None, f), strict=True)) for f in self.feeds]
        again = zip(self.names, run.run(None, self.feeds[0]), strict=True)
        #: Outputs that differ between two equal runs: nothing can be proven about them
        self.unstable = [name for name, a in again if a.tobytes() != self.results[0][name].tobytes()]


def prove(original: Original, candidate: Path | str, batch: int, joins: Mapping[str, Mapping[str, Any]]) -> str:
    """An empty string when *candidate* is right at *batch*, else what is wrong.

    N distinct samples at once against the original's own runs: same outputs in the same order, same dtype,
    same shape, and |a - b| <= 1e-5 + 1e-4 * |b| (floats; others are equal) element by element.
    """
    if original.unstable:
        return f"output '{original.unstable[0]}': the original gives another result for the same input"
    runs = batch // original.block
    stacked = {name: np.concatenate([f[name] for f in original.feeds[:runs]]) for name in original.feeds[0]}
    try:
        run = session(candidate)
        if [o.name for o in run.get_outputs()] != original.names:
            return "outputs renamed or out of order"
        results = dict(zip(original.names, run.run(None, stacked), strict=True))
    except Exception as error:
        return f"does not run: {str(error).splitlines()[0][:160]}"
    for name in original.names:
        wrong = _differs(results[name], [r[name] for r in original.results[:runs]], joins[name])
        if wrong:
            return f"output '{name}': {wrong}"
    return ""


def _differs(got: np.ndarray, parts: Sequence[np.ndarray], how: Mapping[str, Any]) -> str:
    want = joined(parts, how)
    if want is None:
        return f"the original's own results cannot be joined by {dict(how)}"
    if got.dtype != want.dtype:
        return f"dtype {got.dtype}, not {want.dtype}"
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    floating = np.issubdtype(want.dtype, np.floating)
    near = np.isclose(got, want, rtol=1e-4, atol=1e-5, equal_nan=True) if floating else got == want
    bad = ~np.asarray(near)
    return f"{int(bad.sum())} of {bad.size} elements differ" if bad.any() else ""
