"""The detectors with their batch norms in the graph."""

from __future__ import annotations

import numpy as np
import torch

from fixtures.detectors import build_rfb
from fixtures.running import run
from fixtures.unfolded import export_unfolded, reseeded


def test_every_batch_norm_is_a_node_in_inference_mode_and_follows_the_seed() -> None:
    detector = build_rfb()
    norms = sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in detector.modules())
    model = export_unfolded(detector)
    nodes = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    assert len(nodes) == norms > 30
    assert not [node for node in nodes for entry in node.attribute if entry.name == "training_mode" and entry.i]
    image = torch.rand(1, 3, 240, 320, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for seed in (0, 5):
        reseeded(model, detector, seed)
        with torch.no_grad():
            wanted = detector(image)
        got = run(model, {"input": image.numpy()})
        for name, tensor in zip(("scores", "boxes"), wanted, strict=True):
            assert np.allclose(got[name], tensor.numpy(), rtol=1e-4, atol=1e-5)
