"""A tiny random model of a family: few layers, few heads, short windows, trained by nobody.

    default configuration  ->  fewer heads, layers, words, experts; window 4  ->  model

The features of a head stay as many as they are, and so does all that RoPE reads, since these are
what is looked at. Weights are drawn so that scores are about 1: with the usual 0.02 every score
would be near 0, and any two models would agree.

The trap: a text shorter than the window. Then no mask is ever seen; here texts have 12 tokens and
windows 4.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import math
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel, ResNetConfig

from tools.families.given import more_inputs
from tools.families.settings import default, settings
from tools.families.sources import folder_of, takers

LENGTH = 12
STRENGTHS = 3
LARGEST = 350_000_000  # numbers in a model
SHORT = 9  # of a decoder beside an encoder, so that their layers can be told apart
WINDOW = 4
HEADS = 4

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "depth",
          "decoder_layers", "num_decoder_layers", "num_encoder_layers")  # fmt: skip
HEAD_COUNTS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads",
               "decoder_attention_heads", "attention_heads")  # fmt: skip
KEY_HEADS = ("num_key_value_heads", "num_kv_heads", "encoder_num_key_value_heads",
             "multi_query_group_num")  # fmt: skip
WIDTHS = ("hidden_size", "n_embd", "d_model", "embed_dim", "dim")
INNER = ("intermediate_size", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "mlp_dim", "d_ff",
         "moe_intermediate_size", "shared_expert_intermediate_size", "ffn_hidden_size", "n_inner",
         "inner_dim", "expert_ffn_hidden_size", "intermediate_size_mlp", "moe_ffn_hidden_size",
         "shared_intermediate_size", "mlp_hidden_size")  # fmt: skip
EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
WINDOWS = ("sliding_window", "attention_chunk_size", "local_attention", "attention_window",
           "sliding_window_size", "window_size", "attention_window_size")  # fmt: skip
SCALES = ("floor_scale",)  # a temperature that grows in steps of so many positions
TOP = ("num_expert_group", "num_experts_per_tok", "moe_topk", "num_experts_per_token", "moe_k",
       "n_group", "topk_group", "n_shared_experts", "top_k_experts", "moe_top_k",
       "num_selected_experts")  # fmt: skip
MISSING = {  # what some default configurations leave out, and their own models need
    "vocab_size": 100, "n_routed_experts": 4, "num_experts_per_tok": 1, "num_experts": 4,
    "moe_intermediate_size": 32, "top_k_experts": 1, "n_shared_experts": 1, "pad_token_id": 0,
    "vocabulary_map": {"<image>": 3}, "num_key_value_heads": HEADS,
}  # fmt: skip
VOCABULARIES = ("vocab_size", "vocab_size_per_layer_input", "additional_vocab_size")
RANKS = ("q_lora_rank", "kv_lora_rank", "o_lora_rank")


def changes(config: PreTrainedConfig, strength: int) -> dict[str, Any]:
    """What the tiny configuration has in place of the defaults; 0 changes most, 2 least."""
    have = config.to_dict()
    cut: dict[str, Any] = {}

    def put(names: tuple[str, ...], value: Any) -> None:
        for name in names:
            old = have.get(name)
            if isinstance(old, int) and not isinstance(old, bool) and old:
                cut[name] = value(old) if callable(value) else value

    put(LAYERS, lambda old: min(old, layers_needed(have)))
    put(WINDOWS, WINDOW)
    if strength % STRENGTHS < 2:
        put(INNER, lambda old: min(old, 32))
    if "local_attention" in have and "sliding_window" in cut:
        del cut["sliding_window"]  # half of the other
    put(VOCABULARIES, lambda old: min(old, 128))
    put(EXPERTS, lambda old: min(old, 4))
    if have.get("languages") and "default_language" in have:
        cut["default_language"] = have["languages"][0]
    put(TOP, 1)
    put(SCALES, WINDOW)
    if "zero_expert_num" in have:
        cut["moe_topk"] = 2  # its experts take no single choice
    if "num_mel_bins" in have:
        put(("max_source_positions",), LENGTH)
    for name in ("out_features", "out_indices"):
        if have.get(name) and strength < STRENGTHS:
            cut[name] = None
    if "attention_types" in have:  # GPT-Neo says its kinds in pairs
        cut["attention_types"] = [[["global", "local"], 1]]
        cut["num_layers"] = 2
    if have.get("use_repmixer_blocks"):  # its table is stretched to texts of another length
        cut["max_position_embeddings"] = LENGTH
    if have.get("num_kv_shared_layers"):  # the last layers share keys with ones that are cut off
        cut["num_kv_shared_layers"] = 0
    if have.get("layer_types", 0) is None and "conv_L_cache" in have:
        cut |= {"layer_types": ["conv", "full_attention"], "num_hidden_layers": 2}
    if have.get("num_blocks") and "num_hidden_layers" in cut:
        cut["num_blocks"] = 1
    if isinstance(have.get("depths"), list):
        cut.pop("num_hidden_layers", None)
    if "patch_size" in have:  # windows of pixels or patches: theirs
        for name in WINDOWS:
            cut.pop(name, None)
    backbone = have.get("backbone_config")
    if isinstance(backbone, dict) and backbone.get("model_type") == "timm_backbone":
        cut["backbone_config"] = small_backbone(have)  # of another package; it has no positions
        if "apply_layernorm_after_vision_backbone" in have:  # of features that come last
            cut["apply_layernorm_after_vision_backbone"] = False
    rope = have.get("rope_parameters")
    if isinstance(rope, dict) and rope.get("llama_4_scaling_beta"):
        cut["rope_parameters"] = rope | {"original_max_position_embeddings": WINDOW}
    if strength >= STRENGTHS:
        cut |= {name: value for name, value in MISSING.items() if have.get(name, 0) is None}
        strength -= STRENGTHS
    for name in ("attn_logit_softcapping",):
        if have.get(name):
            cut[name] = None
    for name in [*have]:
        if name.endswith("token_id") and isinstance(have[name], int) and have[name] >= 128:
            cut[name] = 0
    if have.get("layer_types") and "num_hidden_layers" in cut:
        cut["layer_types"] = have["layer_types"][: cut["num_hidden_layers"]]
    for name in ("no_rope_layers", "mlp_layer_types", "layers_block_type"):
        if isinstance(have.get(name), list) and have[name] and "num_hidden_layers" in cut:
            cut[name] = have[name][: cut["num_hidden_layers"]]
    for place, part in parts_of(config).items():
        if shorter := part_changes(part):
            cut[place] = part.to_dict() | shorter
    if strength == 0:
        width = next((have[name] for name in WIDTHS if isinstance(have.get(name), int)), None)
        heads = next((have[name] for name in HEAD_COUNTS if isinstance(have.get(name), int)), None)
        if width and heads and heads > HEADS:
            head = have.get("head_dim") or width // heads
            put(HEAD_COUNTS, HEADS)
            put(KEY_HEADS, lambda old: HEADS if old == heads else min(old, 2))
            put(WIDTHS, HEADS * head)
            if "head_dim" in have and have["head_dim"] is None:
                cut["head_dim"] = head
            put(RANKS, 32)
    if "blocks_per_stage" in have and strength < 2:  # 32 by 32 patches, in windows
        cut["image_size"] = [128, 128]
    patch, image = have.get("patch_size"), have.get("image_size")
    windows = {"window_size", "depths"} <= have.keys() or "pretrain_image_size" in have
    # a picture has to hold its windows, and have the size that its table is for
    if (
        strength < 2
        and not windows
        and isinstance(patch, int)
        and isinstance(image, int)
        and image > 4 * patch
    ):
        cut["image_size"] = (8 if "down_ops" in have else 4) * patch  # halved between stages
    if strength < 2 and isinstance(patch, int):
        for name in ("max_image_size", "max_img_size"):  # of the table, for which a picture is cut
            if isinstance(have.get(name), int):
                cut[name] = 4 * patch
        if "tubelet_size" in have and {"crop_size", "frames_per_clip"} <= have.keys():
            cut |= {"crop_size": 4 * patch, "frames_per_clip": 4}
        if "num_windows" in have and isinstance(have.get("pretrain_image_size"), int):
            cut |= {"pretrain_image_size": 8 * patch, "image_size": 8 * patch}
    return cut


def part_changes(part: PreTrainedConfig) -> dict[str, Any]:
    """What a config inside another has in place of its own: fewer layers, words and experts."""
    have = part.to_dict()
    cut: dict[str, Any] = {name: 2 for name in LAYERS if type(have.get(name)) is int}
    cut = {name: count for name, count in cut.items() if have[name] > count}
    if isinstance(have.get("layer_types"), list) and cut:
        count = layers_needed(have)
        cut = {name: min(have[name], count) for name in cut}
        cut["layer_types"] = have["layer_types"][:count]
    for names, most in ((VOCABULARIES, 128), (INNER, 32), (EXPERTS, 4), (TOP, 1)):
        for name in names:
            if type(have.get(name)) is int and have[name] > most:
                cut[name] = most
    for name, old in have.items():
        if name.endswith("token_id") and type(old) is int and old >= 128:
            cut[name] = 0
    if have.get("attn_logit_softcapping"):
        cut["attn_logit_softcapping"] = None
    for place, inner in parts_of(part).items():
        if smaller := part_changes(inner):
            cut[place] = inner.to_dict() | smaller
    return cut


def small_backbone(have: dict[str, Any]) -> ResNetConfig:
    """A small convolution in place of a backbone of another package."""
    channels = have.get("encoder_in_channels") or [8, 8, 8]
    several = have.get("num_feature_levels", 1) > 1 or "encoder_in_channels" in have
    stages = ["stage2", "stage3", "stage4"] if several else ["stage4"]
    return ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, *channels],
        depths=[1, 1, 1, 1],
        out_features=stages,
        layer_type="basic",
    )


def layers_needed(have: dict[str, Any]) -> int:
    """So many layers that each kind of layer is among them, and at least two."""
    needed = 2
    for name in ("layer_types", "no_rope_layers", "layers_block_type", "mlp_layer_types",
                 "block_types"):  # fmt: skip
        listed = have.get(name)
        if isinstance(listed, list) and listed:
            firsts = [listed.index(kind) for kind in set(map(str, listed)) & set(listed)] or [
                listed.index(kind) for kind in {*listed}
            ]
            needed = max(needed, max(firsts) + 2)
            hybrid = [number for number, kind in enumerate(listed) if kind == "hybrid"]
            if len(hybrid) > 2 and set(listed) != {"hybrid"}:  # layers that share their weights
                needed = max(needed, hybrid[1] + 2)
    if have.get("use_repmixer_blocks"):  # the first and the last convolve
        needed = 4
    for name in ("sliding_window_pattern", "attn_layer_period", "global_attn_every_n_layers",
                 "full_attention_interval", "no_rope_layer_interval"):  # fmt: skip
        if isinstance(have.get(name), int):
            needed = max(needed, have[name] + 1)
    return needed


MODELS = {  # where the plainest class is not the one that the plan is about
    "cohere_asr": "CohereAsrDecoder",
    "omdet-turbo": "OmDetTurboForObjectDetection",
    "t5_gemma_module": "T5GemmaEncoder",
}
ENDS = ("Model", "Transformer", "Backbone", "Encoder", "Decoder")  # the plainest first


def has_model(config: PreTrainedConfig) -> bool:
    """Whether some model class takes a configuration."""
    cls = type(config)
    takes = takers(folder_of(cls)).get(cls.__name__, [])
    return cls.model_type in MODELS or any(one[2] for one in takes)


def model_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The plainest model class that takes a configuration."""
    cls = type(config)
    if cls.model_type in MODELS:
        folder = folder_of(cls)
        file = importlib.import_module(f"transformers.models.{folder}.modeling_{folder}")
        said: type[PreTrainedModel] = getattr(file, MODELS[cls.model_type])
        return said
    found = [one for one in takers(folder_of(cls)).get(cls.__name__, []) if one[2]]
    if not found:
        raise LookupError("no model class takes it")
    ranked = sorted(
        found,
        key=lambda one: (
            next((at for at, end in enumerate(ENDS) if one[1].endswith(end)), len(ENDS)),
            one[1].endswith("Stack"), "For" in one[1], len(one[1]), one[1],
        ),
    )  # fmt: skip
    path, name, _ = ranked[0]
    file = importlib.import_module(f"transformers.models.{path.parent.name}.{path.stem}")
    made: type[PreTrainedModel] = getattr(file, name)
    return made


