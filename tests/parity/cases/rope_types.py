"""Every `rope_type` of configurations that has an encoding of its own: LongRoPE, partial RoPE."""

import math

import torch

from posenc_lib import (
    DynamicNtkRotary,
    LongRotary,
    MultiHeadAttention,
    PartialRotary,
    QueryTemperature,
    YarnRotary,
)
from tests.parity import EQUATION, parity
from tests.parity.cases.rope_scaling import (
    EXACT,
    FAR,
    LOGARITHMS,
    RELATIVE,
    TURNED,
    random,
    turned_loop,
)

SHORT = [1.0 + 0.02 * i for i in range(24)]
LONG = [1.0 + 1.5 * i for i in range(24)]
half = {"layout": "half"}


def made(rope_type, head_dim, length, seq_len=None, **parameters):
    """Frequencies and attention factor of transformers for this configuration."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(
        hidden_size=head_dim, num_attention_heads=1, head_dim=head_dim,
        max_position_embeddings=length,
        rope_parameters={"rope_type": rope_type, "rope_theta": 10000.0, **parameters},
    )  # fmt: skip
    return ROPE_INIT_FUNCTIONS[rope_type](config, None, seq_len=seq_len)


@parity(
    "rope_long", reference="transformers",
    what="ROPE_INIT_FUNCTIONS['longrope'] at lengths up to and past the trained one",
    transformation=LOGARITHMS + "; the attention factor beside them", bound=RELATIVE,
)  # fmt: skip
def longrope_frequencies():
    """Phi-3's sizes, factor from the two lengths or given, attention factor given or not."""
    known = {"short_factor": SHORT, "long_factor": LONG, "original_max_position_embeddings": 4096}
    for more, options in (
        ({}, {"factor": 32.0}),
        ({"factor": 8.0}, {"factor": 8.0}),
        ({"factor": 8.0, "attention_factor": 1.25}, {"factor": 8.0, "magnitude": 1.25}),
        ({"partial_rotary_factor": 0.75, "factor": 1.0}, {"factor": 1.0, "rotary_dim": 48}),
    ):
        head_dim = 64 if "rotary_dim" in options else 48
        ours = LongRotary(head_dim, trained_length=4096, short=SHORT, long=LONG, **half, **options)
        for length in (1, 4096, 4097, 131072):
            theirs, factor = made("longrope", head_dim, 131072, length, **known, **more)
            theirs = torch.cat((theirs.double().log(), torch.tensor([factor]).double()))
            magnitude = torch.tensor([ours.magnitude])
            yield torch.cat((ours.frequencies(length).log(), magnitude)), theirs
            at_one = ours.angles(torch.tensor([length - 1, 1]))[1]
            yield torch.cat((at_one.log(), magnitude)), theirs


@parity(
    "rope_long", reference="transformers",
    what="Phi3RotaryEmbedding, rope_type 'longrope', and apply_rotary_pos_emb of Phi-3",
    transformation="layout='half'; one row at a time, since the reference takes the largest "
    "position of the batch",
    bound=TURNED,
)  # fmt: skip
def longrope_turned():
    """Trained on 32 positions, run on 24 to 60; three quarters of the head; ours at once."""
    from transformers.models.phi3.modeling_phi3 import (
        Phi3Config,
        Phi3RotaryEmbedding,
        apply_rotary_pos_emb,
    )

    config = Phi3Config(
        hidden_size=64, num_attention_heads=1, max_position_embeddings=128, pad_token_id=0,
        original_max_position_embeddings=32,
        rope_parameters={
            "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": SHORT,
            "long_factor": LONG, "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 32,
        },
    )  # fmt: skip
    ours = LongRotary(
        64, 4.0, trained_length=32, short=SHORT, long=LONG, rotary_dim=48, layout="half"
    )
    rows = torch.stack([torch.arange(24) + start for start in (0, 8, 9, 36)])
    query, key = random(4, 3, 24, 64, seed=1), random(4, 3, 24, 64, seed=2)
    module, theirs = Phi3RotaryEmbedding(config), []
    for row, positions in enumerate(rows):
        one = slice(row, row + 1)
        theirs.append(apply_rotary_pos_emb(query[one], key[one], *module(query, positions[None])))
    yield ours.at_query(query, rows), torch.cat([q for q, _ in theirs])
    yield ours.at_key(key, rows), torch.cat([k for _, k in theirs])


