"""A manifest as tables: its TOML, its keys by their schema, and where an error is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pytest_onnxaccel.config.schema import model_tables as keys
from pytest_onnxaccel.config.schema.key import Table
from pytest_onnxaccel.config.toml_positions import dotted, line_of
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup.registry import nearest

#: Where a table or key is: its names from the top.
Place = tuple[str, ...]


@record(frozen=True)
class Tables:
    """One manifest: its name for messages, its folder for relative paths, its text for line numbers."""

    name: str
    folder: Path
    text: str

    def _values(self, kind: Table, at: Place, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parsed keys of *table* by the field that they fill."""
        self._known(kind, at, table)
        values: dict[str, Any] = {}
        for key in kind.keys:
            if key.name in table:
                try:
                    parse = partial(key.parse, folder=self.folder) if key.relative else key.parse
                    values[key.field] = parse(table[key.name])
                except ConfigError as error:
                    cause = f"{key.name} in [{dotted(at)}]: {error.cause}"
                    raise self._error((*at, key.name), cause, error.remedy) from None
            elif key.required:
                remedy = f"add {key.name} = {key.example}"
                raise self._error(at, f"[{dotted(at)}] has no {key.name}", remedy)
        return values

    def _known(self, kind: Table, at: Place, table: Mapping[str, Any]) -> None:
        """Refuse the first key that *kind* does not have."""
        for name, value in table.items():
            if name not in kind.names:
                remedy = nearest(name, kind.names)
                if kind is keys.MODEL and isinstance(value, dict) and "path" in value:
                    remedy = f'quote a name with a dot: [models."{at[-1]}.{name}"]'
                where = f"[{dotted(at)}]" if at else "the manifest's top level"
                raise self._error((*at, name), f"{name!r} is not a key of {where}", remedy)

    def _sub(self, at: Place, table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        return self._table(table, (*at, name))

    def _table(self, parent: Mapping[str, Any], at: Place) -> Mapping[str, Any]:
        """Return the table under the last part of *at*; an empty one when it is left out."""
        value = parent.get(at[-1], {})
        if not isinstance(value, dict):
            example = dotted(at) + (".NAME" if at in (("models",), ("preprocessing",), ("fold_in",)) else "")
            raise self._error(at, f"{dotted(at)} is {value!r}", f"expected a table such as [{example}]")
        return value

    def _load(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text + "\n")  # an error at the very end has no line number
        except tomllib.TOMLDecodeError as error:
            message, line = str(error), 0
            if match := re.search(r" \(at line (\d+), column \d+\)$", message):
                message, line = message[: match.start()], int(match[1])
            subject = f"{self.name}:{line}" if line else self.name
            if line and ("overwrite" in message or message.endswith("twice")):
                again = self.text.splitlines()[line - 1].strip()
                raise ConfigError(f"given a second time: {again}", subject=subject, remedy="keep one") from None
            raise ConfigError(f"not TOML: {message}", subject=subject, remedy="fix the line") from None

    def _origin(self, at: Place) -> str:
        return f"{self.name} [{dotted(at)}]"

    def _error(self, at: Place, cause: str, remedy: str) -> ConfigError:
        return ConfigError(cause, subject=f"{self.name}:{line_of(self.text, at)}", remedy=remedy)
