"""Where a speed run stands, in a file, so that one that was interrupted continues. It holds figures and no code."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError

SCHEMA = 1
#: A state of so many bytes was not written here.
_LARGEST = 64 << 20


@dataclass
class Standing:
    """What a run found so far.

    Attributes:
        advised: titles of what is advised; None while that is not known.
        advice: its lines.
        blocks: wall time of the calls of each block, nanoseconds, by row.
        runs: of the command that took part.
        seconds: that they took.
    """

    advised: tuple[str, ...] | None = None
    advice: tuple[str, ...] = ()
    blocks: dict[str, list[list[int]]] = field(default_factory=dict)
    runs: int = 0
    seconds: float = 0.0

    @property
    def pairs(self) -> int:
        """Samples that every row has."""
        return min(map(len, self.blocks.values()), default=0)

    def add(self, taken: Mapping[str, list[tuple[int, ...]]]) -> None:
        """One more round."""
        for key, blocks in taken.items():
            self.blocks.setdefault(key, []).extend(list(block) for block in blocks)


class StateFile:
    """The file of a :class:`Standing`.

    Args:
        path: where it lies; its folder is made.
        facts: what the figures are of: model, source, versions, options. What was found of others does not count.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self.path = path
        self._key = key_of(facts)

    def read(self) -> Standing:
        """Return what was found before; nothing where there is no such file, or where it is of something else."""
        try:
            with open(self.path, "rb") as file:
                told = json.loads(file.read(_LARGEST))
            if told.get("schema") != SCHEMA or told.get("key") != self._key:
                return Standing()
            advised = told["advised"]
            blocks = {str(key): [[int(ns) for ns in block] for block in taken] for key, taken in told["blocks"].items()}
            if any(not block or min(block) < 0 for taken in blocks.values() for block in taken):
                return Standing()
            return Standing(
                None if advised is None else tuple(map(str, advised)),
                tuple(map(str, told["advice"])),
                blocks,
                int(told["runs"]),
                float(told["seconds"]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Standing()

    def write(self, standing: Standing) -> None:
        """Keep *standing*, whole or not at all.

        Raises:
            ConfigError: the file cannot be written.
        """
        told = {
            "schema": SCHEMA,
            "key": self._key,
            "advised": standing.advised,
            "advice": standing.advice,
            "blocks": standing.blocks,
            "runs": standing.runs,
            "seconds": round(standing.seconds, 3),
        }
        temporary = self.path.with_name(f".{self.path.name}.{os.urandom(4).hex()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(told), encoding="ascii")
            os.replace(temporary, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            cause = f"what was measured cannot be kept: {error.strerror or error}"
            remedy = "name a file in a folder that can be written to with --state"
            raise ConfigError(cause, code="E_FILE", subject=str(self.path), remedy=remedy) from None

    def remove(self) -> None:
        """Return the run is done."""
        self.path.unlink(missing_ok=True)


def key_of(facts: Mapping[str, Any]) -> str:
    """Return a digest of *facts*."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
