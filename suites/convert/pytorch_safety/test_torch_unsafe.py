"""Sources that would run code, or are damaged: each is one line, and nothing of it runs."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch_nets import Mlp, Payload, seeded

from pytest_onnxaccel.backends.pytorch.safety.scan import only_weights
from pytest_onnxaccel.convert.protocol import Converted
from pytest_onnxaccel.core.errors import ModelError

Export = Callable[..., Converted]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_runs_code(
    export: Export, tmp_path: Path, capfd: pytest.CaptureFixture[str], zipped: bool
) -> None:
    torch.save({"w": Payload()}, tmp_path / "bad.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"holds more than weights, it refers to .*print") as caught:
        export(tmp_path / "bad.pth", loader="torch_nets:Mlp")
    assert caught.value.code == "E_UNSAFE"
    assert "--onnx-trust" not in str(caught.value)
    assert "code ran" not in capfd.readouterr().out


def test_a_whole_module_is_refused_by_name_and_trusted_by_name(export: Export, tmp_path: Path) -> None:
    torch.save(seeded(), tmp_path / "whole.pt")
    with pytest.raises(ModelError, match=r"it refers to torch_nets\.Mlp, torch\.nn\.modules") as caught:
        export(tmp_path / "whole.pt")
    assert caught.value.code == "E_UNSAFE"
    with pytest.raises(ModelError, match=r"torch_nets.Mlp"):
        export(tmp_path / "whole.pt", trusted=("torch.nn.*",))
    made = export(tmp_path / "whole.pt", trusted=("torch.nn.*", "torch_nets.Mlp"))
    assert made.inputs[0].shape == (1, 4, 4)


def test_trust_in_one_name_is_none_in_another(
    export: Export, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.save({"w": Payload(), "m": seeded()}, tmp_path / "bad.pth")
    with pytest.raises(ModelError, match=r"builtins\.print|__builtin__\.print"):
        export(tmp_path / "bad.pth", trusted=("torch.nn.*", "torch_nets.*"))
    assert "code ran" not in capfd.readouterr().out


@pytest.mark.parametrize("kind", ["weights", "script", "program"])
def test_a_flipped_byte_is_found(export: Export, tmp_path: Path, kind: str) -> None:
    path, module = tmp_path / "net.pt", seeded().eval()
    if kind == "weights":
        torch.save(module.state_dict(), path)
    elif kind == "script":
        torch.jit.script(module).save(str(path))
    else:
        torch.export.save(torch.export.export(module, (torch.rand(2, 4, 4),)), path)
    data = bytearray(path.read_bytes())
    weights = module.linear.weight.detach().numpy().tobytes()
    place = data.find(weights)
    assert place > 0
    data[place + 3] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"the archive is damaged at .*: its checksum is wrong") as caught:
        export(path, loader="torch_nets:Mlp")
    assert caught.value.code == "E_PARSE"


def test_a_truncated_file(export: Export, weights: Callable) -> None:
    path = weights(Mlp)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError) as caught:
        export(path, loader="torch_nets:Mlp")
    assert caught.value.code == "E_PARSE"


def test_a_truncated_file_of_the_old_format(export: Export, tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(seeded().state_dict(), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ModelError) as caught:
        export(path, loader="torch_nets:Mlp")
    assert caught.value.code == "E_PARSE"


class Saving(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "/tmp/onnxaccel-was-here")
        return x


def test_torchscript_that_writes_files(export: Export, tmp_path: Path) -> None:
    torch.jit.script(Saving()).save(str(tmp_path / "net.pt"))
    with pytest.raises(ModelError, match=r"its TorchScript code calls .*save") as caught:
        export(tmp_path / "net.pt")
    assert caught.value.code == "E_UNSAFE"
    assert not Path("/tmp/onnxaccel-was-here").exists()


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy of an archive with *change* made to each of its files."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            new.writestr(item.filename, change(item.filename, old.read(item)))
    return target


def test_a_program_whose_sizes_are_code(export: Export, tmp_path: Path) -> None:
    shapes = ({0: torch.export.Dim("n")},)
    program = torch.export.export(seeded().eval(), (torch.rand(2, 4, 4),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "net.pt2")
    code = "__import__('os').system('touch " + str(tmp_path / "was-here") + "')"

    def poison(name: str, content: bytes) -> bytes:
        if not name.endswith(".json"):
            return content
        return re.sub(rb'"expr_str": ?"[^"]*"', b'"expr_str": ' + json.dumps(code).encode(), content)

    bad = rewritten(tmp_path / "net.pt2", tmp_path / "bad.pt2", poison)
    with pytest.raises(ModelError, match=r"one of its sizes is not arithmetic: .__import__") as caught:
        export(bad, inputs=())
    assert caught.value.code == "E_UNSAFE"
    assert not (tmp_path / "was-here").exists()


def test_nobody_unpickles_more_than_weights_while_a_program_is_read(tmp_path: Path) -> None:
    torch.save({"w": Payload()}, tmp_path / "bad.pth")
    before = torch.load
    with only_weights(), pytest.raises(ModelError, match="holds pickled objects, which can run code"):
        torch.load(tmp_path / "bad.pth", weights_only=False)
    assert torch.load is before


def test_a_program_that_hides_a_pickle(export: Export, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.export.save(torch.export.export(seeded().eval(), (torch.rand(2, 4, 4),)), tmp_path / "net.pt2")
    torch.save((Payload(), {}), tmp_path / "payload")
    with zipfile.ZipFile(tmp_path / "net.pt2") as archive:
        samples = [name for name in archive.namelist() if "sample_inputs" in name and name.endswith(".pt")]
    assert samples
    content = (tmp_path / "payload").read_bytes()
    shutil.copy(tmp_path / "net.pt2", tmp_path / "copy.pt2")
    bad = rewritten(tmp_path / "copy.pt2", tmp_path / "bad.pt2", lambda n, c: content if n in samples else c)
    with pytest.raises(ModelError):
        export(bad, inputs=())
    assert "code ran" not in capfd.readouterr().out
