"""Legal sources of many kinds: none is refused, and each gives what the model gave before it was saved."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_corpus import PROGRAMS, SCRIPTS, STATES

from pytest_onnxaccel.backends.pytorch.load import load_source
from pytest_onnxaccel.backends.pytorch.safety.allowed import (
    attribute_computes,
    may_trust_operator,
    operator_computes,
    target_computes,
)
from pytest_onnxaccel.backends.pytorch.safety.pickles import weights_only
from pytest_onnxaccel.backends.pytorch.safety.program_scan import check_program
from pytest_onnxaccel.backends.pytorch.safety.program_sizes import is_arithmetic, is_guard
from suites.convert.conftest import HERE


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_script_is_loaded(tmp_path: Path, kind: str) -> None:
    SCRIPTS[kind](tmp_path / "net.pt")
    loaded = load_source(str(tmp_path / "net.pt"), "torchscript")
    assert isinstance(loaded.module, torch.jit.ScriptModule)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_program_is_loaded(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "net.pt2")
    PROGRAMS[kind](Path(path))
    if kind == "conv-training":  # legal, and refused for another reason: it cannot be compared
        check_program(path)
        return
    loaded = load_source(path, "exported")
    assert loaded.program is not None
    given: Any = loaded.program.example_inputs
    with torch.no_grad(), warnings.catch_warnings():
        loaded.module(*given[0], **given[1])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", STATES)
def test_weights_are_loaded(tmp_path: Path, kind: str) -> None:
    make, trusted = STATES[kind]
    make(tmp_path / "net.pth")
    assert weights_only(str(tmp_path / "net.pth"), (HERE,), trusted) is not None


def test_the_corpus_is_large() -> None:
    assert len(SCRIPTS) + len(PROGRAMS) + len(STATES) >= 50


def test_which_operators_of_pytorch_do_not_compute() -> None:
    """The rule by schemas, held against all operators of this PyTorch: what takes a file's name must not pass."""
    schemas = torch._C._jit_get_all_schemas()
    refused, files = set(), set()
    for schema in schemas:
        namespace, _, name = schema.name.partition("::")
        allowed = operator_computes(namespace, name, schema.overload_name or "default")
        if namespace == "aten" and not allowed:
            refused.add(name)
        texts = [argument.name for argument in schema.arguments if "str" in str(argument.type)]
        if any(word in text for text in texts for word in ("file", "path", "url", "host", "dir")):
            files.add(schema.name)
            assert not allowed, schema
    assert {"aten::save", "aten::from_file"} <= files
    remote = {"to_here", "local_value", "owner", "owner_name", "is_owner", "confirmed_by_owner"}
    assert refused <= {"save", "from_file", "record_stream", *remote}
    assert len(refused) < len({schema.name for schema in schemas if schema.name.startswith("aten::")}) / 100


@pytest.mark.parametrize("name", ["save", "from_file", "to_here"])
def test_names_of_operators_that_do_not_compute(name: str) -> None:
    assert not attribute_computes(name)
    assert not operator_computes("aten", name)
    assert not target_computes(f"torch.ops.aten.{name}.default", ("torch.ops.*",))
    assert attribute_computes(f"{name}_conv")


def test_every_namespace_of_this_pytorch_is_known() -> None:
    """An owner can trust operators of other namespaces, so none of PyTorch's own may count as another."""
    found = {schema.name.partition("::")[0] for schema in torch._C._jit_get_all_schemas()} - {"mylib"}
    own = {name for name in found if not may_trust_operator(name)}
    assert not {name for name in found - own if torch._C._dispatch_has_kernel(f"{name}::x")}
    assert {"aten", "prim", "prims", "quantized", "c10d", "symm_mem", "debugprims"} <= own
    assert may_trust_operator("mylib")


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("s77", True), ("2*s0 + 1", True), ("Max(1, s77)", True), ("FloorDiv(s3, 2)", True), ("-s0 % 4", True),
        ("Pow(s0, Integer(2))", True),
        ("Symbol('s77', positive=True, integer=True)", True), ("Float('0.5', precision=53)", True),
        ("Piecewise((1, True))", False), ("(s0 > 1) & (s1 <= 2)", True), ("PowByNatural(Integer(2), s0)", True),
        ("exec('1')", False), ("open", False), ("s0.__class__", False), ("().x", False), ("eval(s0)", False),
        ("lambda: 1", False), ("Symbol('s77').func", False), ("Symbol('a b')", False), ("S('s0')", False),
        ("'s0'", False),
        ("Symbol('s0', integer=Symbol)", False), ("s0 if s1 else s2", False), ("[s0][0]", False), ("s0!", False),
        ("2**1000000", False), ("", False), ("s" * 200_001, False), ("(" * 5000 + "s0" + ")" * 5000, False),
    ],
)  # fmt: skip
def test_what_counts_as_arithmetic(text: str, fine: bool) -> None:
    assert is_arithmetic(text) is fine


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("L['x'].size()[0] >= 3", True),
        ("L['x'].size()[1] == 2*L['y'].size()[0]", True), ("math.isnan(L['v'])", True),
        ("L['x'].size()[0] % 8 == 0 and L['x'].size()[0] <= 64", True), ("L['n'] is None", True),
        ("L.__class__", False),
        ("__import__('os')", False), ("open('x', 'w')", False), ("L['x'].size.__func__()", False),
        ("[1 for L in ()]", False), ("(y := 1)", False), ("1\n2", False),
    ],
)  # fmt: skip
def test_what_counts_as_a_guard(text: str, fine: bool) -> None:
    assert is_guard(text) is fine
