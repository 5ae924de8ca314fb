"""Tiny models of the `transformers` library, built from configurations; each function is a loader.

Nothing is downloaded: weights are random, and large enough that each of them shows in the outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

WIDTH, HEADS, LAYERS, WORDS, LONGEST = 32, 4, 2, 200, 96
_TEXT: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 2 * WIDTH,
    "max_position_embeddings": LONGEST,
}
_IMAGE: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 2 * WIDTH,
    "image_size": 32,
    "patch_size": 8,
}


def bert() -> nn.Module:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(**_TEXT))


def distilbert() -> nn.Module:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    return DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=WORDS, dim=WIDTH, n_layers=LAYERS, n_heads=HEADS, hidden_dim=2 * WIDTH,
            max_position_embeddings=LONGEST,
        )
    )  # fmt: skip


def roberta() -> nn.Module:
    from transformers import RobertaConfig, RobertaForTokenClassification

    return RobertaForTokenClassification(RobertaConfig(**_TEXT, num_labels=5))


def albert() -> nn.Module:
    from transformers import AlbertConfig, AlbertModel

    return AlbertModel(AlbertConfig(**_TEXT, embedding_size=16))


def bart() -> nn.Module:
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(
        vocab_size=WORDS, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=LAYERS, encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS, encoder_ffn_dim=2 * WIDTH, decoder_ffn_dim=2 * WIDTH,
        max_position_embeddings=LONGEST, use_cache=False,
    )  # fmt: skip
    return BartForConditionalGeneration(config)


def t5() -> nn.Module:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=WORDS, d_model=WIDTH, d_kv=WIDTH // HEADS, d_ff=2 * WIDTH, num_layers=LAYERS, num_heads=HEADS,
        use_cache=False,
    )  # fmt: skip
    return T5ForConditionalGeneration(config)


def _gpt2(use_cache: bool) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=WORDS, n_positions=LONGEST, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, use_cache=use_cache
        )
    )


def gpt2() -> nn.Module:
    return _gpt2(False)


class WithCache(nn.Module):
    """A decoder whose cache is tensors: keys and values of each layer, in and out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor) -> list[Tensor]:
        from transformers import DynamicCache

        cache = DynamicCache(list(zip(past[::2], past[1::2], strict=True)))
        found = self.model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache,
            use_cache=True,
        )  # fmt: skip
        kept = [tensor for layer in found.past_key_values.layers for tensor in (layer.keys, layer.values)]
        return [found.logits, *kept]


def gpt2_cache() -> nn.Module:
    return WithCache(_gpt2(True))


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**_TEXT, num_key_value_heads=HEADS // 2, use_cache=False))


def mistral() -> nn.Module:
    """A decoder whose places look four back: most of a padded row sees padding alone."""
    from transformers import MistralConfig, MistralForCausalLM

    return MistralForCausalLM(MistralConfig(**_TEXT, num_key_value_heads=HEADS // 2, sliding_window=4, use_cache=False))


def layoutlm() -> nn.Module:
    """Words with their boxes, whose width and height are looked up."""
    from transformers import LayoutLMConfig, LayoutLMModel

    return LayoutLMModel(LayoutLMConfig(**_TEXT, max_2d_position_embeddings=64))


def clip_text() -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**_TEXT, bos_token_id=WORDS - 2, eos_token_id=WORDS - 1))


def vit() -> nn.Module:
    from transformers import ViTConfig, ViTForImageClassification

    return ViTForImageClassification(ViTConfig(**_IMAGE, num_labels=10))


def convnext() -> nn.Module:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return ConvNextForImageClassification(ConvNextConfig(hidden_sizes=[16, 24, 32, 40], depths=[1, 1, 2, 1]))


def swin() -> nn.Module:
    from transformers import SwinConfig, SwinForImageClassification

    return SwinForImageClassification(
        SwinConfig(image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4)
    )


def yolos() -> nn.Module:
    from transformers import YolosConfig, YolosForObjectDetection

    config = {**_IMAGE, "image_size": [32, 32]}
    return YolosForObjectDetection(YolosConfig(**config, num_detection_tokens=6, num_labels=4))


def detr() -> nn.Module:
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage4"],
    )  # fmt: skip
    config = DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone,
        d_model=WIDTH, encoder_layers=1, decoder_layers=LAYERS, encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS, encoder_ffn_dim=2 * WIDTH, decoder_ffn_dim=2 * WIDTH, num_queries=7,
        num_labels=4,
    )  # fmt: skip
    return DetrForObjectDetection(config)


