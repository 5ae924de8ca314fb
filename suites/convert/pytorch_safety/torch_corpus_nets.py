"""Modules of many kinds, of which :mod:`torch_corpus` makes sources."""

from collections import OrderedDict
from enum import Enum
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
