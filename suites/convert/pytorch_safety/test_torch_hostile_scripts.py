"""TorchScript archives that write a file while they are loaded or run: refused before PyTorch sees them."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_hostile import CODE, Change, Plain, Writing, archive, line, members, script

from pytest_onnxaccel.backends.pytorch.load import load_source
from pytest_onnxaccel.backends.pytorch.safety import archive as torch_archive
from pytest_onnxaccel.backends.pytorch.safety.script_graph import check_graphs
from pytest_onnxaccel.core.errors import ModelError

#: Lines of code that PyTorch compiles, and that write the file @ when they run.
RUNS = [
    'torch.save(x, "@")', 'torch.save (x, "@")', 'torch. save(x, "@")', 'torch\\\n.save(x, "@")',
    'torch.\\\nsave(x, "@")',
    '(torch).save(x, "@")', 'torch\t.\tsave(x, "@")', 'torch.save(\n      x, "@")', 'torch.save(*(x, "@"))',
    't = torch\n    t.save(x, "@")', 't = torch.save\n    t(x, "@")', '_7 = torch.save\n    _7(x, "@")',
    'ops.aten.save(x, "@")', 'ops.aten. save(x, "@")', 'ops . aten . save ( x, "@" )',
    'o = ops\n    o.aten.save(x, "@")',
    'a = ops.aten\n    a.save(x, "@")', '(ops).aten.save(x, "@")', 'torch.autograd.save(x, "@")',
    'getattr(torch, "save")(x, "@")', 'getattr(torch, "sa" "ve")(x, "@")', "getattr(torch, 'save')(x, '@')",
    'getattr(torch, "s\\141ve")(x, "@")', "torch.save(x, '@')", 'torch.save(x, """@""")',
    'f = torch.from_file("@", True, 3)\n    x = torch.add(x, torch.sum(f))',
    'x = torch.add(x, torch.sum(ops.aten.from_file("@", True, 3)))',
    'x = torch.add(x, torch.sum(getattr(ops.aten, "from_file")("@", True, 3)))',
    'torch.save(x, "@")  # torch.relu(x)',
]  # fmt: skip

#: Others, of which PyTorch takes some and not others: what they name must not be there either way.
NAMES = [
    'x.save("@")', '(x).save("@")', 'getattr(x, "save")("@")', 'CONSTANTS.c0.save("@")', 'torch.ｓave(x, "@")',
    'ｔorch.save(x, "@")', 'ops.image.write_file("@", x)', 'ops.prim.rpc_sync("worker", x)', 'ops.mylib.run("@")',
    'ops.inductor.resize_storage_bytes_(x, 5)', 'ops.debugprims.load_tensor("@", [1], [1])', 'open("@", "w")',
    'eval("1")', '__torch__.torch.classes.dist_rpc.WorkerInfo("@", 1)', '__torch__.torch.classes._nnapi.Compilation()',
    't = __torch__.torch\n    t.classes.dist_rpc.WorkerInfo("@", 1)',
    'getattr(__torch__.torch, "classes").dist_rpc.WorkerInfo("@", 1)', 'n = __torch__',
    'hasattr(torch, name)', 'y = ops', '1.save("@")', '"a".save("@")', 'ops.aten.add.save("@")', "x\r.save('@')",
]  # fmt: skip


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, canary: Path) -> Callable[..., ModelError]:
    """``refused(path)``: how the archive is refused, PyTorch's loader not asked and the canary not written."""

    def load(path: Path, trusted: tuple[str, ...] = (), codes: tuple[str, ...] = ("E_UNSAFE",)) -> ModelError:
        asked: list[Any] = []
        monkeypatch.setattr(torch.jit, "load", lambda *given, **options: asked.append(given))
        with pytest.raises(ModelError) as caught:
            load_source(str(path), "torchscript", trusted=trusted)
        assert not asked
        assert not canary.exists()
        assert caught.value.code in codes
        assert len(str(caught.value)) <= 300
        assert "\n" not in str(caught.value)
        return caught.value

    return load


