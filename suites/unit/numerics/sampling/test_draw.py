"""Seeded values: equal wherever they are drawn, inside their range, and refused where there can be none."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import InputSpec, TensorSpec
from pytest_onnxaccel.numerics.sampling import npz as archive
from pytest_onnxaccel.numerics.sampling.draw import (
    DEFAULT_RANGE,
    POSITIVE_RANGE,
    LegalValues,
    concrete,
    load_samples,
    sample,
    unguessable,
)
from suites.unit.fakes import tensor

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64", "bfloat16"]


def draw(
    dtype: str, *shape: int, seed: int = 0, index: int = 0, given: Any = (), name: str = "x", **more: Any
) -> NDArray[Any]:
    spec = TensorSpec(name, dtype, shape)
    found: NDArray[Any] = sample([spec], {name: shape}, seed, index, LegalValues(given, **more))[name]
    return found


# -- the same everywhere ----------------------------------------------------------------------------------------

DIGEST = """
import hashlib
from suites.unit.numerics.sampling.test_draw import drawn_digest
print(drawn_digest())
"""


def drawn_digest() -> str:
    digest = hashlib.sha256()
    for dtype in (*INTEGERS, *FLOATS, "bool"):
        digest.update(draw(dtype, 3, 5, seed=7, index=2, name=f"in {dtype}").tobytes())
    return digest.hexdigest()


def test_another_process_draws_the_same() -> None:
    for hashing in ("0", "1"):
        result = subprocess.run(
            [sys.executable, "-c", DIGEST],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hashing, "PYTHONPATH": os.getcwd()},
            cwd=Path(__file__).parents[4],
        )
        assert result.stdout.strip() == drawn_digest()


def test_seed_index_and_name_each_tell_draws_apart() -> None:
    base = draw("float32", 100)
    assert np.array_equal(base, draw("float32", 100))
    for other in (draw("float32", 100, seed=1), draw("float32", 100, index=1), draw("float32", 100, name="z")):
        assert not np.array_equal(base, other)
    # One after the other is not a sum: (0, 1) and (1, 0) differ
    assert not np.array_equal(draw("float32", 9, seed=1), draw("float32", 9, index=1))


def test_an_input_does_not_depend_on_the_others() -> None:
    x, z = tensor("x", 4), tensor("z", 9, dtype="int64")
    alone = sample([x], {"x": (4,)}, 0, 0)["x"]
    both = sample([z, x], {"x": (4,), "z": (9,)}, 0, 0)
    assert np.array_equal(alone, both["x"])
    assert list(both) == ["z", "x"]


# -- ranges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, "bool"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_dtype_and_shape_are_the_declared(dtype: str, shape: tuple[int, ...]) -> None:
    found = draw(dtype, *shape)
    assert isinstance(found, np.ndarray)
    assert (found.dtype.name, found.shape) == (dtype, shape)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("limits", [DEFAULT_RANGE, POSITIVE_RANGE, (0.0, 255.0), (100.0, 101.0)])
def test_floats_fill_their_range_and_leave_out_its_end(dtype: str, limits: tuple[float, float]) -> None:
    """100,000 draws of the narrow types are enough to be rounded up to the end."""
    found = draw(dtype, 100_000, floats=limits).astype(np.float64)
    low, high = limits
    resolution = max((high - low) / 100, high * float(ml_dtypes.finfo(dtype).eps))
    assert low - 1e-3 <= found.min() <= low + resolution
    assert high - resolution <= found.max() < high


def test_the_positive_range_holds_no_zero() -> None:
    """Log and division are what it is for."""
    assert POSITIVE_RANGE[0] > 0
    assert draw("float16", 100_000, floats=POSITIVE_RANGE).min() > 0


def test_a_declared_range_wins_and_concerns_its_input_alone() -> None:
    given = [InputSpec("x", 5, 6)]
    assert draw("float32", 50, given=given).min() >= 5
    assert draw("float32", 50, given=given, name="other").max() < 1


@pytest.mark.parametrize(("limits", "expected"), [((3, 7), {3, 4, 5, 6}), ((0.5, 2.5), {1, 2}), ((-1.5, 1), {-1, 0})])
def test_integers_take_every_value_of_their_range(limits: tuple[float, float], expected: set[int]) -> None:
    assert set(draw("int32", 1000, given=[InputSpec("x", *limits)]).tolist()) == expected


def test_the_ends_of_a_dtype_are_inside() -> None:
    assert set(draw("uint8", 20_000, given=[InputSpec("x", 0, 256)]).tolist()) == set(range(256))
    assert set(draw("int8", 20_000, given=[InputSpec("x", -1e9, 1e9)]).tolist()) == set(range(-128, 128))
    assert draw("uint64", 100, given=[InputSpec("x", 0, 2.0**64)]).max() > 2**63


def test_integers_of_which_nothing_is_known_are_zero_and_one() -> None:
    assert set(draw("int64", 100).tolist()) == {0, 1}
    assert set(draw("bool", 100).tolist()) == {False, True}


@pytest.mark.parametrize(("dtype", "limits"), [("uint8", (300, 400)), ("uint8", (-9, 0)), ("int32", (0.2, 0.8))])
def test_a_range_without_a_value_of_the_dtype_is_refused(dtype: str, limits: tuple[float, float]) -> None:
    with pytest.raises(ModelError, match="holds no " + dtype) as caught:
        draw(dtype, 3, given=[InputSpec("x", *limits)])
    assert caught.value.code == "E_INPUT"


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (1 << 40, 1 << 40), (1 << 30,)])
def test_sizes_that_no_memory_holds_are_refused_before_they_are_drawn(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="would take") as caught:
        draw("float32", *shape)
    assert caught.value.code == "E_SIZE"


# -- what cannot be made up -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, "bool"])
def test_numbers_of_a_known_rank_can_be_made_up(dtype: str) -> None:
    assert unguessable(tensor("x", "N", None, 3, dtype=dtype)) == ""


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (TensorSpec("s", "", None, "sequence"), "input 's' is a sequence"),
        (TensorSpec("o", "", None, "optional"), "input 'o' is a optional"),
        (tensor("w", "N", dtype="string"), "input 'w' holds string"),
        (tensor("c", "N", dtype="complex64"), "input 'c' holds complex64"),
        (tensor("u", "N", dtype=""), "input 'u' holds an undeclared type"),
        (TensorSpec("r", "float32", None), "input 'r' declares no rank"),
    ],
)
def test_what_cannot_be_made_up_says_why(spec: TensorSpec, says: str) -> None:
    assert unguessable(spec) == says


# -- sample files -----------------------------------------------------------------------------------------------


def loaded(path: Path, name: str = "x") -> list[NDArray[Any]]:
    return list(load_samples(InputSpec(name, file=str(path)), name))


def test_npy_is_one_sample(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    (found,) = loaded(tmp_path / "a.npy")
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_npz_gives_the_arrays_of_the_inputs_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", y=np.zeros(2), x=np.ones(1), xy=np.zeros(3), x_left=np.zeros(4))
    assert [a.tolist() for a in loaded(tmp_path / "a.npz")] == [[1.0]]


def test_numbered_names_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    arrays = {f"x_{n}": np.array([n]) for n in (10, 2, 0, 1)}
    np.savez(tmp_path / "a.npz", **arrays)
    assert [int(a[0]) for a in loaded(tmp_path / "a.npz")] == [0, 1, 2, 10]


def test_names_that_mean_nothing_are_samples_each(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", np.zeros(1), np.ones(1))
    assert len(loaded(tmp_path / "a.npz")) == 2


def test_names_of_a_model_may_be_odd(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"input:0": np.ones(1), "other": np.zeros(2)})
    assert [a.shape for a in loaded(tmp_path / "a.npz", "input:0")] == [(1,)]


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        loaded(path)
    assert caught.value.code == "E_INPUT"
    text = str(caught.value)
    assert f"{path.name}: samples of input 'x' cannot be read" in text
    assert "numpy.savez" in text
    return text


class Trap:
    """Unpickling it would leave a trace."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.mkdir, ("unpickled",))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_pickled_objects_are_refused_and_not_loaded(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trap = np.array([Trap()], object)
    if suffix == "npy":
        np.save("a.npy", trap, allow_pickle=True)
    else:
        np.savez("a.npz", x=trap)
    assert "pickle" in refused(Path(f"a.{suffix}").resolve())
    assert not Path("unpickled").exists()