def segformer() -> nn.Module:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    return SegformerForSemanticSegmentation(
        SegformerConfig(
            hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4],
            decoder_hidden_size=16, num_labels=5,
        )
    )  # fmt: skip


def whisper() -> nn.Module:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=WORDS, num_mel_bins=16, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=2 * WIDTH,
        decoder_ffn_dim=2 * WIDTH, max_source_positions=20, max_target_positions=48, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1, begin_suppress_tokens=None, use_cache=False,
    )  # fmt: skip
    return WhisperForConditionalGeneration(config)


def wav2vec2() -> nn.Module:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    config = Wav2Vec2Config(
        vocab_size=30, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=2 * WIDTH, conv_dim=[16, 16, 16], conv_stride=[5, 4, 2], conv_kernel=[10, 8, 4],
        num_feat_extract_layers=3, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    return Wav2Vec2ForCTC(config)


def seeded(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A module in eval mode; gains about 1, shifts about 0, and matrices that keep the scale of what they read."""
    torch.manual_seed(seed)
    module = build().eval()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            last = name.rpartition(".")[2]
            if weight.ndim < 2:
                gain = last in ("weight", "layer_scale_parameter")
                weight.normal_(float(gain), 0.2 if gain else 0.1)
                continue
            table = weight.ndim == 2 and any(part in name for part in ("embed", "wte", "wpe", "shared"))
            image = weight.ndim == 3 and weight.shape[0] == 1  # tokens and positions of images
            weight.normal_(0.0, 0.25 if table or image else 1.1 / weight[0].numel() ** 0.5)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0.0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
    return module


@dataclass(frozen=True)
class Net:
    """How a model is converted: its loader, its inputs as ``--input`` says them, and the names of its outputs."""

    build: Callable[[], nn.Module]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()


_PAST = [f"past_key_values.{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value")]


def _ids(*names: str, shape: str = "batchxsequence") -> tuple[str, ...]:
    return tuple(f"{name}:int64:{shape}" for name in names)


_TO_TEXT = (*_ids("input_ids", "attention_mask"), *_ids("decoder_input_ids", shape="batchxdecoder_sequence"))

NETS: dict[str, Net] = {
    "bert": Net(bert, _ids("input_ids", "attention_mask", "token_type_ids")),
    "distilbert": Net(distilbert, _ids("input_ids", "attention_mask")),
    "roberta": Net(roberta, _ids("input_ids", "attention_mask")),
    "albert": Net(albert, _ids("input_ids", "attention_mask", "token_type_ids")),
    "bart": Net(bart, _TO_TEXT),
    "t5": Net(t5, _TO_TEXT),
    "gpt2": Net(gpt2, _ids("input_ids", "attention_mask")),
    "gpt2_cache": Net(
        gpt2_cache,
        (
            "input_ids:int64:batchxsequence",
            "attention_mask:int64:batch,past+sequence",
            "position_ids:int64:batchxsequence",
            *(f"{name}:float32:batchx{HEADS}xpastx{WIDTH // HEADS}" for name in _PAST),
        ),
        ("logits", *(name.replace("past_key_values", "present") for name in _PAST)),
    ),
    "llama": Net(llama, _ids("input_ids", "attention_mask")),
    "mistral": Net(mistral, _ids("input_ids", "attention_mask")),
    "layoutlm": Net(
        layoutlm,
        (
            *_ids("input_ids", "attention_mask", "token_type_ids"),
            "bbox:int64:batchxsequencex4",
        ),
    ),
    "clip_text": Net(clip_text, _ids("input_ids", "attention_mask")),
    "vit": Net(vit, ("pixel_values:float32:batchx3x32x32",)),
    "convnext": Net(convnext, ("pixel_values:float32:batchx3x64x64",)),
    "swin": Net(swin, ("pixel_values:float32:batchx3x32x32",)),
    "yolos": Net(yolos, ("pixel_values:float32:batchx3x32x32",)),
    "detr": Net(detr, ("pixel_values:float32:batchx3x64x64",)),
    "segformer": Net(segformer, ("pixel_values:float32:batchx3x64x64",)),
    "whisper": Net(whisper, ("input_features:float32:batchx16x40", "decoder_input_ids:int64:batchxdecoder_sequence")),
    "wav2vec2": Net(wav2vec2, ("input_values:float32:batchxsamples",)),
}