def told(text: str, canary: Path) -> str:
    return text.replace("@", str(canary))


@pytest.mark.parametrize("text", RUNS)
def test_a_call_under_any_spelling_is_refused(tmp_path: Path, canary: Path, refused: Callable, text: str) -> None:
    path = script(tmp_path / "net.pt", line(told(text, canary)))
    module: Any = torch.jit.load(str(path))
    module(torch.ones(1, 4))
    assert canary.exists(), "PyTorch no longer runs this spelling"
    canary.unlink()
    assert "trust" not in str(refused(path))


@pytest.mark.parametrize("text", NAMES)
def test_what_is_named_is_refused(tmp_path: Path, canary: Path, refused: Callable, text: str) -> None:
    refused(script(tmp_path / "net.pt", line(told(text, canary))))


def in_setstate(canary: Path) -> Change:
    """Code that runs while the archive is loaded."""

    def change(held: dict[str, bytes]) -> None:
        code = held[CODE].decode().rstrip()
        code += (
            "\n  def __setstate__(self: __torch__.torch_hostile.Plain,\n    state: Tuple[Tensor, bool]) -> NoneType:\n"
            f'    torch.save((state)[0], "{canary}")\n    self.W = (state)[0]\n    self.training = (state)[1]\n'
            "    self._is_full_backward_hook = None\n    return None\n"
        )
        held[CODE] = code.encode()

    return change


def test_a_method_that_runs_while_it_is_loaded(tmp_path: Path, canary: Path, refused: Callable) -> None:
    error = refused(script(tmp_path / "net.pt", in_setstate(canary)))
    assert "its TorchScript code calls torch.save" in str(error)


def test_code_that_nothing_calls_is_judged(tmp_path: Path, canary: Path, refused: Callable) -> None:
    def change(held: dict[str, bytes]) -> None:
        held["code/__torch__/other.py"] = f'def f(x: Tensor) -> NoneType:\n  torch.save(x, "{canary}")\n'.encode()

    assert "(code/__torch__/other.py, line 2)" in str(refused(script(tmp_path / "net.pt", change)))


def test_pytorchs_reader_takes_no_notice_of_case(tmp_path: Path, canary: Path, refused: Callable) -> None:
    def change(held: dict[str, bytes]) -> None:
        line(f'torch.save(x, "{canary}")')(held)
        held["CODE/__TORCH__/TORCH_HOSTILE.PY"] = held.pop(CODE)

    refused(script(tmp_path / "net.pt", change))


@pytest.mark.parametrize("second", [CODE, CODE.upper()])
def test_a_member_that_is_there_twice(tmp_path: Path, refused: Callable, second: str) -> None:
    path = script(tmp_path / "net.pt", lambda held: None)
    held = members(path)
    with zipfile.ZipFile(path, "w") as made:
        for name, content in held.items():
            made.writestr(f"net/{name}", content)
        with warnings.catch_warnings(action="ignore"):
            made.writestr(f"net/{second}", held[CODE])
    assert "twice" in str(refused(path))


@pytest.mark.parametrize("member", ["data.pkl", "constants.pkl", "attributes.pkl", f"{CODE}.debug_pkl"])
@pytest.mark.parametrize(
    "name", ["os system", "builtins eval", "__torch__.torch.classes.dist_rpc WorkerInfo", "torch load"]
)
def test_a_pickle_that_refers_to_more(tmp_path: Path, refused: Callable, member: str, name: str) -> None:
    module, _, function = name.partition(" ")

    def change(held: dict[str, bytes]) -> None:
        held[member] = b"\x80\x02c" + f"{module}\n{function}\n".encode() + b"X\x02\x00\x00\x00id\x85R."

    assert f"refers to {module}.{function}" in str(refused(script(tmp_path / "net.pt", change)))


