"""Models with a few bytes changed, seeded: whatever becomes of one, it is a result."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from fixtures import graphs as models
from fixtures.graphs.residual import residual_classifier
from suites.hostile.case import OK, Case, of_bytes
from suites.hostile.onnx_files.graphs import data

_SHIPPED = Path(__file__).parents[2] / "fixtures/models/slim-320.onnx"
#: Mutations of each model.
EACH = 25
#: Any outcome but one: that something unexpected happened.
_RESULTS = (
    OK, "E_NOTMODEL", "E_PARSE", "E_SCHEMA", "E_GRAPH", "E_EXTERNAL", "E_SIZE", "E_MEMORY", "E_TIMEOUT", "E_CRASH",
    "E_RUN", "E_INPUT", "V_CONTRACT", "V_NONFINITE", "V_UNSTABLE",
)  # fmt: skip


def mutated(whole: bytes, chance: random.Random) -> bytes:
    """*whole* with one to four changes: bits flipped, bytes replaced, cut out, repeated, or moved."""
    found = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randrange(len(found)), chance.randint(1, 8)
        kind = chance.randrange(5)
        if kind == 0:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            found[at : at + size] = chance.randbytes(size)
        elif kind == 2:
            del found[at : at + size]
        elif kind == 3:
            found[at:at] = found[at : at + size]
        else:
            other = chance.randrange(len(found))
            found[at : at + size] = found[other : other + size]
    return bytes(found)


def cases() -> Iterator[Case]:
    """Mutations of small networks, and of the first bytes of a shipped one, where its structure lies."""
    bases = {
        "cnn": data(models.small_cnn()),
        "lstm": data(models.lstm()),
        "residual": data(residual_classifier()),
    }
    for name, whole in bases.items():
        yield of_bytes(f"{name}-whole", whole)
        for seed in range(EACH):
            yield of_bytes(f"{name}-{seed}", mutated(whole, random.Random(f"{name} {seed}")), *_RESULTS)
    shipped = _SHIPPED.read_bytes()
    for seed in range(EACH):
        chance = random.Random(f"shipped {seed}")
        yield of_bytes(f"shipped-{seed}", mutated(shipped[:6000], chance) + shipped[6000:], *_RESULTS)
