"""Which checks an entry of ``known_failures`` stands for: the ids are those that pytest gives."""

from __future__ import annotations

from typing import ClassVar

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.testing import BackendConformance as Backends
from pytest_onnxaccel.testing import SourceConformance as Sources
from pytest_onnxaccel.testing import known_failures

KITS = {"backends": Backends, "sources": Sources}
# pytest would collect them here
del Backends, Sources


def _thing() -> None: ...


class Parametrized:
    @pytest.mark.parametrize("size", [1, 2.5, None, True])
    @pytest.mark.parametrize("how", ["a b", pytest.param("c", id="see"), _thing, {"k": 1}])
    def test_two(self) -> None: ...

    @pytest.mark.parametrize(("x", "y"), [(1, "b"), pytest.param(2, [3]), ("c", 4)], ids=[None, None, "third"])
    def test_pairs(self) -> None: ...

    @pytest.mark.parametrize("x", argvalues=[[1, 2], "b"], ids=lambda x: x.upper() if x == "b" else None)
    def test_called(self) -> None: ...

    def test_plain(self) -> None: ...


def _names(cls: type) -> set[str]:
    return {name for key in dir(cls) if key.startswith("test") for name in known_failures._ids(cls, key)}


def test_ids_are_those_of_pytest(pytester: pytest.Pytester) -> None:
    lines = ["import suites.unit.api.test_known_failures as it", "class TestIt(it.Parametrized):"]
    lines += [
        "    def test_two(self, size, how): pass",
        "    def test_pairs(self, x, y): pass",
        "    def test_called(self, x): pass",
        "    for name in ('test_two', 'test_pairs', 'test_called'):",
        "        locals()[name].pytestmark = getattr(it.Parametrized, name).pytestmark",
    ]
    for name in KITS:
        lines += [f"class Test{name}(it.KITS[{name!r}]):", "    make = None"]
    module = pytester.getmodulecol("\n".join(lines))
    collected: dict[str, set[str]] = {}
    for item in pytester.genitems([module]):
        assert isinstance(item, pytest.Function)
        assert item.cls is not None
        collected.setdefault(item.cls.__name__, set()).add(item.name)
    assert collected["TestIt"] == _names(Parametrized)
    for name, kit in KITS.items():
        assert collected[f"Test{name}"] == _names(kit)
        assert len(_names(kit)) > 8


@pytest.mark.parametrize(
    ("name", "check", "stands"),
    [
        ("test_computes", "test_computes[add]", True),
        ("test_computes[add]", "test_computes[add]", True),
        ("test_computes[add]", "test_computes[bad]", False),
        ("test_comp*", "test_computes[add]", True),
        ("test_*[add]", "test_computes[add]", True),
        ("test_*[add]", "test_computes[where_bool]", False),
        ("test_compute", "test_computes[add]", False),
        ("test_c.mputes", "test_computes[add]", False),
    ],
)
def test_an_entry_stands_for(name: str, check: str, stands: bool) -> None:
    assert known_failures.expected({name: "why"}, check) == ((name, "why") if stands else None)


def test_the_first_entry_counts() -> None:
    known = {"test_computes[add]": "one", "test_computes": "two"}
    assert known_failures.expected(known, "test_computes[add]") == ("test_computes[add]", "one")
    assert known_failures.expected(known, "test_computes[bad]") == ("test_computes", "two")


def test_a_class_with_entries_for_its_checks_is_made() -> None:
    class Right(KITS["backends"]):  # type: ignore[misc]
        known_failures: ClassVar = {
            "test_times": "no clock",
            "test_*[gather_int64]": "no int64",
            "test_never[alters*": "copies",
        }

    assert len(Right.known_failures) == 3


def test_entries_are_inherited_and_may_be_left_out() -> None:
    class Right(KITS["backends"]):  # type: ignore[misc]
        known_failures: ClassVar = {"test_times": "no clock"}

    class Better(Right):
        known_failures: ClassVar = {}

    assert not Better.known_failures


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, "is None, not a dictionary"),
        (["test_times"], "is ['test_times'], not a dictionary"),
        ({"test_time": "x"}, "no check is called 'test_time' - did you mean 'test_times'?"),
        ({"test_computes[ad]": "x"}, "no check is called 'test_computes[ad]' - did you mean 'test_computes[add]'?"),
        ({"zzz*": "x"}, "no check is called 'zzz*' - known: test_computes"),
        ({"test_times": " "}, "'test_times' has no reason, but ' '"),
        ({1: "x"}, "1 is not the name of a check"),
    ],
)
def test_a_class_with_other_entries_is_refused(known: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        type("Wrong", (KITS["backends"],), {"known_failures": known})
    assert f"known_failures of Wrong{'' if 'dictionary' in said else ':'} {said}" in str(caught.value)
    assert "\n" not in str(caught.value)
