"""Tiny random models of transformers: the family's own code with few layers and narrow heads."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

LENGTH, WINDOW, CHUNK = 22, 5, 8
LARGEST = 60_000_000

SMALL: dict[str, Any] = {
    "hidden_size": 64, "d_model": 64, "n_embd": 64, "dim": 64, "embed_dim": 64, "model_dim": 64,
    "num_attention_heads": 4, "n_head": 4, "n_heads": 4, "num_heads": 4, "heads": 4,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "attention_heads": 4,
    "num_key_value_heads": 2, "num_kv_heads": 2, "multi_query_group_num": 2,
    "head_dim": 16, "d_kv": 16, "kv_channels": 16, "attention_head_size": 16,
    "num_hidden_layers": 6, "n_layer": 4, "n_layers": 4, "num_layers": 4, "depth": 4,
    "encoder_layers": 2, "decoder_layers": 2, "num_decoder_layers": 4, "num_encoder_layers": 2,
    "intermediate_size": 64, "ffn_dim": 64, "d_ff": 64, "n_inner": 64, "ffn_hidden_size": 64,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32, "intermediate_dim": 64,
    "vocab_size": 99, "type_vocab_size": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "moe_num_experts": 4,
    "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1,
    "sliding_window": WINDOW, "attention_window_size": WINDOW, "attention_chunk_size": CHUNK,
    "local_attention": 2 * (WINDOW - 1), "window_size_left": WINDOW,
    "q_lora_rank": 24, "kv_lora_rank": 16, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "image_size": 32, "patch_size": 8, "rotary_dim": 8, "floor_scale": 4, "max_source_positions": 16, "attention_dropout": 0.0, "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0, "dropout": 0.0, "hidden_dropout": 0.0,
}  # fmt: skip
HEADS = [name for name in SMALL if "head" in name or name in ("d_kv", "kv_channels")]
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth", "vocab_size")

SIZES: list[dict[str, Any]] = [
    SMALL,
    {**SMALL, "head_dim": 8},  # where it is the part of a head that turns
    {name: value for name, value in SMALL.items() if name not in ("head_dim", "num_key_value_heads")},
    {name: value for name, value in SMALL.items() if name not in HEADS},
    {name: SMALL[name] for name in (*LAYERS, "image_size", "patch_size", "sliding_window")},
    {name: SMALL[name] for name in LAYERS},
]
"""From the smallest to what every class allows."""


def tiny_config(family: str, sizes: dict[str, Any]) -> Any:
    """The configuration class with these sizes where it has such a field."""
    from transformers import CONFIG_MAPPING

    cls = CONFIG_MAPPING[family]
    default = cls()
    known = {**vars(default), **{name: None for name in cls.attribute_map}}
    small = {name: value for name, value in sizes.items() if name in known}
    for name in list(small):
        was = getattr(default, name, None)
        if was is None or isinstance(was, bool) or not isinstance(was, (int, float)):
            small.pop(name)  # not used by default: no window, no list
        elif name == "num_key_value_heads" and was == getattr(default, "num_attention_heads", 0):
            small[name] = 4
    return cls(**small)


def model_class(family: str) -> type:
    """The class of the model that a configuration class belongs to."""
    import transformers
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    named = MODEL_MAPPING_NAMES.get(family)
    if named is not None:
        found: type = getattr(transformers, named if isinstance(named, str) else named[0])
        return found
    config = CONFIG_MAPPING[family]
    package = config.__module__.rpartition(".")[0]
    folder = Path(sys.modules[config.__module__].__file__ or "").parent
    for file in sorted(folder.glob("modeling_*.py")):
        module = importlib.import_module(f"{package}.{file.stem}")
        for cls in vars(module).values():
            if isinstance(cls, type) and vars(cls).get("config_class") is config:
                return cls
            hint = getattr(cls, "__annotations__", {}).get("config")
            if isinstance(cls, type) and hint in (config, config.__name__):
                return cls
    raise LookupError("no model class of its own")


def tiny_model(family: str, config: Any) -> nn.Module:
    cls: Any = model_class(family)
    config._attn_implementation = "eager"
    with torch.device("meta"):
        size = sum(p.numel() for p in cls._from_config(config, attn_implementation="eager").parameters())
    if size > LARGEST:
        raise MemoryError(f"its smallest model has {size:,} numbers")
    torch.manual_seed(0)
    model: nn.Module = cls._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():  # zeros would agree with anything
            if parameter.is_floating_point():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model.float()


def modules_of(model: nn.Module) -> list[ModuleType]:
    """The modelling files whose code this model runs."""
    names = {type(part).__module__ for part in model.modules()}
    return [sys.modules[n] for n in sorted(names) if n.startswith("transformers.models")]


def inputs(model: nn.Module, config: Any) -> dict[str, Tensor]:
    """Random text or a random picture, as the model's main input asks."""
    generator = torch.Generator().manual_seed(1)
    main = getattr(model, "main_input_name", "input_ids")
    made: dict[str, Tensor] = {}
    if main == "pixel_values":
        size = getattr(config, "image_size", 32)
        height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
        channels = getattr(config, "num_channels", 3)
        made[main] = torch.randn(2, channels, height, width, generator=generator)
    elif main == "input_features":
        mel, frames = getattr(config, "num_mel_bins", 80), 2 * getattr(config, "max_source_positions", 16)
        made[main] = torch.randn(2, mel, frames, generator=generator)
        made["decoder_input_ids"] = torch.randint(5, 90, (2, LENGTH - 3), generator=generator)
    else:
        vocabulary = min(getattr(config, "vocab_size", 99) or 99, 99)
        made["input_ids"] = torch.randint(5, vocabulary, (2, LENGTH), generator=generator)
        if getattr(config, "is_encoder_decoder", False):
            made["decoder_input_ids"] = made["input_ids"][:, : LENGTH - 3]
    return made
