"""External data inside the model's folder that is too short, too large, no file, or the model itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

from onnx import ModelProto, TensorProto
from onnx.helper import make_node

from fixtures import hazards
from suites.hostile.case import OK, Case
from suites.hostile.onnx_files import external_model as external
from suites.hostile.onnx_files.external_model import Yard, case, weight
from suites.hostile.onnx_files.graphs import changed, data, network

_REFUSED = "E_EXTERNAL"
#: A model whose numbers do not fit its data, or that a runtime may judge by its own text.
_UNFIT = ("E_EXTERNAL", "E_GRAPH", "E_SIZE", "E_PARSE")


def _with(content: bytes = external.NUMBERS, **entries: str) -> Callable[[Yard], ModelProto]:
    return lambda found: external.at(found.put("w.bin", content).name, **entries)


def _spelt(found: Yard) -> ModelProto:
    """One file under sixty names, all inside and none a detour."""
    found.put("w.bin", bytes(1 << 20))
    weights = [weight("./" * k + "w.bin", name=f"w{k}") for k in range(60)]
    return network(make_node("Sum", ["x", *(w.name for w in weights)], ["y"]), tensors=weights)


def _many(found: Yard) -> ModelProto:
    """Ten thousand files, none of which exists."""
    weights = [weight(f"w{k}.bin", name=f"w{k}") for k in range(10_000)]
    return network(make_node("Sum", ["x", *(w.name for w in weights)], ["y"]), tensors=weights)


def _shared(found: Yard) -> ModelProto:
    """Two weights that overlap in one file."""
    found.put("w.bin", external.NUMBERS * 2)
    weights = [weight("w.bin", name="v", offset="0"), weight("w.bin", offset="8")]
    return network(make_node("Sum", ["x", "v", "w"], ["y"]), tensors=weights)


def _sparse_file(found: Yard) -> ModelProto:
    """A file of a terabyte, none of which is on the disk."""
    with open(found.put("w.bin"), "r+b") as file:
        file.truncate(1 << 40)
    return external.at("w.bin")


def _special(make: Callable[[str], object]) -> Callable[[Yard], ModelProto]:
    def build(found: Yard) -> ModelProto:
        make(str(found.folder / "w.bin"))
        return external.at("w.bin")

    return build


def _socket(path: str) -> None:
    folder, name = os.path.split(path)
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)  # the path of a socket holds some hundred bytes
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
    finally:
        os.fchdir(here)
        os.close(here)


def _unreadable(path: str) -> None:
    with open(path, "wb") as file:
        file.write(external.NUMBERS)
    os.chmod(path, 0)


def _replacing(location: str) -> Callable[[Yard], ModelProto]:
    """Beside the model lies one that kills the runtime, under the name that the model's private copy has."""

    def build(found: Yard) -> ModelProto:
        found.put("model.onnx", data(hazards.div_crash()))
        found.put("x/model.onnx", data(hazards.div_crash()))
        return external.at(location)

    return build


def _keyed_twice(found: Yard) -> ModelProto:
    """The first location is outside, and the second one inside."""
    model = external.at(found.put("w.bin").name)
    first = model.graph.initializer[0].external_data.add(key="location", value="../secret.bin")
    model.graph.initializer[0].external_data.insert(0, first)
    return model


def _texts(found: Yard) -> ModelProto:
    """A weight of texts, which no external file can hold."""
    tensor = weight(found.put("w.bin").name)
    tensor.data_type = TensorProto.STRING
    return network(make_node("Identity", ["x"], ["y"]), tensors=[tensor])


def _bare(found: Yard) -> ModelProto:
    """A weight that is said to lie elsewhere, and nothing says where."""
    return changed(lambda m: m.graph.initializer[0].ClearField("external_data"), tensors=[weight("w.bin")])


def cases() -> Iterator[Case]:
    """Numbers, kinds of files and names."""
    numbers = external.NUMBERS
    yield case("whole", _with())
    yield case("without-numbers", _with(offset="absent", length="absent"))
    yield case("behind-others", _with(bytes(4096) + numbers, offset="4096"))
    yield case("with-a-checksum", _with(checksum="0" * 40))
    yield case("spelt-sixty-ways", _spelt)
    yield case("overlapping", _shared)
    cut = {
        "empty": _with(b""),
        "short-by-one": _with(numbers[:-1]),
        "short-by-half": _with(numbers[:8], length="absent"),
        "offset-past-the-end": _with(offset="17"),
        "offset-far-out": _with(offset=str(2**62)),
        "offset-past-64-bits": _with(offset=str(2**64)),
        "offset-that-wraps": _with(offset=str(2**64 - 16)),
        "offset-negative": _with(offset="-16"),
        "offset-of-words": _with(offset="start"),
        "offset-hexadecimal": _with(offset="0x10"),
        "offset-empty": _with(offset=""),
        "length-too-small": _with(length="4"),
        "length-past-the-end": _with(length="4096"),
        "length-negative": _with(length="-1"),
        "length-of-2-63": _with(length=str(2**63)),
        "length-of-a-terabyte": _with(length=str(1 << 40)),
        "length-of-words": _with(length="all"),
        "length-of-ten-thousand-digits": _with(length="9" * 10_000),
    }
    for name, build in cut.items():
        yield case(name, build, *_UNFIT)
    # Which of the keys of one name counts, and what is made of a blank, is not written anywhere
    yield case("location-twice", _keyed_twice, *_UNFIT, OK)
    yield case("offset-with-a-blank", _with(offset=" 0"), *_UNFIT, OK)
    yield case("without-a-location", lambda found: external.at("absent"), *_UNFIT, "E_SCHEMA")
    yield case("without-entries", _bare, *_UNFIT, "E_SCHEMA")
    yield case("of-texts", _texts, *_UNFIT, "E_SCHEMA", OK)
    yield case("ten-thousand-missing", _many, _REFUSED, "E_SIZE")
    yield case("missing", lambda found: hazards.external_missing(), _REFUSED)
    yield case("a-fifo", _special(os.mkfifo), _REFUSED)
    yield case("a-folder", _special(os.mkdir), _REFUSED)
    yield case("a-socket", _special(_socket), _REFUSED)
    root = "root may read everything" if os.geteuid() == 0 else ""
    yield case("unreadable", _special(_unreadable), _REFUSED, skip=root)
    yield case("of-a-terabyte-on-no-disk", _sparse_file, "E_SIZE")
    yield case("itself", lambda found: external.at("net.onnx"), *_UNFIT, OK)
    copies = ("model.onnx", "./model.onnx", "x/../model.onnx", ".//model.onnx", "x//model.onnx")
    for number, location in enumerate(copies):
        # Sixteen bytes of a model are four numbers: it may pass, but with these and never as that model
        yield case(f"named-as-the-copy-{number}", _replacing(location), _REFUSED, OK)
