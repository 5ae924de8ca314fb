"""What values an input may take, and how it is known: builtins only, safe to carry between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from typing import Any, ClassVar

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Dim

#: A bound or an element: a number, or the name of a dimension (or an expression of names) whose size it is.
Bound = int | float | str


@record(frozen=True)
class Domain:
    """The values that one input may take.

    Attributes:
        name: of the input.
        kind: what the values are, one of :attr:`KINDS`.
        low, high: least and greatest legal value, both inclusive; None where there is no bound. A text is the size
            of the dimension of that name, or of an expression of names.
        exclude: numbers that are not legal: 0 of a divisor.
        points: numbers or texts that tell most: each is drawn where there is room for it.
        choices: only these are legal; empty for no such list.
        exact: the whole array in row-major order, where only that gives the declared outputs; a text is the size of
            a dimension.
        origin: who says so, one of :attr:`ORIGINS`.
        facts: a line for each fact, with the node that gives it: ``indexes 30522 rows in Gather 'embed'``.
        columns: telling numbers or texts by place on the last axis: both sides of the thresholds of a table's column.
        ranges: of columns that have a range of their own, the place on the last axis and both ends, inclusive.
        apart: numbers outside of the two ends that are legal too: an id that stands for nothing.
        ordered: pairs of columns of which the second is never below the first: corners of a box.
        window: of a mask, places that attention looks back at most, its own included: no place has padding alone in it.
        filled: numbers of which whole rows at the end may be: steps of padding.
        never_all: numbers that not all elements may be: labels that a mean does not count.
        levels: numbers next to which all elements of a sample tell: both sides of a limit of their mean.
        near: whole rows of a table, next to which rows tell: support vectors.
    """

    #: number: any; index: rows of a table; mask: 0 and 1, valid first; padding: a mask whose 1 is what is left out;
    #: length: of a sequence; size: sizes of a shape, counts, axes and the like that decide the shape of an output;
    #: text; category: one of a list.
    KINDS: ClassVar[tuple[str, ...]] = ("number", "index", "mask", "padding", "length", "size", "text", "category")
    ORIGINS: ClassVar[tuple[str, ...]] = ("golden", "given", "graph", "name", "search")

    name: str
    kind: str = "number"
    low: Bound | None = None
    high: Bound | None = None
    exclude: tuple[int | float, ...] = ()
    points: tuple[int | float | str, ...] = ()
    choices: tuple[int | float | str, ...] = ()
    exact: tuple[Bound, ...] | None = None
    origin: str = "graph"
    facts: tuple[str, ...] = ()
    columns: tuple[tuple[int | float | str, ...], ...] = ()
    apart: tuple[int | float, ...] = ()
    ranges: tuple[tuple[int, int, int], ...] = ()
    never_all: tuple[int | float, ...] = ()
    filled: tuple[int | float, ...] = ()
    ordered: tuple[tuple[int, int], ...] = ()
    window: int | None = None
    levels: tuple[int | float, ...] = ()
    near: tuple[tuple[float, ...], ...] = ()

    @property
    def open(self) -> bool:
        """It says which numbers tell, and of none that it is not legal but of single ones."""
        listed = self.choices or self.exact or self.columns or self.ranges or self.near
        return self.kind == "number" and self.low is None and self.high is None and not listed

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Domain:
        values = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name in ("exclude", "points", "choices", "facts", "apart", "never_all", "filled", "levels"):
            values[name] = tuple(values.get(name, ()))
        for name in ("columns", "ranges", "ordered", "near"):
            values[name] = tuple(map(tuple, values.get(name, ())))
        if values.get("exact") is not None:
            values["exact"] = tuple(values["exact"])
        return cls(**values)


@record(frozen=True)
class InputFacts:
    """What a graph says of its inputs together.

    Attributes:
        domains: by input name; an input that nothing restricts has none.
        batch: size or name of the batch dimension; None where the inputs carry none.
        axes: axis of the batch by input name; an input that carries no batch is missing.
        plausible: sizes to try for a free dimension, best first: by its name, or by ``input:axis`` where it has none.
        value_shaped: outputs whose sizes hang on values: the inputs that hold those, by output.
        lengths: names of dimensions that are lengths (time, tokens, cache), of which several are tried.
        infinite: outputs that may hold infinities by what the graph says: masks of minus infinity, reductions of
            nothing.
        shares: outputs of a Sigmoid, which engines compute to the last digit of 1 and not of each number.
        longest: rows of the longest table that is read by position, by the input whose length counts the rows.
        whole: outputs that are one number for all samples of a batch, with the node that makes them so.
        weights: numbers that the graph multiplies with: those of matrices and kernels; tables that are looked up in do
            not count; None where nobody counted.
        compared: sizes that a condition tells apart, by the input whose length is compared.
        windows: elements along each axis for what slides over it, by input.
        limited: what the graph computes meets a limit, or chooses, so that loud and quiet inputs tell.
        quantised: it computes in steps of a range that was measured on usual inputs.
    """

    domains: Mapping[str, Domain] = field(default_factory=dict)
    batch: Dim = None
    axes: Mapping[str, int] = field(default_factory=dict)
    plausible: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    value_shaped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lengths: tuple[str, ...] = ()
    infinite: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    longest: Mapping[str, int] = field(default_factory=dict)
    weights: int | None = None
    whole: Mapping[str, str] = field(default_factory=dict)
    compared: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    windows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    limited: bool = False
    quantised: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InputFacts:
        return cls(
            {name: Domain.from_json(item) for name, item in data["domains"].items()},
            data["batch"],
            dict(data["axes"]),
            {name: tuple(sizes) for name, sizes in data["plausible"].items()},
            {name: tuple(inputs) for name, inputs in data["value_shaped"].items()},
            tuple(data["lengths"]),
            tuple(data.get("infinite", ())),
            tuple(data.get("shares", ())),
            dict(data.get("longest", {})),
            data.get("weights"),
            dict(data.get("whole", {})),
            {name: tuple(sizes) for name, sizes in data.get("compared", {}).items()},
            {name: tuple(sizes) for name, sizes in data.get("windows", {}).items()},
            bool(data.get("limited")),
            bool(data.get("quantised")),
        )