def test_a_pickle_of_opcodes_that_pytorch_does_not_write(tmp_path: Path, canary: Path, refused: Callable) -> None:
    held = pickle.dumps(Writing(canary), protocol=4)
    assert "opcode" in str(refused(script(tmp_path / "net.pt", lambda all_: all_.update({"data.pkl": held}))))
    refused(script(tmp_path / "net.pt", lambda all_: all_.update({"data.pkl": b"garbage"})), codes=("E_PARSE",))


def test_a_flatbuffer_in_the_clothes_of_an_archive(tmp_path: Path, refused: Callable) -> None:
    path = script(tmp_path / "net.pt", lambda held: None)
    content = bytearray(path.read_bytes())
    content[4:8] = b"PTMF"
    path.write_bytes(content)
    refused(path, codes=("E_UNSAFE", "E_PARSE"))


def test_the_format_before_14(tmp_path: Path, refused: Callable) -> None:
    assert "before PyTorch 1.4" in str(
        refused(script(tmp_path / "net.pt", lambda all_: all_.update({"model.json": b"{}"})))
    )


def test_two_folders_or_none(tmp_path: Path, refused: Callable) -> None:
    path = script(tmp_path / "net.pt", lambda held: None)
    held = members(path)
    archive(path, "", {**{f"a/{name}": one for name, one in held.items()}, "b/code/x.py": b""})
    assert "2 folders" in str(refused(path))


def test_too_much_to_read(tmp_path: Path, refused: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path / "net.pt", lambda held: None)
    monkeypatch.setattr(torch_archive, "MEMBER", 100)
    assert "more than the 0 that are read" in str(refused(path, codes=("E_SIZE",)))
    monkeypatch.setattr(torch_archive, "MEMBERS", 3)
    assert "members, more than the 3 that are read" in str(refused(path, codes=("E_SIZE",)))


def test_an_operator_of_the_owners_own_is_offered_and_trusted(tmp_path: Path, refused: Callable) -> None:
    path = script(tmp_path / "net.pt", line("x = ops.mylib.twice(x)"))
    assert "--onnx-trust=torch.ops.mylib.twice" in str(refused(path))
    refused(path, trusted=("torch.ops.other.*",))
    for text in ('torch.save(x, "f")', 'ops.image.write_file("f", x)'):
        bad = script(tmp_path / "bad.pt", line(text))
        assert "--onnx-trust" not in str(refused(bad, trusted=("torch.ops.*", "torch.*", "*.*")))


def test_a_trusted_operator_runs_once_the_loaders_module_registers_it(tmp_path: Path) -> None:
    (tmp_path / "torch_mylib.py").write_text(
        "import torch\nlibrary = torch.library.Library('mylib', 'DEF')\nlibrary.define('twice(Tensor x) -> Tensor')\n"
        "library.impl('twice', lambda x: x * 2, 'CompositeExplicitAutograd')\ndef register(): raise SystemExit\n"
    )
    path = script(tmp_path / "net.pt", line("x = ops.mylib.twice(x)"))
    loaded = load_source(
        str(path), "torchscript", "torch_mylib:register", (str(tmp_path),), trusted=("torch.ops.mylib.twice",)
    )
    x = torch.ones(2, 4) * -1
    torch.testing.assert_close(loaded.module(x), Plain()(x * 2))
    assert any("was imported for its operators" in note for note in loaded.notes)


def test_the_second_look_names_the_operator_and_its_method(tmp_path: Path, canary: Path) -> None:
    module = torch.jit.load(str(script(tmp_path / "net.pt", line(f'torch.save(x, "{canary}")'))))
    with pytest.raises(ModelError, match=r"graph holds aten::save \(in forward\)") as caught:
        check_graphs(module)
    assert caught.value.code == "E_UNSAFE"
    assert "--onnx-trust" not in str(caught.value)
    check_graphs(torch.jit.script(Plain().eval()))