@parity(
    "rope_long", reference=EQUATION, what="Ding et al. 2024, section 3, with Phi-3's magnitude",
    bound=EXACT,
)  # fmt: skip
def longrope_far():
    """A text of 1,000,004 positions, trained on 4,096, in float64."""
    factors = [1.0, 1.5, 2.0, 4.0, 8.0, 16.0, 31.0, 64.0]
    m = math.sqrt(1 + math.log(64.0) / math.log(4096))
    w = [10000.0 ** (-2 * i / 16) / factor for i, factor in enumerate(factors)]
    yield turned_loop(LongRotary(16, 64.0, trained_length=4096, long=factors), w, m)


@parity(
    "rope_proportional", reference="transformers", what="ROPE_INIT_FUNCTIONS['proportional']",
    transformation="none; the reference is float32", bound=RELATIVE,
)  # fmt: skip
def proportional_frequencies():
    """Gemma 4's quarter, the whole, a share that comes out odd, and a factor."""
    for head_dim, share, factor in ((256, 0.25, 1.0), (64, 1.0, 1.0), (72, 0.3, 1.0), (64, 0.5, 8)):
        ours = PartialRotary(head_dim, share, form="proportional", factor=factor, layout="half")
        theirs, _ = made(
            "proportional", head_dim, 512, partial_rotary_factor=share, factor=float(factor)
        )
        yield ours.frequencies(), theirs.double()


@parity(
    "rope_proportional", reference="transformers", what="apply_rotary_pos_emb of Gemma 4",
    transformation="layout='half'; axes (batch, length, heads, head_dim)", bound=TURNED,
)  # fmt: skip
def proportional_turned():
    """A quarter of 64 features."""
    from transformers.models.gemma4.modeling_gemma4 import apply_rotary_pos_emb

    ours = PartialRotary(64, 0.25, form="proportional", layout="half")
    x, at = random(2, 3, 40, 64), torch.arange(40)
    w, _ = made("proportional", 64, 512, partial_rotary_factor=0.25)
    angles = (at[:, None] * w).repeat(1, 2)[None]
    theirs = apply_rotary_pos_emb(x.transpose(1, 2), angles.cos(), angles.sin(), unsqueeze_dim=2)
    yield ours.at_query(x, at), theirs.transpose(1, 2)


@parity(
    "rope_partial", reference="transformers",
    what="GPTNeoXRotaryEmbedding and Phi3RotaryEmbedding with their apply_rotary_pos_emb",
    transformation="layout='half'", bound=TURNED,
)  # fmt: skip
def partial_turned():
    """A quarter, a half, and shares that come out odd: 5 of 20, 7 of 24, 9 of 28."""
    from transformers.models.gpt_neox import modeling_gpt_neox as neox
    from transformers.models.phi3 import modeling_phi3 as phi3

    for head_dim, share in ((32, 0.25), (64, 0.5), (20, 0.25), (24, 0.3), (28, 0.33)):
        ours = PartialRotary(head_dim, share, layout="half")
        query, key = random(2, 3, 40, head_dim, seed=1), random(2, 3, 40, head_dim, seed=2)
        at = torch.stack((torch.arange(40), torch.arange(40) + 9))
        parameters = {
            "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": share,
        }  # fmt: skip
        for home, config in (
            (neox, neox.GPTNeoXConfig), (phi3, phi3.Phi3Config)
        ):  # fmt: skip
            settings = config(
                hidden_size=head_dim, num_attention_heads=1, rope_parameters=dict(parameters),
                pad_token_id=0,
            )  # fmt: skip
            name = "GPTNeoXRotaryEmbedding" if home is neox else "Phi3RotaryEmbedding"
            cos, sin = getattr(home, name)(settings)(query, at)
            theirs = home.apply_rotary_pos_emb(query, key, cos, sin)
            yield ours.at_query(query, at), theirs[0]
            yield ours.at_key(key, at), theirs[1]


@parity(
    "rope_partial", reference=EQUATION, what="w_i = base^(-2i / d) for odd d", bound=EXACT,
)  # fmt: skip
def partial_far():
    """Five of 16 features: six are turned; positions up to 1,000,003 in float64."""
    ours = PartialRotary(16, 5 / 16, layout="half")
    w = [10000.0 ** (-2 * i / 5) for i in range(3)]
    found, expected = turned_loop(ours, w, positions=FAR)
    yield found, expected