def tiny_models(whole: PreTrainedConfig) -> Iterator[tuple[PreTrainedConfig, PreTrainedModel]]:
    """Small configurations of the same kind, and a model of each, until one of them runs."""
    cls = type(whole)
    plain = whole.to_dict() == default(cls).to_dict()
    problem: Exception | None = None
    made = False
    for strength in range(2 * STRENGTHS):
        try:
            given = settings(cls) if plain else whole.to_dict()
            given.pop("model_type", None)
            config, model = built(cls(**given | changes(whole, strength)))
        except Exception as one:  # what a family refuses says the family
            problem = problem or one
            continue
        made = True
        yield config, model
    if not made and problem is not None:
        raise problem


def built(config: PreTrainedConfig) -> tuple[PreTrainedConfig, PreTrainedModel]:
    """The model of a configuration, weights drawn anew."""
    torch.manual_seed(0)
    kind = model_class(config)
    with torch.device("meta"):
        size = sum(one.numel() for one in kind(copy.deepcopy(config)).parameters())
    if size > LARGEST:
        raise MemoryError(f"the smallest model that its configuration allows has {size:,} numbers")
    model = kind._from_config(config, attn_implementation="eager").float().eval()
    draw(model)
    return config, model


@torch.no_grad()
def draw(model: nn.Module) -> None:
    """Random weights under which scores are about 1, and no two rows of a table are alike."""
    waves = {
        id(weight)
        for owner in model.modules() if "inus" in type(owner).__name__
        for weight in owner.parameters()
    }  # fmt: skip
    for name, buffer in model.named_buffers():
        if name.endswith("attn_mask_probs"):  # EoMT's masks of training, gone at its end
            buffer.zero_()
    for name, one in model.named_parameters():
        if id(one) in waves:
            continue
        if not one.is_floating_point() or not one.requires_grad:  # waves kept as weights
            continue
        if one.ndim >= 2:
            named = [word in name for word in ("embed", "pos", "bias", "wpe")]
            table = any(named) and "convolution" not in name  # LeViT's cells come of convolutions
            wide = one.shape[-1] if table and any(named[:2]) else math.prod(one.shape[1:])
            one.normal_(0.0, 0.5 if table else 1.0 / math.sqrt(max(wide, 1)))
        elif "norm" in name.lower() or "ln" in name.lower():
            one.normal_(1.0 if name.endswith("weight") else 0.0, 0.1)
        else:
            one.normal_(0.0, 0.3)


