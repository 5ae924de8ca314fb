"""Small PyTorch modules whose classes serve as loaders (``torch_nets:Mlp``), and loaders that go wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """Nx4x4 -> Nx4x4; dropout and batch norm, so that training mode gives something else."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm, self.drop = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.norm(self.linear(x)))


class Named(nn.Module):
    """Gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        logits = self.linear(x)
        return {"logits": logits, "probs": logits.softmax(-1)}


class Two(nn.Module):
    """Two inputs that are not alike, and a third with a default."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        return self.linear(a) - 2 * b


class Lstm(nn.Module):
    """Nx4x4 -> Nx4x5."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


class Baked(nn.Module):
    """Takes the size of the batch for a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).reshape(int(x.shape[0]), -1)


class OneByOne(nn.Module):
    """Goes through the samples, so that an export holds as many copies as its example has samples."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.linear(sample) for sample in x])


class Steps(nn.Module):
    """Goes through the steps of axis 1, as a recurrent layer that is written out does."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        found = torch.zeros_like(x[:, 0])
        for step in range(x.shape[1]):
            found = torch.tanh(self.linear(x[:, step]) + found)
        return found


class Complex(nn.Module):
    """Turns pairs of numbers as rotations are written with complex ones."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        pairs = torch.view_as_complex(self.linear(x).reshape(-1, 2, 2))
        return torch.view_as_real(pairs.unsqueeze(1).expand(-1, 2, -1) * pairs.unsqueeze(2)).flatten(1)


class Deciding(nn.Module):
    """Branches on a value, which a trace fixes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) if x.sum() > 0 else x - 1


class Airy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.special.airy_ai(x)


class Unsupported(nn.Module):
    """An operator without ONNX, two modules deep."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), Airy())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def seeded(build: type[nn.Module] = Mlp, seed: int = 0) -> Any:
    """*build*'s module with the weights of *seed*, its running statistics moved away from their defaults."""
    torch.manual_seed(seed)
    module = build()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.uniform_(-1, 1)
            part.running_var.uniform_(0.5, 2)
    return module


def evaluating() -> nn.Module:
    return Mlp().eval()


def raising() -> nn.Module:
    raise RuntimeError("no such\nconfiguration")


def needing(width: int) -> nn.Module:
    return nn.Linear(width, width)


def no_module() -> dict[str, int]:
    return {}


class Payload:
    """Unpickling it would run a function of its own."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("unpickled: code ran",)
