"""Golden data in every layout and type that is read, and what is refused, naming the file."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TensorSpec
from suites.unit.golden_files import (
    FEEDS,
    GIVES,
    RIGHT,
    X,
    polygraphy_inputs,
    polygraphy_outputs,
    read_back,
    safetensors,
    same,
    write_set,
)

BOTH = {**FEEDS, **RIGHT}


def refused(folder: Path, alone: str = "", **more: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_back(folder, alone, **more)
    assert len(str(caught.value)) <= 300
    return caught.value


@pytest.mark.parametrize("named", [True, False])
def test_sets_in_the_order_of_their_numbers(tmp_path: Path, named: bool) -> None:
    for number in (10, 2, 0):
        write_set(tmp_path / f"test_data_set_{number}", {**FEEDS, "x": X + number}, RIGHT, named)
    found = read_back(tmp_path)
    assert [name for name, _, _ in found] == ["test_data_set_0", "test_data_set_2", "test_data_set_10"]
    assert same(found[1][1], {**FEEDS, "x": X + 2})
    assert same(found[1][2], RIGHT)


def test_one_set_without_a_folder_around_it(tmp_path: Path) -> None:
    write_set(tmp_path / "here", FEEDS, RIGHT)
    (tmp_path / "here" / "README.md").write_text("how this was made")
    ((_, feeds, right),) = read_back(tmp_path / "here")
    assert same(feeds, FEEDS)
    assert same(right, RIGHT)


def test_npy_files_by_place(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    for side, arrays in (("input", FEEDS), ("output", RIGHT)):
        for place, array in enumerate(arrays.values()):
            np.save(folder / f"{side}_{place}.npy", array)
    ((_, feeds, right),) = read_back(folder)
    assert same(feeds, FEEDS)
    assert same(right, RIGHT)


def test_one_npz(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    np.savez(folder / "golden.npz", **BOTH)
    ((name, feeds, right),) = read_back(folder, "golden.npz")
    assert name == "golden.npz"
    assert same(feeds, FEEDS)
    assert same(right, RIGHT)


def test_samples_of_an_npz_are_numbered(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    np.savez(folder / "a.npz", **{f"{name}_{i}": array + i for name, array in BOTH.items() for i in (1, 0)})
    found = read_back(folder, "a.npz")
    assert [name for name, _, _ in found] == ["a.npz sample 0", "a.npz sample 1"]
    assert same(found[1][2], {name: array + 1 for name, array in RIGHT.items()})


def test_a_pair_of_npz(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    np.savez(folder / "inputs.npz", **FEEDS)
    np.savez(folder / "outputs.npz", **RIGHT)
    for alone in ("", "inputs.npz"):
        ((_, feeds, right),) = read_back(folder, alone)
        assert same(feeds, FEEDS)
        assert same(right, RIGHT)


def test_safetensors_with_types_that_numpy_lacks(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    half, eight = X.astype(ml_dtypes.bfloat16), X.astype(ml_dtypes.float8_e4m3fn)
    (folder / "a.safetensors").write_bytes(safetensors({"x": ("BF16", half), "y": ("F8_E4M3", eight)}))
    takes, gives = (TensorSpec("x", "bfloat16", (2, 4)),), (TensorSpec("y", "float8e4m3fn", (2, 4)),)
    ((_, feeds, right),) = read_back(folder, "a.safetensors", takes, gives)
    assert same(feeds, {"x": half})
    assert same(right, {"y": eight})


def test_polygraphy_inputs_and_outputs(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "inputs.json").write_text(polygraphy_inputs(FEEDS, {**FEEDS, "x": X + 1}))
    (folder / "outputs.json").write_text(polygraphy_outputs(RIGHT, {**RIGHT, "best": RIGHT["best"] + 1}))
    found = read_back(folder)
    assert len(found) == 2
    assert same(found[0][1], FEEDS)
    assert same(found[1][2], {**RIGHT, "best": RIGHT["best"] + 1})


#: What ONNX calls a type, and values of it.
TYPED = {
    "FLOAT": X, "DOUBLE": X.astype("f8"), "FLOAT16": X.astype("f2"), "INT8": X.astype("i1"), "INT16": X.astype("i2"),
    "INT32": X.astype("i4"), "INT64": X.astype("i8"), "UINT8": X.astype("u1"), "UINT16": X.astype("u2"),
    "UINT32": X.astype("u4"), "UINT64": X.astype("u8"), "BOOL": X > 3, "COMPLEX64": X.astype("c8"),
    "BFLOAT16": X.astype(ml_dtypes.bfloat16), "FLOAT8E4M3FN": X.astype(ml_dtypes.float8_e4m3fn),
    "FLOAT8E5M2": X.astype(ml_dtypes.float8_e5m2), "FLOAT8E4M3FNUZ": X.astype(ml_dtypes.float8_e4m3fnuz),
    "FLOAT8E5M2FNUZ": X.astype(ml_dtypes.float8_e5m2fnuz), "INT4": X.astype(ml_dtypes.int4),
    "UINT4": X.astype(ml_dtypes.uint4),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPED)
def test_every_type_of_a_tensor_keeps_its_bits(tmp_path: Path, kind: str) -> None:
    array = TYPED[kind]
    proto = numpy_helper.from_array(array, "x")
    assert proto.data_type == getattr(TensorProto, kind)
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "input_0.pb").write_bytes(proto.SerializeToString())
    (folder / "output_0.pb").write_bytes(proto.SerializeToString())
    spec = TensorSpec("x", "", None)
    ((_, feeds, _),) = read_back(folder, "", (spec,), (spec,))
    assert same(feeds, {"x": array})


def test_values_in_their_own_fields_and_texts(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    plain = helper.make_tensor("x", TensorProto.FLOAT, (2, 4), X.ravel().tolist())
    assert not plain.raw_data
    text = helper.make_tensor("t", TensorProto.STRING, (2,), ["ja", "nein ✓"])
    (folder / "input_0.pb").write_bytes(plain.SerializeToString())
    (folder / "output_0.pb").write_bytes(text.SerializeToString())
    takes, gives = (TensorSpec("x", "float32", (2, 4)),), (TensorSpec("t", "string", (2,)),)
    ((_, feeds, right),) = read_back(folder, "", takes, gives)
    assert same(feeds, {"x": X})
    assert right["t"].tolist() == ["ja", "nein ✓"]


def test_sequences_optionals_and_maps(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    protos = [
        numpy_helper.from_list([X, X + 1], "s"),
        numpy_helper.from_optional(X, "o", onnx.OptionalProto.TENSOR),
        numpy_helper.from_dict({1: X, 7: X + 1}, "m"),
    ]
    for place, proto in enumerate(protos):
        (folder / f"output_{place}.pb").write_bytes(proto.SerializeToString())
    gives = (
        TensorSpec("s", "", None, "sequence"), TensorSpec("o", "", None, "optional"), TensorSpec("m", "", None, "map"),
    )  # fmt: skip
    ((_, _, right),) = read_back(folder, "", (), gives)
    assert [array.tolist() for array in right["s"]] == [X.tolist(), (X + 1).tolist()]
    assert right["o"].tolist() == X.tolist()
    assert {key: array.tolist() for key, array in right["m"].items()} == {1: X.tolist(), 7: (X + 1).tolist()}


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.97])
def test_a_proto_that_is_cut_off(tmp_path: Path, keep: float) -> None:
    write_set(tmp_path / "test_data_set_0", FEEDS, RIGHT)
    file = tmp_path / "test_data_set_0" / "output_0.pb"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    error = refused(tmp_path)
    assert (error.code, error.subject) == ("E_GOLDEN", "test_data_set_0/output_0.pb")


@pytest.mark.parametrize("junk", [b"\xff" * 40, bytes(range(7, 250)), b"not a proto at all", b"\x08\x01"])
def test_bytes_that_are_no_tensor(tmp_path: Path, junk: bytes) -> None:
    write_set(tmp_path / "test_data_set_0", FEEDS, RIGHT)
    (tmp_path / "test_data_set_0" / "input_1.pb").write_bytes(junk)
    error = refused(tmp_path)
    assert (error.code, error.subject) == ("E_GOLDEN", "test_data_set_0/input_1.pb")


def test_a_tensor_whose_data_lies_elsewhere_is_not_followed(tmp_path: Path) -> None:
    write_set(tmp_path / "test_data_set_0", FEEDS, RIGHT)
    proto = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[2, 4], data_location=TensorProto.EXTERNAL)
    entry = proto.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    (tmp_path / "test_data_set_0" / "input_0.pb").write_bytes(proto.SerializeToString())
    error = refused(tmp_path)
    assert error.code == "E_GOLDEN"
    assert "another file" in error.cause


@pytest.mark.parametrize("dims", [[-1, 4], [3, 4], [1 << 40, 1 << 40], [0, 4]])
def test_a_shape_that_its_data_does_not_have(tmp_path: Path, dims: list[int]) -> None:
    write_set(tmp_path / "test_data_set_0", FEEDS, RIGHT)
    proto = numpy_helper.from_array(X, "x")
    del proto.dims[:]
    proto.dims.extend(dims)
    (tmp_path / "test_data_set_0" / "input_0.pb").write_bytes(proto.SerializeToString())
    assert refused(tmp_path).subject == "test_data_set_0/input_0.pb"


def test_another_name_another_count_and_a_gap(tmp_path: Path) -> None:
    one = tmp_path / "one"
    write_set(one / "test_data_set_0", {"other": X, "k": FEEDS["k"]}, RIGHT)
    error = refused(one)
    assert (error.code, error.subject) == ("V_GOLDEN", "test_data_set_0/input_0.pb")
    assert "'other'" in error.cause
    assert "'x'" in error.cause
    two = tmp_path / "two"
    write_set(two / "test_data_set_0", {"x": X}, RIGHT)
    error = refused(two)
    assert (error.code, error.cause) == ("V_GOLDEN", "holds 1 inputs, the model takes 2")
    three = tmp_path / "three"
    write_set(three / "test_data_set_0", FEEDS, RIGHT)
    (three / "test_data_set_0" / "output_0.pb").unlink()
    error = refused(three)
    assert (error.code, error.subject) == ("E_GOLDEN", "test_data_set_0")
    assert "output_0 is missing" in error.cause


def test_names_of_an_npz(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    np.savez(folder / "more.npz", **BOTH, extra=X)
    np.savez(folder / "less.npz", **FEEDS, best=RIGHT["best"])
    np.savez(folder / "odd.npz", x_0=X, x_1=X, k_0=FEEDS["k"], **RIGHT)
    more, less, odd = (refused(folder, f"{name}.npz") for name in ("more", "less", "odd"))
    assert "'extra', which the model does not have" in more.cause
    assert less.cause == "lacks output 'at'"
    assert "more samples" in odd.cause
    assert {error.subject for error in (more, less)} == {"more.npz", "less.npz"}


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    np.savez(folder / "a.npz", x=np.array([{}], dtype=object), **{k: v for k, v in BOTH.items() if k != "x"})
    error = refused(folder, "a.npz")
    assert error.code == "E_GOLDEN"
    assert "pickle" in error.cause


@pytest.mark.parametrize("cut", [3, 9, 40, -5])
def test_archives_that_are_cut_off(tmp_path: Path, cut: int) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    np.savez(folder / "a.npz", **BOTH)
    (folder / "a.npz").write_bytes((folder / "a.npz").read_bytes()[:cut])
    (folder / "b.safetensors").write_bytes(safetensors({"x": ("F32", X)})[:cut])
    for name in ("a.npz", "b.safetensors"):
        error = refused(folder, name)
        assert (error.code, error.subject) == ("E_GOLDEN", name)


def _twice(entry: str) -> bytes:
    header = f'{{"x": {entry}, "x": {entry}}}'.encode()
    return len(header).to_bytes(8, "little") + header + X.tobytes()


def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    """Of two values one reader takes the first and another the last."""
    folder = tmp_path / "g"
    folder.mkdir()
    entry = f'{{"dtype": "F32", "shape": {list(X.shape)}, "data_offsets": [0, {X.nbytes}]}}'
    (folder / "a.safetensors").write_bytes(_twice(entry))
    with zipfile.ZipFile(folder / "b.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile says so too
        for array in (X, X + 1):
            stored = io.BytesIO()
            np.save(stored, array)
            archive.writestr("x.npy", stored.getvalue())
    (folder / "inputs.json").write_text('[{"x": 1, "x": 2}]')
    for name in ("a.safetensors", "b.npz", "inputs.json"):
        error = refused(folder, name)
        assert error.code == "E_GOLDEN"
        assert "'x' stands twice" in error.cause


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_onnxaccel.golden import read as reader

    folder = tmp_path / "g"
    folder.mkdir()
    np.savez_compressed(folder / "a.npz", **{**BOTH, "x": np.zeros((1 << 18,), np.float32)})
    monkeypatch.setattr(reader, "LARGEST", 1 << 20)
    assert (folder / "a.npz").stat().st_size < 1 << 20
    assert "MiB" in refused(folder, "a.npz").cause


@pytest.mark.parametrize(
    "header",
    [
        b"{", b"[]", b'{"x": 3}', b'{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}}',
        b'{"x": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}',
        b'{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 80000]}}',
        b'{"x": {"dtype": "Q4", "shape": [2], "data_offsets": [0, 8]}}',
        b'{"x": {"dtype": "F32", "shape": ["2"], "data_offsets": [0, 8]}}',
    ],
)  # fmt: skip
def test_headers_of_safetensors_that_lie(tmp_path: Path, header: bytes) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 16)
    assert refused(folder, "a.safetensors").code == "E_GOLDEN"


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "3", "[3]", '{"lst": []}', '{"lst": [["a", 3]]}', '[{"x": {"array": "?"}}]',
     '[{"x": {"array": 1}}]', '[{"x": {"tensor": "gAI=", "polygraphy_class": "Tensor"}}]', "[" * 100_000],
)  # fmt: skip
def test_json_that_is_not_polygraphys(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "a.json").write_text(text)
    error = refused(folder, "a.json", takes=(TensorSpec("x", "", None),), gives=GIVES)
    assert (error.code, error.subject) == ("E_GOLDEN", "a.json")


def test_a_folder_without_golden_data(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"1")
    assert refused(folder).cause == "holds no golden data"


def test_counts_of_samples_that_differ(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "inputs.json").write_text(polygraphy_inputs(FEEDS, FEEDS))
    (folder / "outputs.json").write_text(polygraphy_outputs(RIGHT))
    assert "2 samples of inputs and 1 of outputs" in refused(folder).cause
