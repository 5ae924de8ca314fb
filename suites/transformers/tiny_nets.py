"""Tiny transformers and a tagger, randomly initialised; each class is a loader (``tiny_nets:Encoder``)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS, LAYERS, WORDS, LONGEST = 32, 4, 2, 200, 64


def seeded(build: type[nn.Module], seed: int = 0) -> nn.Module:
    """A module with weights large enough that each of them shows in the outputs."""
    torch.manual_seed(seed)
    module = build()
    for name, weight in module.named_parameters():
        if "norm" in name:
            nn.init.normal_(weight, 1.0 if name.endswith("weight") else 0.0, 0.2)
        elif weight.ndim > 1:
            nn.init.normal_(weight, 0.0, 0.25 if "position" in name or "word" in name else 0.2)
        else:
            nn.init.normal_(weight, 0.0, 0.1)
    return module.eval()


class Attention(nn.Module):
    """Heads written out: queries, keys and values are matrices of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.value, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1, HEADS, WIDTH // HEADS).transpose(1, 2)

    def forward(
        self, x: Tensor, allowed: Tensor | None, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        keys, values = self.split(self.key(x)), self.split(self.value(x))
        if past is not None:
            keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
        found = functional.scaled_dot_product_attention(self.split(self.query(x)), keys, values, attn_mask=allowed)
        return self.out(found.transpose(1, 2).reshape(x.shape)), keys, values


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(
        self, x: Tensor, allowed: Tensor | None, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        found, keys, values = self.attention(x, allowed, past)
        x = self.norm1(x + found)
        return self.norm2(x + self.narrow(functional.gelu(self.wide(x)))), keys, values


class Encoder(nn.Module):
    """As BERT: words, positions, types, a padding mask and a pooler."""

    def __init__(self) -> None:
        super().__init__()
        self.word, self.position = nn.Embedding(WORDS, WIDTH), nn.Embedding(LONGEST, WIDTH)
        self.kinds, self.norm = nn.Embedding(2, WIDTH), nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.pooler = nn.Linear(WIDTH, WIDTH)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> dict[str, Tensor]:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.word(input_ids) + self.position(places) + self.kinds(token_type_ids))
        allowed = (attention_mask != 0)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, allowed)[0]
        return {"last_hidden_state": x, "pooler_output": torch.tanh(self.pooler(x[:, 0]))}


class Decoder(nn.Module):
    """As GPT-2 with a cache, under the names that optimum exports: logits and ``present.N.key|value``."""

    def __init__(self) -> None:
        super().__init__()
        self.word, self.position = nn.Embedding(WORDS, WIDTH), nn.Embedding(LONGEST, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor) -> list[Tensor]:
        x = self.word(input_ids) + self.position(position_ids)
        new, total = input_ids.shape[1], attention_mask.shape[1]
        causal = torch.arange(total)[None, :] <= torch.arange(new)[:, None] + (total - new)
        allowed = causal[None, None] & (attention_mask != 0)[:, None, None, :]
        kept = []
        for index, layer in enumerate(self.layers):
            x, keys, values = layer(x, allowed, (past[2 * index], past[2 * index + 1]))
            kept += [keys, values]
        return [self.head(self.norm(x)), *kept]


class Tagger(nn.Module):
    """A bidirectional LSTM over words."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(WORDS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * WIDTH, 7)

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.head(self.lstm(self.word(input_ids))[0])


class Vision(nn.Module):
    """As ViT: patches of 8, a class token, learnt positions."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 8, 8)
        self.start, self.position = nn.Parameter(torch.zeros(1, 1, WIDTH)), nn.Parameter(torch.zeros(1, 17, WIDTH))
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, pixel_values: Tensor) -> Tensor:
        x = self.patch(pixel_values).flatten(2).transpose(1, 2)
        x = torch.cat([self.start.expand(x.shape[0], -1, -1), x], 1) + self.position
        for layer in self.layers:
            x = layer(x, None)[0]
        return self.head(self.norm(x[:, 0]))


_CACHE = f"batchx{HEADS}xpast_sequence_lengthx{WIDTH // HEADS}"
_TEXT = "int64:batch_sizexsequence_length"
_PAST = [f"past_key_values.{i}.{kind}" for i in range(LAYERS) for kind in ("key", "value")]

#: What each takes, as ``--input`` says it, and what its outputs are called.
NETS: dict[str, tuple[type[nn.Module], list[str], list[str]]] = {
    "encoder": (Encoder, [f"{name}:{_TEXT}" for name in ("input_ids", "attention_mask", "token_type_ids")], []),
    "decoder": (
        Decoder,
        [
            f"input_ids:{_TEXT}",
            "attention_mask:int64:batch_size,past_sequence_length+sequence_length",
            f"position_ids:{_TEXT}",
            *(f"{name}:float32:{_CACHE.replace('batch', 'batch_size')}" for name in _PAST),
        ],
        ["logits", *(name.replace("past_key_values", "present") for name in _PAST)],
    ),
    "tagger": (Tagger, ["input_ids:int64:batchxsequence"], ["logits"]),
    "vision": (Vision, ["pixel_values:float32:batchx3x32x32"], ["logits"]),
}
