"""Weights put into few groups that are moved together: those of one role, or neighbouring ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: ``(name, label, elements)`` of each weight, in the order of their use.
Weights = Sequence[tuple[str, str, int]]


def grouped(weights: Weights, most: int) -> list[list[int]]:
    """Return places of *weights* in at most *most* groups, none of them empty.

    Weights of one role (the queries of all layers, by their names without numbers) belong together: what the inputs
    do not reach in one layer they reach in none. Where names tell fewer roles than there may be groups, the largest
    are split in the order of their use; where they tell more, neighbours of the smallest size are joined.
    """
    roles: dict[str, list[int]] = {}
    for place, (_, label, _) in enumerate(weights):
        roles.setdefault(role(label), []).append(place)
    groups = list(roles.values())
    size = [elements for _, _, elements in weights]
    while len(groups) > most:
        sums = [sum(size[i] for i in group) for group in groups]
        place = min(range(len(groups) - 1), key=lambda i: sums[i] + sums[i + 1])
        groups[place : place + 2] = [groups[place] + groups[place + 1]]
    while len(groups) < min(most, len(weights)):
        place = max(
            (i for i, group in enumerate(groups) if len(group) > 1), key=lambda i: sum(size[k] for k in groups[i])
        )
        groups[place : place + 1] = _halves(groups[place], size)
    return groups


def _halves(group: list[int], size: Sequence[int]) -> list[list[int]]:
    total, seen, cut = sum(size[i] for i in group), 0, 1
    for count, place in enumerate(group[:-1], 1):
        seen += size[place]
        cut = count
        if 2 * seen >= total:
            break
    return [group[:cut], group[cut:]]


def role(label: str) -> str:
    """Return *label* without its last part and without numbers: what layers have in common."""
    module = re.split(r"[./]", label)[:-1] or [label]
    return ".".join(re.sub(r"\d+", "*", part) for part in module)


def summed_up(labels: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return *labels* in few words: ``pooler.*`` for all below ``pooler``, where none of *others* is among them.

    In the order of *labels*, each word once.
    """
    parts = [_parts(label) for label in others]
    taken = {tuple(p[:n]) for p in parts for n in range(len(p) + 1)}
    found: dict[str, None] = {}
    for label in labels:
        own = _parts(label)
        # The shortest way down that none of the others goes as well; the whole tree has no name
        depth = next((n for n in range(1, len(own)) if tuple(own[:n]) not in taken), len(own))
        found["".join(own[:depth]) + ("*" if depth < len(own) else "")] = None
    return list(found)


def _parts(label: str) -> list[str]:
    """Return ``a.b/c`` as ``a.``, ``b/``, ``c``."""
    return re.findall(r"[^./]*[./]|[^./]+$", label)
