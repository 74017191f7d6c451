"""DeBERTa's disentangled attention, both versions."""

import torch
from transformers import DebertaConfig, DebertaV2Config
from transformers.models.deberta import modeling_deberta
from transformers.models.deberta_v2 import modeling_deberta_v2

from posenc_lib import DebertaRelative, MultiHeadAttention
from tests.parity import EQUATION, parity
from tests.reference import randomise, tokens

DIM, HEADS = 24, 3
HEAD_DIM = DIM // HEADS
LENGTHS = (2, 5, 14, 40)
TERMS = (("c2p", "p2c"), ("c2p",), ("p2c",))


def layer_with(encoding, seed):
    """A layer, which takes the scale that the encoding asks for."""
    layer = MultiHeadAttention(DIM, HEADS, encoding=encoding)
    return randomise(layer, seed=seed).double().eval()


def config(cls, terms, **more):
    made = cls(
        hidden_size=DIM, num_attention_heads=HEADS, relative_attention=True, **more,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    made.pos_att_type = list(terms)
    return made


def seen(length):
    return torch.ones(2, 1, length, length)


@parity(
    "deberta", reference="transformers", what="DebertaModel's DisentangledSelfAttention",
    transformation='form="code"; their scale is rounded to '
    "float32; their one map of queries, keys and values is ours, head by head",
    bound=2e-6,
)  # fmt: skip
def first_version():
    """Weights and mixed values, shorter and longer than K, with both terms and with one."""
    for terms in TERMS:
        for k in (4, 64):
            layer = layer_with(DebertaRelative(DIM, HEADS, k, terms=terms, form="code"), seed=k)
            settings = config(DebertaConfig, terms, max_relative_positions=k)
            theirs = modeling_deberta.DisentangledSelfAttention(settings).double().eval()
            ours = layer.encoding
            with torch.no_grad():
                layer.to_key.bias.zero_()  # they have none
                maps = (layer.to_query, layer.to_key, layer.to_value)
                parts = [each.weight.unflatten(0, (HEADS, HEAD_DIM)) for each in maps]
                theirs.in_proj.weight.copy_(torch.cat(parts, 1).flatten(0, 1))
                theirs.q_bias.copy_(layer.to_query.bias)
                theirs.v_bias.copy_(layer.to_value.bias)
                if "c2p" in terms:
                    theirs.pos_proj.load_state_dict(ours.to_key.state_dict())
                if "p2c" in terms:
                    theirs.pos_q_proj.load_state_dict(ours.to_query.state_dict())
            yield from compared(layer, theirs, modeling_deberta.build_relative_position)


@parity(
    "deberta_v2", reference="transformers", what="DebertaV2Model's DisentangledSelfAttention",
    transformation='form="code"; their scale is rounded to '
    "float32; projections of its own, or those of the layer (share_att_key)",
    bound=2e-6,
)  # fmt: skip
def second_version():
    """With buckets and without, with projections shared and not."""
    for terms in TERMS:
        for k, buckets in ((30, 16), (12, 8), (7, None)):
            for shared in (True, False):
                relative = DebertaRelative(DIM, HEADS, k, buckets=buckets, terms=terms, form="code")
                layer = layer_with(relative, seed=k)
                settings = config(
                    DebertaV2Config, terms, share_att_key=shared, max_relative_positions=k,
                    position_buckets=buckets or -1,
                )  # fmt: skip
                theirs = modeling_deberta_v2.DisentangledSelfAttention(settings).double().eval()
                for name in ("query", "key", "value"):
                    ours = getattr(layer, f"to_{name}").state_dict()
                    getattr(theirs, f"{name}_proj").load_state_dict(ours)
                if shared:
                    relative.share_projections(layer.to_query, layer.to_key)
                with torch.no_grad():
                    if not shared and "c2p" in terms:
                        theirs.pos_key_proj.weight.copy_(relative.to_key.weight)
                    if not shared and "p2c" in terms:
                        theirs.pos_query_proj.load_state_dict(relative.to_query.state_dict())

                def index(query, key, b=buckets or -1, k=k):
                    return modeling_deberta_v2.build_relative_position(query, key, b, k)

                yield from compared(layer, theirs, index)


def compared(layer, theirs, index):
    for length in LENGTHS:
        x = tokens(2, length, DIM, seed=length)
        mixed, weights = theirs(
            x, seen(length), output_attentions=True, relative_pos=index(x, x),
            rel_embeddings=layer.encoding.table,
        )  # fmt: skip
        output, ours = layer(x)
        yield ours, weights
        yield output, layer.to_output(mixed)


@parity(
    "deberta", reference=EQUATION, what="He et al. 2021, equations 2 to 4",
    transformation="none", bound=1e-12,
)  # fmt: skip
def pair_by_pair():
    """Weights from the three terms of each pair, with position to content at d_ji."""
    for length in (3, 9):
        encoding = DebertaRelative(DIM, HEADS, 4)
        layer, x = layer_with(encoding, seed=length), tokens(1, length, DIM)
        queries, keys = (layer._split(to(x))[0] for to in (layer.to_query, layer.to_key))
        asked = encoding.to_key(encoding.table).unflatten(-1, (HEADS, HEAD_DIM))
        asking = encoding.to_query(encoding.table).unflatten(-1, (HEADS, HEAD_DIM))
        scores = torch.zeros(HEADS, length, length, dtype=torch.float64)
        for h in range(HEADS):
            for i in range(length):
                for j in range(length):
                    q, k = queries[h, i], keys[h, j]
                    terms = q @ k + q @ asked[row(i - j, 4), h] + k @ asking[row(j - i, 4), h]
                    scores[h, i, j] = terms / (3 * HEAD_DIM) ** 0.5
        yield layer(x)[1][0], scores.softmax(-1)


def row(distance, k):
    """Equation 3."""
    if distance <= -k:
        return 0
    return 2 * k - 1 if distance >= k else distance + k
