"""Read a model without its external data and write an edited one that stands by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from math import prod
from pathlib import Path

from onnx import AttributeProto, GraphProto, ModelProto, TensorProto
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.files.beneath import Refused, open_beneath, open_folder, split
from pytest_onnxaccel.graph.files import FOLLOWED, all_graphs, load_graph

#: Largest model in bytes that is written as one file; protobuf refuses 2 GiB and some readers half of it.
ONE_FILE_LIMIT = 1 << 30


def read_model(path: str) -> ModelProto:
    """Return a copy of the model at *path* that may be edited.

    Tensors in external files stay there, except the small ones, which may be shapes that hold the batch.

    Raises:
        ModelError: ``E_FILE``, ``E_PARSE``, or ``E_EXTERNAL`` when a small tensor cannot be read.
    """
    model = ModelProto()
    model.CopyFrom(load_graph(path))
    base = os.path.dirname(os.path.abspath(path))
    for tensor in all_tensors(model):
        if uses_external_data(tensor) and prod(tensor.dims) <= FOLLOWED:
            _inside(base, _location(tensor))
            _pull_in(tensor, base)
    return model


def read_whole(path: str) -> ModelProto:
    """Return a copy of the model at *path* with every tensor in it.

    Raises:
        ModelError: ``E_FILE``, ``E_PARSE``, ``E_EXTERNAL``, or ``E_SIZE`` past :data:`ONE_FILE_LIMIT`.
    """
    model = read_model(path)
    base = os.path.dirname(os.path.abspath(path))
    outside = [tensor for tensor in all_tensors(model) if uses_external_data(tensor)]
    files = {_inside(base, _location(tensor)) for tensor in outside}
    if os.path.getsize(path) + sum(map(os.path.getsize, files)) > ONE_FILE_LIMIT:
        raise ModelError("the model is too large to be copied whole", code="E_SIZE")
    for tensor in outside:
        _pull_in(tensor, base)
    return model


def all_tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Yield every tensor that the model holds: initializers and attributes, subgraphs and functions included."""
    for graph in all_graphs(model):
        if isinstance(graph, GraphProto):
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == AttributeProto.TENSOR:
                    yield attribute.t
                yield from attribute.tensors


def _location(tensor: TensorProto) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def write_model(model: ModelProto, source: str, target: str) -> None:
    """Write *model*, read from *source*, to *target*, so that it needs nothing of the source's folder.

    Small models become one file. Beyond :data:`ONE_FILE_LIMIT` the external files are copied next to the
    target as ``<target>.data``, ``<target>.data1`` ..., byte for byte, and large tensors held inline move
    there too.

    Raises:
        ModelError: external data is missing, short or outside the model's folder (``E_EXTERNAL``), or the
            target cannot be written (``E_FILE``).
    """
    base = os.path.dirname(os.path.abspath(source))
    outside = [t for t in all_tensors(model) if uses_external_data(t)]
    files = {place: _inside(base, place) for place in sorted({_location(t) for t in outside})}
    try:
        large = model.ByteSize() + sum(os.path.getsize(path) for path in files.values()) > ONE_FILE_LIMIT
    except ValueError:  # protobuf's answer for a message past its own limit
        large = True
    try:
        if not large:
            for tensor in outside:
                _pull_in(tensor, base)
            Path(target).write_bytes(model.SerializeToString())
            return
        moved = {place: f"{os.path.basename(target)}.data{i or ''}" for i, place in enumerate(files)}
        folder = os.path.dirname(os.path.abspath(target))
        for place, path in files.items():
            shutil.copyfile(path, os.path.join(folder, moved[place]))
        for tensor in outside:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = moved[entry.value]
        _save_split(model, target, f"{os.path.basename(target)}.data{len(files) or ''}")
    except OSError as error:
        raise ModelError(f"cannot write the re-frozen model: {error.strerror or error}", code="E_FILE") from error


def _inside(base: str, place: str) -> str:
    """Return the path of the external file *place*, refused when it leads out of the model's folder.

    The folder is the private copy's, in which nobody exchanges a file for a link meanwhile.
    """
    folder = open_folder(base)
    try:
        os.close(open_beneath(folder, place))
        return os.path.join(base, *split(place))
    except Refused as refused:
        raise ModelError(f"external data {place!r} {refused.cause}", code="E_EXTERNAL", remedy=refused.remedy) from None
    except OSError as error:
        raise ModelError(f"external data {place!r} is missing: {error.strerror}", code="E_EXTERNAL") from None
    finally:
        os.close(folder)


def _pull_in(tensor: TensorProto, base: str) -> None:
    try:
        load_external_data_for_tensor(tensor, base)
    except Exception as error:
        raise ModelError(f"external data of '{tensor.name}': {error}", code="E_EXTERNAL") from error
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _save_split(model: ModelProto, target: str, place: str) -> None:
    """Write what is left inline, its large raw tensors in the file *place* next to the target."""
    with open(os.path.join(os.path.dirname(os.path.abspath(target)), place), "wb") as out:
        for tensor in all_tensors(model):
            if uses_external_data(tensor) or len(tensor.raw_data) < 1024:
                continue
            out.write(b"\0" * (-out.tell() % 4096))  # page-aligned, so that a runtime may map it
            start, size = out.tell(), len(tensor.raw_data)
            out.write(tensor.raw_data)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", place), ("offset", start), ("length", size)):
                tensor.external_data.add(key=key, value=str(value))
        empty = out.tell() == 0
    if empty:
        os.unlink(out.name)
    Path(target).write_bytes(model.SerializeToString())