@parity(
    "rope_yarn", reference="transformers", what="ROPE_INIT_FUNCTIONS['yarn']: attention factor",
    transformation="form='code', magnitude made as configurations say it", bound=1e-12,
)  # fmt: skip
def yarn_magnitudes():
    """mscale alone or with mscale_all_dim, an explicit factor, truncate False, a factor below e."""
    from posenc_lib import yarn_magnitude

    found = []
    for more, magnitude in (
        ({}, None),
        ({"mscale": 0.707}, None),  # alone it is not read
        ({"mscale": 0.707, "mscale_all_dim": 0.707}, 1.0),
        ({"mscale": 1.0, "mscale_all_dim": 0.5},
         yarn_magnitude(40.0) / yarn_magnitude(40.0, slope=0.05)),
        ({"attention_factor": 1.3, "mscale": 1.0, "mscale_all_dim": 0.5}, 1.3),
        ({"truncate": False, "beta_fast": 16.0, "beta_slow": 2.0}, None),
    ):  # fmt: skip
        ours = YarnRotary(64, 40.0, trained_length=4096, form="code", magnitude=magnitude)
        _, theirs = made(
            "yarn", 64, 163840, factor=40.0, original_max_position_embeddings=4096, **more
        )
        found.append((ours.magnitude, theirs))
    yield tuple(torch.tensor(part, dtype=torch.float64) for part in zip(*found, strict=True))


@parity(
    "rope_dynamic_ntk", reference="transformers",
    what="ROPE_INIT_FUNCTIONS['dynamic'] under partial rotation",
    transformation=LOGARITHMS, bound=RELATIVE,
)  # fmt: skip
def dynamic_partial():
    """Half of the features; the exponent d / (d - 2) is that of the turned ones."""
    ours = DynamicNtkRotary(64, 256, factor=2.0, rotary_dim=32, layout="half")
    for length in (256, 300, 5000):
        theirs, _ = made("dynamic", 64, 256, length, factor=2.0, partial_rotary_factor=0.5)
        at_one = ours.angles(torch.tensor([length - 1, 1]))[1]
        yield at_one.log(), theirs.double().log()


@parity(
    "query_temperature", reference="transformers", what="get_llama_4_attn_scale of Ministral 3",
    transformation="first=0", bound=1e-6,
)  # fmt: skip
def temperature_ministral():
    """Two rows of positions, up to seven times the trained length."""
    from transformers.models.ministral3.modeling_ministral3 import get_llama_4_attn_scale

    at, x = torch.stack((torch.arange(40), torch.arange(40) * 3)), random(2, 3, 40, 8)
    for slope, trained in ((0.1, 16), (1.0, 7)):
        ours = QueryTemperature(trained, slope=slope, first=0)
        yield ours.at_query(x, at), x * get_llama_4_attn_scale(at, slope, trained)


@parity(
    "query_temperature", reference="transformers",
    what="Llama4TextAttention on a layer without position: weights and output",
    transformation="a whole layer: ours is NoEncoding with the temperature, weights copied; "
    "positions counted",
    bound=2e-6,
)  # fmt: skip
def temperature_llama4():
    """24 tokens, a step of the temperature at every fifth."""
    from transformers.models.llama4.modeling_llama4 import Llama4TextAttention, Llama4TextConfig

    torch.manual_seed(0)
    config = Llama4TextConfig(
        hidden_size=32, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        no_rope_layers=[0], num_hidden_layers=1, floor_scale=5, attn_scale=0.7,
        use_qk_norm=False, pad_token_id=0, attn_implementation="eager",
    )  # fmt: skip
    theirs = Llama4TextAttention(config, layer_idx=0).eval()
    ours = MultiHeadAttention(
        32, 4, kv_heads=2, head_dim=8, causal=True, bias=False,
        encoding=QueryTemperature(5, slope=0.7),
    ).eval()  # fmt: skip
    names = {"to_query": "q_proj", "to_key": "k_proj", "to_value": "v_proj", "to_output": "o_proj"}
    for one, other in names.items():
        getattr(ours, one).weight = getattr(theirs, other).weight
    x, hidden = random(2, 24, 32), torch.full((24, 24), -torch.inf).triu(1)[None, None]
    output, weights = ours(x)
    expected, their_weights = theirs(x, None, hidden)
    yield output, expected
    yield weights, their_weights