def parts_of(config: PreTrainedConfig) -> dict[str, PreTrainedConfig]:
    """The configs that a config is made of."""
    places = {name: getattr(config, name, None) for name in (type(config).sub_configs or {})}
    return {name: one for name, one in places.items() if isinstance(one, PreTrainedConfig)}


def arguments(model: nn.Module) -> set[str]:
    """The names that the forward pass of a model takes."""
    return set(inspect.signature(model.forward).parameters)


def inputs(
    config: PreTrainedConfig, model: PreTrainedModel, grid: tuple[int, int] = (4, 6)
) -> Iterator[dict[str, Any]]:
    """Random inputs, in the forms that a model could take: 12 tokens, or one picture."""
    torch.manual_seed(1)
    takes = arguments(model)
    words = getattr(config, "vocab_size", None) or 100
    ids = torch.randint(5, max(min(words, 100), 6), (1, LENGTH))
    for special in ("pad_token_id", "eos_token_id", "bos_token_id"):
        special_id = getattr(config, special, None)
        if isinstance(special_id, int):
            ids[ids == special_id] = 5 if special_id != 5 else 6
    always: dict[str, Any] = {}
    if "use_cache" in takes:
        always["use_cache"] = False
    if "grid_thw" in takes or "image_grid_thw" in takes:
        channels = getattr(config, "in_channels", getattr(config, "num_channels", 3))
        size = config.patch_size**2 * getattr(config, "temporal_patch_size", 1) * channels
        merge = getattr(config, "spatial_merge_size", None) or 1
        rows, columns = grid if grid[0] % merge == grid[1] % merge == 0 else (4, 6)
        patches = torch.randn(rows * columns, size)
        thw = torch.tensor([[1, rows, columns]])
        if "merge_sizes" in takes:
            always["merge_sizes"] = torch.tensor([1])
        for name in ("hidden_states", "pixel_values"):
            if name in takes:
                yield always | {name: patches, "grid_thw": thw}
                yield always | {name: torch.cat((patches, patches), -1), "grid_thw": thw}
                yield always | {name: patches[None], "image_grid_thw": thw}
                cut = patches.reshape(-1, channels, config.patch_size, config.patch_size)
                yield always | {name: cut, "grid_thw": thw}
                yield always | {name: cut[None], "grid_thw": thw}
        return
    if "pixel_values" in takes and hasattr(config, "num_queries"):  # rows and columns apart
        yield {"pixel_values": torch.randn(1, 3, 96, 160)}
    if "input_features" in takes:
        bins = getattr(config, "num_mel_bins", None) or 80
        always["input_features"] = torch.randn(1, bins, 2 * LENGTH)
    if "dataset_index" in takes:
        always["dataset_index"] = torch.tensor([0])
    if "merge_sizes" in takes:
        always["merge_sizes"] = torch.tensor([1])
    if "decoder_input_ids" in takes:
        always["decoder_input_ids"] = ids[:, :SHORT]
    mask = {"attention_mask": torch.ones_like(ids)} if "attention_mask" in takes else {}
    if "input_ids" in takes:
        yield always | mask | {"input_ids": ids}
    elif "decoder_input_ids" in takes:
        yield always
    for name in ("num_codebooks", "num_channels", "num_vq"):
        count = getattr(config, name, None)
        if "input_ids" in takes and isinstance(count, int):
            yield always | mask | {"input_ids": ids[..., None].repeat(1, 1, count)}
    if "input_ids" in takes and isinstance(getattr(config, "num_codebooks", None), int):
        yield always | {"input_ids": ids.repeat(config.num_codebooks, 1)}
    embedded = torch.randn(1, LENGTH, getattr(config, "hidden_size", None) or 64)
    without = {name: value for name, value in always.items() if name != "input_features"}
    if "input_ids" in takes and "input_features" in always:
        yield without | mask | {"input_ids": ids}
    for name in ("inputs_embeds", "hidden_states", "query_embeds"):
        if name in takes and "pixel_values" not in takes:
            yield always | mask | {name: embedded}
            yield always | {name: embedded}
    for name in ("pixel_values", "image"):
        if name in takes and "input_ids" not in takes:
            picture = pictures(config)
            yield always | {name: picture}
            if picture.ndim == 5:
                yield always | {name: picture[0]}
            yield from patched(config, takes, picture, grid)
    yield from more_inputs(config, takes, always, ids, sys.modules[type(model).__module__])


