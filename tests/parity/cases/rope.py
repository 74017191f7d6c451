"""RoPE in both layouts, on a grid, and xPos.

Every published implementation here makes its angles in float32: position times a frequency that
is rounded, so at position 60 a cosine is off by about 60 * 6e-8. Ours are made in float64. The
bounds are that, times the largest feature.
"""

import torch
from rotary_embedding_torch import RotaryEmbedding
from rotary_embedding_torch import apply_rotary_emb as lucid_apply
from transformers import GPTNeoXConfig, LlamaConfig
from transformers.models.gpt_neox import modeling_gpt_neox as neox
from transformers.models.gptj import modeling_gptj as gptj
from transformers.models.llama import modeling_llama as llama
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
from transformers.models.qwen2_vl.modeling_qwen2_vl import (
    Qwen2VLVisionRotaryEmbedding,
    apply_rotary_pos_emb_vision,
)
from x_transformers import x_transformers

from posenc_lib import AxialRotary, RotaryEncoding, XposRotary, change_rope_layout
from tests.parity import EQUATION, parity
from tests.reference_rope import axial_rope_loop, rope_loop, xpos_loop

SHAPES = [(1, 2, 5, 8), (2, 3, 60, 64)]


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.manual_seed(seed), dtype=dtype)


def queries_and_keys():
    for shape in SHAPES:
        yield normal(*shape), normal(*shape, seed=1)


# Interleaved


@parity("rope", reference=EQUATION, what="Su et al. 2021, equation 34, as a loop", bound=1e-12)
def rope_equation():
    for shape, start in zip(SHAPES, (0, 99_990), strict=True):
        x, positions = normal(*shape, dtype=torch.float64), torch.arange(shape[2]) + start
        found = RotaryEncoding(shape[3]).at_query(x, positions)
        yield found[0, -1], rope_loop(x[0, -1], positions)


@parity(
    "rope", reference="transformers", what="GPT-J, apply_rotary_pos_emb",
    transformation="axes heads and length swapped", bound=1e-5,
)  # fmt: skip
def rope_gptj():
    for x, _ in queries_and_keys():
        length, head_dim = x.shape[2:]
        table = gptj.create_sinusoidal_positions(length, head_dim)[None]
        sin, cos = table.chunk(2, -1)
        theirs = gptj.apply_rotary_pos_emb(x.transpose(1, 2), sin, cos).transpose(1, 2)
        yield RotaryEncoding(head_dim).at_query(x, torch.arange(length)), theirs


@parity(
    "rope", reference="rotary-embedding-torch", what="RotaryEmbedding.rotate_queries_or_keys",
    bound=1e-5,
)  # fmt: skip
def rope_lucid():
    for x, _ in queries_and_keys():
        length, head_dim = x.shape[2:]
        for offset in (0, 7):
            theirs = RotaryEmbedding(head_dim).rotate_queries_or_keys(x, offset=offset).detach()
            yield RotaryEncoding(head_dim).at_query(x, torch.arange(length) + offset), theirs


