"""The rewrite that leaves Python: the normalisation as nodes of the model, measured as a model of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.diagnosis.affine_fit import Affine
from pytest_onnxaccel.preprocessing.speed.rewrites import Rewrite

GRAPH = "in the graph"

_SOURCE = """from pytest_onnxaccel.graph.fold_preprocessing.fold import prepend

# Once: the model then takes the image itself, uint8
prepend(
    "model.onnx",
    "model-uint8.onnx",
    mean={mean},
    scale={scale},
    layout="{layout}",
    channel_order="{order}",
)


def preprocess(image):
    return {image}
"""


@record(frozen=True)
class GraphRewrite(Rewrite):
    """Runs the nodes alone in ONNX Runtime, on the CPU, on one thread: what the model's own run grows by at most.

    The result is N x C x H x W, as models take it, also where the user's function puts channels last.
    """

    affine: Affine | None = None

    def function(self) -> Callable[[Any], Any]:
        import numpy as np

        from pytest_onnxaccel.backends.lookup import backend
        from pytest_onnxaccel.backends.protocol import LoadOptions
        from pytest_onnxaccel.graph.fold_preprocessing.fold import alone

        affine = self.affine
        assert affine is not None
        scale = [1 / std for std in affine.std]
        with tempfile.TemporaryDirectory(prefix="onnxaccel-") as folder:
            path = str(Path(folder, "preprocessing.onnx"))
            alone(path, affine.mean, scale, affine.order)
            session = backend("ort-cpu").load(path, LoadOptions(threads=1))

        def run(image: Any) -> Any:
            return session.run({"image": np.ascontiguousarray(image)[None]})["out"]

        return run

    def comparable(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        affine = self.affine
        assert affine is not None

        def run(image: Any) -> Any:
            result = function(image)
            result = result if affine.planes else result.transpose(0, 2, 3, 1)
            return result if affine.batched else result[0]

        return run


def in_graph(affine: Affine) -> Iterator[Rewrite]:
    """Yield the normalisation as nodes, where its order of channels is one that the nodes can have."""
    if affine.order == "other":
        return
    if affine.uniform:
        mean, scale = [affine.mean[0]], [1 / affine.std[0]]
    else:
        mean, scale = list(affine.mean), [1 / std for std in affine.std]
    source = _SOURCE.format(
        mean=mean,
        scale=scale,
        layout="NHWC" if affine.batched else "HWC",
        order=affine.order,
        image="image[None]" if affine.batched else "image",
    )
    yield GraphRewrite(GRAPH, source, ("onnxruntime", "onnx"), affine)
