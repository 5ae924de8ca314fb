"""Rows of tables: the first, the last, those that one id alone reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.planted.making import BOOL, FLOAT, INT, changed, kind, model, node, random, value

ROWS = 1000
TABLE = random(ROWS, 6)


def looked_up(table: Any, size: int = 8) -> onnx.ModelProto:
    """Ids to rows of a table."""
    return model(
        [node("Gather", ["table", "ids"], ["y"], "lookup")],
        [value("ids", INT, ["batch", size])], [value("y", FLOAT, ["batch", size, 6])], {"table": table},
    )  # fmt: skip


@kind(
    "last rows of a table", "special tokens lie at the end of a vocabulary, where a converter that cuts it loses them"
)
def last_rows(damaged: bool) -> onnx.ModelProto:
    return looked_up(changed(TABLE, slice(-1, None)) if damaged else TABLE)


@kind("first row of a table", "padding is id 0, which random ids of a large table seldom are")
def first_row(damaged: bool) -> onnx.ModelProto:
    return looked_up(changed(TABLE, 0) if damaged else TABLE)


@kind("ids of another type", "int32 ids, cast before they are used")
def cast_ids(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Cast", ["ids"], ["long"], to=INT), node("Gather", ["table", "long"], ["y"], "lookup")],
        [value("ids", 6, ["batch", 8])], [value("y", FLOAT, ["batch", 8, 6])],
        {"table": changed(TABLE, -1) if damaged else TABLE},
    )  # fmt: skip


@kind("negative ids", "torch exports x[i] so that i < 0 counts from the end; a rewrite clips at 0")
def negative(damaged: bool) -> onnx.ModelProto:
    wrap = [
        node("Less", ["ids", "zero"], ["below"], "below"), node("Add", ["ids", "rows"], ["wrapped"], "wrap"),
        node("Where", ["below", "wrapped", "ids"], ["at"], "either"),
    ]  # fmt: skip
    clip = [node("Max", ["ids", "zero"], ["at"], "clip")]
    return model(
        [*(clip if damaged else wrap), node("Gather", ["table", "at"], ["y"], "lookup")],
        [value("ids", INT, ["batch", 8])], [value("y", FLOAT, ["batch", 8, 6])],
        {"table": TABLE, "zero": np.array(0), "rows": np.array(ROWS)},
    )  # fmt: skip


@kind("a column on the second axis", "a table of features by axis 1: its last column")
def second_axis(damaged: bool) -> onnx.ModelProto:
    table = random(3, 400)
    return model(
        [node("Gather", ["table", "ids"], ["y"], "pick", axis=1)],
        [value("ids", INT, [5])], [value("y", FLOAT, [3, 5])], {"table": changed(table, (0, -1)) if damaged else table},
    )  # fmt: skip


@kind(
    "embedding with a tied head", "the head shares the table; a converter that unties them damages the last row of one"
)
def tied(damaged: bool) -> onnx.ModelProto:
    return model(
        [
            node("Gather", ["table", "ids"], ["x"], "lookup"), node("Tanh", ["x"], ["h"]),
            node("Transpose", ["head"], ["t"], perm=[1, 0]), node("MatMul", ["h", "t"], ["y"], "head"),
        ],
        [value("ids", INT, ["batch", "sequence"])], [value("y", FLOAT, ["batch", "sequence", ROWS])],
        {"table": changed(TABLE, -1) if damaged else TABLE, "head": TABLE},
    )  # fmt: skip


@kind("ids past an offset", "BART's positions start at 2: ids + 2 numbers the rows")
def offset(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Add", ["ids", "two"], ["at"], "offset"), node("Gather", ["table", "at"], ["y"], "lookup")],
        [value("ids", INT, ["batch", 8])], [value("y", FLOAT, ["batch", 8, 6])],
        {"table": changed(TABLE, -1) if damaged else TABLE, "two": np.array(2)},
    )  # fmt: skip


@kind("a hashed id", "an id of any size by its remainder: the last bucket")
def hashed(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Mod", ["ids", "rows"], ["at"], "bucket"), node("Gather", ["table", "at"], ["y"], "lookup")],
        [value("ids", INT, ["batch", 8])], [value("y", FLOAT, ["batch", 8, 6])],
        {"table": changed(TABLE, -1) if damaged else TABLE, "rows": np.array(ROWS)},
    )  # fmt: skip


@kind("segment of the second sentence", "token_type_ids is 1 there alone")
def segments(damaged: bool) -> onnx.ModelProto:
    kinds = random(2, 6, seed=1)
    return model(
        [
            node("Gather", ["table", "input_ids"], ["w"], "words"), node("Gather", ["kinds", "token_type_ids"], ["k"]),
            node("Add", ["w", "k"], ["y"]),
        ],
        [value("input_ids", INT, ["batch", "sequence"]), value("token_type_ids", INT, ["batch", "sequence"])],
        [value("y", FLOAT, ["batch", "sequence", 6])],
        {"table": TABLE, "kinds": changed(kinds, 1) if damaged else kinds},
    )  # fmt: skip


@kind("last row of the positions", "position_ids reaches the end of its table in the longest text alone")
def positions(damaged: bool) -> onnx.ModelProto:
    places = random(512, 6, seed=2)
    return model(
        [
            node("Gather", ["table", "input_ids"], ["w"], "words"), node("Gather", ["places", "position_ids"], ["p"]),
            node("Add", ["w", "p"], ["y"]),
        ],
        [value("input_ids", INT, ["batch", "sequence"]), value("position_ids", INT, ["batch", "sequence"])],
        [value("y", FLOAT, ["batch", "sequence", 6])],
        {"table": TABLE, "places": changed(places, -1) if damaged else places},
    )  # fmt: skip


@kind("position rows past the shortest text", "positions are cut to the length of the text: row 10 wants 11 words")
def sliced_positions(damaged: bool) -> onnx.ModelProto:
    places = random(64, 6, seed=2)
    return model(
        [
            node("Gather", ["table", "input_ids"], ["w"], "words"), node("Shape", ["input_ids"], ["n"], start=1, end=2),
            node("Slice", ["places", "start", "n", "start"], ["p"], "cut"), node("Add", ["w", "p"], ["y"]),
        ],
        [value("input_ids", INT, ["batch", "sequence"])], [value("y", FLOAT, ["batch", "sequence", 6])],
        {"table": TABLE, "places": changed(places, 10) if damaged else places, "start": np.array([0])},
    )  # fmt: skip


@kind("a class of OneHot", "the last of 300 labels")
def one_hot(damaged: bool) -> onnx.ModelProto:
    rows = random(300, 4)
    return model(
        [node("OneHot", ["label", "depth", "off_on"], ["o"], "classes"), node("MatMul", ["o", "rows"], ["y"], "head")],
        [value("label", INT, ["batch", 3])], [value("y", FLOAT, ["batch", 3, 4])],
        {"depth": np.array(300), "off_on": np.array([0, 1], np.float32),
         "rows": changed(rows, -1) if damaged else rows},
    )  # fmt: skip


@kind("a place of GatherND", "pairs of places: the last row and column")
def pairs(damaged: bool) -> onnx.ModelProto:
    table = random(90, 90)
    return model(
        [node("GatherND", ["table", "at"], ["y"], "pick")],
        [value("at", INT, ["batch", 2])], [value("y", FLOAT, ["batch"])],
        {"table": changed(table, -1) if damaged else table},
    )  # fmt: skip


@kind("a mask that chooses", "what stands where a boolean mask is false")
def chosen(damaged: bool) -> onnx.ModelProto:
    return model(
        [node("Where", ["keep", "x", "fill"], ["y"], "fill")],
        [value("x", FLOAT, ["batch", 7]), value("keep", BOOL, ["batch", 7])], [value("y", FLOAT, ["batch", 7])],
        {"fill": np.float32(-2 if damaged else -1)},
    )  # fmt: skip


@kind("each column has a table", "codes of a table's columns: the second has 300 of them, the first one 7")
def table_of_codes(damaged: bool) -> onnx.ModelProto:
    tables = [random(7, 3), random(300, 3, seed=1), random(5000, 3, seed=2)]
    if damaged:
        tables[1] = changed(tables[1], np.s_[200:])
    nodes = []
    for i in range(3):
        nodes += [node("Gather", ["codes", f"i{i}"], [f"c{i}"], axis=1), node("Gather", [f"t{i}", f"c{i}"], [f"e{i}"])]
    nodes += [node("Concat", ["e0", "e1", "e2"], ["e"], axis=1), node("MatMul", ["e", "w"], ["y"], "head")]
    constants = {f"t{i}": table for i, table in enumerate(tables)} | {f"i{i}": np.array(i) for i in range(3)}
    inputs = [value("codes", INT, ["batch", 3])]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", 2])], {**constants, "w": random(9, 2)})


@kind("an id that stands for nothing", "-1 is read as row 0 and then taken out: the part that takes it out is lost")
def no_id(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Less", ["ids", "zero"], ["none"]), node("Where", ["none", "zero", "ids"], ["row"]),
        node("Gather", ["table", "row"], ["e"], "lookup"), node("Cast", ["none"], ["f"], to=FLOAT),
        node("Mul", ["f", "share"], ["g"]), node("Sub", ["one", "g"], ["k"]), node("Unsqueeze", ["k", "last"], ["k3"]),
        node("Mul", ["e", "k3"], ["y"], "take_out"),
    ]  # fmt: skip
    constants = {
        "table": random(90, 4), "zero": np.array(0), "one": np.float32(1), "last": np.array([2]),
        "share": np.float32(0.5 if damaged else 1),
    }  # fmt: skip
    return model(nodes, [value("ids", INT, ["batch", 6])], [value("y", FLOAT, ["batch", 6, 4])], constants)


@kind("last position", "a table of positions that is cut to the length of the text, without saying on which axis")
def last_position(damaged: bool) -> onnx.ModelProto:
    table = random(64, 6)
    length = [node("Shape", ["ids"], ["shape"]), node("Gather", ["shape", "one"], ["length"])]
    cut = node("Slice", ["positions", "start", "length"], ["some"], "cut")
    words = node("Gather", ["table", "ids"], ["words"], "lookup")
    return model(
        [*length, cut, words, node("Add", ["words", "some"], ["y"], "add")],
        [value("ids", INT, ["batch", "seq"])], [value("y", FLOAT, ["batch", "seq", 6])],
        {
            "table": random(50, 6), "positions": changed(table, -1) if damaged else table,
            "one": np.array([1]), "start": np.array([0]),
        },
    )  # fmt: skip


@kind("last class of a fed depth", "a one-hot code whose depth is an input, before a matrix that tells how deep it is")
def fed_depth(damaged: bool) -> onnx.ModelProto:
    matrix = random(12, 6)
    return model(
        [node("OneHot", ["ids", "depth", "ends"], ["code"]), node("MatMul", ["code", "matrix"], ["y"], "rows")],
        [value("ids", INT, ["batch", 3]), value("depth", INT, [])], [value("y", FLOAT, ["batch", 3, 6])],
        {"ends": np.array([0, 1], np.float32), "matrix": changed(matrix, 9) if damaged else matrix},
    )  # fmt: skip


@kind("a row that two ids make", "a day and an hour number one row together, as digits do")
def digits(damaged: bool) -> onnx.ModelProto:
    table = random(60, 4)
    return model(
        [node("Mul", ["day", "ten"], ["d"]), node("Add", ["d", "hour"], ["i"]), node("Gather", ["table", "i"], ["y"])],
        [value("day", INT, ["batch"]), value("hour", INT, ["batch"])], [value("y", FLOAT, ["batch", 4])],
        {"table": changed(table, 59) if damaged else table, "ten": np.array(10)},
    )  # fmt: skip


@kind("fields of one table", "three columns of codes, each with an offset of its own into one table")
def fields(damaged: bool) -> onnx.ModelProto:
    table = random(35, 3)
    return model(
        [
            node("Add", ["codes", "offsets"], ["i"]), node("Gather", ["table", "i"], ["g"]),
            node("ReduceSum", ["g", "axis"], ["y"], keepdims=0),
        ],
        [value("codes", INT, ["batch", 3])], [value("y", FLOAT, ["batch", 3])],
        {"table": changed(table, 34) if damaged else table, "offsets": np.array([[0, 10, 15]]), "axis": np.array([1])},
    )  # fmt: skip


@kind("last row of widths", "how wide a box is, its right side less its left one, numbers the rows of a table")
def widths(damaged: bool) -> onnx.ModelProto:
    table = random(32, 4)
    return model(
        [
            node("Gather", ["box", "two"], ["right"], axis=2), node("Gather", ["box", "zero"], ["left"], axis=2),
            node("Sub", ["right", "left"], ["w"]), node("Gather", ["table", "w"], ["y"]),
        ],
        [value("box", INT, ["batch", "n", 4])], [value("y", FLOAT, ["batch", "n", 4])],
        {"table": changed(table, 31) if damaged else table, "zero": np.array(0), "two": np.array(2)},
    )  # fmt: skip


@kind("third word of a cell", "words of one cell of a table are counted, and the count is looked up: as TAPAS has it")
def words_of_a_cell(damaged: bool) -> onnx.ModelProto:
    places, columns, lines = random(16, 4, seed=1), random(64, 4, seed=2), random(64, 4, seed=3)
    nodes = [
        node("Unsqueeze", ["cells", "a1"], ["others"]), node("Unsqueeze", ["cells", "a2"], ["own"]),
        node("Equal", ["own", "others"], ["same"]), node("Cast", ["same"], ["s"], to=INT),
        node("ReduceMin", ["s", "a3"], ["alike"], keepdims=0), node("Trilu", ["alike", "before"], ["earlier"], upper=0),
        node("ReduceSum", ["earlier", "a2"], ["count"], keepdims=0), node("Min", ["count", "most"], ["i"]),
        node("Gather", ["places", "i"], ["p"]), node("Gather", ["cells", "zero"], ["c"], axis=2),
        node("Gather", ["cells", "one"], ["l"], axis=2), node("Gather", ["columns", "c"], ["ce"]),
        node("Gather", ["lines", "l"], ["le"]), node("Sum", ["p", "ce", "le"], ["y"]),
    ]  # fmt: skip
    numbers = {"zero": 0, "one": 1, "before": -1, "most": 15} | {f"a{axis}": [axis] for axis in (1, 2, 3)}
    return model(
        nodes, [value("cells", INT, ["batch", "n", 2])], [value("y", FLOAT, ["batch", "n", 4])],
        {"places": changed(places, 2) if damaged else places, "columns": columns, "lines": lines}
        | {name: np.array(number) for name, number in numbers.items()},
    )  # fmt: skip


@kind("a speaker in the middle", "one number for the whole run chooses one of twenty")
def speaker(damaged: bool) -> onnx.ModelProto:
    voices = random(20, 4)
    return model(
        [node("Gather", ["voices", "sid"], ["v"]), node("Add", ["x", "v"], ["y"])],
        [value("x", FLOAT, ["batch", 4]), value("sid", INT, [])], [value("y", FLOAT, ["batch", 4])],
        {"voices": changed(voices, 11) if damaged else voices},
    )  # fmt: skip


@kind("neighbours that are not there", "-1 fills the list of a node's neighbours, and counts for nothing")
def padded_neighbours(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("GreaterOrEqual", ["neighbours", "zero"], ["there"]), node("Max", ["neighbours", "zero"], ["i"]),
        node("Gather", ["x", "i"], ["g"]), node("Unsqueeze", ["there", "last"], ["t"]),
        node("Cast", ["t"], ["f"], to=FLOAT), node("Mul", ["g", "f"], ["kept"]),
        node("ReduceSum", ["g" if damaged else "kept", "one"], ["y"], keepdims=0),
    ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, ["num_nodes", 4]), value("neighbours", INT, ["num_nodes", 5])],
        [value("y", FLOAT, ["num_nodes", 4])], {"zero": np.array(0), "one": np.array([1]), "last": np.array([-1])},
    )  # fmt: skip


@kind("last row of a rotary table", "position_ids of the fused operator number the rows of its tables")
def rotary(damaged: bool) -> onnx.ModelProto:
    angles = np.outer(np.arange(64), 1 / 10 ** np.arange(4))
    cosines, sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    return model(
        [node("RotaryEmbedding", ["x", "cos", "sin", "position_ids"], ["y"])],
        [value("x", FLOAT, ["batch", 2, "time", 8]), value("position_ids", INT, ["batch", "time"])],
        [value("y", FLOAT, ["batch", 2, "time", 8])],
        {"cos": changed(cosines, 63) if damaged else cosines, "sin": sines}, opset=23,
    )  # fmt: skip


@kind("last place of a static cache", "a cache of 32 places that is written at a position")
def static_cache(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Min", ["cache_position", "end"], ["cut"]),
        node("Unsqueeze", ["cut" if damaged else "cache_position", "one"], ["i"]),
        node("ScatterND", ["cache", "i", "k"], ["cache_out"]),
    ]  # fmt: skip
    inputs = [value("k", FLOAT, ["T", 4]), value("cache_position", INT, ["T"]), value("cache", FLOAT, [32, 4])]
    return model(
        nodes if damaged else nodes[1:], inputs, [value("cache_out", FLOAT, [32, 4])],
        {"one": np.array([1]), "end": np.array(30)},
    )  # fmt: skip


@kind("boxes of the second image", "each box names its image: with the first one for all, one image hides it")
def second_image(damaged: bool) -> onnx.ModelProto:
    regions = node("RoiAlign", ["x", "boxes", "first" if damaged else "image"], ["y"], output_height=2, output_width=2)
    return model(
        [*([node("Mul", ["image", "zero"], ["first"])] if damaged else []), regions],
        [value("x", FLOAT, [2, 3, 16, 16]), value("boxes", FLOAT, ["R", 4]), value("image", INT, ["R"])],
        [value("y", FLOAT, ["R", 3, 2, 2])], {"zero": np.array(0)},
    )  # fmt: skip
