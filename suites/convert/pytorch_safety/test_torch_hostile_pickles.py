"""Pickles that run code: refused by name before they are loaded, and never offered to be trusted."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_hostile import Writing
from torch_nets import seeded

from pytest_onnxaccel.backends.pytorch.load import load_source
from pytest_onnxaccel.backends.pytorch.safety.trust import may_offer, may_trust
from pytest_onnxaccel.convert.formats import kind_of
from pytest_onnxaccel.core.errors import ModelError
from suites.convert.conftest import HERE

RUNNING = [
    "os.system", "posix.system", "nt.system", "builtins.eval", "builtins.exec", "builtins.getattr", "builtins.open",
    "__builtin__.eval", "subprocess.Popen", "subprocess.check_output", "importlib.import_module", "runpy.run_path",
    "shutil.rmtree", "pickle.loads", "_pickle.loads", "cPickle.loads", "sys.exit", "functools.partial", "operator.call",
    "_operator.methodcaller", "torch.save", "torch.load", "torch.hub.load", "torch.jit.load", "torch.from_file",
    "torch._dynamo.guards.GuardBuilder", "torch.utils.cpp_extension.load", "torch.serialization.save",
    "webbrowser.open",
    "torch.nn.functional.handle_torch_function", "numpy.load", "numpy.testing._private.utils.runstring", "pandas.eval",
    "dill.loads", "cloudpickle.loads", "socket.create_connection", "ctypes.CDLL", "code.interact", "pydoc.locate",
    "pytest.main", "pip.main", "pytest_onnxaccel.__main__.main", "timeit.timeit", "types.FunctionType", "io.open",
]  # fmt: skip


def calling(path: Path, name: str, canary: Path, zipped: bool) -> Path:
    """A file of torch.save whose pickle calls the function *name*."""
    torch.save({"w": Writing(canary)}, path, _use_new_zipfile_serialization=zipped)
    module, _, function = name.rpartition(".")
    content = path.read_bytes()
    for opening in (b"cio\nopen\n", b"c_io\nopen\n", b"c__builtin__\nopen\n", b"cbuiltins\nopen\n"):
        if opening in content:
            break
    else:
        raise AssertionError("the pickle of `open` has another form")
    new = f"c{module}\n{function}\n".encode()
    if not zipped:
        path.write_bytes(content.replace(opening, new))
        return path
    with zipfile.ZipFile(path) as held:
        members = {one: held.read(one) for one in held.namelist()}
    with zipfile.ZipFile(path, "w") as made:
        for one, data in members.items():
            made.writestr(one, data.replace(opening, new) if one.endswith("data.pkl") else data)
    return path


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., ModelError]:
    def load(path: Path, *trusted: str) -> ModelError:
        asked: list[Any] = []
        monkeypatch.setattr(torch, "load", lambda *given, **options: asked.append(given))
        with pytest.raises(ModelError) as caught:
            load_source(str(path), kind_of(str(path)), "torch_nets:Mlp", (HERE,), trusted)
        assert not asked
        assert not (tmp_path / "canary").exists()
        assert caught.value.code == "E_UNSAFE"
        assert len(str(caught.value)) <= 300
        return caught.value

    return load


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", RUNNING)
def test_it_is_refused_by_name_and_not_offered(tmp_path: Path, refused: Callable, name: str, zipped: bool) -> None:
    path = calling(tmp_path / "bad.pth", name, tmp_path / "canary", zipped)
    for trusted in ((), (name,), ("*.*",)):
        error = str(refused(path, *trusted))
        # Python 2's names are told by their new ones
        shown = name.replace("__builtin__", "builtins").replace("cPickle", "_pickle")
        assert shown in error or name in error
        assert "--onnx-trust" not in error


def test_of_several_names_one_that_runs_code_takes_the_offer_away(tmp_path: Path, refused: Callable) -> None:
    torch.save({"w": Writing(tmp_path / "canary"), "m": seeded()}, tmp_path / "bad.pth")
    assert "--onnx-trust" not in str(refused(tmp_path / "bad.pth"))
    assert "--onnx-trust" not in str(refused(tmp_path / "bad.pth", "torch_nets.*", "torch.nn.*"))


def test_another_name_for_what_runs_code_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable
) -> None:
    (tmp_path / "torch_alias.py").write_text("from os import system\nimport os\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("torch_alias.system", "torch_alias.os"):
        path = calling(tmp_path / "bad.pth", name, tmp_path / "canary", True)
        assert "never trusted" in str(refused(path, "torch_alias.*"))


def test_the_format_of_tar_archives_is_no_source(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.pth", "w") as made:
        made.add(__file__, "pickle")
    with pytest.raises(ModelError) as caught:
        kind_of(str(tmp_path / "bad.pth"))
    assert caught.value.code == "E_NOTMODEL"


@pytest.mark.parametrize(
    ("name", "trust", "offer"),
    [
        ("torch_nets.Mlp", True, True), ("torch.nn.modules.linear.Linear", True, True),
        ("torch.optim.adam.Adam", True, True),
        ("torch.nn.functional.relu", True, True), ("argparse.Namespace", True, True),
        ("collections.defaultdict", True, True),
        ("numpy.core.multiarray.scalar", True, True), ("timm.models.Net", True, False), ("unknown.Net", True, False),
        ("os.system", False, False), ("torch.save", False, False), ("torch.nn.modules.module.load", False, False),
    ],
)  # fmt: skip
def test_what_can_be_trusted_and_what_is_offered(name: str, trust: bool, offer: bool) -> None:
    assert (may_trust(name), may_offer(name, (HERE,))) == (trust, offer)
