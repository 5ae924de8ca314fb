"""Sizes and guards of an exported program, which PyTorch evaluates as Python: parsed, and nothing but arithmetic."""

from __future__ import annotations

import ast
import re

from pytest_onnxaccel.backends.name_lists import listed

#: Functions of sympy and of torch.utils._sympy that write sizes.
_SYMPY = listed(
    """
    Abs Add And BooleanFalse BooleanTrue CeilDiv CeilToInt CleanDiv Equality Eq Float FloatPow FloatTrueDiv FloorDiv
    FloorToInt Ge GreaterThan Gt ITE Identity IntTrueDiv Integer IsNonOverlappingAndDenseIndicator LShift Le LessThan
    Lt Max Min Mod ModularIndexing Mul Ne Not Or PowByNatural Pow PythonMod RShift Rational RoundDecimal RoundToInt
    StrictGreaterThan StrictLessThan Symbol ToFloat TruncToFloat TruncToInt Unequality Where ceiling floor log sqrt
    """
)
#: What it says of a symbol or of a number.
_KEYWORDS = listed(
    """
    even integer negative nonnegative nonpositive nonzero odd positive precision real zero
    """
)
#: Texts that functions take.
_TEXTS = {
    "Symbol": re.compile(r"[A-Za-z_]\w{0,40}", re.ASCII),
    "Float": re.compile(r"[-+]?[0-9.]{1,60}(e[-+]?\d{1,4})?", re.ASCII),
}
_SYMBOL = re.compile(r"[a-z]{1,4}\d{1,6}", re.ASCII)
_CONSTANTS = frozenset({"true", "false", "True", "False", "oo", "int_oo"})
_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd, ast.Not, ast.BitAnd,
    ast.BitOr, ast.Invert, ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_COMPOUND = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Load)
_POWERS = frozenset({"Pow", "FloatPow", "PowByNatural", "LShift"})
#: Largest power of anything, powers of powers multiplied: beyond it sympy would compute for ever.
_DEGREE = 512
#: Longest expression, in characters.
_LENGTH = 100_000
_GUARD_CALLS = listed(
    """
    size stride storage_offset isnan isinf sym_max sym_min sym_ite sym_not max min
    """
)
_GUARD_NAMES = frozenset({"L", "math", "torch", "inf"})


def is_arithmetic(text: str) -> bool:
    """Return whether *text* is a size as PyTorch writes them: arithmetic on symbols, and nothing else."""
    tree = _parsed(text)
    if tree is None:
        return False
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    spoken = {id(one) for call in calls for one in call.args if _is_text_of(call, one)}
    try:
        return all(_computes(node, spoken) for node in ast.walk(tree)) and _degree(tree) <= _DEGREE
    except RecursionError:
        return False


def is_guard(text: str) -> bool:
    """Return whether *text* compares sizes of the inputs, which stand in ``L``."""
    tree = _parsed(text)
    return tree is not None and all(_guards(node) for node in ast.walk(tree))


def is_symbol(text: str) -> bool:
    """Return whether *text* is the name of a symbol, such as ``s77``."""
    return _SYMBOL.fullmatch(text) is not None


def _parsed(text: str) -> ast.expr | None:
    # sympy drops new lines and takes names outside of ASCII for others than Python does
    if not text.isascii() or not text.isprintable() or len(text) > _LENGTH:
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_text_of(call: ast.Call, node: ast.expr) -> bool:
    legal = _TEXTS.get(getattr(call.func, "id", ""))
    value = getattr(node, "value", None)
    return legal is not None and isinstance(value, str) and legal.fullmatch(value) is not None


def _computes(node: ast.AST, spoken: set[int]) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _SYMPY
    if isinstance(node, ast.Name):
        return node.id in _SYMPY or node.id in _CONSTANTS or is_symbol(node.id)
    if isinstance(node, ast.keyword):
        return node.arg in _KEYWORDS and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return id(node) in spoken
        return isinstance(node.value, (bool, float)) or (isinstance(node.value, int) and abs(node.value) < 1 << 64)
    return isinstance(node, (*_COMPOUND, *_OPERATORS))


def _degree(node: ast.AST) -> float:
    """Return the highest power that *node* raises anything to."""
    below = max((_degree(child) for child in ast.iter_child_nodes(node)), default=1.0)
    power: ast.expr | None = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        power = node.right
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in _POWERS and len(node.args) > 1:
        power = node.args[1]
    if power is None:
        return below
    product = below
    for one in ast.walk(power):
        if isinstance(one, ast.Constant) and isinstance(one.value, (int, float)):
            product *= max(1.0, abs(float(one.value)))
    return product


def _guards(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in _GUARD_CALLS or name in _SYMPY
    if isinstance(node, ast.Attribute):
        return node.attr in _GUARD_CALLS or node.attr in ("inf", "nan", "shape")
    if isinstance(node, ast.Name):
        return node.id in _GUARD_NAMES or node.id in _GUARD_CALLS or node.id in _SYMPY
    if isinstance(node, ast.Constant):
        return node.value is None or isinstance(node.value, (bool, int, float, str))
    return isinstance(node, (*_COMPOUND, *_OPERATORS, ast.Subscript, ast.Is, ast.IsNot))
