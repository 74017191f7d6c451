"""Biases on the scores: T5, ALiBi, KERPLE, Sandwich, FIRE and CoPE beside their references."""

import math

import torch

from posenc_lib import (
    AlibiBias,
    CopeBias,
    FireBias,
    KerpleLogBias,
    KerplePowerBias,
    SandwichBias,
    T5Bias,
    alibi_slopes,
    t5_bucket,
)
from tests.parity import EQUATION, parity
from tests.reference import randomise

SIZES = [(1, 1), (1, 300), (60, 60), (40, 300)]
HEADS = [1, 2, 6, 8, 12, 20, 64]


def scores(bias, queries, keys, dtype=torch.float32):
    """at_scores of the last queries of that many keys, (heads, query, key)."""
    query = torch.zeros(1, bias.heads, queries, 4, dtype=dtype)
    key = torch.zeros(1, bias.heads, keys, 4, dtype=dtype)
    positions = torch.arange(keys)
    with torch.no_grad():
        return bias.at_scores(query, key, positions[keys - queries :], positions)


def loop(function, heads, queries, keys):
    """function(head, i, j) for each pair of the last queries and all keys, in float64."""
    numbers = [
        [[function(h, i, j) for j in range(keys)] for i in range(keys - queries, keys)]
        for h in range(heads)
    ]
    return torch.tensor(numbers, dtype=torch.float64)


# T5


def t5_pair(bidirectional, buckets, max_distance):
    """The attention of T5 that owns the table, and ours with the same numbers."""
    from transformers import T5Config
    from transformers.models.t5.modeling_t5 import T5Attention

    config = T5Config(
        num_heads=6, d_model=48, d_kv=8, is_decoder=not bidirectional,
        relative_attention_num_buckets=buckets, relative_attention_max_distance=max_distance,
    )  # fmt: skip
    theirs = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
    ours = T5Bias(
        6, buckets=buckets, max_distance=max_distance, bidirectional=bidirectional
    )  # fmt: skip
    randomise(ours, seed=0)
    theirs.relative_attention_bias.load_state_dict(ours.state_dict())
    return ours, theirs


@parity("t5", reference="transformers", what="T5Attention.compute_bias", bound=0.0)
def t5_bias_of_transformers():
    """Both directions, two settings, queries that continue a cache; the same table."""
    for bidirectional in (True, False):
        for buckets, max_distance in ((32, 128), (16, 50)):
            ours, theirs = t5_pair(bidirectional, buckets, max_distance)
            for queries, keys in SIZES:
                with torch.no_grad():
                    expected = theirs.compute_bias(queries, keys, past_seen_tokens=keys - queries)
                yield from both_or_one(scores(ours, queries, keys), expected[0])


@parity("t5", reference="transformers", what="T5Attention._relative_position_bucket", bound=0.0)
def t5_buckets_of_transformers():
    """Every distance up to 100,000 in both directions, in the settings of published models."""
    from transformers.models.t5.modeling_t5 import T5Attention

    distance = torch.arange(-100_000, 100_001)
    for buckets, most in ((32, 128), (32, 256), (64, 128), (32, 2048), (128, 100_000)):
        for both in (True, False):
            yield (
                t5_bucket(distance, buckets=buckets, max_distance=most, bidirectional=both),
                T5Attention._relative_position_bucket(distance, both, buckets, most),
            )


@parity(
    "t5",
    reference="x-transformers",
    what="RelativePositionBias",
    transformation="their result divided by their scale",
    bound=1e-6,  # their product with the scale and our division round once each
)
def t5_bias_of_x_transformers():
    """Both directions; their bias is multiplied by a scale (they divide scores by it too)."""
    from x_transformers.x_transformers import RelativePositionBias

    for bidirectional in (True, False):
        theirs = RelativePositionBias(scale=math.sqrt(24), causal=not bidirectional, heads=6)
        ours = T5Bias(6, bidirectional=bidirectional)
        theirs.relative_attention_bias.load_state_dict(randomise(ours, seed=0).state_dict())
        for queries, keys in SIZES:
            with torch.no_grad():
                expected = theirs(queries, keys) / theirs.scale
            yield from both_or_one(scores(ours, queries, keys), expected)