def patched(
    config: PreTrainedConfig, takes: set[str], picture: torch.Tensor, grid: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """A picture as the families take it that cut it into patches beforehand."""
    patch = getattr(config, "patch_size", None)
    if not isinstance(patch, int):
        return
    rows, columns = grid
    channels = picture.shape[-3]
    flat = torch.randn(1, rows * columns, channels * patch * patch)
    shapes = torch.tensor([[rows, columns]])
    seen = torch.ones(1, rows * columns, dtype=torch.long)
    yield {
        "pixel_values": flat,
        **({"spatial_shapes": shapes} if "spatial_shapes" in takes else {}),
        **({"pixel_attention_mask": seen} if "pixel_attention_mask" in takes else {}),
        **({"attention_mask": seen} if "attention_mask" in takes else {}),
    }
    row = torch.randn(1, channels, patch, patch * rows * columns)
    yield {"pixel_values": row, "target_sizes": shapes}
    at = torch.stack(torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy"), -1)
    yield {"pixel_values": flat, "pixel_position_ids": at.reshape(1, -1, 2)}


def pictures(config: PreTrainedConfig) -> torch.Tensor:
    """A random picture, or a random clip, of the size that a configuration states."""
    named = ("image_size", "crop_size", "max_img_size")
    size: Any = next((getattr(config, one) for one in named if getattr(config, one, None)), 64)
    height, width = (size, size) if isinstance(size, int) else tuple(size)[:2]
    channels = getattr(config, "num_channels", getattr(config, "in_channels", 3))
    shape = (1, channels, height, width)
    frames = getattr(config, "num_frames", getattr(config, "frames_per_clip", None))
    if isinstance(frames, int):
        shape = (1, frames, channels, height, width)
    return torch.randn(shape)
