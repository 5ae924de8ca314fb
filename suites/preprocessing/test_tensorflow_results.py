"""Results of TensorFlow: tensors, ragged and sparse ones, narrow types, in dicts; right and wrong side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.preprocessing import compare

tf = pytest.importorskip("tensorflow")

QUICK = {"shape": (12, 16, 3), "shapes": [(12, 16), (8, 8)], "examples": 0}


def tensor(image: Any, dtype: Any = tf.float32) -> Any:
    return tf.cast(tf.convert_to_tensor(np.array(image)), dtype)


def ragged(image: Any, more: int = 0) -> Any:
    return tf.ragged.constant([[float(image[0, 0, 0])], [1.0, 2.0 + more]], dtype=tf.float32)


def sparse(image: Any, at: int = 0) -> Any:
    return tf.sparse.SparseTensor([[at, 1]], tf.constant([float(image[0, 0, 0]) + 1]), [2, 3])


CASES = {
    "tensor against array": (lambda im: im.astype(np.float32), tensor, ""),
    "tensor off by one": (lambda im: im.astype(np.float32), lambda im: tensor(im) + 1.0, "scale"),
    "another type": (tensor, lambda im: tensor(im, tf.float64), "dtype"),
    "bfloat16": (tensor, lambda im: tensor(im, tf.bfloat16), "dtype"),
    "both bfloat16": (lambda im: tensor(im, tf.bfloat16), lambda im: tensor(im, tf.bfloat16), ""),
    "dict": (lambda im: {"a": tensor(im), "b": 1}, lambda im: {"a": im.astype(np.float32), "b": 1}, ""),
    "dict, one wrong": (lambda im: {"a": tensor(im)}, lambda im: {"a": tensor(im)[..., ::-1]}, "channel-swap"),
    "ragged": (ragged, ragged, ""),
    "ragged, one value": (ragged, lambda im: ragged(im, 1), "other"),
    "ragged against lists": (ragged, lambda im: [np.float32([im[0, 0, 0]]), np.float32([1, 2])], ""),
    "sparse": (sparse, lambda im: tf.sparse.to_dense(sparse(im)), ""),
    "sparse, elsewhere": (sparse, lambda im: sparse(im, 1), "axis-order|other"),
    "texts": (lambda im: tf.constant(["a", "b"]), lambda im: tf.constant(["a", "b"]), ""),
    "texts, one wrong": (lambda im: tf.constant(["a", "b"]), lambda im: tf.constant(["a", "c"]), "other"),
}


@pytest.mark.parametrize(("reference", "candidate", "kinds"), CASES.values(), ids=CASES)
def test_results(reference: Any, candidate: Any, kinds: str) -> None:
    report = compare(reference, candidate, **QUICK)
    assert report.equivalent == (not kinds), str(report)
    assert not kinds or report.kind in kinds.split("|"), str(report)
