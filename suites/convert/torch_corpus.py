"""Legal sources of many kinds, each made on demand: what models are saved as, and none of which may be refused."""

from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNet(nn.Module):
    """1x3x16x16 -> 1x5: convolutions, batch norm, pooling, a residual, named by numbers as Sequential does."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.blocks = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)])
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.stem(x), 2)
        for block in self.blocks:
            x = x + F.hardswish(block(x))
        return self.head(torch.flatten(self.pool(x), 1)).softmax(-1)


class Upsampling(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        up = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.pad(up, (1, 1, 1, 1), mode="reflect")


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru = nn.LSTM(4, 5, batch_first=True, bidirectional=True), nn.GRU(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(self.lstm(x)[0])[0]


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x)


class Attention(nn.Module):
    """Scaled dot products, einsum, infinity in a mask."""

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.full([x.size(1), x.size(1)], float("-inf")).triu(1)
        scores = torch.einsum("bij,bkj->bik", x, x) + mask
        return F.scaled_dot_product_attention(x, x, x) + scores.softmax(-1) @ x


class Control(nn.Module):
    """Branches, loops, an early return, an assertion with a text, lists and a dict."""

    def forward(self, x: Tensor, steps: int = 3, scale: float | None = None) -> Tensor:
        assert x.dim() > 1, "needs a batch; not 'ops.aten.save(x)'"
        found: dict[str, Tensor] = {"first": x}
        parts: list[Tensor] = []
        if x.sum() > 1e9:
            return x
        while steps > 0 and x.abs().max() < 1e6:
            steps -= 1
            x = x * 2 if steps % 2 == 0 else x - 1
            parts.append(x)
        for index, part in enumerate(parts):
            if index == 7:
                break
            x = x + part * index
        if scale is not None:
            x = x * scale
        key = "first" if "first" in found else "other {}".format(len(parts))  # noqa: UP032
        return x + found[key]


class Point(NamedTuple):
    left: Tensor
    right: Tensor


class Tuples(nn.Module):
    def forward(self, x: Tensor) -> Point:
        return Point(left=x + 1, right=x.t())


class Color(Enum):
    RED = 1
    BLUE = 2


class Enumerated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.color = Color.RED

    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if self.color == Color.RED else x


@torch.jit.script
class Box:
    """A class of the model's own."""

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def area(self) -> Tensor:
        return self.value[..., 0] * self.value[..., 1]


class Classy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Box(x).area()


@torch.jit.interface
class Step(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Interfaced(nn.Module):
    step: Step

    def __init__(self) -> None:
        super().__init__()
        self.step = Upsampling()

    def forward(self, x: Tensor) -> Tensor:
        return self.step.forward(x)


class Forked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        future = torch.jit.fork(torch.relu, x)
        return torch.jit.wait(future) + 1


class Restoring(nn.Module):
    """Methods that run while it is loaded."""

    scale: Tensor
    training: bool

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.ones(3)

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return self.scale * 2, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.scale = state[0] / 2
        self.training = state[1]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class Saver(nn.Module):
    """Parts with the names of what touches files, as in models that *open* and *load* something."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.load, self.system = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.system(self.load(self.open(x)))


class Named(nn.Module):
    """Parts with the names of what code begins with, and one with a name that is none of Python."""

    def __init__(self) -> None:
        super().__init__()
        self.ops = nn.ModuleList([nn.Linear(3, 3)])
        self.parts = nn.ModuleDict({"a-b": nn.Linear(3, 3), "classes": nn.ReLU()})
        self.torch = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        ops = self.ops
        for one in ops:
            x = one(x)
        for part in self.parts.values():
            x = part(x)
        return self.torch(x)


class Graded(nn.Module):
    """Without gradients, under autocast."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.linear(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            z = self.linear(y)
        return z.float()


class Integers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[0] * 2 + x.shape[1] // 2
        grid = torch.arange(size, device=x.device, dtype=torch.int64) % 3
        return x.new_zeros(size).scatter_add(0, grid, torch.ones(size)) + torch.where(x > 0, x, -x).sum()


class Conditional(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda v: v.sin() + 1, lambda v: v.cos(), (x,))


class Looping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        from torch._higher_order_ops.while_loop import while_loop

        steps = torch.zeros((), dtype=torch.int64)
        return while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * 2), (steps, x))[1]


class Mapped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.vmap(lambda row: row.sum() * row)(x)


class Lifted(nn.Module):
    """A constant that is lifted, a buffer that is not kept and one that changes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(3))
        self.register_buffer("kept", torch.arange(3.0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add_(1)
        return x + torch.tensor([1.0, 2.0, 3.0]) + self.kept


class Structured(nn.Module):
    """Nested containers in and out."""

    def forward(self, pair: tuple[Tensor, dict[str, Tensor]], *, bias: list[Tensor]) -> dict[str, Any]:
        x, named = pair
        return OrderedDict(total=x + named["a"], parts=[x, (named["a"], bias[0])])


class Listing(nn.Module):
    """As many rows as there are non-zero values, which only running it tells."""

    def forward(self, x: Tensor) -> Tensor:
        found = torch.nonzero(x)
        torch._check(found.shape[0] > 0)
        return found * 2


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
    "whole-module": (_save(ConvNet), ("torch.nn.*", "torch_corpus.*")),
    "whole-encoder": (_save(Encoder), ("torch.nn.*", "torch_corpus.Encoder")),
    "whole-sequential": (_save(lambda: nn.Sequential(nn.Linear(2, 2))), ("torch.nn.modules.*",)),
}
