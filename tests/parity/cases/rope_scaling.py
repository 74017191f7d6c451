"""RoPE's length scaling: `transformers`, `rotary-embedding-torch`, `x-transformers`, equations."""

import math
from functools import partial

import torch

from posenc_lib import (
    DynamicNtkRotary,
    InterpolatedRotary,
    Llama3Rotary,
    NtkRotary,
    YarnRotary,
    yarn_magnitude,
)
from tests.parity import EQUATION, parity

LOGARITHMS = (
    "logarithms of both frequency vectors, so that the difference is the relative one; "
    "the reference is float32"
)
HALF = "layout='half'; positions below 64, where float32 angles still hold"
# float32 powers and divisions: a few roundings of 6e-8 each, more for the slowest pairs.
RELATIVE = 5e-7
# Angles below 64 in float32 are within 4e-6, unit normal input is below 5.
TURNED = 2e-5
EXACT = 1e-9  # float64 knows an angle of 1e6 radians to 1e-10
FAR = [0, 1, 4095, 100_000, 1_000_003]  # positions for the float64 loops

LLAMA31 = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
}  # fmt: skip
LLAMA32 = {**LLAMA31, "factor": 32.0}


def yarn(theta, factor, trained, **options):
    """A configuration of YaRN as published models have it."""
    return {
        "rope_type": "yarn", "rope_theta": theta, "factor": factor,
        "original_max_position_embeddings": trained, **options,
    }  # fmt: skip


YARN_LLAMA2 = yarn(10000.0, 16.0, 4096)  # Yarn-Llama-2-7b-64k
QWEN = yarn(1000000.0, 4.0, 32768)  # Qwen2.5 and Qwen3 past 32,768 tokens
GPT_OSS = yarn(150000.0, 32.0, 4096, truncate=False)
DEEPSEEK = yarn(10000.0, 40.0, 4096, mscale=1.0, mscale_all_dim=0.8)  # two slopes
NARROW = yarn(10000.0, 8.0, 512, beta_fast=8.0, beta_slow=2.0, attention_factor=1.5)


def llama(parameters, head_dim, length=None):
    """transformers' own module for this configuration, made for `length` positions."""
    from transformers.models.llama.modeling_llama import LlamaConfig, LlamaRotaryEmbedding

    if length is None:
        length = int(parameters["factor"] * parameters.get("original_max_position_embeddings", 512))
    return LlamaRotaryEmbedding(
        LlamaConfig(
            hidden_size=head_dim, num_attention_heads=1, head_dim=head_dim,
            max_position_embeddings=length, rope_parameters=dict(parameters),
        )
    )  # fmt: skip


