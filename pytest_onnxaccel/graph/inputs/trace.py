"""Where a value inside a graph comes from: elements of an input, moved about and perhaps scaled, or a constant."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.flow.curves import Curve

#: Constants of more elements are known by their shape alone.
MOST_ELEMENTS = 1 << 16
#: A value that is put together of more inputs than these is not followed.
MOST_TRACES = 16
#: Tables of more columns are not followed column by column.
MOST_COLUMNS = 4096


_Record = TypeVar("_Record")


def _copied(one: _Record, changed: dict[str, Any]) -> _Record:
    """Return a copy with other fields: a walk makes several for each node, a twentieth as dear as ``replace``."""
    made = object.__new__(one.__class__)
    object.__setattr__(made, "__dict__", one.__dict__ | changed)
    return made


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Return all names of *sets*: mostly the same few ones, which need not be put together again."""
    found: frozenset[str] = frozenset()
    for names in sets:
        if names and names is not found:
            found = found | names if found else names
    return found


@record(frozen=True)
class Column:
    """Column *place* of a table is ``scale * column + offset``, of column *source* of an input."""

    place: int
    source: int
    scale: float = 1.0
    offset: float = 0.0

    def with_(self, **changed: Any) -> Column:
        """Return a copy with other fields."""
        return _copied(self, changed)


@record(frozen=True)
class Trace:
    """Elements of an input: ``scale * input + offset``.

    Attributes:
        ordered: its axes are the input's own, none of them moved, split or joined.
        columns: of its last axis, where they were scaled, joined or chosen one by one; None where they were not.
        whole: it is the input in its own order and with all its elements, perhaps in another shape.
        cast: the element type that it was last cast to; 0 where it was not.
        guarded: a condition on the input itself, or a limit, replaces some of its values before they are read.
        column: its elements are those of one column of the input; None where they are not.
        turns: it counts the turns of a loop, of which the input says how many there are.
        least, most: limits that replaced what was past them; None where there is none.
    """

    input: str
    scale: float = 1.0
    offset: float = 0.0
    whole: bool = True
    cast: int = 0
    ordered: bool = True
    columns: tuple[Column, ...] | None = None
    guarded: bool = False
    column: int | None = None
    turns: bool = False
    least: float | None = None
    most: float | None = None

    def with_(self, **changed: Any) -> Trace:
        """Return a copy with other fields."""
        return _copied(self, changed)

    def moved(self, whole: bool = False) -> Trace:
        """Return the elements in another order, or some of them; *whole*: all of them, in another shape."""
        return self.with_(whole=self.whole and whole, ordered=False, columns=())

    def negated(self) -> Trace:
        """Return the elements with the other sign."""
        columns = self.columns and tuple(c.with_(scale=-c.scale, offset=-c.offset) for c in self.columns)
        return self.with_(scale=-self.scale, offset=-self.offset, columns=columns, least=None, most=None)

    def back(self, value: float) -> float:
        """Return the input's value that gives *value*; not for a *scale* of 0, where each column has its own."""
        return (value - self.offset) / self.scale

    @property
    def plain(self) -> bool:
        """Its values are the input's own."""
        return self.scale == 1.0 and self.offset == 0.0


@record(frozen=True)
class Window:
    """What is known of numbers that count up, and of what compares them.

    Attributes:
        back: they are less by this.
        distance: it is how far two of them lie apart.
        most: it is a flag: so many places, the own one included, are seen at most.
    """

    back: int = 0
    distance: bool = False
    most: int | None = None


@record(frozen=True)
class Value:
    """What is known of one value of a graph.

    Attributes:
        traces: what its elements are of inputs; empty where they are computed otherwise.
        constant: its elements, of a small constant.
        shape: its sizes, None for those that are not known; None where the rank is not.
        by: inputs whose values it depends on in any way; what depends on their shapes alone does not count.
        sized_by: inputs whose values its shape depends on.
        shape_of: the input whose shape, or a part of it, this holds, or numbers that count up to it.
        window: of numbers that count up, or of flags that compare them, how far they look back.
        sizes: of a shape, or of how many elements an input has: the sizes that are counted; None where that is open.
        count: of a number that counts a length of *shape_of*, what that is multiplied with and what is added.
        elem_type: of ONNX; 0 where it is not known.
        inverted: the traces of a mask that this is the complement of.
        summed: the traces of what was added up to give it.
        terms: the traces of several inputs whose sum it is.
        gap: what it is the difference of, two columns of one input: the second is taken off the first.
        table: the constant of which it holds some elements, chosen by what is fed.
        curves: of a function of an input, how it goes back to that.
        equal: of a flag, the elements that it says are a number, or are not, with that number.
        infinite: it may hold infinities: constants of the graph that are infinite, or reductions of nothing.
        share: it comes out of a Sigmoid, moved or averaged and nothing else.
    """

    traces: tuple[Trace, ...] = ()
    constant: Any = None
    shape: tuple[int | str | None, ...] | None = None
    by: frozenset[str] = frozenset()
    sized_by: frozenset[str] = frozenset()
    shape_of: str = ""
    window: Window | None = None
    sizes: tuple[int | str | None, ...] | None = None
    count: tuple[float, float] = (1.0, 0.0)
    elem_type: int = 0
    inverted: tuple[Trace, ...] = ()
    summed: tuple[Trace, ...] = ()
    terms: tuple[Trace, ...] = ()
    gap: tuple[Trace, Trace] | None = None
    table: Value | None = None
    curves: tuple[Curve, ...] = ()
    equal: tuple[tuple[Trace, float], ...] = ()
    infinite: bool = False
    share: bool = False

    def with_(self, **changed: Any) -> Value:
        """Return a copy with other fields."""
        return _copied(self, changed)

    @property
    def fed(self) -> bool:
        """Inputs decide what it is, by their values or by their shapes."""
        return bool(self.by or self.sized_by or self.shape_of)

    @property
    def blank(self) -> bool:
        """Nothing that operators hand on is known of its elements."""
        return not (self.traces or self.inverted or self.shape_of or self.elem_type)

    @property
    def scalar(self) -> float | None:
        """The one number that a constant holds."""
        if self.constant is None or self.constant.size != 1 or self.constant.dtype.kind not in "fiub":
            return None
        return float(self.constant.reshape(-1)[0])

    @property
    def rows(self) -> int | None:
        """Size of axis 0."""
        return self.size(0)

    def size(self, axis: int) -> int | None:
        """Return the size of *axis*, where it is known."""
        if self.shape is None or not -len(self.shape) <= axis < len(self.shape):
            return None
        found = self.shape[axis]
        return found if isinstance(found, int) else None


UNKNOWN = Value()


@lru_cache(maxsize=1024)
def computed(
    by: frozenset[str], sized_by: frozenset[str] = frozenset(), shape: tuple[int | str | None, ...] | None = None
) -> Value:
    """Return the value of which no more is known: most of a network's are, and alike, so they are made once."""
    return UNKNOWN.with_(by=by, sized_by=sized_by, shape=shape)


def constant(array: Any) -> Value:
    """Return the value of a constant *array*."""
    return UNKNOWN.with_(constant=array if array.size <= MOST_ELEMENTS else None, shape=tuple(array.shape))
