"""Arguments that are each of the right kind and do not fit: together, or to what was built.

What can be said of one argument alone is in tests/test_bad_input.py. And what looks unusual and is
right: the checks must not refuse it. Runs without the run-time shape checker.
"""

import math

import numpy as np
import pytest
import torch
from torch import nn

from posenc_lib import (
    AlibiBias,
    AxialLearnedEncoding,
    AxialRotary,
    AxialSinusoidalEncoding,
    BertEmbeddings,
    CopeBias,
    DistanceBias,
    Door,
    FireBias,
    InterpolatedRotary,
    KerplePowerBias,
    KeyValueCache,
    LearnedEncoding,
    Llama3Rotary,
    MultiHeadAttention,
    NezhaRelative,
    NtkRotary,
    Places,
    PositionEncoding,
    RotaryEncoding,
    ShawRelative,
    SinusoidalEncoding,
    TimingEncoding,
    TransformerStack,
    TransformerXLRelative,
    YarnRotary,
    attention,
    attention_output,
    axial_sinusoidal_at,
    band_mask,
    causal_mask,
    change_rope_layout,
    cope_positions,
    cosine_by_offset,
    cosine_matrix,
    fire_input,
    grid_coordinates,
    half_from_interleaved,
    index_probe,
    kerple_log,
    kerple_power,
    lookup_relative,
    make_encoding,
    nezha_rotation,
    padding_mask,
    relative_index,
    relative_positions,
    rotate,
    rotate_textbook,
    shaw_scores,
    shaw_values,
    shift_rotation,
    show_source,
    sinusoidal_at,
    sinusoidal_table,
    skew,
    t5_bucket,
    timing_signal,
    toeplitz,
    toy_relative,
    transformer_xl_scores,
    turn_projections,
    wave_spectrum,
    wavelengths,
)
from posenc_lib.experiments import TinyTransformer, Training, train, window_starts
from tests.test_bad_input import FORM, NAN

pytestmark = pytest.mark.bad_input

INF = math.inf
x, q, ids, at = (
    torch.zeros(2, 3, 8), torch.zeros(1, 2, 3, 4), torch.zeros(2, 3).long(), torch.arange(3)
)  # fmt: skip
four, three_rows, near = torch.arange(4), ids.new_zeros(3, 3), at - at[:, None]
seen, cube = torch.ones(2, 3).bool(), torch.ones(3, 3, 3).bool()
table, one = torch.zeros(5, 4), torch.ones(1)
ten = np.random.default_rng(0).normal(size=(10, 4))
layer, causal = MultiHeadAttention(8, 2), MultiHeadAttention(8, 2, causal=True)
sine, learned, bert = SinusoidalEncoding(8), LearnedEncoding(9, 8), BertEmbeddings(9, 4, length=5)
grid, rows = AxialSinusoidalEncoding(8, (2, 3)), AxialLearnedEncoding(8, (2, 3))
clock = TimingEncoding(8, shortest=60.0, longest=3600.0)
decoder = TinyTransformer(vocabulary=3, outputs=2, dim=8, heads=2)


def full_cache():
    """A cache of three tokens of two texts."""
    cache = KeyValueCache()
    cache.append(q.expand(2, 2, 3, 4), q.expand(2, 2, 3, 4), at)
    return cache


def with_encoding(encoding, heads=2, **options):
    return MultiHeadAttention(8, heads, encoding=encoding)(x, **options)


def from_hf(name, tensor):
    """Load a BERT state dict in which one entry is another, or missing."""
    changed = {**bert.state_dict(), name: tensor}
    return BertEmbeddings.from_huggingface({k: v for k, v in changed.items() if v is not None})


def foreign(method, result):
    """A layer with a learner's encoding whose method returns this."""
    return with_encoding(type("Mine", (PositionEncoding,), {method: lambda *given: result})())


def scores_of(encoding, keys=at):
    return encoding.at_scores(q, q, at, keys)