def test_files_that_hold_no_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz")
    np.savez(tmp_path / "whole.npz", x=np.zeros(1000))
    contents = {
        "empty.npy": b"",
        "text.npy": b"1 2 3",
        "cut.npz": (tmp_path / "whole.npz").read_bytes()[:200],
        "zip.npz": b"PK\x03\x04 nothing more",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in (*contents, "none.npz", "missing.npz"):
        assert "cannot be read" in refused(tmp_path / name), name


def test_a_bad_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(1000))
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    assert "CRC" in refused(path)


def test_a_header_that_promises_terabytes_is_refused(tmp_path: Path) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"little")
    refused(tmp_path / "a.npy")


def too_large(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        loaded(path)
    assert caught.value.code == "E_SIZE"
    return caught.value.cause


def test_a_pipe_or_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", tmp_path, Path("/dev/zero")):
        with pytest.raises(ModelError, match=r"not a regular file - give a \.npy or \.npz file") as caught:
            loaded(path)
        assert caught.value.code == "E_INPUT"


def test_a_link_that_the_owner_names_is_followed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3))
    (tmp_path / "link.npy").symlink_to("a.npy")
    assert [a.tolist() for a in loaded(tmp_path / "link.npy")] == [[1.0, 1.0, 1.0]]


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(1 << 17), other=np.zeros(1 << 18))
    assert (tmp_path / "a.npz").stat().st_size < 1 << 14
    assert "holds arrays of 0.00105 GB, and the limit is 0.00105 GB" in too_large(tmp_path / "a.npz")
    monkeypatch.setattr(archive, "LARGEST", (1 << 20) + 1000)
    assert loaded(tmp_path / "a.npz")[0].shape == (1 << 17,), "what is not read does not count"
    np.save(tmp_path / "a.npy", np.zeros(1 << 18))
    too_large(tmp_path / "a.npy")


