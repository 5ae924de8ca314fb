"""Frozen dataclasses that cost a tenth to define.

The standard decorator compiles six methods for each class, 0.7 ms of every start; a run has some eighty of them in two
interpreters, and all of its quick checks should not take twice as long as a script. These share one set of methods.
Everything else of :mod:`dataclasses` works on them: ``field``, ``fields``, ``replace``, ``asdict``, inheritance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import MISSING, FrozenInstanceError, dataclass, fields

    def record(*, frozen):
        """``dataclass(frozen=True)``; type checkers take it for just that."""
        assert frozen, "only frozen classes share their methods"
        return _made

    def _made(cls):
        own = set(vars(cls)) - ({"__hash__"} if vars(cls).get("__hash__") is None else set())
        cls = dataclass(init=False, repr=False, eq=False)(cls)
        for name, method in _METHODS.items():
            if name not in own:
                setattr(cls, name, method)
        cls._record = tuple((f.name, f.default, f.default_factory, f.init) for f in fields(cls))
        cls._compared = tuple(f.name for f in fields(cls) if f.compare)
        return cls

    def _init(self, *given, **named):
        state = self.__dict__
        taken = iter(given)
        left = len(given)
        for name, default, factory, wanted in self._record:
            if wanted and left:
                left -= 1
                if name in named:
                    raise TypeError(f"{type(self).__name__}() got multiple values for argument {name!r}")
                state[name] = next(taken)
            elif wanted and name in named:
                state[name] = named.pop(name)
            elif default is not MISSING:
                state[name] = default
            elif factory is not MISSING:
                state[name] = factory()
            elif wanted:
                raise TypeError(f"{type(self).__name__}() missing required argument: {name!r}")
        if left or named:
            extra = repr(next(iter(named))) if named else f"{left} positional"
            raise TypeError(f"{type(self).__name__}() got unexpected arguments: {extra}")
        after = getattr(self, "__post_init__", None)
        if after is not None:
            after()

    def _repr(self):
        shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__qualname__}({shown})"

    def _values(self):
        return tuple(getattr(self, name) for name in self._compared)

    def _eq(self, other):
        return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash(_values(self))

    def _setattr(self, name, value):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def _delattr(self, name):
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    _METHODS = {
        "__init__": _init,
        "__repr__": _repr,
        "__eq__": _eq,
        "__hash__": _hash,
        "__setattr__": _setattr,
        "__delattr__": _delattr,
    }