V, T, IX = ValueError, TypeError, IndexError
REFUSED = [  # the call, the error, and how its message begins: the function and the argument
    # sizes that do not fit each other
    (lambda: MultiHeadAttention(8, 3), V, "MultiHeadAttention: heads"),
    (lambda: MultiHeadAttention(16, 4, kv_heads=3), V, "MultiHeadAttention: kv_heads"),
    (lambda: RotaryEncoding(3), V, "RotaryEncoding: rotary_dim"),
    (lambda: RotaryEncoding(4, rotary_dim=6), V, "RotaryEncoding: rotary_dim"),
    (lambda: InterpolatedRotary(8, 2.0, rotary_dim=10), V, "InterpolatedRotary: rotary_dim"),
    (lambda: NtkRotary(8, 2.0, rotary_dim=2), V, "NtkRotary: rotary_dim"),
    (lambda: YarnRotary(8, 2.0, trained_length=9, alpha=40.0), V, "YarnRotary: beta"),
    (lambda: Llama3Rotary(8, 2.0, trained_length=9, low=4.0), V, "Llama3Rotary: high"),
    (lambda: half_from_interleaved(3), V, "half_from_interleaved: rotary_dim"),
    (lambda: TransformerXLRelative(9, 3), V, "TransformerXLRelative: dim"),
    (lambda: AxialRotary(8, (2, 3, 4)), V, "AxialRotary: head_dim"),
    (lambda: AxialSinusoidalEncoding(6, (2, 3)), V, "AxialSinusoidalEncoding: dim"),
    (lambda: AxialLearnedEncoding(9, (2, 3)), V, "AxialLearnedEncoding: dim"),
    (lambda: axial_sinusoidal_at(torch.ones(2, 0), 4), V, "axial_sinusoidal_at: "),
    (lambda: TimingEncoding(4, shortest=5, longest=1), V, "geometric_periods: longest"),
    (lambda: t5_bucket(near, buckets=1, bidirectional=False), V, "t5_bucket: buckets"),
    (lambda: t5_bucket(near, max_distance=16, bidirectional=False), V, "t5_bucket: max_distance"),
    (lambda: wavelengths(1000, base=1.7e308), V, "wavelengths: base"),
    (lambda: cosine_by_offset(ten, 10), V, "cosine_by_offset: largest"),
    (lambda: window_starts(4, 3), V, "window_starts: "),
    (lambda: TinyTransformer(outputs=2), V, "TinyTransformer: vocabulary, features"),
    (lambda: TransformerStack(8, 2, 1, encoding=AlibiBias(2), length=4), V, "TransformerStack: "),
    (lambda: make_encoding("learned", dim=8, heads=2), V, "make_encoding: length"),
    (lambda: make_encoding("rope", dim=9, heads=2), V, "make_encoding: heads"),
    # tensors that do not fit each other
    (lambda: attention(q, q, q[:, :, :2]), V, "attention: value.shape[-2]"),
    (lambda: attention(q, q[:, :, :0], q[:, :, :0]), V, "attention: value.shape[-2]"),
    (lambda: attention(q[..., :0], q[..., :0], q), V, "attention: query.shape[-1]"),
    (lambda: attention(q, q.expand(2, 2, 3, 4), q.expand(2, 2, 3, 4)), V, "attention: leading"),
    (lambda: attention(q, q[:, [0, 0, 0]], q[:, [0, 0, 0]]), V, "attention: leading axes"),
    (lambda: attention(q, q.double(), q), T, "attention: query and key and value"),
    (lambda: attention(q, q, q, bias=table), V, "attention: bias.shape"),
    (lambda: attention(q, q, q, bias=torch.full((3, 3), NAN)), V, "attention: bias"),
    (lambda: attention_output(q, q, q, bias=torch.full((3, 3), INF)), V, "attention_output: bias"),
    (lambda: attention(q, q, q, bias=AlibiBias(3)), V, "AlibiBias: heads"),
    (lambda: attention(q, q, q, mask=cube), V, "attention: mask.shape"),
    (lambda: attention(*[q[0, 0]] * 3, padding=seen), V, "attention: padding.shape"),
    (lambda: attention(q, q, q, sink=torch.zeros(3)), V, "attention: sink.shape"),
    (lambda: toy_relative(x, torch.ones(8, 8)), V, "toy_relative: weight.shape"),
    (lambda: causal_mask(3, at), T, "causal_mask: queries, keys"),
    (lambda: relative_positions(ids, three_rows), V, "relative_positions: keys.shape"),
    (lambda: relative_positions(ids, 3, offset=1), V, "relative_positions: offset"),
    (lambda: relative_positions(torch.tensor([2**62 + 1]), 2), V, "relative_positions: "),
    (lambda: lookup_relative(table[:4], near), V, "lookup_relative: table.shape[0]"),
    (lambda: shaw_scores(q, table[:, :3], near), V, "shaw_scores: table.shape[-1]"),
    (lambda: shaw_scores(q, table, near[:2]), V, "shaw_scores: relative.shape"),
    (lambda: shaw_scores(q, table, three_rows.expand(2, 3, 3)), V, "shaw_scores: relative.shape"),
    (lambda: shaw_scores(q, table.double(), near), T, "shaw_scores: query and table"),
    (lambda: shaw_values(q, table, near), V, "shaw_values: relative.shape"),
    (lambda: transformer_xl_scores(q, q, q[0], table[:2], table[:2]), V,
     "transformer_xl_scores: vectors.shape"),
    (lambda: kerple_log(near, one, torch.ones(2)), V, "kerple_log: r2.shape"),
    (lambda: kerple_power(near, one, one * 2.5), V, "kerple_power: r2"),
    (lambda: kerple_log(near, one * 0, one), V, "kerple_log: r1"),
    (lambda: toeplitz(torch.zeros(3), 4), V, "toeplitz: "),
    (lambda: skew(torch.zeros(3, 2)), V, "skew: "),
    (lambda: rotate(q, torch.ones(3, 3)), V, "rotate: angles"),
    (lambda: rotate(q, torch.ones(3, 0)), V, "rotate: angles"),
    (lambda: rotate(q, torch.ones(4, 2)), V, "rotate: angles"),
    (lambda: rotate(torch.ones(2, 4, 3, 4), torch.ones(2, 3, 2)), V, "rotate: angles"),
    (lambda: rotate_textbook(q, torch.ones(3, 2).half()), T, "rotate_textbook: angles"),
    (lambda: rotate(q, torch.ones(3, 2), magnitude=torch.ones(2, 3)), V, "rotate: magnitude"),
    (lambda: change_rope_layout(torch.ones(6, 2), 2, to="half"), V, "change_rope_layout: "),
    (lambda: turn_projections(layer, nezha_rotation(2, 8)), V, "turn_projections: rotation.shape"),
    (lambda: Places(ids, three_rows), V, "Places: key.shape"),
    (lambda: cope_positions(q[..., :3], at, at[:2]), V, "cope_positions: key_positions.shape"),
    # input of another size than the encoding or layer was built for
    (lambda: with_encoding(SinusoidalEncoding(4)), V, "SinusoidalEncoding: x.shape[-1]"),
    (lambda: with_encoding(ShawRelative(8, 2)), V, "ShawRelative: query.shape[-1]"),
    (lambda: with_encoding(TransformerXLRelative(16, 2)), V, "TransformerXLRelative: query.shape"),
    (lambda: scores_of(CopeBias(5)), V, "CopeBias: query.shape[-1]"),
    (lambda: scores_of(AlibiBias(3)), V, "AlibiBias: heads"),
    (lambda: scores_of(FireBias(2), four), V, "FireBias: key_positions.shape"),
    (lambda: layer(x.double()), T, "MultiHeadAttention: x and weight"),
    (lambda: layer(x[:, :0]), V, "MultiHeadAttention: x.shape[-2]"),
    (lambda: layer(x, x[:1]), V, "MultiHeadAttention: context.shape[0]"),
    (lambda: layer(x, context_positions=ids), V, "MultiHeadAttention: context_positions"),
    (lambda: layer(x, mask=cube[:2]), V, "MultiHeadAttention: mask.shape"),
    (lambda: causal(x, x), V, "MultiHeadAttention: positions, context_positions"),
    (lambda: causal(x, x, cache=KeyValueCache()), V, "MultiHeadAttention: cache"),
    (lambda: layer(x, cache=KeyValueCache()), V, "MultiHeadAttention: cache"),
    (lambda: MultiHeadAttention(8, 2, encoding=AlibiBias(2)), V, "MultiHeadAttention: causal"),
    (lambda: MultiHeadAttention(8, 2, encoding=sine, length=3), V, "MultiHeadAttention: length"),
    (lambda: full_cache().append(q[..., :1, :], q[..., :1, :], at[:1]), V,
     "KeyValueCache.append: key.shape"),
    (lambda: KeyValueCache().append(q, q[..., :1, :], at), V, "KeyValueCache.append: value.shape"),
    (lambda: full_cache().crop(4), V, "KeyValueCache.crop: length"),
    (lambda: full_cache().reorder(torch.tensor([0, 2])), IX, "KeyValueCache.reorder: rows"),
    (lambda: decoder.replace_encoding(sine), V, "replace_encoding: made"),
    (lambda: train(nn.Linear(1, 1), None, Training(patience=1), seed=0), V, "train: "),
    # positions, numbers and lengths that are not there
    *((lambda f=f: f(x, three_rows), V, "") for f in (sine, learned, grid, clock)),
    (lambda: layer(x, positions=three_rows), V, "MultiHeadAttention: positions.shape"),
    (lambda: bert(ids, None, three_rows), V, "BertEmbeddings: positions.shape"),
    (lambda: learned(x, at * 9), IX, "LearnedEncoding: positions"),
    (lambda: learned(x, -at), IX, "LearnedEncoding: positions"),
    (lambda: with_encoding(LearnedEncoding(2, 8)), IX, "LearnedEncoding: positions"),
    (lambda: grid(x, at - 1), V, "AxialSinusoidalEncoding: positions"),
    (lambda: rows(x, at - 1), IX, "AxialLearnedEncoding: positions"),
    (lambda: rows(torch.zeros(1, 7, 8)), IX, "AxialLearnedEncoding: positions"),
    (lambda: grid(torch.zeros(1, 7, 8)), V, "AxialSinusoidalEncoding: positions"),
    (lambda: AxialRotary(4, (1, 2)).at_query(q, at), V, "AxialRotary: positions"),
    (lambda: grid_coordinates(at, (1, 2)), V, "grid_coordinates: positions"),
    (lambda: grid_coordinates(-at, (1, 3)), V, "grid_coordinates: positions"),
    (lambda: clock(x, 1.7e9 + at.float()), V, "TimingEncoding: times"),
    (lambda: timing_signal(at, [24, 0]), V, "timing_signal: periods[1]"),
    (lambda: bert(ids + 9), IX, "BertEmbeddings: input_ids"),
    (lambda: bert(ids, ids + 2), IX, "BertEmbeddings: token_type_ids"),
    (lambda: bert(ids, ids[:1]), V, "BertEmbeddings: token_type_ids.shape"),
    (lambda: bert(ids.repeat(1, 2)), IX, "BertEmbeddings: positions"),
    (lambda: decoder(ids + 3), IX, "TinyTransformer: x"),
    (lambda: fire_input(at, at, torch.tensor(-1.0), 1.0), V, "fire_input: c"),
    (lambda: sinusoidal_at([0.5, 2**53 + 1], 4), V, "sinusoidal_at: positions"),
    (lambda: sinusoidal_at([np.ma.array([1.0])], 4), T, "sinusoidal_at: positions"),
    (lambda: wave_spectrum(np.full((5, 2), 0.1)), V, "wave_spectrum: table"),
    (lambda: wave_spectrum(ten[:1]), V, "wave_spectrum: table.shape"),
    (lambda: index_probe(ten[:4]), V, "index_probe: table.shape"),
    (lambda: cosine_matrix(np.where(ten == ten[7], NAN, ten)), V, "cosine_matrix: table"),
    # a BERT that is not there
    (lambda: from_hf("LayerNorm.bias", None), V, "BertEmbeddings.from_huggingface: state_dict"),
    (lambda: from_hf("LayerNorm.bias", torch.ones(5)), V, "BertEmbeddings.from_huggingface: "),
    (lambda: from_hf("position_embeddings.weight", torch.ones(5, 3)), V,
     "BertEmbeddings.from_huggingface: state_dict['position_embeddings.weight'].shape"),
    (lambda: from_hf("word_embeddings.weight", np.ones((9, 4))), T,
     "BertEmbeddings.from_huggingface: state_dict['word_embeddings.weight']"),
    # a learner's own encoding
    (lambda: foreign("at_embeddings", None), T, "Mine.at_embeddings: result"),
    (lambda: foreign("at_key", None), T, "Mine.at_key: result"),
    (lambda: foreign("at_embeddings", x.double()), T, "Mine.at_embeddings: result.dtype"),
    (lambda: foreign("at_values", x), V, "Mine.at_values: result.shape"),
    (lambda: foreign("at_scores", torch.zeros(5)), V, "Mine.at_scores: bias.shape"),
    (lambda: AlibiBias(8)(10, 10), T, "AlibiBias: call"),
    (lambda: RotaryEncoding(8)(one), T, "RotaryEncoding: call"),
    # source that is not there
    *((lambda o=o: show_source(*o), T, "show_source: objects")
      for o in ((), (len,), (layer,), ("attention",), (eval("lambda: 1"),))),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "start"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_does_not_fit_is_refused_in_words(call, error, start):
    with pytest.raises(Exception) as caught:  # the type is checked next, exactly
        call()
    message = str(caught.value)
    assert type(caught.value) is error, repr(caught.value)
    assert FORM.fullmatch(message.replace("\n", " ")) and message.startswith(start), message


TAKEN = [
    lambda: sinusoidal_table(np.int64(5), torch.tensor(4), base=np.float32(100), start=-3),
    lambda: sinusoidal_table(1, 1, base=1.001),
    lambda: sinusoidal_at(range(3), 4),
    lambda: sinusoidal_at((0, 0.5), 4),
    lambda: sinusoidal_at(at, 4),
    lambda: shift_rotation(np.float64(0.5), 2),
    lambda: sine(x[:, :0]),
    lambda: sine(x[:0]),
    lambda: sine(x, at[None]),
    lambda: LearnedEncoding(3, 8, std=0).extended(1)(x[:, :1]),
    lambda: learned(x[:, :0]),
    lambda: bert(ids.to(torch.uint8)),
    lambda: bert(ids[:, :0]),
    lambda: relative_positions(at.byte(), np.int32(2), offset=np.int64(0), clip=0),
    lambda: relative_index(near.to(torch.int8), 0),
    lambda: lookup_relative(table[:1], near),
    lambda: band_mask(near, before=None, after=None),
    lambda: padding_mask([], 4),
    lambda: padding_mask((0, 4), 4),
    lambda: attention(q, q, q, mask=seen[:1], padding=seen[:1], bias=torch.zeros(1, 3)),
    lambda: attention(q[:0], q[:0], q[:0]),
    lambda: attention(q, q, q[..., :0]),
    lambda: attention(q, q, q, bias=torch.full((3, 3), -INF)),
    lambda: causal(x[:0]),
    lambda: causal(x, mask=torch.ones(2, 1, 3, 3).bool(), padding=seen),
    lambda: causal(x, x[:, :1], positions=at + 5.5, context_positions=torch.zeros(1)),
    lambda: KerplePowerBias(2, r2=1e-37).by_distance(torch.tensor([-(2**63), 0, 2**63 - 1])),
    lambda: scores_of(NezhaRelative(4, 2), at.to(torch.uint8)),
    lambda: scores_of(AlibiBias(2), at.double()),
]


@pytest.mark.parametrize("call", TAKEN, ids=range(len(TAKEN)))
def test_unusual_input_that_is_right_is_taken(call):
    result = call()
    for part in result if isinstance(result, tuple) else (result,):
        assert torch.isfinite(torch.as_tensor(part)).all()


def test_a_bias_of_ones_own_says_which_number():
    with pytest.raises(NotImplementedError):
        scores_of(DistanceBias())
    assert DistanceBias().door is Door.SCORES
