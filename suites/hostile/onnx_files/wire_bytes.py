"""Messages that no tool of ONNX writes: numbers, lengths and nesting that only bytes can hold."""

from __future__ import annotations

from collections.abc import Iterator

from suites.hostile.case import OK, Case, of_bytes
from suites.hostile.onnx_files.graphs import data, network
from suites.unit.graph_bytes import entry, field, varint

#: Fields of ModelProto and of the messages in it that are written here.
_IR_VERSION, _PRODUCER, _GRAPH, _OPSETS, _METADATA = 1, 2, 7, 8, 14
_WRONG = ("E_PARSE", "E_SCHEMA", "E_GRAPH")


def _nested(levels: int) -> bytes:
    """An If in the branch of an If, and so on."""
    inner = b""
    for _ in range(levels):
        attribute = field(1, "then_branch") + field(6, inner) + field(20, 5)
        inner = field(1, field(4, "If") + field(5, attribute))
    return field(_IR_VERSION, 8) + field(_GRAPH, inner) + field(_OPSETS, field(2, 17))


def _typed(levels: int) -> bytes:
    """An input that is a sequence of sequences, and so on, of tensors."""
    kind = field(1, field(1, 1))
    for _ in range(levels):
        kind = field(4, field(1, kind))
    return data(network()) + field(_GRAPH, field(11, field(1, "deep") + field(2, kind)))


def cases() -> Iterator[Case]:
    """Varints, lengths, wire types, groups, nesting and repeated fields."""
    whole = data(network())
    yield of_bytes("relu", whole)
    yield of_bytes("unknown-fields", whole + field(900, b"later") + field(901, 7))
    yield of_bytes("repeated-version", field(_IR_VERSION, 999) + whole)  # the last one counts
    broken = {
        "varint-without-end": whole + b"\x08" + b"\xff" * 9,
        "varint-of-eleven-bytes": whole + b"\x08" + b"\xff" * 10 + b"\x01",
        "tag-of-ten-bytes": whole + b"\xff" * 10,
        "length-past-the-end": whole + varint(_GRAPH << 3 | 2) + varint(10**6) + b"x",
        "length-of-2-31": whole + varint(_GRAPH << 3 | 2) + varint(2**31) + b"x",
        "length-of-2-63": whole + varint(_GRAPH << 3 | 2) + varint(2**63) + b"x",
        "length-negative": whole + varint(_GRAPH << 3 | 2) + varint(-1) + b"x",
        "field-number-zero": whole + b"\x02\x01x",
        "wire-type-6": whole + bytes([_GRAPH << 3 | 6]),
        "wire-type-7": whole + bytes([_GRAPH << 3 | 7]),
        "group-without-end": whole + bytes([_GRAPH << 3 | 3]),
        "group-end-alone": whole + bytes([_GRAPH << 3 | 4]),
        "groups-nested": whole + b"\x1b" * 100_000,
        "fixed-cut-short": whole + bytes([_GRAPH << 3 | 1]) + b"123",
        "graph-of-garbage": field(_IR_VERSION, 8) + field(_GRAPH, b"\xff" * 40) + field(_OPSETS, field(2, 17)),
        "graph-as-number": field(_IR_VERSION, 8) + field(_GRAPH, 5) + field(_OPSETS, field(2, 17)),
        "nested-200": _nested(200),
        "nested-3000": _nested(3000),
        "nested-30000": _nested(30_000),
        "type-nested-5000": _typed(5000),
        "version-as-text": field(_IR_VERSION, "8") + field(_GRAPH, b"") + field(_OPSETS, field(2, 17)),
        "no-graph": field(_IR_VERSION, 8) + field(_OPSETS, field(2, 17)),
        "empty-graph": field(_IR_VERSION, 8) + field(_GRAPH, b"") + field(_OPSETS, field(2, 17)),
        "only-a-version": field(_IR_VERSION, 8),
        "graph-twice": whole + field(_GRAPH, field(1, field(1, "y") + field(2, "y") + field(4, "Relu"))),
        "name-not-utf8": whole + field(_GRAPH, field(1, field(2, b"\xff\xfe\x80") + field(4, b"\xc3\x28"))),
        "name-of-nul": whole + field(_GRAPH, field(1, field(1, "x\0") + field(2, "z\0") + field(4, "Re\0lu"))),
        "million-nodes": whole + field(_GRAPH, field(1, field(4, "Relu")) * 100_000),
        "million-inputs": whole + field(_GRAPH, field(11, field(1, "i")) * 100_000),
    }
    for name, content in broken.items():
        yield of_bytes(name, content, *_WRONG)
    # Legal by the letter: what is made of them differs by release, but a result comes
    odd = {
        "producer-not-utf8": whole + field(_PRODUCER, b"\xff\xfe"),
        "producer-of-a-megabyte": whole + field(_PRODUCER, "p" * 1_000_000),
        "metadata-twice": whole + field(_METADATA, entry("k", b"1")) + field(_METADATA, entry("k", b"2")),
        "metadata-flood": whole + b"".join(field(_METADATA, entry(f"k{k}", b"v")) for k in range(20_000)),
        "unknown-flood": whole + field(900, 1) * 300_000,
        "opsets-flood": whole + field(_OPSETS, field(1, "own") + field(2, 1)) * 10_000,
    }
    for name, content in odd.items():
        yield of_bytes(name, content, *_WRONG, OK)
