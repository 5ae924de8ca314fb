"""Frozen dataclasses that cost a tenth to define.

The standard decorator compiles six methods for each class, 0.7 ms of every start; a run has some eighty of them in two
interpreters, and all of its quick checks should not take twice as long as a script. These share one set of methods.
Everything else of :mod:`dataclasses` works on them: ``field``, ``fields``, ``replace``, ``asdict``, inheritance.
``inspect.signature`` shows their fields, made up when it is asked. A string for a field that is a tuple is refused,
for its letters would be taken one by one.
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
        inherits = any(hasattr(base, "__dataclass_params__") for base in cls.__bases__)
        cls = dataclass(init=False, repr=False, eq=False, frozen=inherits)(cls)
        cls.__dataclass_params__.frozen = True  # who inherits from it must be frozen, as type checkers say
        for name, method in _METHODS.items():
            if name not in own:
                setattr(cls, name, method)
        found = fields(cls)
        cls._record = tuple((f.name, f.default, f.default_factory, f.init) for f in found)
        cls._compared = tuple(f.name for f in found if f.compare)
        cls._listed = tuple(f.name for f in found if f.type.__class__ is str and f.type.startswith(_LISTS))
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
            raise TypeError(_surplus(type(self), left, next(iter(named), "")))
        for name in self._listed:
            if state.get(name).__class__ is str:
                message = f"{type(self).__name__}(): {name} is the text {state[name]!r}, not several values"
                raise TypeError(f"{message}; write {name}=({state[name]!r},)")
        after = getattr(self, "__post_init__", None)
        if after is not None:
            after()

    def _surplus(cls, left, name):
        """Return the message for *left* positional arguments too many, or for *name*, which is not a field."""
        from difflib import get_close_matches

        if not name:
            return f"{cls.__name__}() got more positional arguments than it has fields, by {left}"
        near = get_close_matches(name, [f.name for f in fields(cls) if f.init], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{cls.__name__}() got an unexpected argument {name!r}{hint}"

    class _Signature:
        """``__signature__`` of a class, which :mod:`inspect` asks for."""

        def __get__(self, instance, cls):
            if instance is not None or cls.__init__ is not _init:
                raise AttributeError("__signature__")
            from inspect import Parameter, Signature

            return Signature(
                [
                    Parameter(
                        f.name,
                        Parameter.POSITIONAL_OR_KEYWORD,
                        default=_FACTORY if f.default_factory is not MISSING else _none(f.default, Parameter.empty),
                        annotation=f.type,
                    )
                    for f in fields(cls)
                    if f.init
                ],
                return_annotation=None,
            )

    class _Factory:
        """Stands for a default that a function makes."""

        def __repr__(self):
            return "<factory>"

    def _none(default, empty):
        return empty if default is MISSING else default

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

    #: How the types of fields begin that hold several values.
    _LISTS = ("tuple[", "frozenset[")
    _FACTORY = _Factory()
    _METHODS = {
        "__init__": _init,
        "__repr__": _repr,
        "__eq__": _eq,
        "__hash__": _hash,
        "__setattr__": _setattr,
        "__delattr__": _delattr,
        "__signature__": _Signature(),
    }