def random(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def turned_by_llama(module, ours, positions):
    """Queries and keys turned by transformers and by ours; positions (batch, length)."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    shape = (len(positions), 3, positions.shape[1], ours.head_dim)
    query, key = random(*shape, seed=1), random(*shape, seed=2)
    cos, sin = module(query, positions)
    theirs = apply_rotary_pos_emb(query, key, cos, sin)
    yield ours.at_query(query, positions), theirs[0]
    yield ours.at_key(key, positions), theirs[1]


def small_positions():
    return torch.stack([torch.arange(48), torch.arange(48) + 16])


# Each: our module, transformers' configuration, head_dim, the length it is made for.
half = {"layout": "half"}
PI = [
    (InterpolatedRotary(64, 2.0, **half), {"factor": 2.0}, 64),
    (InterpolatedRotary(128, 8.0, **half), {"factor": 8.0}, 128),
    (InterpolatedRotary(80, 3.5, base=500.0, **half), {"factor": 3.5, "rope_theta": 500.0}, 80),
]
LLAMA3 = [
    (Llama3Rotary(128, 8.0, trained_length=8192, **half), LLAMA31, 128),
    (Llama3Rotary(64, 32.0, trained_length=8192, **half), LLAMA32, 64),
]
CODE = partial(YarnRotary, form="code", **half)
SLOPES = yarn_magnitude(40.0, slope=0.1) / yarn_magnitude(40.0, slope=0.08)
YARN = [
    (CODE(128, 16.0, trained_length=4096), YARN_LLAMA2, 128),
    (CODE(128, 4.0, trained_length=32768, base=1e6), QWEN, 128),
    (CODE(64, 32.0, trained_length=4096, base=150000.0, truncate=False), GPT_OSS, 64),
    (CODE(64, 40.0, trained_length=4096, magnitude=SLOPES), DEEPSEEK, 64),
    (CODE(32, 8.0, trained_length=512, alpha=2.0, beta=8.0, magnitude=1.5), NARROW, 32),
]


def logarithms(rows, **parameters):
    for ours, configuration, head_dim in rows:
        theirs = llama({"rope_theta": 10000.0, **parameters, **configuration}, head_dim)
        yield ours.frequencies().log(), theirs.inv_freq.double().log()


def turned(rows, **parameters):
    for ours, configuration, head_dim in rows:
        theirs = llama({"rope_theta": 10000.0, **parameters, **configuration}, head_dim)
        yield from turned_by_llama(theirs, ours, small_positions())


# Position interpolation


@parity(
    "rope_pi", reference="transformers", what="LlamaRotaryEmbedding, rope_type 'linear': inv_freq",
    transformation=LOGARITHMS, bound=RELATIVE,
)  # fmt: skip
def pi_frequencies():
    """Factors 2, 3.5 and 8."""
    return logarithms(PI, rope_type="linear")


@parity(
    "rope_pi", reference="transformers",
    what="LlamaRotaryEmbedding, rope_type 'linear', and apply_rotary_pos_emb",
    transformation=HALF, bound=TURNED,
)  # fmt: skip
def pi_turned():
    """Queries and keys, two rows of positions."""
    return turned(PI, rope_type="linear")


@parity(
    "rope_pi", reference="rotary-embedding-torch", what="RotaryEmbedding(interpolate_factor=...)",
    bound=TURNED,
)  # fmt: skip
def pi_rotary_embedding_torch():
    """rotate_queries_or_keys, with an offset too; its layout is ours."""
    from rotary_embedding_torch import RotaryEmbedding

    for factor in (1.5, 4.0):
        theirs = RotaryEmbedding(dim=32, interpolate_factor=factor, cache_if_possible=False)
        ours, x = InterpolatedRotary(32, factor), random(2, 3, 20, 32)
        for start in (0, 40):
            positions = torch.arange(start, start + 20)
            yield ours.at_query(x, positions), theirs.rotate_queries_or_keys(x, offset=start)


@parity(
    "rope_pi", reference="x-transformers", what="RotaryEmbedding(interpolation_factor=...)",
    bound=TURNED,
)  # fmt: skip
def pi_x_transformers():
    """apply_rotary_pos_emb on a given list of positions."""
    for factor in (1.5, 4.0):
        yield from turned_by_x_transformers(
            InterpolatedRotary(32, factor), interpolation_factor=factor
        )


def turned_by_x_transformers(ours, **options):
    from x_transformers.x_transformers import RotaryEmbedding, apply_rotary_pos_emb

    theirs, x = RotaryEmbedding(ours.head_dim, **options), random(2, 3, 20, ours.head_dim)
    for start in (0, 40):
        positions = torch.arange(start, start + 20)
        angles, scale = theirs(positions)
        yield ours.at_query(x, positions), apply_rotary_pos_emb(x, angles, scale)


# NTK


@parity(
    "rope_ntk", reference="rotary-embedding-torch",
    what="RotaryEmbedding(theta_rescale_factor=...)", bound=TURNED,
)  # fmt: skip
def ntk_rotary_embedding_torch():
    """rotate_queries_or_keys; its layout is ours."""
    from rotary_embedding_torch import RotaryEmbedding

    for factor in (2.0, 8.0):
        theirs = RotaryEmbedding(dim=32, theta_rescale_factor=factor, cache_if_possible=False)
        ours, x = NtkRotary(32, factor), random(2, 3, 60, 32)
        yield ours.at_query(x, torch.arange(60)), theirs.rotate_queries_or_keys(x)


@parity(
    "rope_ntk", reference="rotary-embedding-torch",
    what="RotaryEmbedding(theta_rescale_factor=...).freqs", transformation=LOGARITHMS,
    bound=RELATIVE,
)  # fmt: skip
def ntk_frequencies_rotary_embedding_torch():
    """Factors 1.5 and 16 at two sizes."""
    from rotary_embedding_torch import RotaryEmbedding

    for dim, factor in ((64, 1.5), (128, 16.0)):
        theirs = RotaryEmbedding(dim=dim, theta_rescale_factor=factor).freqs.detach()
        yield NtkRotary(dim, factor).frequencies().log(), theirs.double().log()


@parity(
    "rope_ntk", reference="x-transformers", what="RotaryEmbedding(base_rescale_factor=...)",
    bound=TURNED,
)  # fmt: skip
def ntk_x_transformers():
    """apply_rotary_pos_emb on a given list of positions."""
    for factor in (2.0, 8.0):
        yield from turned_by_x_transformers(NtkRotary(32, factor), base_rescale_factor=factor)


# Dynamic NTK


@parity(
    "rope_dynamic_ntk", reference="transformers",
    what="LlamaRotaryEmbedding, rope_type 'dynamic': inv_freq after a call",
    transformation=LOGARITHMS + "; a new reference module for each length", bound=RELATIVE,
)  # fmt: skip
def dynamic_frequencies():
    """Within, at and past the trained length; factors 1 to 4."""
    for factor in (1.0, 2.0, 4.0):
        for length in (100, 256, 257, 400, 4000):
            theirs = llama(
                {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": factor}, 64, 256
            )
            theirs(torch.zeros(1), torch.tensor([[length - 1]]))
            at_one = DynamicNtkRotary(64, 256, factor=factor).angles(torch.tensor([length - 1]))
            yield (at_one[0] / (length - 1)).log(), theirs.inv_freq.double().log()


@parity(
    "rope_dynamic_ntk", reference="transformers",
    what="LlamaRotaryEmbedding, rope_type 'dynamic', and apply_rotary_pos_emb",
    transformation="layout='half'; one row at a time, since the reference takes the largest "
    "position of the batch; a new reference module for each length",
    bound=TURNED,
)  # fmt: skip
def dynamic_turned():
    """Trained on 16 positions, run on 12 to 64; ours gets all the rows at once."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    rows = torch.stack([torch.arange(12) + start for start in (0, 4, 5, 52)])
    query, key = random(4, 3, 12, 32, seed=1), random(4, 3, 12, 32, seed=2)
    for factor in (1.0, 2.0):
        parameters = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": factor}
        ours, theirs = DynamicNtkRotary(32, 16, factor=factor, layout="half"), []
        for row, positions in enumerate(rows):
            cos, sin = llama(parameters, 32, 16)(query, positions[None])
            one = slice(row, row + 1)
            theirs.append(apply_rotary_pos_emb(query[one], key[one], cos, sin))
        yield ours.at_query(query, rows), torch.cat([q for q, _ in theirs])
        yield ours.at_key(key, rows), torch.cat([k for _, k in theirs])


# YaRN


@parity(
    "rope_yarn", reference="transformers", what="LlamaRotaryEmbedding, rope_type 'yarn': inv_freq",
    transformation="form='code'; " + LOGARITHMS, bound=RELATIVE,
)  # fmt: skip
def yarn_frequencies_transformers():
    """The published settings of Yarn-Llama-2-64k, Qwen and gpt-oss, and two more."""
    return logarithms(YARN)


@parity(
    "rope_yarn", reference="transformers",
    what="LlamaRotaryEmbedding, rope_type 'yarn', and apply_rotary_pos_emb",
    transformation="form='code'; " + HALF, bound=TURNED,
)  # fmt: skip
def yarn_turned():
    """The same settings; the magnitude is in the reference's cosines and sines."""
    return turned(YARN)


@parity(
    "rope_yarn", reference=EQUATION, what="Peng et al. 2023, definitions 2 and 3",
    bound=EXACT,
)  # fmt: skip
def yarn_paper():
    """form='paper' at positions up to 1,000,003, both layouts."""
    for factor, trained, base in ((16.0, 4096, 10000.0), (4.0, 32768, 1e6), (2.5, 100, 50.0)):
        w = []
        for i in range(8):
            theta = base ** (-2 * i / 16)
            r = trained / (2 * math.pi / theta)
            gamma = 0.0 if r < 1 else 1.0 if r > 32 else (r - 1) / (32 - 1)
            w.append((1 - gamma) * theta / factor + gamma * theta)
        m = math.sqrt((0.1 * math.log(factor) + 1) ** 2)  # 1 / t = m * m, for q.k
        for layout in ("interleaved", "half"):
            yield turned_loop(
                YarnRotary(16, factor, trained_length=trained, base=base, layout=layout), w, m
            )


# Llama 3.1


@parity(
    "rope_llama3", reference="transformers",
    what="LlamaRotaryEmbedding, rope_type 'llama3': inv_freq",
    transformation=LOGARITHMS, bound=RELATIVE,
)  # fmt: skip
def llama3_frequencies_transformers():
    """The published settings of Llama 3.1 (factor 8) and of Llama 3.2 1B (factor 32)."""
    return logarithms(LLAMA3)


@parity(
    "rope_llama3", reference="transformers",
    what="LlamaRotaryEmbedding, rope_type 'llama3', and apply_rotary_pos_emb",
    transformation=HALF, bound=TURNED,
)  # fmt: skip
def llama3_turned():
    """The same settings."""
    return turned(LLAMA3)


# Far positions, where float32 angles do not hold: loops in float64


def turned_loop(ours, frequencies, magnitude=1.0, positions=FAR):
    """Every pair of one vector at each position turned on its own, in float64."""
    x = random(1, 1, len(positions), ours.head_dim, dtype=torch.float64)
    found, expected = ours.at_key(x, torch.tensor(positions)), x.clone()
    for row, position in enumerate(positions):
        for i, w in enumerate(frequencies):
            half = len(frequencies)
            one, two = (i, i + half) if ours.layout == "half" else (2 * i, 2 * i + 1)
            a, b = float(x[0, 0, row, one]), float(x[0, 0, row, two])
            cos, sin = math.cos(position * w), math.sin(position * w)
            expected[0, 0, row, one] = magnitude * (a * cos - b * sin)
            expected[0, 0, row, two] = magnitude * (a * sin + b * cos)
    return found, expected


@parity(
    "rope_pi", reference=EQUATION, what="Chen et al. 2023, section 2.3: f(x, m L / L')",
    bound=EXACT,
)  # fmt: skip
def pi_far():
    """Positions up to 1,000,003 in float64."""
    w = [10000.0 ** (-2 * i / 16) / 4 for i in range(8)]
    yield turned_loop(InterpolatedRotary(16, 4.0), w)


@parity(
    "rope_ntk", reference=EQUATION, what="Peng et al. 2023, definition 1: b' = b s^(d / (d - 2))",
    bound=EXACT,
)  # fmt: skip
def ntk_far():
    """Positions up to 1,000,003 in float64."""
    base = 10000.0 * 4 ** (16 / 14)
    yield turned_loop(NtkRotary(16, 4.0), [base ** (-2 * i / 16) for i in range(8)])


@parity(
    "rope_dynamic_ntk", reference=EQUATION,
    what="Peng et al. 2023, section 3.3: s = max(1, n / L)", bound=EXACT,
)  # fmt: skip
def dynamic_far():
    """A text of 1,000,004 positions, trained on 4,096, in float64."""
    s = max(1, 1_000_004 / 4096)
    base = 10000.0 * s ** (16 / 14)
    yield turned_loop(DynamicNtkRotary(16, 4096), [base ** (-2 * i / 16) for i in range(8)])


@parity(
    "rope_llama3", reference=EQUATION, what="apply_scaling of the released code, one branch a pair",
    bound=EXACT,
)  # fmt: skip
def llama3_far():
    """Positions up to 1,000,003 in float64."""
    w = []
    for i in range(8):
        theta = 500000.0 ** (-2 * i / 16)
        wavelength = 2 * math.pi / theta
        if wavelength < 8192 / 4:
            w.append(theta)
        elif wavelength > 8192 / 1:
            w.append(theta / 8)
        else:
            smooth = (8192 / wavelength - 1) / (4 - 1)
            w.append((1 - smooth) * theta / 8 + smooth * theta)
    yield turned_loop(Llama3Rotary(16, 8.0, trained_length=8192), w)
