"""What a key and a table of a manifest are described by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Key(NamedTuple):
    """One key of a table.

    Attributes:
        type: what is expected, in words.
        parse: from the TOML value to the value of the spec.
        field: the attribute of the spec that holds it.
        relative: there is a path in it: *parse* also takes the manifest's folder.
    """

    name: str
    type: str
    parse: Callable[..., Any]
    help: str
    example: str
    field: str
    required: bool = False
    relative: bool = False


class Table(NamedTuple):
    """One kind of table; *tables* are the kinds it may hold: by a fixed name, or by any name under it."""

    title: str
    help: str
    keys: tuple[Key, ...] = ()
    tables: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*(key.name for key in self.keys), *self.tables)
