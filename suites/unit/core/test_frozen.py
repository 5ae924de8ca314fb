"""Our frozen classes do what the standard ones do."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import pytest

from pytest_onnxaccel.core.frozen import record


@record(frozen=True)
class Ours:
    """Every kind of field."""

    kind: ClassVar[str] = "kind"
    name: str
    size: int = 1
    many: tuple[int, ...] = field(default_factory=lambda: (1, 2))
    note: str = field(default="", compare=False, repr=False)

    @cached_property
    def doubled(self) -> int:
        return 2 * self.size


@dataclass(frozen=True)
class Standard:
    """The same."""

    kind: ClassVar[str] = "kind"
    name: str
    size: int = 1
    many: tuple[int, ...] = field(default_factory=lambda: (1, 2))
    note: str = field(default="", compare=False, repr=False)


@record(frozen=True)
class Narrow(Ours):
    """With a field more, and a rule."""

    limit: int = 3

    def __post_init__(self) -> None:
        if self.size > self.limit:
            raise ValueError(f"{self.size} is past {self.limit}")


CALLS: list[Callable[[Any], Any]] = [
    lambda cls: cls("a"),
    lambda cls: cls("a", 2),
    lambda cls: cls("a", size=2, many=(3,)),
    lambda cls: cls(name="a", note="n"),
]


@pytest.mark.parametrize("call", CALLS)
def test_fields_are_filled_as_by_the_standard_decorator(call: Callable[[Any], Any]) -> None:
    ours, standard = call(Ours), call(Standard)
    assert asdict(ours) == asdict(standard)
    assert repr(ours) == repr(standard).replace("Standard", "Ours")
    assert ours == call(Ours)
    assert ours != standard
    assert hash(ours) == hash(call(Ours))
    assert [f.name for f in fields(ours)] == [f.name for f in fields(standard)]


@pytest.mark.parametrize(
    "call",
    [
        lambda cls: cls(),
        lambda cls: cls("a", 1, (), "n", 5),
        lambda cls: cls("a", name="b"),
        lambda cls: cls("a", other=1),
    ],
)
def test_wrong_arguments_are_wrong(call: Callable[[Any], Any]) -> None:
    for cls in (Ours, Standard):
        with pytest.raises(TypeError):
            call(cls)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Ours("a", sise=1), r"Ours\(\) got an unexpected argument 'sise'; did you mean 'size'\?$"),
        (lambda: Ours("a", zzz=1), r"Ours\(\) got an unexpected argument 'zzz'$"),
        (lambda: Ours("a", 1, (), "n", 5), "more positional arguments than it has fields, by 1"),
        (lambda: Ours("a", many="12"), r"Ours\(\): many is the text '12', not several values; write many=\('12',\)"),
        (lambda: replace(Narrow("a"), many="12"), r"Narrow\(\): many is the text '12'"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call()


def test_the_signature_shows_the_fields() -> None:
    assert str(inspect.signature(Ours)) == str(inspect.signature(Standard))
    assert str(inspect.signature(Narrow)) == str(inspect.signature(Standard)).replace(") ->", ", limit: 'int' = 3) ->")


def test_the_signature_of_a_class_with_its_own_init_is_that_one() -> None:
    @record(frozen=True)
    class Own:
        name: str

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "name", text.upper())

    assert str(inspect.signature(Own)) == "(text: 'str') -> 'None'"
    assert Own("a").name == "A"


def test_a_standard_frozen_class_may_inherit() -> None:
    @dataclass(frozen=True)
    class Mine(Ours):
        extra: int = 0

    assert Mine("a", extra=2).extra == 2
    assert list(inspect.signature(Mine).parameters) == ["name", "size", "many", "note", "extra"]


def test_a_class_that_is_not_frozen_may_not_inherit() -> None:
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):

        @dataclass
        class Mine(Ours):  # type: ignore[misc]
            extra: int = 0


def test_what_is_not_compared_does_not_count() -> None:
    assert Ours("a", note="x") == Ours("a", note="y")
    assert len({Ours("a", note="x"), Ours("a", note="y"), Ours("b")}) == 2


def test_frozen() -> None:
    one = Ours("a")
    with pytest.raises(FrozenInstanceError):
        one.size = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del one.size
    assert one.doubled == 2


def test_tools_of_the_standard_library() -> None:
    one = Narrow("a", 2)
    assert is_dataclass(one)
    assert replace(one, size=3).doubled == 6
    assert copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    match one:
        case Narrow(name, size):
            assert (name, size) == ("a", 2)


def test_a_rule_holds_for_copies_too() -> None:
    with pytest.raises(ValueError, match="4 is past 3"):
        replace(Narrow("a"), size=4)


def test_methods_of_the_class_itself_stay() -> None:
    @record(frozen=True)
    class Told:
        name: str

        def __repr__(self) -> str:
            return "told"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 5

    assert (repr(Told("a")), Told("a") == Told("b"), hash(Told("a"))) == ("told", True, 5)
