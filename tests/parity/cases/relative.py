"""Vectors of relative position: Shaw, NEZHA and Transformer-XL."""

import math

import torch
from transformers import (
    Wav2Vec2BertConfig,
    Wav2Vec2ConformerConfig,
    XLNetConfig,
    XLNetModel,
)
from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertSelfAttention
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import (
    Wav2Vec2ConformerRelPositionalEmbedding,
    Wav2Vec2ConformerSelfAttention,
)
from transformers.models.xlnet.modeling_xlnet import XLNetRelativeAttention

from posenc_lib import MultiHeadAttention, NezhaRelative, ShawRelative, TransformerXLRelative
from tests.parity import EQUATION, parity
from tests.reference import randomise, shaw_attention_loop, tokens

DIM, HEADS = 32, 4
HEAD_DIM = DIM // HEADS
LENGTHS = (1, 2, 13, 40)


def layer_with(encoding, dtype=torch.float64):
    return randomise(MultiHeadAttention(DIM, HEADS, encoding=encoding), seed=3).to(dtype)


def copy_projections(layer, other):
    """Give a speech encoder's attention the weights of ours."""
    names = {"to_query": "linear_q", "to_key": "linear_k", "to_value": "linear_v"}
    for ours, theirs in {**names, "to_output": "linear_out"}.items():
        getattr(other, theirs).load_state_dict(getattr(layer, ours).state_dict())


def heads_of(layer, x):
    """Queries, keys and values of our layer, (batch, heads, length, head_dim)."""
    return [layer._split(to(x)) for to in (layer.to_query, layer.to_key, layer.to_value)]


# Shaw


@parity(
    "shaw", reference="transformers", what='Wav2Vec2BertSelfAttention("relative_key")',
    transformation="keys only (values=False); its left and right limits both set to K",
    bound=1e-12,
)  # fmt: skip
def keys_of_a_speech_encoder():
    """Outputs and weights of a whole attention layer, shorter and longer than K, in float64."""
    for length in LENGTHS:
        for k in (0, 5, 64):
            layer = layer_with(ShawRelative(HEAD_DIM, k, values=False))
            config = Wav2Vec2BertConfig(
                hidden_size=DIM, num_attention_heads=HEADS, attention_dropout=0.0,
                position_embeddings_type="relative_key", attn_implementation="eager",
                left_max_position_embeddings=k, right_max_position_embeddings=k,
            )  # fmt: skip
            theirs = Wav2Vec2BertSelfAttention(config).double().eval()
            copy_projections(layer, theirs)
            x = tokens(length=length, dim=DIM)
            with torch.no_grad():
                theirs.distance_embedding.weight.copy_(layer.encoding.key_table)
                ours, expected = layer(x), theirs(x)
            yield ours[0], expected[0]
            if length > 1:
                yield ours[1], expected[1]


@parity(
    "shaw", reference=EQUATION, what="Shaw et al. 2018, equations 3 and 4",
    transformation="none", bound=1e-12,
)  # fmt: skip
def keys_and_values_pair_by_pair():
    """Weights and output of each head against the double loop."""
    yield from table_pairs(ShawRelative(HEAD_DIM, 4), 4)


def table_pairs(encoding, k, key_table=None, value_table=None):
    """Each head of a layer beside the double loop of Shaw's equations 3 and 4."""
    layer = layer_with(encoding)
    key_table = encoding.key_table if key_table is None else key_table
    value_table = encoding.value_table if value_table is None else value_table
    positions = torch.arange(9)
    with torch.no_grad():
        x = tokens(length=9, dim=DIM)
        query, key, value = heads_of(layer, x)
        _, weights = layer(x)
        extra = encoding.at_values(weights, positions, positions)
        for row in range(x.shape[0]):
            for h in range(HEADS):
                q, k_, v = query[row, h], key[row, h], value[row, h]
                output, expected = shaw_attention_loop(q, k_, v, key_table, value_table, k)
                yield weights[row, h], expected
                yield weights[row, h] @ v + extra[row, h], output


# NEZHA: transformers has dropped it, so the equation is the reference


