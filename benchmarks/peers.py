"""The same jobs as other people's code does them. Only their public functions are called."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def usual_table(length: int, dim: int) -> Tensor:
    """The float32 code found in most tutorials."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    frequency = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
    table = torch.zeros(length, dim)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    return table


def positional_encodings_table(length: int, dim: int):
    """positional-encodings, with its cache emptied before each call."""
    from positional_encodings.torch_encodings import PositionalEncoding1D

    module, like = PositionalEncoding1D(dim), torch.empty(1, length, dim)

    def run():
        module.cached_penc = None
        return module(like)

    return run


def x_transformers_table(length: int, dim: int):
    """x-transformers, one position table (half layout, scaled)."""
    from x_transformers.x_transformers import ScaledSinusoidalEmbedding

    module, like = ScaledSinusoidalEmbedding(dim), torch.empty(1, length, dim)
    return lambda: module(like)


def transformers_rope(query: Tensor, key: Tensor):
    """transformers' Llama, half layout; the table of cosines is made outside, as the model does."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    cos, sin = _cos_sin(query, halves=True)
    return lambda: apply_rotary_pos_emb(query, key, cos, sin)


def _cos_sin(query: Tensor, halves: bool) -> tuple[Tensor, Tensor]:
    length, head_dim = query.shape[-2:]
    frequency = 10000.0 ** (-torch.arange(0, head_dim, 2).float() / head_dim)
    angle = torch.arange(length).float()[:, None] * frequency
    angle = torch.cat((angle, angle), -1)[None] if halves else angle
    return angle.cos().to(query.dtype), angle.sin().to(query.dtype)


def rotary_embedding_torch_rope(query: Tensor, key: Tensor):
    """rotary-embedding-torch, interleaved; its own cache of angles is left on."""
    from rotary_embedding_torch import RotaryEmbedding

    module = RotaryEmbedding(query.shape[-1], freqs_for="lang")
    return lambda: (module.rotate_queries_or_keys(query), module.rotate_queries_or_keys(key))


def x_transformers_rope(query: Tensor, key: Tensor):
    """x-transformers, interleaved; angles are made outside, as its model does."""
    from x_transformers.x_transformers import RotaryEmbedding, apply_rotary_pos_emb

    angles, scale = RotaryEmbedding(query.shape[-1]).forward_from_seq_len(query.shape[-2])
    return lambda: (
        apply_rotary_pos_emb(query, angles, scale), apply_rotary_pos_emb(key, angles, scale)
    )  # fmt: skip


def transformers_t5(length: int, heads: int):
    """transformers' T5 bias of the encoder."""
    from transformers import T5Config
    from transformers.models.t5.modeling_t5 import T5Attention

    config = T5Config(num_heads=heads, d_kv=8, d_model=8 * heads)
    module = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).eval()
    return lambda: module.compute_bias(length, length)


def x_transformers_t5(length: int, heads: int):
    """x-transformers' T5 bias."""
    from x_transformers.x_transformers import RelativePositionBias

    module = RelativePositionBias(1.0, causal=False, heads=heads).eval()
    return lambda: module(length, length)


def x_transformers_alibi(length: int, heads: int):
    """x-transformers' ALiBi, with its cache emptied before each call."""
    from x_transformers.x_transformers import AlibiPositionalBias

    module = AlibiPositionalBias(heads)

    def run():
        module.bias = None
        return module(length, length)

    return run


def usual_alibi(length: int, heads: int):
    """The usual code: distances as a full matrix, times the slopes."""
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)

    def run():
        distance = (torch.arange(length)[None, :] - torch.arange(length)[:, None]).abs()
        return -distance[None] * slopes[:, None, None]

    return run
