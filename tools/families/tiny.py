"""Tiny random models of transformers: the family's own code with few layers and narrow heads."""

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from posenc_lib import merged_cells

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
    "image_size": 32, "patch_size": 8, "rotary_dim": 8, "floor_scale": 4,
    "max_source_positions": 16, "attention_dropout": 0.0, "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0, "dropout": 0.0, "hidden_dropout": 0.0,
}  # fmt: skip
HEADS = [name for name in SMALL if "head" in name or name in ("d_kv", "kv_channels")]
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth", "vocab_size")

SIZES: list[dict[str, Any]] = [
    SMALL,
    {**SMALL, "head_dim": 8},  # where it is the part of a head that turns
    {n: value for n, value in SMALL.items() if n not in ("head_dim", "num_key_value_heads")},
    {name: value for name, value in SMALL.items() if name not in HEADS},
    {name: SMALL[name] for name in (*LAYERS, "image_size", "patch_size", "sliding_window")},
    {name: SMALL[name] for name in LAYERS},
]
"""From the smallest to what every class allows."""


SECTIONS = {n: [16, 24, 24] for n in ("qwen2_vl_text", "qwen2_5_vl_text", "glm_ocr_text")}
"""What these take where their configuration says nothing, for heads of 128."""


def tiny_config(family: str, sizes: dict[str, Any]) -> Any:
    """The configuration class with these sizes where it has such a field."""
    from transformers import CONFIG_MAPPING

    cls = CONFIG_MAPPING[family]
    default = cls()
    known = {*vars(default), *cls.attribute_map}
    small = {name: value for name, value in sizes.items() if name in known}
    for name in list(small):
        was = _of(default, name)
        missing = was is None and name not in ("head_dim", "num_key_value_heads")
        if missing or isinstance(was, (bool, list, tuple, dict, str)):
            small.pop(name)  # not used by default: no window, no list
        elif name == "num_key_value_heads" and was in (None, _of(default, "num_attention_heads")):
            small[name] = 4
    rope = _of(default, "rope_parameters")
    if isinstance(rope, dict) and ("mrope_section" in rope or family in SECTIONS):
        rope = {"mrope_section": SECTIONS.get(family, []), **rope}
        width = small.get("head_dim") or _of(default, "head_dim") or 0
        width = width or small.get("hidden_size", 64) // small.get("num_attention_heads", 4)
        pairs = int(width * rope.get("partial_rotary_factor", 1.0)) // 2
        small["rope_parameters"] = {**rope, "mrope_section": _shared(rope["mrope_section"], pairs)}
    return cls(**small)


def _of(config: Any, name: str) -> Any:
    try:
        return getattr(config, name, None)
    except Exception:  # some fields differ by layer and refuse to be read
        return 1


