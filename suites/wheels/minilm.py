"""A sentence encoder (MiniLM) in plain PyTorch: its modules bear the names that the published weights have."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

WIDTH, HEADS, LAYERS, INNER, WORDS, POSITIONS = 384, 12, 6, 1536, 30522, 512


def _norm() -> nn.LayerNorm:
    return nn.LayerNorm(WIDTH, eps=1e-12)


class _Embeddings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(WORDS, WIDTH)
        self.position_embeddings = nn.Embedding(POSITIONS, WIDTH)
        self.token_type_embeddings = nn.Embedding(2, WIDTH)
        self.LayerNorm = _norm()

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
        kinds = torch.zeros_like(ids)
        summed = self.word_embeddings(ids) + self.position_embeddings(places) + self.token_type_embeddings(kinds)
        found: Tensor = self.LayerNorm(summed)
        return found


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({
            "self": nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH) for name in ("query", "key", "value")}),
            "output": nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH), "LayerNorm": _norm()}),
        })  # fmt: skip
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)})
        self.output = nn.ModuleDict({"dense": nn.Linear(INNER, WIDTH), "LayerNorm": _norm()})

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        own, out = self.attention["self"], self.attention["output"]
        size = WIDTH // HEADS
        q, k, v = (
            own[name](x).reshape(x.shape[0], x.shape[1], HEADS, size).transpose(1, 2)  # type: ignore[index]
            for name in ("query", "key", "value")
        )
        shares = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(size) + bias, -1)
        mixed = (shares @ v).transpose(1, 2).reshape(x.shape[0], x.shape[1], WIDTH)
        x = out["LayerNorm"](out["dense"](mixed) + x)  # type: ignore[index]
        inner = nn.functional.gelu(self.intermediate["dense"](x))
        found: Tensor = self.output["LayerNorm"](self.output["dense"](inner) + x)
        return found


class Encoder(nn.Module):
    """Ids and a mask to the mean over the words that the mask keeps, of length 1, and what the pooler gives."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = _Embeddings()
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_Layer() for _ in range(LAYERS))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH)})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        keep = attention_mask.to(torch.float32)
        bias = (1.0 - keep)[:, None, None, :] * torch.finfo(torch.float32).min
        x = self.embeddings(input_ids)
        for layer in self.encoder["layer"]:  # type: ignore[union-attr]
            x = layer(x, bias)
        weights = keep.unsqueeze(-1)
        mean = (x * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, dim=1), torch.tanh(self.pooler["dense"](x[:, 0]))


def encoder() -> Encoder:
    """The module, before its weights."""
    return Encoder()
