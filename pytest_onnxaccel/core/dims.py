"""Sizes of dimensions by name, and by the expressions of names that exporters write.

An exporter names a free dimension (``batch``), or says how it follows from others: ``past + sequence``, ``2*h``,
``floor(t/4) + 1``. Such a text is parsed, never evaluated as code: it comes from a model file.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

#: Longest text that is looked at as an expression, characters.
_LONGEST = 400
#: Largest number that an expression may have on its way.
_LARGEST = 1 << 40

_Number = Fraction


def _floor(value: _Number) -> _Number:
    return Fraction(math.floor(value))


def _ceil(value: _Number) -> _Number:
    return Fraction(math.ceil(value))


def _modulo(a: _Number, b: _Number) -> _Number:
    return a % b


def _floor_div(a: _Number, b: _Number) -> _Number:
    return Fraction(a // b)


_FUNCTIONS: Mapping[str, Callable[..., _Number]] = {
    "floor": _floor, "ceil": _ceil, "ceiling": _ceil, "trunc": lambda v: Fraction(math.trunc(v)),
    "int": lambda v: Fraction(math.trunc(v)), "abs": abs, "Abs": abs, "min": min, "max": max, "Min": min, "Max": max,
    "Mod": _modulo, "PythonMod": _modulo, "FloorDiv": _floor_div, "CleanDiv": _floor_div,
    "CeilDiv": lambda a, b: Fraction(-(-a // b)), "FloorToInt": _floor, "CeilToInt": _ceil, "TruncToInt": _floor,
    "IntTrueDiv": lambda a, b: a / b,
}  # fmt: skip

_OPERATORS: Mapping[type[ast.operator], Callable[[_Number, _Number], _Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: _floor_div,
    ast.Mod: _modulo,
}


@lru_cache(maxsize=1024)
def _parsed(dim: str) -> ast.expr | None:
    """Return the expression that *dim* is; None for what is only a name."""
    text = dim.strip()
    if not text or len(text) > _LONGEST or text.isidentifier():
        return None
    try:
        found = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found if not isinstance(found, ast.Name) and _is_arithmetic(found, 0) else None


def _is_arithmetic(node: ast.expr, depth: int) -> bool:
    if depth > 50:
        return False
    match node:
        case ast.Constant(value=value):
            return type(value) is int or (type(value) is float and math.isfinite(value))
        case ast.Name():
            return True
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _is_arithmetic(operand, depth + 1)
        case ast.BinOp(left=left, op=op, right=right):
            known = type(op) in _OPERATORS or _power(op, right) is not None
            return known and _is_arithmetic(left, depth + 1) and _is_arithmetic(right, depth + 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return name in _FUNCTIONS and bool(args) and all(_is_arithmetic(item, depth + 1) for item in args)
    return False


def _power(op: ast.operator, right: ast.expr) -> int | None:
    """Return a small whole exponent; None for anything else."""
    if isinstance(op, ast.Pow) and isinstance(right, ast.Constant) and type(right.value) is int and right.value < 4:
        return right.value if right.value >= 0 else None
    return None


def is_expression(dim: str) -> bool:
    """Return whether *dim* is arithmetic on names rather than a name by itself.

    A number in quotes is arithmetic too.
    """
    return _parsed(dim) is not None


@lru_cache(maxsize=1024)
def names_in(dim: str) -> tuple[str, ...]:
    """Return the names that the size *dim* follows from, each once: of a plain name, itself."""
    found = _parsed(dim)
    if found is None:
        return (dim,)
    functions = {id(node.func) for node in ast.walk(found) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(found) if isinstance(node, ast.Name) and id(node) not in functions]
    return tuple(dict.fromkeys(node.id for node in sorted(names, key=lambda node: node.col_offset)))


def evaluate(dim: str, sizes: Mapping[str, int]) -> int | None:
    """Return the size *dim*, from the *sizes* of names.

    A name that is in *sizes* as it stands has that size, also where it could be read as an expression. A division
    that leaves a rest is rounded down, as the tools do that write them.

    Returns:
        None where a name has no size yet, or the result is not a size.
    """
    if dim in sizes:
        return sizes[dim]
    found = _parsed(dim)
    if found is None:
        return None
    try:
        value = math.floor(_value(found, sizes))
    except (KeyError, ZeroDivisionError, OverflowError, TypeError, ValueError):
        return None
    return value if 0 <= value <= _LARGEST else None


def _value(node: ast.expr, sizes: Mapping[str, int]) -> _Number:
    match node:
        case ast.Constant(value=int() | float() as value):
            found = Fraction(value)
        case ast.Name(id=name):
            found = Fraction(sizes[name])
        case ast.UnaryOp(op=op, operand=operand):
            found = -_value(operand, sizes) if isinstance(op, ast.USub) else _value(operand, sizes)
        case ast.BinOp(left=left, op=op, right=right):
            power = _power(op, right)
            if power is not None:
                found = _value(left, sizes) ** power
            else:
                found = _OPERATORS[type(op)](_value(left, sizes), _value(right, sizes))
        case ast.Call(func=ast.Name(id=name), args=args):
            found = Fraction(_FUNCTIONS[name](*(_value(item, sizes) for item in args)))
        case _:
            raise ValueError("not arithmetic")
    if abs(found) > _LARGEST:
        raise OverflowError("too large for a size")
    return found


def base_names(dims: Sequence[str]) -> tuple[str, ...]:
    """Return the names that must be given a size so that each of *dims* has one, in the order of their first use.

    A text with a hyphen between letters (``batch-size``) is a name, unless what stands on both sides of it are names
    of dimensions as well.
    """
    plain = {dim for dim in dims if not is_expression(dim)}
    found: dict[str, None] = {}
    for dim in dims:
        found.update(dict.fromkeys([dim] if is_name(dim, plain) else names_in(dim)))
    return tuple(found)


def is_name(dim: str, plain: set[str]) -> bool:
    """Return whether *dim* stands for itself. *plain*: the other dimensions that do."""
    if not is_expression(dim):
        return True
    # "batch-size" is what people call a dimension; exporters write spaces, brackets, or names that they know
    names = names_in(dim)
    return len(names) > 1 and not any(c in dim for c in " ()*+") and not all(name in plain for name in names)
