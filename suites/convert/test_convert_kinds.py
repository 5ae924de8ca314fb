"""What a source is, told from its content, and what is taken in."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch_nets import Mlp, seeded

from fixtures import graphs
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.formats import kind_of
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.isolation.staging import stage_source as intake_source
from pytest_onnxaccel.isolation.staging.stage_source import stage_source

SAMPLE = (torch.rand(2, 4, 4),)


def field(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


NODE = field(1, b"x") + field(2, b"Placeholder")
GRAPH = field(1, NODE) + field(1, field(1, b"y") + field(2, b"Identity") + field(3, b"x"))


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".onnx", ".dat", ""])
def test_the_content_tells_and_not_the_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    torch.save(seeded().state_dict(), path)
    assert kind_of(str(path)) == kinds.TORCH
    torch.save(seeded().state_dict(), path, _use_new_zipfile_serialization=False)
    assert kind_of(str(path)) == kinds.TORCH
    torch.jit.script(seeded().eval()).save(str(path))
    assert kind_of(str(path)) == kinds.TORCHSCRIPT
    path.write_bytes(graphs.mlp().SerializeToString())
    assert kind_of(str(path)) == kinds.ONNX
    path.write_bytes(GRAPH)
    assert kind_of(str(path)) == kinds.GRAPHDEF


def test_an_exported_program(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(seeded().eval(), SAMPLE), path)
    assert kind_of(str(path)) == kinds.EXPORTED
    assert kind_of(str(path.rename(tmp_path / "net.pth"))) == kinds.EXPORTED


def test_tensorflow_and_keras(tmp_path: Path) -> None:
    assert kind_of(str(write(tmp_path / "a", field(1, field(5, b"2.21")) + field(2, GRAPH)))) == kinds.CHECKPOINT
    assert kind_of(str(write(tmp_path / "b", b"\x89HDF\r\n\x1a\n" + bytes(64)))) == kinds.KERAS_H5
    with zipfile.ZipFile(tmp_path / "c", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    assert kind_of(str(tmp_path / "c")) == kinds.KERAS
    (tmp_path / "saved").mkdir()
    write(tmp_path / "saved" / "saved_model.pb", b"\x08\x01" + field(2, b"\n\x00"))
    assert kind_of(str(tmp_path / "saved")) == kinds.SAVED_MODEL


def test_the_real_models_of_tensorflow(models_folder: Path) -> None:
    folder = models_folder / "tf-regression"
    assert kind_of(str(folder / "graphdef" / "frozen.pb")) == kinds.GRAPHDEF
    assert kind_of(str(folder / "saved_model")) == kinds.SAVED_MODEL
    assert kind_of(str(folder / "checkpoint" / "model.meta")) == kinds.CHECKPOINT
    for name in ("model.tflite", "test_api_model.tflite"):
        assert kind_of(str(folder / "tflite" / name)) == kinds.TFLITE


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "E_NOTMODEL", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "E_NOTMODEL", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "E_NOTMODEL", "is an HTML page"),
        (b"\x1f\x8b\x08", "E_NOTMODEL", "is a gzip archive"),
        (b"PK\x03\x04 and nothing else", "E_PARSE", "is a broken zip archive"),
        (pickle.dumps({"a": 1}), "E_UNSAFE", "is a plain pickle"),
        (b"node {\n  name: 'x'\n}", "E_NOTMODEL", "is a protobuf message as text"),
        (b"\x08\x01" + field(2, b"\n\x00"), "E_NOTMODEL", "is the file of a SavedModel without its folder"),
        (b"just text", "E_NOTMODEL", "is not a source of a kind that is known"),
        (bytes(range(256)), "E_NOTMODEL", "is not a source of a kind that is known"),
    ],
)
def test_what_is_no_source_is_one_line(tmp_path: Path, content: bytes, code: str, says: str) -> None:
    path = write(tmp_path / "source.pth", content)
    with pytest.raises(ModelError) as caught:
        stage_source(str(path), "given/source.pth", str(tmp_path / "staged"), kind_of)
    assert str(caught.value).startswith(f"onnxaccel[{code}] given/source.pth: {says}")


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("photo.jpg", "x")
    with pytest.raises(ModelError, match="is a zip archive of something else"):
        kind_of(str(tmp_path / "a.zip"))


def test_a_checkpoint_comes_with_its_variables(tmp_path: Path) -> None:
    meta = write(tmp_path / "run-7.meta", field(1, field(5, b"2.21")) + field(2, GRAPH))
    with pytest.raises(ModelError, match="is a checkpoint's graph without its variables"):
        stage_source(str(meta), "run-7.meta", str(tmp_path / "first"), kind_of)
    write(tmp_path / "run-7.index", b"i")
    write(tmp_path / "run-7.data-00000-of-00001", b"d")
    write(tmp_path / "run-70.index", b"another checkpoint")
    one = stage_source(str(meta), "run-7.meta", str(tmp_path / "second"), kind_of)
    names = ["source.data-00000-of-00001", "source.index", "source.meta"]
    assert sorted(os.listdir(tmp_path / "second")) == names
    write(tmp_path / "run-7.data-00000-of-00001", b"D")
    other = stage_source(str(meta), "run-7.meta", str(tmp_path / "third"), kind_of)
    assert one.sha256 != other.sha256, "the variables are part of what it is"


def test_a_folder_is_copied_whole_and_nothing_beyond_it(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    write(folder / "saved_model.pb", b"\x08\x01" + field(2, b"\n\x00"))
    write(folder / "variables" / "variables.index", b"i")
    found = stage_source(str(folder), "saved", str(tmp_path / "copy"), kind_of)
    assert (tmp_path / "copy" / "variables" / "variables.index").read_bytes() == b"i"
    assert found.kind == kinds.SAVED_MODEL
    (folder / "assets").symlink_to("variables/variables.index")
    with pytest.raises(ModelError, match=r"'assets' in it is a symbolic link - put a copy of the file") as caught:
        stage_source(str(folder), "saved", str(tmp_path / "again"), kind_of)
    assert caught.value.code == "E_UNSAFE"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_regular_file_does_not_hang(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "source.pth")
    with pytest.raises(ModelError, match="not a regular file") as caught:
        stage_source(str(tmp_path / "source.pth"), "source.pth", str(tmp_path / "staged"), kind_of)
    assert caught.value.code == "E_FILE"


def test_a_missing_file_and_one_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="does not exist - check the path"):
        stage_source(str(tmp_path / "absent.pth"), "absent.pth", str(tmp_path / "staged"), kind_of)
    monkeypatch.setattr(intake_source, "LARGEST", 100)
    torch.save(seeded(Mlp).state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelError, match="larger than") as caught:
        stage_source(str(tmp_path / "net.pth"), "net.pth", str(tmp_path / "staged"), kind_of)
    assert caught.value.code == "E_SIZE"


@pytest.mark.parametrize("name", ["forest.joblib", "forest.PKL", "forest.sav"])
@pytest.mark.parametrize("pack", [bytes, zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_objects_of_other_libraries_are_to_be_loaded_by_a_function(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    write(tmp_path / name, pack(pickle.dumps({"trees": [1, 2]})))
    with pytest.raises(ModelError, match=r"load it in a function of your own.*: package.module:function") as caught:
        stage_source(str(tmp_path / name), name, str(tmp_path / "staged"), kind_of)
    assert caught.value.code in ("E_UNSAFE", "E_NOTMODEL")


def test_weights_that_only_have_such_a_name_are_taken(tmp_path: Path) -> None:
    torch.save(seeded().state_dict(), tmp_path / "net.pkl")
    assert stage_source(str(tmp_path / "net.pkl"), "net.pkl", str(tmp_path / "s"), kind_of).kind == kinds.TORCH
    write(tmp_path / "net.pth", pickle.dumps({"a": 1}))
    with pytest.raises(ModelError, match=r"save the state dict with torch\.save"):
        stage_source(str(tmp_path / "net.pth"), "net.pth", str(tmp_path / "t"), kind_of)


def test_the_name_says_nothing_of_what_a_file_is(tmp_path: Path) -> None:
    torch.save(seeded().state_dict(), tmp_path / "a.pth")
    (tmp_path / "b.pt").write_bytes((tmp_path / "a.pth").read_bytes())
    found = [
        stage_source(str(tmp_path / name), name, str(tmp_path / f"s{name}"), kind_of) for name in ("a.pth", "b.pt")
    ]
    assert found[0].sha256 == found[1].sha256