def test_a_member_that_claims_a_larger_array_than_it_holds(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as made:
        made.writestr("x.npy", header.getvalue())
    assert "cannot be read" in refused(tmp_path / "a.npz")


# -- shapes -----------------------------------------------------------------------------------------------------


def test_free_dimensions_take_what_was_chosen_for_them() -> None:
    spec = tensor("x", "N", 3, "H", None)
    assert concrete(spec, {"N": 9, "H": 5, "?": 7}, 2, 0) == (2, 3, 5, 7)
    assert concrete(spec, {"N": 9, "H": 5, "?": 7, "x:3": 6}, None, None) == (9, 3, 5, 6)
    assert concrete(spec, {}, None, None) == (1, 3, 1, 1)


def test_expressions_follow_from_names() -> None:
    spec = tensor("mask", "N", "past + sequence", "floor(sequence/2)")
    assert concrete(spec, {"past": 3, "sequence": 5}, 2, 0) == (2, 8, 2)


def test_the_batch_fills_its_own_axis() -> None:
    assert concrete(tensor("state", 2, "N", 6), {"N": 9}, 4, 1) == (2, 4, 6)


def test_a_fixed_first_axis_is_not_the_batch() -> None:
    assert concrete(tensor("x", 4, "N"), {"N": 6}, 2, 0) == (4, 6)


def test_a_declared_shape_wins() -> None:
    given = [InputSpec("x", shape=(2, 8)), InputSpec("y", shape=(1,))]
    assert concrete(tensor("x", "N", None), {}, 5, 0, given) == (2, 8)
    assert concrete(tensor("z", "N", None), {}, 5, 0, given) == (5, 1)


def test_brain_floats_are_those_of_ml_dtypes() -> None:
    assert draw("bfloat16", 2).dtype == ml_dtypes.bfloat16


def test_a_half_is_no_value_of_a_whole_number() -> None:
    assert set(draw("int64", 9, given=[InputSpec("x", values=(0, 5.0))]).tolist()) == {0, 5}
    for values in ((0.5,), (1, "2")):
        with pytest.raises(ModelError, match="the values declared for input 'x' are not all int64"):
            draw("int64", 9, given=[InputSpec("x", values=values)])
