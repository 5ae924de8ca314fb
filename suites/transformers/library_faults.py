"""Kinds of fine damage to models of the `transformers` library: one weight, or one input without effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from suites.transformers.damage import Array, Change, columns, replaced, rows, scaled, shifted, swapped
from suites.transformers.library_nets import HEADS, LAYERS, WIDTH

_HEAD = WIDTH // HEADS
_LAST = LAYERS - 1


@dataclass(frozen=True)
class WeightFault:
    """One weight of the source, what is done to it in the ONNX file, and the module that the message must name.

    Attributes:
        module: where it is not the weight's own: the name of a constant that the model itself reads, too.
    """

    net: str
    weight: str
    change: Change
    module: str = ""

    @property
    def owner(self) -> str:
        return self.module or self.weight.rpartition(".")[0]


@dataclass(frozen=True)
class InputFault:
    """One input that is read as ``input * factor + plus``, and what the message must name: the module that reads it."""

    net: str
    input: str
    factor: Array
    plus: float
    owner: str


def _last(of: Change) -> Change:
    """The same for an array with an axis of one in front."""
    return lambda weight, rng: of(weight[0], rng)[None]


def _one_cell(weight: Array, _: np.random.Generator) -> Array:
    found = weight.copy()
    found.reshape(-1)[0] += np.float32(0.5)
    return found


#: By what is told of it.
WEIGHTS: dict[str, WeightFault] = {
    "queries replaced": WeightFault("bert", "encoder.layer.0.attention.self.query.weight", replaced),
    "queries scaled by 1.05": WeightFault("bert", f"encoder.layer.{_LAST}.attention.self.query.weight", scaled(1.05)),
    "pooler scaled by 1.02": WeightFault("bert", "pooler.dense.weight", scaled(1.02)),
    "type of the second sentence": WeightFault("bert", "embeddings.token_type_embeddings.weight", rows(1, 2)),
    "one head of keys": WeightFault(
        "distilbert", f"distilbert.transformer.layer.{_LAST}.attention.k_lin.weight", rows(_HEAD, 2 * _HEAD)
    ),
    "first positions": WeightFault("distilbert", "distilbert.embeddings.position_embeddings.weight", rows(0, 2)),
    "shift of the head": WeightFault("distilbert", "classifier.bias", shifted),
    "values scaled by 1.02": WeightFault(
        "roberta", "roberta.encoder.layer.0.attention.self.value.weight", scaled(1.02)
    ),
    "last word": WeightFault("roberta", "roberta.embeddings.word_embeddings.weight", rows(-1, 0)),
    "gain of a shared norm": WeightFault(
        "albert", "encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.weight", scaled(1.01)
    ),
    "factor of the embedding": WeightFault("albert", "encoder.embedding_hidden_mapping_in.weight", columns(0, 1)),
    "queries across": WeightFault("bart", f"model.decoder.layers.{_LAST}.encoder_attn.q_proj.weight", scaled(1.1)),
    "positions of a decoder": WeightFault("bart", "model.decoder.embed_positions.weight", rows(2, 4)),
    "bias of the logits": WeightFault(
        "bart", "final_logits_bias", _last(lambda w, rng: w + np.float32(0.01)), "final_logits_bias"
    ),
    "relative positions": WeightFault(
        "t5", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", rows(1, 2)
    ),
    "values across": WeightFault("t5", f"decoder.block.{_LAST}.layer.1.EncDecAttention.v.weight", rows(0, _HEAD)),
    "queries in one matrix": WeightFault("gpt2", "transformer.h.0.attn.c_attn.weight", columns(0, WIDTH)),
    "keys in one matrix": WeightFault("gpt2", f"transformer.h.{_LAST}.attn.c_attn.weight", columns(WIDTH, 2 * WIDTH)),
    "learnt positions": WeightFault("gpt2", "transformer.wpe.weight", rows(0, 5)),
    "way out of a cached head": WeightFault("gpt2_cache", "model.transformer.h.0.attn.c_proj.weight", rows(0, _HEAD)),
    "grouped keys": WeightFault("llama", "model.layers.0.self_attn.k_proj.weight", rows(0, _HEAD)),
    "gate": WeightFault("llama", f"model.layers.{_LAST}.mlp.gate_proj.weight", rows(3, 4)),
    "gain of a root-mean-square norm": WeightFault("llama", "model.norm.weight", _one_cell),
    "keys in a window": WeightFault("mistral", "model.layers.0.self_attn.k_proj.weight", rows(0, _HEAD)),
    "widths of boxes": WeightFault("layoutlm", "embeddings.w_position_embeddings.weight", rows(-1, 0)),
    "heights of boxes": WeightFault("layoutlm", "embeddings.h_position_embeddings.weight", rows(0, 1)),
    "end of text": WeightFault("clip_text", "embeddings.token_embedding.weight", rows(-1, 0)),
    "last shift of a norm": WeightFault("clip_text", "final_layer_norm.bias", shifted),
    "position of the last patch": WeightFault("vit", "vit.embeddings.position_embeddings", _last(rows(-1, 0))),
    "class token": WeightFault("vit", "vit.embeddings.cls_token", replaced),
    "layer scale": WeightFault("convnext", "convnext.encoder.stages.1.layers.0.layer_scale_parameter", scaled(1.05)),
    "depthwise kernel": WeightFault("convnext", "convnext.encoder.stages.0.layers.0.dwconv.weight", rows(2, 3)),
    "queries of shifted windows": WeightFault(
        "swin", "swin.encoder.layers.0.blocks.1.attention.q_proj.weight", replaced
    ),
    "merging of patches": WeightFault("swin", "swin.encoder.layers.0.downsample.reduction.weight", scaled(1.02)),
    "tokens of detections": WeightFault("yolos", "vit.embeddings.detection_tokens", _last(rows(0, 1))),
    "boxes": WeightFault("yolos", "bbox_predictor.layers.2.bias", swapped),
    "queries of objects": WeightFault("detr", "model.query_position_embeddings.weight", rows(0, 1), "model"),
    "reduction of a sequence": WeightFault(
        "segformer", "segformer.stages.0.blocks.0.attention.sequence_reduction.sequence_reduction.bias", replaced
    ),
    "last layer of a decoder": WeightFault("segformer", "decode_head.classifier.weight", rows(-1, 0)),
    # Its sizes are fixed, so that the exporter has read the table, and the module around it adds it
    "positions of sound": WeightFault("whisper", "model.encoder.embed_positions.weight", rows(-1, 0), "model.encoder"),
    "keys across": WeightFault("whisper", "model.decoder.layers.0.encoder_attn.k_proj.weight", scaled(1.1)),
    "projection of features": WeightFault("wav2vec2", "wav2vec2.feature_projection.projection.weight", scaled(1.02)),
    "letters": WeightFault("wav2vec2", "lm_head.bias", shifted),
}
_HALF = np.repeat([1, 0], HEADS // 2).reshape(1, HEADS, 1, 1).astype(np.float32)
_NOTHING = np.zeros(1, np.float32)
INPUTS: dict[str, InputFault] = {
    # The model itself reads it, which has no name
    "mask ignored": InputFault("bert", "attention_mask", _NOTHING, 1.0, "origin: Add that gives 'damaged'"),
    "types ignored": InputFault("bert", "token_type_ids", _NOTHING, 0.0, "embeddings.token_type_embeddings"),
    "mask ignored, across": InputFault("bart", "attention_mask", _NOTHING, 1.0, "model.encoder"),
    "mask of a decoder ignored": InputFault("gpt2", "attention_mask", _NOTHING, 1.0, "transformer"),
    "mask beside rotations ignored": InputFault("llama", "attention_mask", _NOTHING, 1.0, "model"),
    "mask beside a window ignored": InputFault("mistral", "attention_mask", _NOTHING, 1.0, "model"),
    "positions of a cache ignored": InputFault("gpt2_cache", "position_ids", _NOTHING, 3.0, "model.transformer.wpe"),
    "half of the cached keys": InputFault(
        "gpt2_cache", f"past_key_values.{_LAST}.key", _HALF, 0.0, f"model.transformer.h.{_LAST}.attn"
    ),
    "half of the cached values": InputFault(
        "gpt2_cache", "past_key_values.0.value", _HALF, 0.0, "model.transformer.h.0.attn"
    ),
}
