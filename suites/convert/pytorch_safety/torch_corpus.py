"""Legal sources of many kinds, each made on demand: what models are saved as, and none of which may be refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_corpus_nets import (
    Attention,
    Classy,
    Conditional,
    Control,
    ConvNet,
    Encoder,
    Enumerated,
    Forked,
    Graded,
    Integers,
    Interfaced,
    Lifted,
    Listing,
    Looping,
    Mapped,
    Named,
    Recurrent,
    Restoring,
    Saver,
    Structured,
    Tuples,
    Upsampling,
)


def _quantized() -> nn.Module:
    from torch.ao.quantization import quantize_dynamic

    return quantize_dynamic(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), {nn.Linear}, dtype=torch.qint8)


def _quantized_conv() -> nn.Module:
    from torch.ao import quantization as q

    net = q.QuantWrapper(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())).eval()
    net.qconfig = q.get_default_qconfig(torch.backends.quantized.engine)  # type: ignore[assignment]
    q.prepare(net, inplace=True)
    net(torch.rand(1, 3, 16, 16))
    return q.convert(net)


IMAGE, ROWS, SEQUENCE = (torch.rand(2, 3, 16, 16),), (torch.rand(2, 3),), (torch.rand(2, 6, 4),)
WIDE = (torch.rand(2, 6, 8),)
Make = Callable[[Path], None]


def _script(build: Callable[[], nn.Module], change: Callable[[Any], Any] = lambda made: made) -> Make:
    return lambda path: change(torch.jit.script(build().eval())).save(str(path))


def _trace(build: Callable[[], nn.Module], *inputs: Tensor) -> Make:
    return lambda path: torch.jit.trace(build().eval(), inputs, check_trace=False).save(str(path))


def _export(build: Callable[[], nn.Module], inputs: tuple[Any, ...], **options: Any) -> Make:
    def make(path: Path) -> None:
        torch.export.save(torch.export.export(build().eval(), inputs, **options), path)

    return make


def _batched(name: str = "x", **axes: Any) -> dict[str, Any]:
    return {"dynamic_shapes": {name: {0: torch.export.Dim("batch", min=1, max=64), **axes}}}


SCRIPTS: dict[str, Make] = {
    "conv": _script(ConvNet),
    "conv-frozen": _script(ConvNet, torch.jit.freeze),
    "conv-traced": _trace(ConvNet, *IMAGE),
    "upsampling": _script(Upsampling),
    "recurrent": _script(Recurrent),
    "recurrent-traced": _trace(Recurrent, *SEQUENCE),
    "encoder": _script(Encoder),
    "encoder-traced": _trace(Encoder, *WIDE),
    "attention": _script(Attention),
    "control": _script(Control),
    "tuples": _script(Tuples),
    "enumerated": _script(Enumerated),
    "classy": _script(Classy),
    "interfaced": _script(Interfaced),
    "forked": _script(Forked),
    "restoring": _script(Restoring),
    "saver": _script(Saver),
    "named": _script(Named),
    "graded": _script(Graded),
    "integers": _script(Integers),
    "integers-traced": _trace(Integers, *ROWS),
    "listing": _script(Listing),
    "quantized": _script(_quantized),
    "quantized-conv": _script(_quantized_conv),
}

PROGRAMS: dict[str, Make] = {
    "conv": _export(ConvNet, IMAGE, **_batched()),
    "conv-fixed": _export(ConvNet, IMAGE),
    "conv-training": lambda path: torch.export.save(torch.export.export(ConvNet().train(), IMAGE), path),
    "conv-strict": _export(ConvNet, IMAGE, strict=True),
    "conv-decomposed": lambda path: torch.export.save(
        torch.export.export(ConvNet().eval(), IMAGE).run_decompositions(), path
    ),
    "upsampling": _export(Upsampling, IMAGE, **_batched()),
    "upsampling-sizes": _export(
        Upsampling, IMAGE, dynamic_shapes={"x": {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}}
    ),
    "recurrent": _export(Recurrent, SEQUENCE),
    "encoder": _export(Encoder, WIDE),
    "attention": _export(
        Attention, SEQUENCE, dynamic_shapes={"x": {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}}
    ),
    "integers": _export(Integers, ROWS, dynamic_shapes={"x": {0: torch.export.Dim.AUTO}}),
    "conditional": _export(Conditional, ROWS),
    "looping": _export(Looping, ROWS),
    "mapped": _export(Mapped, ROWS),
    "graded": _export(Graded, ROWS),
    "lifted": _export(Lifted, ROWS),
    "listing": _export(Listing, ROWS),
    "structured": _export(Structured, ((torch.rand(2), {"a": torch.rand(2)}),), kwargs={"bias": [torch.rand(2)]}),
    "saver": _export(Saver, ROWS),
}


def _save(build: Callable[[], Any], **options: Any) -> Make:
    return lambda path: torch.save(build(), path, **options)


def _checkpoint() -> dict[str, Any]:
    net = ConvNet()
    steps = torch.optim.Adam(net.parameters())
    return {
        "epoch": 3,
        "best": 0.5,
        "state_dict": net.state_dict(),
        "optimizer": steps.state_dict(),
        "tags": ("a", None),
    }


def _tied() -> dict[str, Tensor]:
    net = nn.Linear(4, 4)
    return {"a.weight": net.weight, "b.weight": net.weight, "half": net.bias.half(), "brain": net.bias.bfloat16()}


#: Files of torch.save, each with the names that its owner has to trust.
STATES: dict[str, tuple[Make, tuple[str, ...]]] = {
    "state-dict": (_save(lambda: ConvNet().state_dict()), ()),
    "state-dict-old": (_save(lambda: ConvNet().state_dict(), _use_new_zipfile_serialization=False), ()),
    "checkpoint": (_save(_checkpoint), ()),
    "checkpoint-old": (_save(_checkpoint, _use_new_zipfile_serialization=False), ()),
    "tied-and-small": (_save(_tied), ()),
    "sparse": (_save(lambda: {"w": torch.eye(3).to_sparse()}), ()),
    "quantized-tensor": (_save(lambda: {"w": torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8)}), ()),
    "complex": (_save(lambda: {"w": torch.eye(3, dtype=torch.complex64), "z": 1j}), ()),
    "whole-module": (_save(ConvNet), ("torch.nn.*", "torch_corpus_nets.*")),
    "whole-encoder": (_save(Encoder), ("torch.nn.*", "torch_corpus_nets.Encoder")),
    "whole-sequential": (_save(lambda: nn.Sequential(nn.Linear(2, 2))), ("torch.nn.modules.*",)),
}
