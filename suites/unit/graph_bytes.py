"""Writes TensorFlow's graph files byte by byte: what no TensorFlow would write can be written too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def varint(value: int) -> bytes:
    """A base-128 integer; negative ones as 64 bits."""
    value &= 0xFFFFFFFFFFFFFFFF
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: bytes | str | int) -> bytes:
    """One field: an integer, or a string, or the bytes of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def entry(key: str, value: bytes) -> bytes:
    """An entry of a map."""
    return field(1, key) + field(2, value)


def node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    """A ``NodeDef``."""
    found = field(1, name) + field(2, op) + b"".join(field(3, item) for item in inputs)
    return found + b"".join(field(5, entry(key, value)) for key, value in attributes.items())


def text(value: str) -> bytes:
    """An ``AttrValue`` that is a string."""
    return field(2, value)


def call(function: str) -> bytes:
    """An ``AttrValue`` that is a function."""
    return field(10, field(1, function))


def calls(*functions: str) -> bytes:
    """An ``AttrValue`` that is a list of functions, as the branches of a ``Case``."""
    return field(1, b"".join(field(9, field(1, name)) for name in functions))


def graph(nodes: Iterable[bytes], functions: Mapping[str, Iterable[bytes]] | None = None) -> bytes:
    """A ``GraphDef``; *functions* by name are lists of nodes."""
    found = b"".join(field(1, item) for item in nodes)
    library = b"".join(
        field(1, field(1, field(1, name)) + b"".join(field(3, item) for item in body))
        for name, body in (functions or {}).items()
    )
    return found + field(2, library)


def meta_graph(
    of: bytes,
    signatures: Mapping[str, str] | None = None,
    saver: tuple[str, str, str] | None = None,
    collections: Mapping[str, str] | None = None,
) -> bytes:
    """A ``MetaGraphDef`` for serving: one output tensor by signature, one node by collection."""
    found = field(1, field(4, "serve")) + field(2, of)
    if saver is not None:
        found += field(3, b"".join(field(at, name) for at, name in enumerate(saver, 1)))
    for key, value in (collections or {}).items():
        found += field(4, entry(key, field(1, field(1, value))))
    for key, tensor in (signatures or {}).items():
        found += field(5, entry(key, field(2, entry("y", field(1, tensor)))))
    return found


def saved_model(*graphs: bytes) -> bytes:
    """The ``saved_model.pb`` of these meta graphs."""
    return field(1, 1) + b"".join(field(2, item) for item in graphs)


def tensor(*strings: bytes, variants: Iterable[bytes] = ()) -> bytes:
    """An ``AttrValue`` that is a tensor of *strings*, or of *variants*, which are messages."""
    return field(8, tensor_proto(*strings, variants=variants))


def tensor_proto(*strings: bytes, variants: Iterable[bytes] = ()) -> bytes:
    """A ``TensorProto``."""
    kind = 21 if variants else 7
    inside = b"".join(field(8, item) for item in strings) + b"".join(field(15, item) for item in variants)
    return field(1, kind) + field(2, field(2, field(1, len(strings)))) + inside


def packed(*strings: bytes) -> bytes:
    """The same tensor of *strings* in one piece, as ``tensor_content``."""
    shape = field(2, field(1, len(strings)))
    content = b"".join(varint(len(item)) for item in strings) + b"".join(strings)
    return field(8, field(1, 7) + field(2, shape) + field(4, content))


def texts(*strings: bytes) -> bytes:
    """An ``AttrValue`` that is a list of strings."""
    return field(1, b"".join(field(2, item) for item in strings))


def call_with(function: str, **attributes: bytes) -> bytes:
    """An ``AttrValue`` that is a function with attributes of its own."""
    given = b"".join(field(2, entry(key, value)) for key, value in attributes.items())
    return field(10, field(1, function) + given)


def function(name: str, nodes: Iterable[bytes], more: bytes = b"", **attributes: bytes) -> bytes:
    """A ``FunctionDef``; *more* is added to its signature."""
    given = b"".join(field(5, entry(key, value)) for key, value in attributes.items())
    return field(1, field(1, name) + more) + b"".join(field(3, item) for item in nodes) + given


def library(*functions: bytes, gradients: Mapping[str, str] | None = None) -> bytes:
    """The field of a ``GraphDef`` that holds *functions*; *gradients* by function are others."""
    pairs = b"".join(field(2, field(1, of) + field(2, gradient)) for of, gradient in (gradients or {}).items())
    return field(2, b"".join(field(1, item) for item in functions) + pairs)