def both_or_one(ours, theirs):
    """The pair, unless it holds one number for each head and could be a constant."""
    if ours.unique().numel() > 1:
        yield ours, theirs


# ALiBi


@parity(
    "alibi",
    reference="transformers",
    what="bloom: build_alibi_tensor",
    transformation="theirs is slope * j, one row for all queries: each row minus its value at "
    "the query, for the keys up to the query",
    bound=8e-6,  # their slopes are in float32: up to two roundings of 0.92 * 59
)
def alibi_of_bloom():
    """Any number of heads; the constant of a row is what softmax does not see."""
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    for heads in HEADS:
        keys = 60
        row = build_alibi_tensor(torch.ones(1, keys), heads, torch.float64)  # (heads, 1, key)
        theirs = row - row.transpose(1, 2)  # (heads, query, key)
        yield scores(AlibiBias(heads), keys, keys).tril(), theirs.tril()


@parity(
    "alibi",
    reference="transformers",
    what="mpt: build_mpt_alibi_tensor",
    transformation="theirs is the row of the last query only",
    bound=8e-6,  # slopes in float32 again
)
def alibi_of_mpt():
    """Any number of heads: they cut a list of twice as many slopes, and get the same ones."""
    from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor

    for heads in HEADS:
        yield scores(AlibiBias(heads), 1, 60), build_mpt_alibi_tensor(heads, 60)


@parity(
    "alibi",
    reference="x-transformers",
    what="AlibiPositionalBias",
    bound=4e-5,  # their slopes are in float32: up to two roundings of 0.92 * 299
)
def alibi_of_x_transformers():
    """The form for both directions, and the causal form on and below the diagonal."""
    from x_transformers.x_transformers import AlibiPositionalBias

    for heads in HEADS:
        theirs = AlibiPositionalBias(heads)(40, 300)
        yield scores(AlibiBias(heads, causal=False), 40, 300), theirs
        ours = scores(AlibiBias(heads), 40, 300)
        yield ours.tril(260), theirs.tril(260)


@parity("alibi", reference=EQUATION, what="Press et al. 2022, section 3", bound=1e-12)
def alibi_of_the_paper():
    """Head by head and pair by pair, in float64."""
    for heads in (1, 2, 4, 8):
        slopes = [2 ** (-8 * h / heads) for h in range(1, heads + 1)]
        expected = loop(lambda h, i, j: -slopes[h] * (i - j), heads, 5, 9)  # noqa: B023
        yield scores(AlibiBias(heads), 5, 9, torch.float64), expected
    between = [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]  # every other slope for 16 heads
    twelve = torch.tensor([2.0**-h for h in range(1, 9)] + between, dtype=torch.float64)
    yield alibi_slopes(12), twelve


# KERPLE


@parity(
    "kerple_log",
    reference=EQUATION,
    what="Chi et al. 2022, section 4, logarithmic kernel",
    bound=1e-12,
)
def kerple_log_of_the_paper():
    """-r1 log(1 + r2 |i - j|), pair by pair."""
    bias = randomise(KerpleLogBias(4), seed=0).double()
    r1, r2 = bias.r1.tolist(), bias.r2.tolist()
    for queries, keys in ((20, 20), (5, 40)):
        expected = loop(lambda h, i, j: -r1[h] * math.log(1 + r2[h] * abs(i - j)), 4, queries, keys)
        yield scores(bias, queries, keys, torch.float64), expected