def _shared(sections: list[int], pairs: int) -> list[int]:
    """The sections in about the same shares of so many pairs."""
    found = [max(1, section * pairs // sum(sections)) for section in sections]
    found[0] += pairs - sum(found)
    return found


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
        fitting = [
            cls for cls in vars(module).values()
            if isinstance(cls, type) and issubclass(cls, nn.Module) and "forward" in vars(cls)
            and hasattr(cls, "_from_config") and _configured(cls, config)
        ]  # fmt: skip
        if fitting:
            return min(fitting, key=lambda cls: ("For" in cls.__name__, len(cls.__name__)))
    raise LookupError("no model class of its own")


def _configured(cls: Any, config: type) -> bool:
    hints = [inspect.get_annotations(base).get("config") for base in cls.__mro__]
    named = next((hint for hint in hints if hint is not None), None)
    return cls.config_class is config or named in (config, config.__name__)


def tiny_model(family: str, config: Any) -> nn.Module:
    cls: Any = model_class(family)
    config._attn_implementation = "eager"
    with torch.device("meta"):
        empty = cls._from_config(config, attn_implementation="eager")
        size = sum(parameter.numel() for parameter in empty.parameters())
    if size > LARGEST:
        raise MemoryError(f"its smallest model has {size:,} numbers")
    torch.manual_seed(0)
    model: nn.Module = cls._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():  # zeros would agree with anything
            if parameter.is_floating_point() and parameter.requires_grad and parameter.ndim > 1:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model.float()


def modules_of(model: nn.Module) -> list[ModuleType]:
    """The modelling files whose code this model runs."""
    names = {type(part).__module__ for part in model.modules()}
    return [sys.modules[n] for n in sorted(names) if n.startswith("transformers.models")]


def inputs(model: nn.Module, config: Any) -> Iterator[tuple[dict[str, Tensor], list[Tensor]]]:
    """What the model may take, and where its tokens may stand: one after the other is tried."""
    wanted = inspect.signature(type(model).forward).parameters
    generator = torch.Generator().manual_seed(1)
    vocabulary = min(_of(config, "vocab_size") or 99, 99)
    ids = torch.randint(5, max(vocabulary, 6), (2, LENGTH), generator=generator)
    text = {"input_ids": ids, "decoder_input_ids": ids[:, : LENGTH - 3]}
    row = [torch.arange(LENGTH)]

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    if "input_features" in wanted:
        frames = 2 * (_of(config, "max_source_positions") or 16)
        text["input_features"] = noise(2, _of(config, "num_mel_bins") or 80, frames)
    yield _named(text, wanted), row
    if "grid_thw" in wanted or "image_grid_thw" in wanted:
        rows, columns = 4, 6
        width = _of(config, "in_channels") or _of(config, "num_channels") or 3
        width *= (_of(config, "temporal_patch_size") or 1) * (_of(config, "patch_size") or 8) ** 2
        patches, grid = noise(rows * columns, width), torch.tensor([[1, rows, columns]])
        merge = _of(config, "spatial_merge_size") or 2
        given = {"hidden_states": patches, "pixel_values": patches, "grid_thw": grid,
                 "image_grid_thw": grid, "merge_sizes": torch.tensor([merge])}  # fmt: skip
        yield _named(given, wanted), _cells(rows, columns, merge)
    if "spatial_shapes" in wanted:
        patch = _of(config, "patch_size") or 8
        given = {"pixel_values": noise(1, 24, 3 * patch**2),
                 "spatial_shapes": torch.tensor([[4, 6]]),
                 "pixel_attention_mask": torch.ones(1, 24, dtype=torch.long)}  # fmt: skip
        yield _named(given, wanted), _cells(4, 6, 1)
    size = _of(config, "image_size") or 32
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    channels = _of(config, "num_channels") or _of(config, "in_channels") or 3
    patch = _of(config, "patch_size") or 8
    patch = patch if isinstance(patch, int) else patch[-1]
    cells = _cells(height // patch, width // patch, 1) if isinstance(patch, int) else row
    mask = torch.ones(1, height // patch, width // patch, dtype=torch.bool)
    for images in (noise(1, channels, height, width), noise(1, 1, channels, height, width)):
        given = {"pixel_values": images, "patch_attention_mask": mask,
                 "image_sizes": torch.tensor([[height, width]])}  # fmt: skip
        yield _named(given, wanted), cells
    frames = _of(config, "num_frames") or _of(config, "frames_per_clip") or 2
    clip = noise(1, frames, channels, height, width)
    yield _named({"pixel_values": clip, "pixel_values_videos": clip}, wanted), [*cells, *row]
    hidden = _of(config, "hidden_size") or _of(config, "d_model") or 64
    yield _named({"inputs_embeds": noise(2, LENGTH, hidden)}, wanted), row


def _named(given: dict[str, Tensor], wanted: Any) -> dict[str, Tensor]:
    return {name: value for name, value in given.items() if name in wanted}


def _cells(rows: int, columns: int, merge: int) -> list[Tensor]:
    """Cell numbers, and coordinates row by row and, where patches are merged, block by block."""
    cells = torch.arange(rows * columns)
    found = [cells, torch.stack((cells // columns, cells % columns), -1)]
    if merge > 1:
        order = merged_cells((rows, columns), merge)
        found += [order, torch.stack((order // columns, order % columns), -1)]
    return found