@parity(
    "rope", reference="x-transformers", what="RotaryEmbedding and apply_rotary_pos_emb, partial",
    bound=1e-5,
)  # fmt: skip
def rope_x_transformers():
    for x, _ in queries_and_keys():
        length, head_dim = x.shape[2:]
        for rotary_dim in (head_dim, head_dim // 2):
            positions = torch.arange(length)
            angles, scale = x_transformers.RotaryEmbedding(rotary_dim)(positions)
            ours = RotaryEncoding(head_dim, rotary_dim=rotary_dim).at_key(x, positions)
            yield ours, x_transformers.apply_rotary_pos_emb(x, angles, scale)


# Half


@parity("rope_half", reference="transformers", what="Llama, LlamaRotaryEmbedding", bound=1e-5)
def rope_half_llama():
    for q, k in queries_and_keys():
        batch, heads, length, head_dim = q.shape
        positions = torch.stack([torch.arange(length) + 3 * row for row in range(batch)])
        config = LlamaConfig(hidden_size=heads * head_dim, num_attention_heads=heads)
        cos, sin = llama.LlamaRotaryEmbedding(config)(q, positions)
        rope = RotaryEncoding(head_dim, layout="half", base=config.rope_parameters["rope_theta"])
        theirs = llama.apply_rotary_pos_emb(q, k, cos, sin)
        yield rope.at_query(q, positions), theirs[0]
        yield rope.at_key(k, positions), theirs[1]


@parity(
    "rope_half", reference="transformers", what="GPT-NeoX, a quarter of the features turned",
    bound=1e-5,
)  # fmt: skip
def rope_half_neox():
    for q, k in queries_and_keys():
        heads, length, head_dim = q.shape[1:]
        config = GPTNeoXConfig(hidden_size=heads * head_dim, num_attention_heads=heads)
        assert config.rope_parameters["partial_rotary_factor"] == 0.25
        positions = torch.arange(length)
        cos, sin = neox.GPTNeoXRotaryEmbedding(config)(q, positions[None])
        rope = RotaryEncoding(head_dim, layout="half", rotary_dim=head_dim // 4)
        theirs = neox.apply_rotary_pos_emb(q, k, cos, sin)
        yield rope.at_query(q, positions), theirs[0]
        yield rope.at_key(k, positions), theirs[1]


@parity(
    "rope_half", reference=EQUATION, what="Su et al. 2021, equation 34, scores of a whole layer",
    transformation="rows of W_q and W_k reordered by change_rope_layout", bound=1e-12,
)  # fmt: skip
def rope_half_reordered():
    heads, head_dim, length = 2, 8, 6
    weights = [normal(heads * head_dim, 16, seed=seed, dtype=torch.float64) for seed in (1, 2)]
    x, positions = normal(length, 16, dtype=torch.float64), torch.arange(length) + 4
    turned = []
    for weight in weights:
        rows = change_rope_layout(weight, heads, to="half")
        split = (x @ rows.T).unflatten(-1, (heads, head_dim)).transpose(0, 1)[None]
        turned.append(RotaryEncoding(head_dim, layout="half").at_query(split, positions)[0])
    for head in range(heads):
        rows = slice(head * head_dim, (head + 1) * head_dim)
        q, k = (rope_loop(x @ weight[rows].T, positions) for weight in weights)
        yield turned[0][head] @ turned[1][head].mT, q @ k.T


# On a grid


@parity(
    "rope_2d", reference=EQUATION,
    what="Su et al. 2021, equation 34: half of the features by the row, half by the column",
    bound=1e-12,
)  # fmt: skip
def rope_2d_equation():
    x = normal(1, 1, 12, 16, dtype=torch.float64)
    at = [divmod(cell, 4) for cell in range(12)]
    found = AxialRotary(16, (3, 4)).at_query(x, torch.arange(12))[0, 0]
    yield found, axial_rope_loop(x[0, 0], *zip(*at, strict=True))


@parity(
    "rope_2d", reference="rotary-embedding-torch",
    what='get_axial_freqs and apply_rotary_emb, freqs_for="lang", 2 and 3 axes',
    transformation="the grid flattened row after row", bound=1e-5,
)  # fmt: skip
def rope_2d_lucid():
    for shape in ((5, 6), (2, 3, 4)):
        features = 8
        x = normal(2, 3, *shape, features * len(shape))
        reference = RotaryEmbedding(features, theta=100)
        theirs = lucid_apply(reference.get_axial_freqs(*shape), x).detach()
        flat, cells = x.flatten(2, -2), torch.arange(x[0, 0, ..., 0].numel())
        yield AxialRotary(x.shape[-1], shape).at_query(flat, cells), theirs.flatten(2, -2)


@parity(
    "rope_2d", reference="transformers", what="Qwen2-VL, Qwen2VLVisionRotaryEmbedding",
    transformation='layout="half", base 10,000, no batch axis, axes heads and length swapped',
    bound=1e-5,
)  # fmt: skip
def rope_2d_qwen():
    rows, columns, heads, head_dim = 5, 7, 2, 16
    cells = torch.arange(rows * columns)
    config = Qwen2VLVisionConfig(embed_dim=heads * head_dim, num_heads=heads)
    q, k = (normal(len(cells), heads, head_dim, seed=seed) for seed in (0, 1))
    coordinates = torch.stack([cells // columns, cells % columns], -1)
    cos, sin = Qwen2VLVisionRotaryEmbedding(config)(q, coordinates)
    rope = AxialRotary(head_dim, (rows, columns), base=10_000.0, layout="half")
    theirs = apply_rotary_pos_emb_vision(q, k, cos, sin)
    for x, expected in zip((q, k), theirs, strict=True):
        yield rope.at_query(x.transpose(0, 1)[None], cells)[0].transpose(0, 1), expected


# xPos


@parity(
    "xpos", reference=EQUATION, what="Sun et al. 2022, equation 9 and algorithm 1",
    transformation="their exponent divided by scale_base, as in their code", bound=1e-12,
)  # fmt: skip
def xpos_equation():
    q, k = (normal(1, 1, 6, 8, seed=seed, dtype=torch.float64) for seed in (0, 1))
    for scale_base, start in ((512.0, 0), (20.0, 30)):
        xpos, at = XposRotary(8, scale_base=scale_base), torch.arange(6) + start
        ours = xpos.at_query(q, at) @ xpos.at_key(k, at).mT
        yield ours[0, 0], xpos_loop(q[0, 0], k[0, 0], at, at, scale_base=scale_base)


@parity(
    "xpos", reference="rotary-embedding-torch",
    what="RotaryEmbedding(use_xpos=True).rotate_queries_and_keys",
    transformation="queries times zeta ** (-(length // 2) / 512), keys times its inverse: their "
    "exponent is 0 in the middle of the sequence; the scores are compared as they are",
    bound=1e-4,  # a score sums 64 products of features up to 4
)  # fmt: skip
def xpos_lucid():
    for q, k in queries_and_keys():
        length, head_dim = q.shape[2:]
        reference = RotaryEmbedding(head_dim, use_xpos=True)
        theirs = [part.detach() for part in reference.rotate_queries_and_keys(q, k)]
        yield from against_centred(q, k, *theirs, centre=length // 2)


@parity(
    "xpos", reference="x-transformers",
    what="RotaryEmbedding(use_xpos=True) and apply_rotary_pos_emb",
    transformation="queries times zeta ** (-(length // 2) / 512), keys times its inverse: their "
    "exponent is 0 in the middle of the sequence; the scores are compared as they are",
    bound=1e-4,
)  # fmt: skip
def xpos_x_transformers():
    for q, k in queries_and_keys():
        length, head_dim = q.shape[2:]
        angles, scale = x_transformers.RotaryEmbedding(head_dim, use_xpos=True)(
            torch.arange(length)
        )
        query = x_transformers.apply_rotary_pos_emb(q, angles, scale)
        key = x_transformers.apply_rotary_pos_emb(k, angles, scale**-1)
        yield from against_centred(q, k, query, key, centre=length // 2)


def against_centred(q, k, their_query, their_key, centre):
    """Ours and an implementation whose exponent is position - centre."""
    xpos, positions = XposRotary(q.shape[-1]), torch.arange(q.shape[2])
    query, key = xpos.at_query(q, positions), xpos.at_key(k, positions)
    yield query @ key.mT, their_query @ their_key.mT
    moved = xpos.zetas().repeat_interleave(2).pow(-centre / xpos.scale_base).float()
    yield query * moved, their_query
    yield key / moved, their_key