@parity(
    "kerple_power", reference=EQUATION, what="Chi et al. 2022, section 4, power kernel", bound=1e-12
)
def kerple_power_of_the_paper():
    """-r1 |i - j| ** r2, pair by pair."""
    bias = randomise(KerplePowerBias(4), seed=0).double()
    r1, r2 = bias.r1.tolist(), bias.r2.tolist()
    for queries, keys in ((20, 20), (5, 40)):
        expected = loop(lambda h, i, j: -r1[h] * abs(i - j) ** r2[h], 4, queries, keys)
        yield scores(bias, queries, keys, torch.float64), expected


# Sandwich


@parity(
    "sandwich",
    reference=EQUATION,
    what="Chi et al. 2023, the section on Sandwich, as in NVIDIA NeMo",
    bound=1e-12,
)
def sandwich_of_the_paper():
    """The inner product of two sinusoidal vectors, made one number at a time."""

    def vector(position, dim):
        angles = [position / 10000 ** (2 * k / dim) for k in range(1, dim // 2 + 1)]
        return [math.sin(a) for a in angles] + [math.cos(a) for a in angles]

    for heads, dim in ((1, 2), (3, 16), (8, 32)):

        def bias(h, i, j, heads=heads, dim=dim):
            inner = sum(x * y for x, y in zip(vector(i, dim), vector(j, dim), strict=True))
            return (inner - dim / 2) / (8 * (h + 1) / heads)

        ours = scores(SandwichBias(heads, dim=dim), 6, 12, torch.float64)
        yield ours, loop(bias, heads, 6, 12)


# FIRE


@parity(
    "fire",
    reference=EQUATION,
    what="Li et al. 2023, section 3",
    transformation="keys after the query are left out of both",
    bound=1e-12,
)
def fire_of_the_paper():
    """Positions below, around and past the threshold; the network in plain numbers."""
    for threshold in (4.0, 12.5, 1000.0):
        fire = randomise(FireBias(3, threshold=threshold), seed=0).double()
        c, top = fire.c.item(), fire.threshold.item()
        w1, b1 = fire.inner.weight[:, 0].tolist(), fire.inner.bias.tolist()
        w2, b2 = fire.outer.weight.tolist(), fire.outer.bias.tolist()

        def bias(h, i, j, c=c, top=top, w1=w1, b1=b1, w2=w2, b2=b2):
            if j > i:
                return 0.0
            x = math.log(1 + c * (i - j)) / math.log(1 + c * max(i, top))
            hidden = [max(0.0, w * x + b) for w, b in zip(w1, b1, strict=True)]
            return sum(w * y for w, y in zip(w2[h], hidden, strict=True)) + b2[h]

        for queries, keys in ((12, 12), (3, 20)):
            ours = scores(fire, queries, keys, torch.float64)
            yield ours.tril(keys - queries), loop(bias, 3, queries, keys)


# CoPE


@parity(
    "cope",
    reference="x-transformers",
    what="CoPE",
    transformation="they are given q . k / sqrt(head_dim) with the future at -inf; theirs is "
    "compared for the keys up to the query",
    bound=2e-6,
)
def cope_of_x_transformers():
    """The same table, one for all heads; their gates see the scores they are given."""
    from x_transformers.x_transformers import CoPE

    for queries, keys, last in ((7, 7, 3), (3, 12, 5), (20, 20, 19)):
        ours = randomise(CopeBias(8, last), seed=last)
        theirs = CoPE(dim=8, heads=2, max_pos=last + 1)
        theirs.load_state_dict({"pos_emb": ours.table.detach()})
        generator = torch.manual_seed(queries)
        query = torch.randn(2, 2, queries, 8, generator=generator)
        key = torch.randn(2, 2, keys, 8, generator=generator)
        future = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1)
        given = (query @ key.transpose(-1, -2) / math.sqrt(8)).masked_fill(future, -torch.inf)
        positions = torch.arange(keys)
        with torch.no_grad():
            found = ours.at_scores(query, key, positions[keys - queries :], positions)
            expected = theirs(query, given)
        yield found.tril(keys - queries), expected.tril(keys - queries)
