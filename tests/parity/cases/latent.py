"""Latent attention beside the layer of DeepSeek V3 in `transformers`, weights copied."""

import torch
from torch.nn import functional as F

from posenc_lib import (
    DecoupledRotary,
    KeyValueCache,
    LatentAttention,
    RotaryEncoding,
    YarnRotary,
    yarn_magnitude,
)
from tests.parity import EQUATION, parity
from tests.parity.cases.rope_scaling import EXACT, FAR, random, turned_loop

NAMES = {
    "to_latent": "kv_a_proj_with_mqa", "latent_norm": "kv_a_layernorm",
    "from_latent": "kv_b_proj", "to_output": "o_proj",
}  # fmt: skip


def both(layout, query_latent, **rope_parameters):
    """Our layer and theirs with the same weights, and their module of cosines and sines."""
    from transformers.models.deepseek_v3 import modeling_deepseek_v3 as theirs

    torch.manual_seed(0)
    config = theirs.DeepseekV3Config(
        hidden_size=32, num_attention_heads=4, num_key_value_heads=4, q_lora_rank=query_latent,
        kv_lora_rank=10, qk_rope_head_dim=8, qk_nope_head_dim=6, v_head_dim=5,
        rope_interleave=layout == "interleaved", max_position_embeddings=256,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, **rope_parameters},
        attn_implementation="eager", pad_token_id=0,
    )  # fmt: skip
    layer = theirs.DeepseekV3Attention(config, layer_idx=0).eval()
    for norm in (layer.kv_a_layernorm, layer.q_a_layernorm):
        if norm is not None:
            norm.weight.data.uniform_(0.5, 1.5)
    scale = 14**-0.5
    if rope_parameters:
        slopes = [0.1 * rope_parameters[name] for name in ("mscale", "mscale_all_dim")]
        one, all_dims = (yarn_magnitude(rope_parameters["factor"], slope=s) for s in slopes)
        rope = YarnRotary(
            8, rope_parameters["factor"], trained_length=16, form="code", layout=layout,
            magnitude=one / all_dims,
        )  # fmt: skip
        scale *= all_dims**2
    else:
        rope = RotaryEncoding(8, layout=layout)
    ours = LatentAttention(
        32, 4, latent=10, rope=rope, plain_dim=6, value_dim=5, query_latent=query_latent,
        scale=scale, causal=True,
    ).eval()  # fmt: skip
    for one, other in NAMES.items():
        getattr(ours, one).weight = getattr(layer, other).weight
    if query_latent is None:
        ours.to_query.weight = layer.q_proj.weight
    else:
        ours.to_query.weight = layer.q_b_proj.weight
        ours.to_query_latent[0].weight = layer.q_a_proj.weight
        ours.to_query_latent[1].weight = layer.q_a_layernorm.weight
    return ours, layer, theirs.DeepseekV3RotaryEmbedding(config)


@parity(
    "rope_decoupled", reference="transformers",
    what="DeepseekV3Attention: output and weights of a whole layer",
    transformation="weights copied; ours once in one pass and once token by token from its cache "
    "of latents",
    bound=2e-6,
)  # fmt: skip
def latent_attention():
    """With and without a latent of the queries, both layouts, and YaRN with two slopes."""
    yarn = {
        "rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 16,
        "mscale": 1.0, "mscale_all_dim": 0.5,
    }  # fmt: skip
    for settings in (
        ("interleaved", 7, {}), ("half", None, {}), ("interleaved", None, yarn), ("half", 7, yarn),
    ):  # fmt: skip
        layout, query_latent, parameters = settings
        ours, theirs, rotary = both(layout, query_latent, **parameters)
        x, at = random(2, 21, 32), torch.arange(21)[None]
        hidden = torch.full((21, 21), -torch.inf).triu(1)[None, None]
        expected, weights = theirs(x, rotary(x, at), hidden)
        output, shown = ours(x)
        yield output, expected
        yield shown, weights
        cache = KeyValueCache()
        steps = [ours(x[:, t : t + 1], cache=cache)[0] for t in range(21)]
        yield torch.cat(steps, 1), expected


@parity(
    "rope_decoupled", reference=EQUATION,
    what="DeepSeek-V2, equations 16 and 17: [plain ; RoPE(turned)]", bound=EXACT,
)  # fmt: skip
def decoupled_far():
    """Positions up to 1,000,003 in float64; the last six of ten features are turned."""
    rope = RotaryEncoding(6)
    _, expected = turned_loop(rope, [10000.0 ** (-2 * i / 6) for i in range(3)])
    x = random(1, 1, len(FAR), 6, dtype=torch.float64)
    whole = F.pad(x, (4, 0), value=0.5)
    found = DecoupledRotary(10, rope).at_key(whole, torch.tensor(FAR))
    yield found, F.pad(expected, (4, 0), value=0.5)