def nezha_loop(k, first):
    """Wei et al. 2019, equations 6 and 7, one number at a time, for the rows first .. first + 2K"""
    table = torch.empty(2 * k + 1, HEAD_DIM, dtype=torch.float64)
    for row in range(2 * k + 1):
        for column in range(HEAD_DIM):
            angle = (first + row) / 10000 ** (2 * (column // 2) / HEAD_DIM)
            table[row, column] = math.sin(angle) if column % 2 == 0 else math.cos(angle)
    return table


@parity(
    "nezha", reference=EQUATION, what="Wei et al. 2019, equations 6 and 7",
    transformation="none (the paper has no clip; K is at least length - 1 here)", bound=1e-12,
)  # fmt: skip
def the_papers_form():
    """Tables, weights and outputs with a_ij = PE(j - i)."""
    table, encoding = nezha_loop(8, -8), NezhaRelative(HEAD_DIM, 8)
    yield encoding.tables()[0], table
    yield from table_pairs(encoding, 8, table, table)


@parity(
    "nezha", reference=EQUATION, what="Wei et al. 2019, the formula of the released code",
    transformation="none: row clip(j - i, -K, K) + K of the table PE(0) .. PE(2K)", bound=1e-12,
)  # fmt: skip
def the_codes_form():
    """Tables, weights and outputs with the table looked up from row 0, clipped at K = 4."""
    table, encoding = nezha_loop(4, 0), NezhaRelative(HEAD_DIM, 4, form="code")
    yield encoding.tables()[0], table
    yield from table_pairs(encoding, 4, table, table)


# Transformer-XL


def xlnet(dtype):
    """XLNet's attention and the model that makes its r, with the weights of a layer of ours."""
    layer = layer_with(TransformerXLRelative(DIM, HEADS), dtype)
    config = XLNetConfig(
        vocab_size=6, d_model=DIM, n_head=HEADS, d_inner=8, n_layer=1, dropout=0.0, attn_type="bi"
    )
    theirs = XLNetRelativeAttention(config).to(dtype).eval()
    encoding = layer.encoding
    per_head = lambda weight: weight.T.reshape(DIM, HEADS, HEAD_DIM)  # noqa: E731
    with torch.no_grad():
        theirs.r_w_bias.copy_(encoding.u)
        theirs.r_r_bias.copy_(encoding.v)
        theirs.r.copy_(per_head(encoding.to_vectors.weight))
    return layer, theirs, XLNetModel(config)


@parity(
    "transformer_xl", reference="transformers", what="XLNetRelativeAttention.rel_attn_core",
    transformation="u = r_w_bias, v = r_r_bias, W = r; none to r itself (sines, then cosines, the "
    "distance i - j falling); segments left out",
    bound=3e-5,  # float32 on both sides and angles of r in float32; the outputs reach 30
)  # fmt: skip
def xlnet_in_both_directions():
    """Weights and outputs, square and with a memory of earlier keys, with XLNet's own r."""
    layer, theirs, model = xlnet(torch.float32)
    with torch.no_grad():
        for queries, keys in ((7, 7), (5, 12), (1, 9), (30, 30)):
            r = model.relative_positional_encoding(queries, keys, bsz=2)
            yield from beside_xlnet(layer, theirs, r, queries, keys)


@parity(
    "transformer_xl", reference="transformers", what="XLNetRelativeAttention.rel_attn_core",
    transformation="as above, with r made in float64", bound=1e-12,
)  # fmt: skip
def xlnet_in_float64():
    """The same to the last digit, once r is exact."""
    layer, theirs, _ = xlnet(torch.float64)
    frequency = 10000.0 ** (-torch.arange(0, DIM, 2).double() / DIM)
    with torch.no_grad():
        for queries, keys in ((7, 7), (5, 12), (1, 9)):
            angle = torch.arange(keys, -queries, -1).double()[:, None] * frequency
            r = torch.cat((angle.sin(), angle.cos()), -1)[:, None].expand(-1, 2, -1)
            yield from beside_xlnet(layer, theirs, r, queries, keys)


def beside_xlnet(layer, theirs, r, queries, keys):
    """Our weights and outputs (before W_o) beside XLNet's; the queries are the last tokens."""
    dtype = layer.to_query.weight.dtype
    query, key, value = heads_of(layer, tokens(length=keys, dim=DIM).to(dtype))
    query = query[:, :, keys - queries :]
    at_key = torch.arange(keys)
    bias = layer.encoding.at_scores(query, key, at_key[keys - queries :], at_key)
    weights = (query @ key.transpose(-1, -2) / math.sqrt(HEAD_DIM) + bias).softmax(-1)
    first = lambda x: x.permute(2, 0, 1, 3)  # noqa: E731, (length, batch, heads, head_dim)
    vectors = torch.einsum("ibh,hnd->ibnd", r, theirs.r)
    output, expected = theirs.rel_attn_core(
        first(query), first(key), first(value), vectors, output_attentions=True
    )
    yield weights, expected.permute(2, 3, 0, 1)
    yield first(weights @ value), output


@parity(
    "transformer_xl", reference="transformers", what='Wav2Vec2ConformerSelfAttention("relative")',
    transformation="columns of W in the order sine, cosine, sine, cosine ... of its r, which is "
    "made in float64",
    bound=1e-12,
)  # fmt: skip
def a_bidirectional_speech_encoder():
    """Outputs and weights of a whole layer that hears the future too; its own r is as ours."""
    for length in LENGTHS:
        layer = layer_with(TransformerXLRelative(DIM, HEADS))
        config = Wav2Vec2ConformerConfig(
            hidden_size=DIM, num_attention_heads=HEADS, attention_dropout=0.0,
            position_embeddings_type="relative", attn_implementation="eager",
            max_source_positions=50,
        )  # fmt: skip
        theirs = Wav2Vec2ConformerSelfAttention(config).double().eval()
        copy_projections(layer, theirs)
        x = tokens(length=length, dim=DIM)
        angle = layer.encoding.angles(torch.arange(length - 1, -length, -1))
        r = torch.stack((angle.sin(), angle.cos()), -1).flatten(-2)[None]  # i - j falling
        own = Wav2Vec2ConformerRelPositionalEmbedding(config)(x)
        torch.testing.assert_close(own, r, rtol=0, atol=1e-5)  # angles of up to 50, in float32
        with torch.no_grad():
            sines, cosines = layer.encoding.to_vectors.weight.chunk(2, -1)
            theirs.linear_pos.weight.copy_(torch.stack((sines, cosines), -1).flatten(-2))
            theirs.pos_bias_u.copy_(layer.encoding.u)
            theirs.pos_bias_v.copy_(layer.encoding.v)
            ours, expected = layer(x), theirs(x, relative_position_embeddings=r)
        yield ours[0], expected[0]
        if length > 1:
            yield ours[1], expected[1]
