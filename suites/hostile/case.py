"""A hostile file or source, or its legal twin, and what the gate must make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Among a case's codes: the check may pass too, where tools of different releases disagree on what is legal.
OK = "OK"


@dataclass(frozen=True)
class Place:
    """Where a case may write while it is built.

    Attributes:
        folder: an empty folder of this case alone.
        canary: a file that does not exist and that nothing but the case's payload would make.
        modules: a folder on the gate's import path; importing something from it is a way of running code.
    """

    folder: Path
    canary: Path
    modules: Path


@dataclass(frozen=True)
class Entry:
    """What stands in the manifest for a case.

    Attributes:
        model: the ``.onnx`` file.
        source: what the model is said to be converted from.
        loader: builds the module of a source that holds only weights.
        samples: file of samples for the input ``x``.
    """

    model: Path
    source: Path | None = None
    loader: str = ""
    samples: Path | None = None

    def toml(self, name: str) -> str:
        """The manifest's table for the model *name*."""
        lines = [f"[models.{_text(name)}]", f"path = {_text(self.model)}"]
        if self.source is not None and self.loader:
            lines.append(f"source = {{path = {_text(self.source)}, loader = {_text(self.loader)}}}")
        elif self.source is not None:
            lines.append(f"source = {_text(self.source)}")
        if self.samples is not None:
            lines += [f"[models.{_text(name)}.inputs.x]", f"file = {_text(self.samples)}"]
        return "\n".join([*lines, ""])


def _text(value: str | Path) -> str:
    """A basic string of TOML; JSON's escapes are a part of its own."""
    return json.dumps(str(value))


@dataclass(frozen=True)
class Case:
    """One file or source.

    Attributes:
        name: its name in the manifest, plain and unique.
        build: writes it, and returns what the manifest says of it; the same bytes each time.
        codes: codes that its failed checks may have; none for a legal twin, which must pass. With :data:`OK` it may
            pass too.
        skip: why it cannot be built here, if so.
    inapplicable: a refusal is a check that does not apply, as that of inputs which cannot be had.
    """

    name: str
    build: Callable[[Place], Entry]
    codes: frozenset[str] = frozenset()
    skip: str = ""
    inapplicable: bool = False

    @property
    def legal(self) -> bool:
        return not self.codes


def of_bytes(name: str, content: bytes, *codes: str) -> Case:
    """A model file that holds *content*."""

    def build(place: Place) -> Entry:
        path = place.folder / "net.onnx"
        path.write_bytes(content)
        return Entry(path)

    return Case(name, build, frozenset(codes))
