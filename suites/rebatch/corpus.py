"""Small seeded torch modules that keep their batch in many ways.

The modules are exported at batch 1, as most models in the field are. Each is a function of one sample, except
those in :data:`MIXING`, which work across samples: one sample at a time they are well defined, and that is
what ``scan`` and ``unroll`` reproduce. The same module exported at batch N would be another function.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from suites.rebatch.cases import BAKED, CASES, MIXING, Case, case

__all__ = ["BAKED", "CASES", "MIXING"]

IMAGE, ROW, SEQUENCE = (3, 16, 16), (12,), (5, 12)


def _convs() -> nn.Module:
    first, second = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
    middle = (nn.BatchNorm2d(8), nn.ReLU(), second, nn.BatchNorm2d(8), nn.ReLU())
    return nn.Sequential(first, *middle, nn.Conv2d(8, 6, 1))


# Convolutions and their tails


@case(IMAGE, c=_convs, f=lambda: nn.Linear(6 * 64, 10))
def cnn_flatten(m, x):
    return m.f(torch.flatten(m.c(x), 1))


@case(IMAGE, dynamo=True, c=_convs, f=lambda: nn.Linear(6, 10))
def cnn_pooled(m, x):
    return m.f(functional.adaptive_avg_pool2d(m.c(x), 1).flatten(1)).softmax(-1)


@case(IMAGE, c=_convs, f=lambda: nn.Linear(6 * 64, 10))
def cnn_view_batch(m, x):
    return m.f(m.c(x).view(x.size(0), -1))


@case(IMAGE, dynamo=True, c=_convs, f=lambda: nn.Linear(6 * 64, 10), baked=True)
def cnn_view_one(m, x):
    return m.f(m.c(x).view(1, -1))


@case(
    IMAGE,
    a=lambda: nn.Conv2d(3, 4, 3, padding=1),
    b=lambda: nn.Conv2d(3, 8, 3, stride=2, padding=1),
    baked=True,
)
def detector_heads(m, x):
    parts = [t.permute(0, 2, 3, 1).contiguous().view(1, -1, 2) for t in (m.a(x), m.b(x))]
    scores = torch.cat(parts, 1)
    return functional.softmax(scores, -1), scores * 0.1 + torch.linspace(0, 1, scores.shape[1])[None, :, None]


@case(
    IMAGE,
    dynamo=True,
    a=lambda: nn.Conv2d(3, 4, 3, padding=1),
    b=lambda: nn.Conv2d(3, 8, 3, stride=2, padding=1),
)
def detector_heads_new(m, x):
    parts = [t.permute(0, 2, 3, 1).reshape(x.shape[0], -1, 2) for t in (m.a(x), m.b(x))]
    return torch.cat(parts, 1).softmax(-1)


@case(IMAGE, c=_convs)
def upsample_size(m, x):
    return functional.interpolate(m.c(x), size=(20, 20), mode="nearest")


@case(IMAGE, dynamo=True, c=_convs)
def upsample_scale(m, x):
    return functional.interpolate(m.c(x), scale_factor=2.0, mode="bilinear", align_corners=False)


@case(IMAGE, dynamo=True, c=_convs)
def channel_shuffle(m, x):
    y = m.c(x)
    b, c, h, w = y.shape
    return y.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)


@case((4, 8, 8))
def pixel_shuffle(m, x):
    return functional.pixel_shuffle(x, 2)


@case((3, 8, 8), dynamo=True, n=lambda: nn.GroupNorm(1, 3), i=lambda: nn.InstanceNorm2d(3, affine=True))
def norms(m, x):
    return m.i(m.n(x)) + x


@case((3, 8, 8), dynamo=True, l=lambda: nn.Linear(192, 6), baked=True)
def grid_sample(m, x):
    theta = m.l(x.flatten(1)).view(-1, 2, 3)
    return functional.grid_sample(
        x, functional.affine_grid(theta, [1, 3, 8, 8], align_corners=False), align_corners=False
    )


# Recurrent


@case(SEQUENCE, r=lambda: nn.LSTM(12, 8, batch_first=True))
def lstm_last(m, x):
    return m.r(x)[0][:, -1]


@case(SEQUENCE, dynamo=True, r=lambda: nn.LSTM(12, 8, num_layers=2, batch_first=True))
def lstm_states(m, x):
    y, (h, c) = m.r(x)
    return y, h, c


@case(SEQUENCE, r=lambda: nn.GRU(12, 8, bidirectional=True), f=lambda: nn.Linear(16, 4))
def gru_sequence_first(m, x):
    return m.f(m.r(x.transpose(0, 1))[0].mean(0))


@case(SEQUENCE, r=lambda: nn.LSTM(12, 8, batch_first=True))
def lstm_given_state(m, x):
    h = torch.zeros(1, x.size(0), 8)
    return m.r(x, (h, h + 0.5))[0]


@case(SEQUENCE, dynamo=True, r=lambda: nn.GRUCell(12, 8), baked=True)
def cell_loop(m, x):
    h = torch.zeros(1, 8)
    for t in range(x.shape[1]):
        h = m.r(x[:, t], h)
    return h


# Attention


class Vit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.place = nn.Parameter(torch.randn(1, 17, 16))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.token.expand(x.shape[0], -1, -1), y], 1) + self.place
        return self.head(self.layer(y)[:, 0])


CASES.append(Case("vit", Vit))
CASES.append(Case("vit_new", Vit, dynamo=True))


@case(SEQUENCE, dynamo=True, a=lambda: nn.MultiheadAttention(12, 3, batch_first=True))
def mha(m, x):
    return m.a(x, x, x, need_weights=False)[0]


@case(SEQUENCE, a=lambda: nn.MultiheadAttention(12, 3))
def mha_sequence_first(m, x):
    y = x.transpose(0, 1)
    return m.a(y, y, y)[0].transpose(0, 1)


@case(SEQUENCE, q=lambda: nn.Linear(12, 12), k=lambda: nn.Linear(12, 12))
def heads_in_batch(m, x):
    b, s, e = x.shape
    q, k, v = (t.view(b, s, 3, 4).transpose(1, 2).reshape(b * 3, s, 4) for t in (m.q(x), m.k(x), x))
    y = torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v)
    return y.view(b, 3, s, 4).transpose(1, 2).reshape(b, s, e)


@case(SEQUENCE, dynamo=True, q=lambda: nn.Linear(12, 12))
def causal_mask(m, x):
    y = m.q(x)
    scores = y @ x.transpose(1, 2) + torch.full((5, 5), -1e4).triu(1)
    return scores.softmax(-1) @ x


@case((8, 8, 4), l=lambda: nn.Linear(4, 4))
def windows(m, x):
    b, h, w, c = x.shape
    parts = x.view(b, 2, 4, 2, 4, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 16, c)
    parts = m.l(parts).view(b, 2, 2, 4, 4, c)
    return parts.permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, c)


@case(SEQUENCE, dynamo=True)
def einsum(m, x):
    return torch.einsum("bse,bte->bst", x, x).tanh()


# Constants with a row per sample, and other ways to bake a batch in


@case(ROW)
def zeros_joined(m, x):
    return torch.cat([x, torch.zeros(x.size(0), 4)], 1)


@case(ROW, dynamo=True)
def ones_joined(m, x):
    return torch.cat([torch.full((x.size(0), 3), 2.0), x], 1)


@case(ROW, f=lambda: nn.Linear(12, 4), baked=True)
def squeezed(m, x):
    return m.f(x).squeeze()


@case((12, 5), dynamo=True, c=lambda: nn.Conv1d(12, 4, 3), baked=True)
def squeezed_and_back(m, x):
    return m.c(x.squeeze(0)).unsqueeze(0) if x.dim() == 3 else m.c(x)


@case(SEQUENCE)
def arange_rows(m, x):
    best = x.sum(-1).argmax(-1)
    return x[torch.arange(x.size(0)), best]


@case(SEQUENCE, dynamo=True)
def arange_rows_new(m, x):
    best = x.sum(-1).argmax(-1)
    return x[torch.arange(x.size(0)), best]


@case(SEQUENCE, baked=True)
def flat_and_back(m, x):
    return (x.reshape(-1) * 2).reshape(1, 5, 12)


@case(SEQUENCE, dynamo=True)
def rows_and_back(m, x):
    return x.view(-1, 12).tanh().view(-1, 5, 12)


@case(ROW, baked=True)
def expanded(m, x):
    return x.unsqueeze(1).expand(1, 6, 12) * torch.arange(6.0)[None, :, None]


@case((6, 4), dynamo=True)
def scattered(m, x):
    return torch.zeros(x.shape[0], 6, 4).scatter(1, x.argsort(1), x)


@case((6, 4))
def slice_assigned(m, x):
    y = torch.zeros(x.size(0), 8, 4)
    y[:, 1:7] = x
    return y


@case(ROW, (5,), dynamo=True, b=lambda: nn.Bilinear(12, 5, 3))
def two_inputs(m, x, y):
    return m.b(x, y), torch.cat([x, y], -1)


@case((7,), integers=True, e=lambda: nn.Embedding(20, 6))
def embedding(m, x):
    return m.e(x).mean(1)


@case(IMAGE, dynamo=True, c=_convs)
def constant_output(m, x):
    return m.c(x), torch.arange(8.0).view(4, 2) / 8


@case(IMAGE)
def flip_augmented(m, x):
    a, b = torch.cat([x, x.flip(-1)], 0).tanh().chunk(2, 0)
    return a + b.flip(-1)


@case(SEQUENCE, dynamo=True)
def top_values(m, x):
    values, index = x.topk(3, dim=-1)
    return values, index


@case(SEQUENCE, baked=True)
def first_only(m, x):
    return x[0].unsqueeze(0) * 2


# Across samples: well defined one sample at a time


@case(ROW, mixes=True)
def softmax_over_batch(m, x):
    return torch.softmax(x, 0) + x


@case(ROW, dynamo=True, mixes=True)
def centred(m, x):
    return x - x.mean()


@case(ROW, mixes=True)
def cumsum_over_batch(m, x):
    return torch.cumsum(x, 0)


@case(IMAGE, train=True, mixes=True, c=lambda: nn.Conv2d(3, 4, 3), n=lambda: nn.BatchNorm2d(4))
def batchnorm_training(m, x):
    return m.n(m.c(x))


@case(ROW, dynamo=True, mixes=True)
def similarity(m, x):
    return (x @ x.t()) @ x


@case(ROW, dynamo=True, mixes=True)
def best_of_batch(m, x):
    return x - x.amax(0, keepdim=True) * 0.5


@case(ROW, mixes=True)
def scalar_loss(m, x):
    return (x * x).mean()


@case(ROW, dynamo=True, mixes=True)
def rolled(m, x):
    return x + torch.flip(x, (0,)) * 0.5
