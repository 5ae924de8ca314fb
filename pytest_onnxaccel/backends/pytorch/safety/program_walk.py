"""A walk over an exported program's JSON by the classes that PyTorch reads it into."""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Sequence
from typing import Any

from pytest_onnxaccel.backends.pytorch.safety.program_fields import BY_KEY, KEY_JUDGES, Judge, judge_of
from pytest_onnxaccel.core.errors import ModelError, printable

#: Most levels of graphs in graphs, and of values in them.
_DEPTH = 200
#: Numbers that JSON has no word for, as PyTorch writes them.
_FLOATS = ("Infinity", "-Infinity", "NaN")


class Walk:
    """Walks JSON by PyTorch's own classes for it.

    Args:
        where: the member, for messages.
        trusted: patterns of names that the owner trusts.
    """

    def __init__(self, where: str, trusted: Sequence[str]) -> None:
        self._where, self._trusted, self._depth = where, trusted, 0
        self._hints: dict[type, dict[str, Any]] = {}

    def check(self, kind: Any, value: Any) -> None:
        """Refuse *value* unless it is a *kind* of which every text may be there.

        Raises:
            ModelError: ``E_UNSAFE``, ``E_PARSE`` (another type than declared) or ``E_SIZE``.
        """
        try:
            self._value(kind, value, (kind.__name__, ""))
        except RecursionError:
            raise ModelError("its graphs are nested too deeply", code="E_SIZE", remedy="export it again") from None

    def _value(self, kind: Any, value: Any, field: tuple[str, str]) -> None:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            if value is not None:
                self._value(arguments[0], value, field)
        elif origin is list:
            for one in self._typed(value, list, field):
                self._value(arguments[0], one, field)
        elif origin is dict:
            for key, one in self._typed(value, dict, field).items():
                self._judge(KEY_JUDGES.get(field), key, field)
                self._value(arguments[1], one, (field[0], f"{field[1]}[{key}]" if field in BY_KEY else field[1] + "[]"))
        elif dataclasses.is_dataclass(kind):
            self._object(typing.cast(type, kind), value, field)
        elif kind is str:
            self._judge(judge_of(field), self._typed(value, str, field), field)
        elif kind is float:
            if value not in _FLOATS:
                self._typed(value, (int, float), field)
        elif kind is bool:
            self._typed(value, bool, field)
        elif kind is int or (isinstance(kind, type) and issubclass(kind, enum.IntEnum)):
            if isinstance(self._typed(value, int, field), bool):
                raise self._wrong(field)
        else:
            raise self._unknown(field)

    def _object(self, kind: type, value: Any, field: tuple[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ModelError("its graphs are nested too deeply", code="E_SIZE", remedy="export it again")
        self._typed(value, dict, field)
        if kind.__name__ == "CustomObjArgument":
            cause = f"its {self._where} refers to an object of the class {printable(str(value.get('class_fqn')), 80)}"
            raise ModelError(cause, code="E_UNSAFE", remedy="export the model with tensors alone")
        hints = self._hints.get(kind)
        if hints is None:
            known = vars(sys.modules[kind.__module__])
            hints = self._hints[kind] = typing.get_type_hints(kind, globalns=known)
        own = {one.name for one in dataclasses.fields(kind)}
        if hasattr(kind, "create") and (len(value) != 1 or not set(value) <= own):  # a union holds one of its kinds
            raise self._wrong(field)
        for name, one in value.items():
            if name in own:
                self._value(hints[name], one, (kind.__name__, name))
        self._depth -= 1

    def _judge(self, judge: Judge | None, text: str, field: tuple[str, str]) -> None:
        if judge is None:
            raise self._unknown(field)
        judge(text, self._trusted)

    def _typed(self, value: Any, kind: Any, field: tuple[str, str]) -> Any:
        if not isinstance(value, kind):
            raise self._wrong(field)
        return value

    def _wrong(self, field: tuple[str, str]) -> ModelError:
        cause = f"its {self._where} has another type in {field[0]}.{field[1]} than PyTorch writes"
        return ModelError(cause, code="E_PARSE", remedy="export it again")

    def _unknown(self, field: tuple[str, str]) -> ModelError:
        cause = f"its {self._where} has the field {field[0]}.{field[1]}, which is not known here"
        return ModelError(cause, code="E_UNSAFE", remedy="export it with an older PyTorch")
