"""Lengths: sizes that hang together under any name, and tables that only a long input reads to their end."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from suites.planted.making import FLOAT, INT, changed, kind, model, node, random, value


def cache(damaged: bool, sizes: tuple[str, str, str, str]) -> onnx.ModelProto:
    """One layer of attention over what a cache holds and what is new; *sizes*: batch, new, past and total."""
    batch, new, past, total = sizes
    held = "halved" if damaged else "cache_k"
    nodes = [
        node("Gather", ["emb", "tokens"], ["x"]), node("Reshape", ["x", "heads"], ["k"]),
        node("Mul", ["cache_k", "half"], ["halved"]), node("Concat", [held, "k"], ["cache_k_out"], "extend", axis=1),
        node("Transpose", ["cache_k_out"], ["kt"], perm=[0, 2, 3, 1]),
        node("Transpose", ["k"], ["q"], perm=[0, 2, 1, 3]),
        node("MatMul", ["q", "kt"], ["s"]), node("Cast", ["mask"], ["f"], to=FLOAT), node("Sub", ["one", "f"], ["off"]),
        node("Mul", ["off", "low"], ["b0"]), node("Unsqueeze", ["b0", "axes"], ["b"]), node("Add", ["s", "b"], ["sb"]),
        node("Softmax", ["sb"], ["p"], axis=-1), node("Transpose", ["cache_k_out"], ["v"], perm=[0, 2, 1, 3]),
        node("MatMul", ["p", "v"], ["c"]), node("Transpose", ["c"], ["ct"], perm=[0, 2, 1, 3]),
        node("Reshape", ["ct", "join"], ["cj"]), node("MatMul", ["cj", "head"], ["logits"], "head"),
    ]  # fmt: skip
    constants = {
        "emb": random(50, 8), "head": random(8, 50), "heads": np.array([0, 0, 2, 4]), "join": np.array([0, 0, 8]),
        "axes": np.array([1, 2]), "one": np.float32(1), "low": np.float32(-1e4), "half": np.float32(0.5),
    }  # fmt: skip
    inputs = [value("tokens", INT, [batch, new]), value("mask", INT, [batch, total])]
    outputs = [value("logits", FLOAT, [batch, new, 50]), value("cache_k_out", FLOAT, [batch, total, 2, 4])]
    return model(nodes, [*inputs, value("cache_k", FLOAT, [batch, past, 2, 4])], outputs, constants)


@kind("a cache whose sizes are letters", "S = P + T in every legal call, and no name says so")
def letters(damaged: bool) -> onnx.ModelProto:
    return cache(damaged, ("B", "T", "P", "S"))


@kind("a cache whose sizes have no names", "an exporter that calls each size of its own: unk__10, unk__11 ...")
def nameless(damaged: bool) -> onnx.ModelProto:
    return cache(damaged, ("unk__10", "unk__11", "unk__12", "unk__13"))


@kind("a cache by other words", "ctx_len is what is held, kv_len all of it")
def other_words(damaged: bool) -> onnx.ModelProto:
    return cache(damaged, ("b", "q_len", "ctx_len", "kv_len"))


def words(
    table: Any, more: list[onnx.NodeProto], constants: dict[str, Any], *fed: onnx.ValueInfoProto
) -> onnx.ModelProto:
    """Embedded words ``e`` to which *more* nodes add what they read of *table*, giving ``h``."""
    nodes = [node("Gather", ["emb", "input_ids"], ["e"]), *more, node("MatMul", ["h", "w"], ["y"], "head")]
    held = {"emb": random(60, 8), "table": table, "w": random(8, 3), **constants}
    ids = value("input_ids", INT, ["batch", "sequence"])
    return model(nodes, [ids, *fed], [value("y", FLOAT, ["batch", "sequence", 3])], held)


@kind("the end of positions that are cut off", "a table of 512 positions of which as many are taken as there are words")
def sliced_positions(damaged: bool) -> onnx.ModelProto:
    table = random(1, 512, 8, seed=1)
    more = [
        node("Shape", ["input_ids"], ["s"], start=1, end=2), node("Slice", ["table", "zero", "s", "one"], ["p"], "cut"),
        node("Add", ["e", "p"], ["h"]),
    ]  # fmt: skip
    made = changed(table, np.s_[:, 400:]) if damaged else table
    return words(made, more, {"zero": np.array([0]), "one": np.array([1])})


@kind("the end of positions that are counted", "rows 0 to the number of words of a table of 300")
def counted_positions(damaged: bool) -> onnx.ModelProto:
    table = random(300, 8, seed=1)
    more = [
        node("Shape", ["input_ids"], ["s"], start=1, end=2), node("Squeeze", ["s", "first"], ["count"]),
        node("Range", ["zero", "count", "one"], ["r"]), node("Gather", ["table", "r"], ["p"], "positions"),
        node("Add", ["e", "p"], ["h"]),
    ]  # fmt: skip
    constants = {"first": np.array([0]), "zero": np.array(0), "one": np.array(1)}
    return words(changed(table, np.s_[250:]) if damaged else table, more, constants)


@kind(
    "positions far apart", "a bias by how far two words are apart, up to 31: T5's, of which short inputs read the first"
)
def far_apart(damaged: bool) -> onnx.ModelProto:
    table = random(32, 1, seed=1)
    more = [
        node("Shape", ["input_ids"], ["s"], start=1, end=2), node("Squeeze", ["s", "a0"], ["count"]),
        node("Range", ["zero", "count", "one"], ["r"]), node("Unsqueeze", ["r", "a0"], ["r0"]),
        node("Unsqueeze", ["r", "a1"], ["r1"]), node("Sub", ["r1", "r0"], ["d"]), node("Abs", ["d"], ["apart"]),
        node("Min", ["apart", "most"], ["bucket"]), node("Gather", ["table", "bucket"], ["bias"], "bias"),
        node("Squeeze", ["bias", "a2"], ["b"]), node("Transpose", ["e"], ["et"], perm=[0, 2, 1]),
        node("MatMul", ["e", "et"], ["sc"]), node("Add", ["sc", "b"], ["sb"]), node("Softmax", ["sb"], ["p"], axis=-1),
        node("MatMul", ["p", "e"], ["h"]),
    ]  # fmt: skip
    constants = {
        "a0": np.array([0]), "a1": np.array([1]), "a2": np.array([2]), "zero": np.array(0), "one": np.array(1),
        "most": np.array(31),
    }  # fmt: skip
    return words(changed(table, np.s_[24:], 3) if damaged else table, more, constants)


@kind("two lengths that are mixed up", "what depends on one length alone is hidden while both are equal")
def mixed_up(damaged: bool) -> onnx.ModelProto:
    nodes = [
        node("Gather", ["source", "input_ids"], ["e"]), node("Gather", ["target", "decoder_input_ids"], ["q"]),
        node("Transpose", ["e"], ["et"], perm=[0, 2, 1]), node("MatMul", ["q", "et"], ["s"]),
        node("Shape", ["decoder_input_ids" if damaged else "input_ids"], ["count"], start=1, end=2),
        node("Cast", ["count"], ["f"], to=FLOAT), node("Div", ["s", "f"], ["sf"], "by_length"),
        node("Softmax", ["sf"], ["p"], axis=-1), node("MatMul", ["p", "e"], ["y"]),
    ]  # fmt: skip
    inputs = [
        value("input_ids", INT, ["batch", "sequence"]),
        value("decoder_input_ids", INT, ["batch", "decoder_sequence"]),
    ]
    constants = {"source": random(40, 8), "target": random(40, 8, seed=1)}
    return model(nodes, inputs, [value("y", FLOAT, ["batch", "decoder_sequence", 8])], constants)


@kind("two lengths that are one", "another name for each input, and the model runs at equal sizes alone")
def one_length(damaged: bool) -> onnx.ModelProto:
    table = random(4, 3)
    nodes = [node("Mul", ["x", "m"], ["xm"]), node("MatMul", ["xm", "w"], ["y"], "dense")]
    inputs = [value("x", FLOAT, ["batch", "seq_a", 4]), value("m", FLOAT, ["batch", "seq_b", 4])]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", "seq_a", 3])], {"w": table * 1.1 if damaged else table})


@kind("the last positions under a mask", "a padded tail hides the end of a table: one long text fills it")
def masked_positions(damaged: bool) -> onnx.ModelProto:
    table = random(300, 8, seed=1)
    nodes = [
        node("Gather", ["emb", "input_ids"], ["e"]), node("Shape", ["input_ids"], ["s"], start=1, end=2),
        node("Squeeze", ["s", "a0"], ["count"]), node("Range", ["zero", "count", "one"], ["r"]),
        node("Gather", ["table", "r"], ["p"], "positions"), node("Add", ["e", "p"], ["h"]),
        node("Cast", ["attention_mask"], ["f"], to=FLOAT), node("Unsqueeze", ["f", "a2"], ["f3"]),
        node("Mul", ["h", "f3"], ["kept"]), node("ReduceSum", ["kept", "a1"], ["total"], keepdims=0),
        node("ReduceSum", ["f3", "a1"], ["number"], keepdims=0), node("Div", ["total", "number"], ["y"], "mean"),
    ]  # fmt: skip
    constants = {
        "emb": random(60, 8), "table": changed(table, np.s_[296:], 3) if damaged else table, "a0": np.array([0]),
        "a1": np.array([1]), "a2": np.array([2]), "zero": np.array(0), "one": np.array(1),
    }  # fmt: skip
    inputs = [value(name, INT, ["batch", "sequence"]) for name in ("input_ids", "attention_mask")]
    return model(nodes, inputs, [value("y", FLOAT, ["batch", 8])], constants)


def _side(name: str, weight: Any) -> onnx.GraphProto:
    nodes = [node("MatMul", ["x", f"{name}_w"], [f"{name}_y"], f"{name}_mix")]
    tensor = onnx.numpy_helper.from_array(weight, f"{name}_w")
    return onnx.helper.make_graph(nodes, name, [], [value(f"{name}_y", FLOAT, None)], [tensor])


@kind("a branch for long texts", "past 100 words another layer runs")
def long_branch(damaged: bool) -> onnx.ModelProto:
    a, b = random(6, 6), random(6, 6, seed=1)
    nodes = [
        node("Shape", ["x"], ["s"], start=1, end=2), node("Squeeze", ["s", "a0"], ["count"]),
        node("Greater", ["count", "most"], ["c"]),
        node("If", ["c"], ["y"], then_branch=_side("long", changed(a, 0) if damaged else a),
             else_branch=_side("short", b)),
    ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, ["batch", "sequence", 6])], [value("y", FLOAT, ["batch", "sequence", 6])],
        {"a0": np.array([0]), "most": np.array(100)},
    )  # fmt: skip


@kind("a branch for the first step", "an empty cache: the first call of a decoder")
def empty_cache(damaged: bool) -> onnx.ModelProto:
    a, b = random(6, 6), random(6, 6, seed=1)
    nodes = [
        node("Shape", ["past"], ["s"], start=1, end=2), node("Squeeze", ["s", "a0"], ["count"]),
        node("Equal", ["count", "none"], ["c"]),
        node("If", ["c"], ["z"], then_branch=_side("first", changed(a, 0) if damaged else a),
             else_branch=_side("next", b)),
        node("Concat", ["past", "z"], ["y"], axis=1),
    ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, ["batch", "sequence", 6]), value("past", FLOAT, ["batch", "past_length", 6])],
        [value("y", FLOAT, ["batch", "past_length + sequence", 6])], {"a0": np.array([0]), "none": np.array(0)},
    )  # fmt: skip


def _sound(damaged: bool, size: str | None) -> onnx.ModelProto:
    kernel = random(4, 1, 400, scale=0.05)
    nodes = [
        node("Unsqueeze", ["x", "front"], ["u"]), node("Conv", ["u", "k"], ["c"], strides=[160]),
        node("Squeeze", ["c", "first"], ["y"]),
    ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, [size])], [value("y", FLOAT, [4, None])],
        {"k": changed(kernel, 0) if damaged else kernel, "front": np.array([0, 1]), "first": np.array([0])},
    )  # fmt: skip


@kind("sound without a batch", "one list of samples, of which a layer reads 400 at once")
def sound(damaged: bool) -> onnx.ModelProto:
    return _sound(damaged, "samples")


@kind("a list without a batch", "the same, and nothing is called by a name: at 1 it does not run")
def nameless_list(damaged: bool) -> onnx.ModelProto:
    return _sound(damaged, None)


@kind("lengths behind a lookup", "words are looked up and turned before a GRU is told how many of them count")
def looked_up(damaged: bool) -> onnx.ModelProto:
    recurrent = random(1, 12, 4, scale=0.4)
    nodes = [
        node("Gather", ["emb", "words"], ["e"]), node("Transpose", ["e"], ["t"], perm=[1, 0, 2]),
        node("Cast", ["counts"], ["n"], to=6), node("GRU", ["t", "W", "R", "", "n"], ["", "h"], hidden_size=4),
        node("Squeeze", ["h", "a0"], ["y"]),
    ]  # fmt: skip
    constants = {"emb": random(30, 6), "W": random(1, 12, 6, scale=0.4), "a0": np.array([0])}
    return model(
        nodes, [value("words", INT, ["N", "S"]), value("counts", INT, ["N"])], [value("y", FLOAT, ["N", 4])],
        {**constants, "R": changed(recurrent, 0) if damaged else recurrent},
    )  # fmt: skip


@kind("a fused decoder", "GroupQueryAttention: a cache is full up to the mask, and goes on by one step of each sample")
def fused(damaged: bool) -> onnx.ModelProto:
    keys = random(16, 16, seed=1, scale=0.3)
    nodes = [
        node("Gather", ["emb", "input_ids"], ["x"]), node("MatMul", ["x", "wq"], ["q"]),
        node("MatMul", ["x", "wk"], ["k"]), node("MatMul", ["x", "wv"], ["v"]),
        node("ReduceSum", ["attention_mask", "a1"], ["n"], keepdims=0), node("Sub", ["n", "one"], ["n1"]),
        node("Cast", ["n1"], ["held"], to=6), node("Shape", ["attention_mask"], ["s"], start=1, end=2),
        node("Cast", ["s"], ["s32"], to=6), node("Squeeze", ["s32"], ["total"]),
        node("GroupQueryAttention", ["q", "k", "v", "past.0.key", "past.0.value", "held", "total"],
             ["o", "present.0.key", "present.0.value"], domain="com.microsoft", num_heads=2, kv_num_heads=2),
        node("MatMul", ["o", "head"], ["logits"]),
    ]  # fmt: skip
    batch, new, past, total = "batch_size", "sequence_length", "past_sequence_length", "total_sequence_length"
    inputs = [value("input_ids", INT, [batch, new]), value("attention_mask", INT, [batch, total])]
    inputs += [value(f"past.0.{name}", FLOAT, [batch, 2, past, 8]) for name in ("key", "value")]
    outputs = [value("logits", FLOAT, [batch, new, 50])]
    outputs += [value(f"present.0.{name}", FLOAT, [batch, 2, total, 8]) for name in ("key", "value")]
    constants = {
        "emb": random(50, 16), "wq": random(16, 16, scale=0.3), "wv": random(16, 16, seed=2, scale=0.3),
        "wk": changed(keys, np.s_[:, 0]) if damaged else keys, "head": random(16, 50), "a1": np.array([1]),
        "one": np.array(1),
    }  # fmt: skip
    return model(nodes, inputs, outputs, constants, contrib=1)


@kind("positions from an offset on", "a decoder that goes on where it was: the last row of its positions")
def from_an_offset(damaged: bool) -> onnx.ModelProto:
    table = random(48, 8, seed=1)
    nodes = [
        node("Shape", ["input_ids"], ["s"], start=1, end=2), node("Add", ["offset", "s"], ["end"]),
        node("Slice", ["table", "offset", "end", "zero"], ["p"]), node("Add", ["e", "p"], ["h"]),
    ]  # fmt: skip
    return words(changed(table, 47) if damaged else table, nodes, {"zero": np.array([0])}, value("offset", INT, [1]))


@kind("frames of sound by a window and a step", "samples are counted by an input, and fewer than a step are none")
def sound_frames(damaged: bool) -> onnx.ModelProto:
    kernels = random(24, 1, 256, seed=1) * np.float32(0.05)
    nodes = [
        node("Shape", ["waveforms"], ["s"], start=1, end=2), node("Squeeze", ["s"], ["n"]),
        node("Range", ["zero", "n", "one"], ["places"]), node("Unsqueeze", ["waveforms_lens", "last"], ["lens"]),
        node("Less", ["places", "lens"], ["there"]), node("Where", ["there", "waveforms", "nothing"], ["x"]),
        node("Pad", ["x", "sides"], ["wide"]), node("Unsqueeze", ["wide", "last"], ["signal"]),
        node("Conv", ["signal", "kernels"], ["frames"], "spectrum", strides=[80]), node("Relu", ["frames"], ["r"]),
        node("Div", ["waveforms_lens", "step"], ["count"]), node("Unsqueeze", ["count", "two"], ["counts"]),
        node("Shape", ["r"], ["fs"], start=2, end=3), node("Squeeze", ["fs"], ["fn"]),
        node("Range", ["zero", "fn", "one"], ["at"]), node("Less", ["at", "counts"], ["mask"]),
        node("Where", ["mask", "r", "nothing"], ["y"]),
    ]  # fmt: skip
    held = {
        "kernels": changed(kernels, np.s_[5:9]) if damaged else kernels, "zero": np.array(0), "one": np.array(1),
        "last": np.array([1]), "two": np.array([1, 2]), "nothing": np.float32(0), "step": np.array(80),
        "sides": np.array([0, 128, 0, 128]),
    }  # fmt: skip
    fed = [value("waveforms", FLOAT, ["batch", "N"]), value("waveforms_lens", INT, ["batch"])]
    return model(nodes, fed, [value("y", FLOAT, ["batch", 24, "T"])], held)


@kind("a recurrent kernel behind pools", "four pools by 2 leave nothing of a few frames")
def pooled_frames(damaged: bool) -> onnx.ModelProto:
    nodes: list[onnx.NodeProto] = []
    before = "spectrogram"
    for turn in range(4):
        nodes += [
            node("Conv", [before, f"k{turn}"], [f"c{turn}"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
            node("Relu", [f"c{turn}"], [f"r{turn}"]),
            node("MaxPool", [f"r{turn}"], [f"p{turn}"], kernel_shape=[2, 2], strides=[2, 2]),
        ]
        before = f"p{turn}"
    nodes += [
        node("Transpose", ["p3"], ["t"], perm=[2, 0, 1, 3]), node("Reshape", ["t", "flat"], ["steps"]),
        node("GRU", ["steps", "wx", "wh"], ["", "state"], "recurrent", hidden_size=6),
        node("Transpose", ["state"], ["st"], perm=[1, 0, 2]), node("Reshape", ["st", "row"], ["y"]),
    ]  # fmt: skip
    kernel = random(1, 18, 6, seed=9)
    held = {
        # Small, so that the gates are open on any processor
        "k0": random(4, 1, 3, 3, scale=0.3), "wx": random(1, 18, 8, seed=8, scale=0.3),
        **{f"k{turn}": random(4, 4, 3, 3, seed=turn, scale=0.15) for turn in (1, 2, 3)},
        "wh": changed(kernel, np.s_[:]) if damaged else kernel, "flat": np.array([0, 0, 8]), "row": np.array([-1, 6]),
    }  # fmt: skip
    return model(
        nodes, [value("spectrogram", FLOAT, ["batch", 1, "frames", 32])], [value("y", FLOAT, ["batch", 6])], held
    )
