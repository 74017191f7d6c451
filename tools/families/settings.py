"""What some default configurations lack before their own model can run.

    SETTINGS[model_type]   the fields that are given, and why

A default that contradicts itself (sections of 32 pairs in a head that turns 64) builds no model of
its own family, so nothing can be compared with it: `encoding_from_config` refuses it, and rightly.
The family is then looked at with the fields here, as its published models have them; the page says
so beside it.

The trap: mending a difference here. A field may stand here only where the family's own code stops,
or where nothing would attend, without it.
"""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

HALF_TURNED = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5,
               "mrope_section": [8, 12, 12]}  # fmt: skip

SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "glm4v_text": ({"rope_parameters": HALF_TURNED}, "its sections are for half of the features"),
    "glm_image_text": (
        {"rope_parameters": HALF_TURNED}, "its sections are for half of the features"
    ),
    "glm4v_moe_text": (
        {"head_dim": 128, "rope_parameters": HALF_TURNED}, "96 heads do not divide 4,096 features"
    ),
    "qwen3_omni_moe_text": ({"head_dim": 128}, "28 heads do not divide 2,048 features"),
    "qwen3_omni_moe_talker_text": (
        {"shared_expert_intermediate_size": 32}, "its model reads a field that it does not have"
    ),
    "cohere_compass_text": (
        {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
        "no base is given",
    ),
    "step3p5": ({"sliding_window": 512}, "a mask of windows is made without a size"),
    "deepseek_ocr2_text": (
        {"mlp_layer_types": ["dense", "dense"]}, "a list is read that is null"
    ),
    "hunyuan_vl_text": (
        {"head_dim": 128, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,
                                              "mrope_section": [16, 16, 16, 16]}},
        "sections are read that are null",
    ),
    "pix2struct_text_model": (
        {"initializer_range": 0.02}, "its model reads a field that it does not have"
    ),
    "dbrx": (
        {"attn_config": {"rope_theta": 10000.0, "clip_qkv": 8}},
        "its model reads fields that are not there",
    ),
    "granitemoehybrid": (
        {"layer_types": ["linear_attention", "full_attention"] * 16,
         "position_embedding_type": "rope"},
        "none of its layers would attend",
    ),
    "qwen4_exp_text": (
        {"indexer_n_heads": 4, "indexer_kv_heads": 1, "indexer_head_dim": 256,
         "indexer_budget": 64, "indexer_compress_ratio": 4},
        "its model divides fields that are null",
    ),
    "t5_gemma_module": ({"dropout_rate": 0.0}, "a field of it stands in the config around it"),
    "bamba": ({"attn_layer_indices": [1]}, "none of its layers would attend"),
}  # fmt: skip


def default(cls: type[PreTrainedConfig]) -> PreTrainedConfig:
    """The default configuration of a class, with what it lacks, its parts too."""
    return cls(**settings(cls))


def settings(cls: type[PreTrainedConfig]) -> dict[str, Any]:
    """The fields that the default of a class lacks."""
    own = SETTINGS.get(cls.model_type or "", ({}, ""))[0]
    inner = {}
    if cls.sub_configs:
        plain = cls(**own)
        for name in cls.sub_configs:
            part = getattr(plain, name, None)
            if isinstance(part, PreTrainedConfig) and (given := settings(type(part))):
                inner[name] = {**part.to_dict(), **given}
    return {**own, **inner}


def why(cls: type[PreTrainedConfig]) -> list[str]:
    """Why the default of a class is not looked at as it is, one reason for each part."""
    found = [SETTINGS[cls.model_type][1]] if cls.model_type in SETTINGS else []
    for name in cls.sub_configs or {}:
        part = getattr(cls(), name, None)
        if isinstance(part, PreTrainedConfig):
            found += [one for one in why(type(part)) if one not in found]
    return found
