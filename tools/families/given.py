"""Inputs of models that take more than words or one picture.

    clips       pixel_values_videos, (batch, frames, channels, rows, columns)
    beside      what another part hands over: states of an encoder, a condition, a pair of pictures

Tried after the plain inputs (tiny.inputs), so that a model which runs on words alone is heard so.

The trap: states of another part with as many tokens as the text. Its attention to them would be
taken for the one to itself, so here they have another number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedConfig

BESIDE = 7  # tokens of another part


def more_inputs(
    config: PreTrainedConfig,
    takes: set[str],
    always: dict[str, Any],
    ids: torch.Tensor,
    family: Any,
) -> Iterator[dict[str, Any]]:
    """Random inputs with what the arguments of a model ask for beside words."""
    wide = getattr(config, "hidden_size", None) or 64
    length = ids.shape[1]
    if "encoder_hidden_states" in takes and "input_ids" in takes:
        other = getattr(getattr(config, "encoder_config", None), "hidden_size", None)
        for width in {getattr(config, "cross_hidden_size", None) or wide, other or wide, wide}:
            states = {"encoder_hidden_states": torch.randn(1, BESIDE, width)}
            yield always | states | {"input_ids": ids}
            channels = getattr(config, "num_channels", None)
            if isinstance(channels, int):
                yield always | states | {"input_ids": ids[..., None].repeat(1, 1, channels)}
    if "num_patches" in takes and "inputs_embeds" in takes:
        yield always | {"inputs_embeds": torch.randn(1, length, wide), "num_patches": 0}
    if "input_ids" in takes and "kwargs" in takes and "t_cond" not in takes:
        condition = torch.randn(1, 1, wide)
        yield always | {"input_ids": ids, "t_cond": condition}
    if "last_hidden_state" in takes and hasattr(config, "num_codebooks"):
        last = torch.randn(1, 1, getattr(config, "input_size", wide))
        books = ids[:, : config.num_codebooks]
        yield always | {"input_ids": books, "last_hidden_state": last,
                        "attention_mask": torch.ones_like(books)}  # fmt: skip
    if "codebook_idx" in takes:
        books = ids[..., None].repeat(1, 1, config.n_codes_total)
        yield always | {"input_ids": books, "codebook_idx": 1}
    if "image_encoder_embeddings" in takes:
        yield always | {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "pixel_values": picture_of(config.vision_config)[None],
            "image_attention_mask": torch.ones(1, length, 1, dtype=torch.long),
        }
    if "pixel_values" in takes and "input_ids" in takes:
        yield always | {"input_ids": ids, "pixel_values": picture_of(config)}
        yield always | {"input_ids": ids, "pixel_values": picture_of(config),
                        "attention_mask": torch.ones_like(ids)}  # fmt: skip
    if "classes_input_ids" in takes:
        yield {
            "pixel_values": torch.randn(1, 3, 96, 160),
            "classes_input_ids": ids[:, :6].repeat(2, 1),
            "classes_attention_mask": torch.ones(2, 6, dtype=torch.long),
            "tasks_input_ids": ids[:, :6],
            "tasks_attention_mask": torch.ones(1, 6, dtype=torch.long),
            "classes_structure": torch.tensor([2]),
        }
    if "returns_to_go" in takes:
        yield {
            "states": torch.randn(1, length, config.state_dim),
            "actions": torch.randn(1, length, config.act_dim),
            "returns_to_go": torch.randn(1, length, 1),
            "timesteps": torch.arange(length)[None],
            "attention_mask": torch.ones(1, length, dtype=torch.long),
        }
    if "vision_pos_embeds" in takes:  # the places as the family's own class makes them
        sines = next(
            cls for name, cls in vars(family).items() if name.endswith("SinePositionEmbedding")
        )(wide // 2, normalize=True)
        seen = torch.randn(1, wide, 3, 5)
        place = sines(seen.shape, seen.device, seen.dtype)
        yield {"vision_features": [seen], "vision_pos_embeds": [place],
               "text_features": torch.randn(1, BESIDE, wide)}  # fmt: skip
    if "image_embeddings" in takes and "input_points" in takes:  # a picture that was seen already
        prompt = config.prompt_encoder_config
        side = prompt.image_size // prompt.patch_size
        seen: Any = torch.randn(1, prompt.hidden_size, side, side)
        points = {"input_points": torch.rand(1, 1, 2, 2) * prompt.image_size}
        yield {"image_embeddings": seen} | points
        if "intermediate_embeddings" in takes:
            width = getattr(config.vision_config, "hidden_size", 8)
            earlier = [torch.randn(1, side, side, width)]
            yield {"image_embeddings": seen, "intermediate_embeddings": earlier} | points
        wide = prompt.hidden_size
        levels = [torch.randn(1, wide // 8, 4 * side, 4 * side),
                  torch.randn(1, wide // 4, 2 * side, 2 * side), seen]  # fmt: skip
        yield {"image_embeddings": levels} | points
    if "task_inputs" in takes:
        yield {"pixel_values": torch.randn(1, 3, 96, 160),
               "task_inputs": torch.randint(1, 90, (1, 77))}  # fmt: skip
    if "prompt_pixel_values" in takes:
        rows, columns = config.image_size
        one = torch.randn(1, 3, rows // 2, columns)
        yield {"pixel_values": one, "prompt_pixel_values": one + 1, "prompt_masks": one - 1}
    if "context_mask" in takes:  # the first half of a clip, and the other to be predicted
        patches = (config.frames_per_clip // config.tubelet_size) * (
            config.crop_size // config.patch_size
        ) ** 2
        halves = torch.arange(patches)[None].chunk(2, -1)
        clip = torch.randn(1, config.frames_per_clip, 3, config.crop_size, config.crop_size)
        yield {"pixel_values_videos": clip, "context_mask": [halves[0]], "target_mask": [halves[1]]}
    if "patch_embeds" in takes:
        side = config.image_size // config.patch_size
        yield {"patch_embeds": torch.randn(1, wide, side, side)}
    if "flattened_patches" in takes:  # row and column, counted from 1, before the pixels
        at = torch.stack(torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij"), -1)
        wide = config.patch_embed_hidden_size
        patches = torch.cat((at.reshape(12, 2) + 1.0, torch.randn(12, wide)), -1)
        yield {"flattened_patches": patches[None]}
    if "pixel_values_videos" in takes and "input_ids" not in takes:
        frames = getattr(config, "frames_per_clip", None) or getattr(config, "num_frames", None)
        side = getattr(config, "crop_size", None) or getattr(config, "image_size", None) or 64
        for count in {frames or 2, 2, 1}:
            yield {"pixel_values_videos": torch.randn(1, count, 3, side, side)}
    if "input_values" in takes and "decoder_input_ids" in always:
        sound = torch.randn(1, 5119)  # so many samples that three convolutions leave 12 tokens
        yield always | {"input_values": sound, "attention_mask": torch.ones(1, 5119).long()}
    if "input_features" in takes and "decoder_input_ids" in always:
        bins = getattr(config, "input_feat_per_channel", None) or 80
        sound = torch.randn(1, 4 * length, bins)  # halved twice
        yield {**always, "input_features": sound}


def picture_of(config: PreTrainedConfig) -> torch.Tensor:
    """A random picture of the size that a configuration, or its part that sees, states."""
    owner = config if hasattr(config, "image_size") else getattr(config, "vision_config", config)
    size = getattr(owner, "image_size", None) or 64
    rows, columns = (size, size) if isinstance(size, int) else tuple(size)[:2]
    return torch.randn(1, 3, rows, columns)
