"""Bad input, one line each: what is called, what is raised, and the words the message must hold.

Every message reads "function: argument = value is not allowed; expected ... . What to do."
Runs without the run-time shape checker: learners do not have it.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import posenc_lib
from posenc_lib import (
    BertEmbeddings,
    LearnedEncoding,
    MultiHeadAttention,
    NezhaRelative,
    PositionEncoding,
    ShawRelative,
    SinusoidalEncoding,
    attention,
    band_mask,
    causal_mask,
    clip_relative,
    cosine_by_offset,
    cosine_matrix,
    frequencies,
    index_probe,
    lookup_relative,
    nezha_table,
    padding_mask,
    relative_index,
    relative_positions,
    shaw_scores,
    shaw_scores_naive,
    shaw_values,
    shaw_values_naive,
    shift_rotation,
    show_source,
    sinusoidal_at,
    sinusoidal_table,
    sinusoidal_textbook,
    toy_relative,
    wave_spectrum,
    wavelengths,
)

pytestmark = pytest.mark.bad_input

NAN, INF = math.nan, math.inf
x = torch.zeros(2, 3, 8)
q = torch.zeros(2, 3, 4)
heads = torch.zeros(2, 2, 3, 4)
ids = torch.zeros(2, 3, dtype=torch.long)
ten = np.ones((10, 4))
table, weights = torch.zeros(5, 4), heads[..., :3]
whole = torch.ones(2, 3).bool()
near = relative_positions(3, 3)
real, with_nan = torch.arange(3.0), torch.tensor([0, NAN, 1])
three_rows = torch.zeros(3, 3, dtype=torch.long)  # positions of a batch of 3
sine, learned, nezha = SinusoidalEncoding(8), LearnedEncoding(9, 8), NezhaRelative(4, 2)
bert = BertEmbeddings(vocab_size=10, dim=4, length=5)
words, places, norm_bias = (
    "word_embeddings.weight", "position_embeddings.weight", "LayerNorm.bias"
)  # fmt: skip
cube = torch.ones(3, 3, 3).bool()
pairs = cube.long()
layer = MultiHeadAttention(8, 2)
causal = MultiHeadAttention(8, 2, causal=True)


def with_bias(value):
    return attention(q, q, q, bias=torch.full((3, 3), value))


def with_encoding(encoding, **options):
    return MultiHeadAttention(8, 2, encoding=encoding)(x, **options)


def from_hf(name, tensor):
    """Load a BERT state dict in which one entry is another, or missing."""
    changed = {**bert.state_dict(), name: tensor}
    return BertEmbeddings.from_huggingface({k: v for k, v in changed.items() if v is not None})


class Flat(PositionEncoding):
    """A learner's slip: the scores come back without their query axis."""

    def at_scores(self, query, key, query_positions, key_positions):
        return torch.zeros(5)


class Forgetful(PositionEncoding):
    """A learner's slip: the method has no return."""

    def at_embeddings(self, x, positions):
        x + 1


class ForgetfulKeys(PositionEncoding):
    def at_key(self, key, positions):
        key + 1


class Wide(PositionEncoding):
    """A learner's slip: NumPy makes tables in float64."""

    def at_embeddings(self, x, positions):
        return x + torch.from_numpy(np.sin(np.arange(8)))


class Summed(PositionEncoding):
    """A learner's slip: the value term has lost its heads axis."""

    def at_values(self, weights, query_positions, key_positions):
        return torch.zeros(2, 3, 8)


# fmt: off
V, T, IX = ValueError, TypeError, IndexError
REFUSED = {  # function: (call, error, argument, value, remedy)
    "sinusoidal_table": [
        (lambda: sinusoidal_table(0, 4), V, "length", "0", "int >= 1"),
        (lambda: sinusoidal_table(-2, 4), V, "length", "-2", "int >= 1"),
        (lambda: sinusoidal_table(5.0, 4), T, "length", "5.0", "int"),
        (lambda: sinusoidal_table(NAN, 4), T, "length", "nan", "int"),
        (lambda: sinusoidal_table("5", 4), T, "length", "'5'", "int"),
        (lambda: sinusoidal_table(None, 4), T, "length", "None", "int"),
        (lambda: sinusoidal_table([5], 4), T, "length", "[5]", "int"),
        (lambda: sinusoidal_table(True, 4), T, "length", "True", "int"),
        (lambda: sinusoidal_table(np.bool_(1), 4), T, "length", "True", "int"),
        (lambda: sinusoidal_table(torch.tensor(True), 4), T, "length", "True", "int"),
        (lambda: sinusoidal_table(torch.ones(2), 4), T, "length", "1., 1.", "int"),
        (lambda: sinusoidal_table(5, 0), V, "dim", "0", "int >= 1"),
        (lambda: sinusoidal_table(5, 4.0), T, "dim", "4.0", "int"),
        (lambda: sinusoidal_table(5, 4, base=1), V, "base", "1", "above 1"),
        (lambda: sinusoidal_table(5, 4, base=-10), V, "base", "-10", "in range"),
        (lambda: sinusoidal_table(5, 4, base=NAN), V, "base", "nan", "finite"),
        (lambda: sinusoidal_table(5, 4, base=INF), V, "base", "inf", "finite"),
        (lambda: sinusoidal_table(5, 4, base="1e4"), T, "base", "'1e4'", "float"),
        (lambda: sinusoidal_table(5, 4, base=True), T, "base", "True", "float"),
        (lambda: sinusoidal_table(5, 4, base=None), T, "base", "None", "float"),
        (lambda: sinusoidal_table(5, 4, base=1j), T, "base", "1j", "float"),
        (lambda: sinusoidal_table(5, 4, base=np.ones(2)), T, "base", "1.", "one float"),
        (lambda: sinusoidal_table(5, 4, start=0.5), T, "start", "0.5", "int"),
        (lambda: sinusoidal_table(5, 4, start=2**53), V, "start", "9007199", "float64"),
        (lambda: sinusoidal_table(5, 4, start=-2**64), V, "start", "-18446744", "float64"),
    ],
    "sinusoidal_textbook": [
        (lambda: sinusoidal_textbook(0, 4), V, "length", "0", "int >= 1"),
        (lambda: sinusoidal_textbook(5, 0), V, "dim", "0", "int >= 1"),
        (lambda: sinusoidal_textbook(5, 4, base=0), V, "base", "0", "above 1"),
        (lambda: sinusoidal_textbook(5, 4, start=2**70), V, "start", str(2**70), "float64"),
    ],
    "frequencies": [
        (lambda: frequencies(0), V, "dim", "0", "int >= 1"),
        (lambda: frequencies(4, base=0.5), V, "base", "0.5", "above 1"),
    ],
    "wavelengths": [
        (lambda: wavelengths(0), V, "dim", "0", "int >= 1"),
        (lambda: wavelengths(4, base=1.0), V, "base", "1.0", "above 1"),
    ],
    "shift_rotation": [
        (lambda: shift_rotation(1, 3), V, "dim", "3", "even"),
        (lambda: shift_rotation(1, 0), V, "dim", "0", "int >= 1"),
        (lambda: shift_rotation(NAN, 4), V, "offset", "nan", "finite"),
        (lambda: shift_rotation("1", 4), T, "offset", "'1'", "float"),
        (lambda: shift_rotation(1, 4, base=1), V, "base", "1", "above 1"),
    ],
    "sinusoidal_at": [
        (lambda: sinusoidal_at([0, NAN], 4), V, "positions", "NaN", "Fill"),
        (lambda: sinusoidal_at([INF], 4), V, "positions", "infinity", "Fill"),
        (lambda: sinusoidal_at(["1"], 4), T, "positions", "'1'", "numbers"),
        (lambda: sinusoidal_at([True], 4), T, "positions", "True", "booleans"),
        (lambda: sinusoidal_at([1j], 4), T, "positions", "1j", "numbers"),
        (lambda: sinusoidal_at(None, 4), T, "positions", "None", "numbers"),
        (lambda: sinusoidal_at([[1], [1, 2]], 4), T, "positions", "[1, 2]", "numbers"),
        (lambda: sinusoidal_at(np.array(["2020"], "M8[Y]"), 4), T, "positions", "2020", "seconds"),
        (lambda: sinusoidal_at(3.0, 4), T, "positions", "3.0", "list"),
        (lambda: sinusoidal_at([1.0], 0), V, "dim", "0", "int >= 1"),
        (lambda: sinusoidal_at([1.0], 4, base=1), V, "base", "1", "above 1"),
    ],
    "SinusoidalEncoding": [
        (lambda: SinusoidalEncoding(0), V, "dim", "0", "int >= 1"),
        (lambda: SinusoidalEncoding(8.0), T, "dim", "8.0", "int"),
        (lambda: SinusoidalEncoding(8, base=1), V, "base", "1", "above 1"),
        (lambda: SinusoidalEncoding(8, dropout=1.0), V, "dropout", "1.0", "below 1"),
        (lambda: SinusoidalEncoding(8, dropout=-0.1), V, "dropout", "-0.1", "at least 0"),
        (lambda: SinusoidalEncoding(8, dropout=NAN), V, "dropout", "nan", "finite"),
        (lambda: sine(x[0]), V, "x.shape", "(3, 8)", "x[None]"),
        (lambda: sine(x[None]), V, "x.shape", "(1, 2, 3, 8)", "axis"),
        (lambda: SinusoidalEncoding(6)(x), V, "x.shape[-1]", "8", "dim = 6"),
        (lambda: sine(x.long()), T, "x.dtype", "int64", ".float()"),
        (lambda: sine(x.tolist()), T, "x", "list", "as_tensor"),
        (lambda: sine(x.numpy()), T, "x", "ndarray", "as_tensor"),
        (lambda: sine(x, [0, 1, 2]), T, "positions", "list", "as_tensor"),
        (lambda: sine(x, torch.arange(4)), V, "positions.shape", "(4,)", "arange"),
        (lambda: sine(x, three_rows), V, "positions.shape", "(3, 3)", "(2, 3)"),
        (lambda: sine(x[:1], three_rows), V, "positions.shape", "(3, 3)", "(1, 3)"),
        (lambda: sine(x, with_nan), V, "positions", "NaN", "Fill"),
        (lambda: sine(x, whole[0]), T, "positions.dtype", "bool", "mask="),
        (lambda: with_encoding(SinusoidalEncoding(4)), V, "x.shape[-1]", "8", "dim = 4"),
    ],
    "LearnedEncoding": [
        (lambda: LearnedEncoding(0, 8), V, "length", "0", "int >= 1"),
        (lambda: LearnedEncoding(4.0, 8), T, "length", "4.0", "int"),
        (lambda: LearnedEncoding(4, -1), V, "dim", "-1", "int >= 1"),
        (lambda: LearnedEncoding(4, 8, std=-1), V, "std", "-1", "at least 0"),
        (lambda: LearnedEncoding(4, 8, std=NAN), V, "std", "nan", "finite"),
        (lambda: LearnedEncoding(4, 8, dropout="half"), T, "dropout", "'half'", "float"),
        (lambda: LearnedEncoding(2, 8)(x), IX, "positions", "2", ".extended()"),
        (lambda: learned(x, torch.tensor([0, 1, 9])), IX, "positions", "9", "0 to 8"),
        (lambda: learned(x, torch.tensor([0, -1, 1])), IX, "positions", "-1", "0 to 8"),
        (lambda: learned(x, real), T, "positions.dtype", "float32", ".long()"),
        (lambda: learned(x, torch.arange(2)), V, "positions.shape", "(2,)", "arange"),
        (lambda: learned(x, three_rows), V, "positions.shape", "(3, 3)", "(2, 3)"),
        (lambda: learned(x[:1], three_rows), V, "positions.shape", "(3, 3)", "(1, 3)"),
        (lambda: LearnedEncoding(9, 7)(x), V, "x.shape[-1]", "8", "dim = 7"),
        (lambda: learned(x[0]), V, "x.shape", "(3, 8)", "x[None]"),
        (lambda: learned(x.int()), T, "x.dtype", "int32", ".float()"),
        (lambda: with_encoding(LearnedEncoding(2, 8)), IX, "positions", "2", ".extended()"),
    ],
    "LearnedEncoding.extended": [
        (lambda: LearnedEncoding(9, 8).extended(0), V, "length", "0", "int >= 1"),
        (lambda: LearnedEncoding(9, 8).extended(9.5), T, "length", "9.5", "int"),
    ],
    "LearnedEncoding.from_table": [
        (lambda: LearnedEncoding.from_table(np.eye(3)), T, "table", "ndarray", "as_tensor"),
        (lambda: LearnedEncoding.from_table(torch.ones(3)), V, "table.shape", "(3,)", "axis"),
        (lambda: LearnedEncoding.from_table(near), T, "table.dtype", "int64", ".float()"),
    ],
    "BertEmbeddings": [
        (lambda: BertEmbeddings(0, 4), V, "vocab_size", "0", "int >= 1"),
        (lambda: BertEmbeddings(10, 4.0), T, "dim", "4.0", "int"),
        (lambda: BertEmbeddings(10, 4, length=-5), V, "length", "-5", "int >= 1"),
        (lambda: BertEmbeddings(10, 4, token_types=0), V, "token_types", "0", "int >= 1"),
        (lambda: BertEmbeddings(10, 4, padding_idx=10), V, "padding_idx", "10", "vocab_size = 10"),
        (lambda: BertEmbeddings(10, 4, padding_idx=-1), V, "padding_idx", "-1", "int >= 0"),
        (lambda: BertEmbeddings(10, 4, eps=0), V, "eps", "0", "above 0"),
        (lambda: BertEmbeddings(10, 4, dropout=2), V, "dropout", "2", "below 1"),
        (lambda: bert(ids + 10), IX, "input_ids", "10", "tokeniser"),
        (lambda: bert(ids - 1), IX, "input_ids", "-1", "0 to 9"),
        (lambda: bert(ids.float()), T, "input_ids.dtype", "float32", ".long()"),
        (lambda: bert(ids.bool()), T, "input_ids.dtype", "bool", ".long()"),
        (lambda: bert(ids[0]), V, "input_ids.shape", "(3,)", "x[None]"),
        (lambda: bert(ids.tolist()), T, "input_ids", "list", "as_tensor"),
        (lambda: bert("hello"), T, "input_ids", "str", "as_tensor"),
        (lambda: bert(ids, ids + 2), IX, "token_type_ids", "2", "types 0, 1"),
        (lambda: bert(ids, ids.float()), T, "token_type_ids.dtype", "float32", ".long()"),
        (lambda: bert(ids, ids[:1]), V, "token_type_ids.shape", "(1, 3)", "(2, 3)"),
        (lambda: bert(ids, [0, 0, 0]), T, "token_type_ids", "list", "as_tensor"),
        (lambda: bert(ids.repeat(1, 2)), IX, "positions", "5", "Cut"),
        (lambda: bert(ids, None, torch.tensor([0, 1, 5])), IX, "positions", "5", "0 to 4"),
        (lambda: bert(ids, None, real), T, "positions.dtype", "float32", ".long()"),
        (lambda: bert(ids, None, torch.arange(4)), V, "positions.shape", "(4,)", "arange"),
        (lambda: bert(ids, None, three_rows), V, "positions.shape", "(3, 3)", "(2, 3)"),
        (lambda: bert(ids[:1], None, three_rows), V, "positions.shape", "(3, 3)", "(1, 3)"),
    ],
    "BertEmbeddings.from_huggingface": [
        (lambda: BertEmbeddings.from_huggingface({}), V, "state_dict", words, ".state_dict()"),
        (lambda: BertEmbeddings.from_huggingface(bert), T, "state_dict", "Bert", ".state_dict()"),
        (lambda: from_hf(norm_bias, None), V, "state_dict", norm_bias, ".state_dict()"),
        (lambda: from_hf(norm_bias, torch.ones(5)), V, norm_bias, "5", "dim = 4"),
        (lambda: from_hf(places, torch.ones(5, 3)), V, places, "3", "dim = 4"),
        (lambda: from_hf(words, torch.ones(10)), V, words, "(10,)", "axis"),
        (lambda: from_hf(words, np.ones((10, 4))), T, words, "ndarray", "as_tensor"),
        (lambda: from_hf("LayerNorm.weight", torch.ones(2, 4)), V, "weight", "(2, 4)", "axis"),
    ],
    "relative_positions": [
        (lambda: relative_positions(0, 3), V, "queries", "0", "length"),
        (lambda: relative_positions(3, -1), V, "keys", "-1", "length"),
        (lambda: relative_positions(3.0, 3), T, "queries", "3.0", "length"),
        (lambda: relative_positions(True, 3), T, "queries", "True", "length"),
        (lambda: relative_positions(3, [0, 1]), T, "keys", "[0, 1]", "position tensor"),
        (lambda: relative_positions(np.arange(3), 3), T, "queries", "array([0, 1, 2])", "tensor"),
        (lambda: relative_positions(torch.tensor(3), 3), V, "queries.shape", "()", "arange"),
        (lambda: relative_positions(q[None], 3), V, "queries.shape", "(1, 2, 3, 4)", "arange"),
        (lambda: relative_positions(ids, three_rows), V, "keys.shape", "(3, 3)", "(2, 3)"),
        (lambda: relative_positions(torch.tensor([NAN]), 3), V, "queries", "NaN", "Fill"),
        (lambda: relative_positions(3, torch.tensor([True])), T, "keys.dtype", "bool", "mask="),
        (lambda: relative_positions(3, 3, offset=1.5), T, "offset", "1.5", "int"),
        (lambda: relative_positions(ids, 3, offset=1), V, "offset", "1", "Add the offset"),
        (lambda: relative_positions(3, 3, clip=-1), V, "clip", "-1", "int >= 0"),
        (lambda: relative_positions(3, 3, clip=2.0), T, "clip", "2.0", "int"),
    ],
    "clip_relative": [
        (lambda: clip_relative(near, -1), V, "max_distance", "-1", "int >= 0"),
        (lambda: clip_relative(near, 1.5), T, "max_distance", "1.5", "int"),
        (lambda: clip_relative([[0]], 1), T, "relative", "list", "as_tensor"),
        (lambda: clip_relative(near > 0, 1), T, "relative.dtype", "bool", "distances"),
        (lambda: clip_relative(near * 1j, 1), T, "relative.dtype", "complex64", "distances"),
    ],
    "relative_index": [
        (lambda: relative_index(near.float(), 1), T, "relative.dtype", "float32", "round"),
        (lambda: relative_index(near, -1), V, "max_distance", "-1", "int >= 0"),
        (lambda: relative_index(3, 1), T, "relative", "int", "as_tensor"),
    ],
    "lookup_relative": [
        (lambda: lookup_relative(table[:4], near), V, "table.shape[0]", "4", "odd"),
        (lambda: lookup_relative(table[:0], near), V, "table.shape[0]", "0", "odd"),
        (lambda: lookup_relative(table[0], near), V, "table.shape", "(4,)", "axis"),
        (lambda: lookup_relative(table.long(), near), T, "table.dtype", "int64", ".float()"),
        (lambda: lookup_relative(table, near.float()), T, "relative.dtype", "float32", "round"),
        (lambda: lookup_relative(table, [[0]]), T, "relative", "list", "as_tensor"),
    ],
    "band_mask": [
        (lambda: band_mask(near, before=-1, after=0), V, "before", "-1", "int >= 0"),
        (lambda: band_mask(near, before=1, after=0.5), T, "after", "0.5", "int"),
        (lambda: band_mask(near > 0, before=1, after=1), T, "relative.dtype", "bool", "distances"),
        (lambda: band_mask(5, before=1, after=1), T, "relative", "int", "as_tensor"),
    ],
    "toy_relative": [
        (lambda: toy_relative(x, torch.ones(8, 8)), V, "weight.shape", "(8, 8)", "length = dim"),
        (lambda: toy_relative(x, torch.ones(3, 1)), V, "weight.shape", "(3, 1)", "(3, 8)"),
        (lambda: toy_relative(x, torch.ones(3)), V, "weight.shape", "(3,)", "axis"),
        (lambda: toy_relative(x, torch.ones(3, 8).double()), T, "weight", "float64", ".to("),
        (lambda: toy_relative(x.long(), torch.ones(3, 8)), T, "x.dtype", "int64", ".float()"),
    ],
    "causal_mask": [
        (lambda: causal_mask(0, 3), V, "queries", "0", "int >= 1"),
        (lambda: causal_mask(3, 3.0), T, "keys", "3.0", "int"),
        (lambda: causal_mask(3, torch.arange(3)), T, "queries, keys", "'int', 'Tensor'", "length"),
    ],
    "": [
        (lambda: causal_mask(ids, three_rows), V, "keys.shape", "(3, 3)", "(2, 3)"),
        (lambda: layer(x[:, :0]), V, "shape[-2]", "0", "at least 1"),
    ],
    "padding_mask": [
        (lambda: padding_mask([3, 5], 4), V, "lengths", "5", "cut"),
        (lambda: padding_mask([-1], 4), V, "lengths", "-1", "int >= 0"),
        (lambda: padding_mask([2.7], 4), T, "lengths", "2.7", "int"),
        (lambda: padding_mask(["2"], 4), T, "lengths", "'2'", "int"),
        (lambda: padding_mask([True], 4), T, "lengths", "True", "int"),
        (lambda: padding_mask(torch.tensor([2.7]), 4), T, "lengths", "2.7", "int"),
        (lambda: padding_mask(ids, 4), V, "lengths.shape", "(2, 3)", "axis"),
        (lambda: padding_mask(3, 4), T, "lengths", "3", "each row"),
        (lambda: padding_mask("34", 4), T, "lengths", "'34'", "each row"),
        (lambda: padding_mask([3], 0), V, "length", "0", "int >= 1"),
    ],
    "shaw_scores": [
        (lambda: shaw_scores(heads[0], table, near), V, "query.shape", "(2, 3, 4)", "x[None]"),
        (lambda: shaw_scores(heads, table[:4], near), V, "table.shape[0]", "4", "odd"),
        (lambda: shaw_scores(heads, table[:, :3], near), V, "table.shape[-1]", "3", "head_dim = 4"),
        (lambda: shaw_scores(heads, table.double(), near), T, "query and table", "float64", ".to("),
        (lambda: shaw_scores(heads.long(), table, near), T, "query.dtype", "int64", ".float()"),
        (lambda: shaw_scores(heads, table, near.float()), T, "relative.dtype", "float32", "round"),
        (lambda: shaw_scores(heads, table, near[:2]), V, "relative.shape", "(2, 3)", "= 3"),
        (lambda: shaw_scores(heads, table, near[:1]), V, "relative.shape", "(1, 3)", "= 3"),
        (lambda: shaw_scores(heads, table, near[0]), V, "relative.shape", "(3,)", "= 3"),
        (lambda: shaw_scores(heads, table, pairs), V, "relative.shape", "(3, 3, 3)", "batch = 2"),
        (lambda: shaw_scores(heads, table, pairs[None]), V, "relative", "(1, 3, 3, 3)", "= 3"),
    ],
    "shaw_scores_naive": [
        (lambda: shaw_scores_naive(heads, table, near[:1]), V, "relative.shape", "(1, 3)", "= 3"),
        (lambda: shaw_scores_naive(heads, table, "near"), T, "relative", "str", "as_tensor"),
    ],
    "shaw_values": [
        (lambda: shaw_values(heads, table, near), V, "relative.shape", "(3, 3)", "key = 4"),
        (lambda: shaw_values(weights, table[:4], near), V, "table.shape[0]", "4", "odd"),
        (lambda: shaw_values(weights, table, near[:1]), V, "relative.shape", "(1, 3)", "= 3"),
        (lambda: shaw_values(weights, table.double(), near), T, "weights and", "float64", ".to("),
        (lambda: shaw_values(near, table, near), T, "weights.dtype", "int64", ".float()"),
    ],
    "shaw_values_naive": [
        (lambda: shaw_values_naive(q, table, near), V, "weights.shape", "(2, 3, 4)", "axis"),
    ],
    "ShawRelative": [
        (lambda: with_encoding(ShawRelative(8, 2)), V, "query.shape[-1]", "4", "head_dim = 8"),
        (lambda: ShawRelative(0, 2), V, "head_dim", "0", "int >= 1"),
        (lambda: ShawRelative(4, -1), V, "max_distance", "-1", "int >= 0"),
        (lambda: ShawRelative(4, 2.0), T, "max_distance", "2.0", "int"),
        (lambda: ShawRelative(4, 2, std=-1), V, "std", "-1", "at least 0"),
        (lambda: ShawRelative(4, 2, values="no"), T, "values", "'no'", "bool"),
    ],
    "nezha_table": [
        (lambda: nezha_table(-1, 4), V, "max_distance", "-1", "int >= 0"),
        (lambda: nezha_table(2, 0), V, "dim", "0", "int >= 1"),
        (lambda: nezha_table(2, 4, base=1), V, "base", "1", "above 1"),
        (lambda: nezha_table(2, 4, form="papr"), V, "form", "'papr'", "'paper', 'code'"),
        (lambda: nezha_table(2, 4, form=None), V, "form", "None", "'paper', 'code'"),
    ],
    "NezhaRelative": [
        (lambda: with_encoding(nezha, positions=real), T, "relative.dtype", "float32", "round"),
        (lambda: NezhaRelative(0, 2), V, "head_dim", "0", "int >= 1"),
        (lambda: NezhaRelative(4, 2, base=0), V, "base", "0", "above 1"),
        (lambda: NezhaRelative(4, 2, form="text"), V, "form", "'text'", "'paper', 'code'"),
    ],
    "attention": [
        (lambda: attention(q[0, 0], q, q), V, "query.shape", "(4,)", "axis"),
        (lambda: attention(q.tolist(), q, q), T, "query", "list", "as_tensor"),
        (lambda: attention(q.long(), q, q), T, "query.dtype", "int64", ".float()"),
        (lambda: attention(q, q * 1j, q), T, "key.dtype", "complex64", ".float()"),
        (lambda: attention(q, q.double(), q), T, "query and key and value", "float64", ".to("),
        (lambda: attention(q, q, q.double()), T, "query and key and value", "float64", ".to("),
        (lambda: attention(q, q[..., :3], q), V, "key.shape[-1]", "3", "head_dim = 4"),
        (lambda: attention(q, q, q[:, :2]), V, "value.shape[-2]", "2", "the number of keys, 3"),
        (lambda: attention(q, q[:, :0], q[:, :0]), V, "value.shape[-2]", "0", "at least 1"),
        (lambda: attention(q[..., :0], q[..., :0], q), V, "query.shape[-1]", "0", "head_dim"),
        (lambda: attention(q, q[:1], q[:1]), V, "leading axes", "(1,)", "Expand"),
        (lambda: with_bias(NAN), V, "bias", "NaN", "0 * inf"),
        (lambda: with_bias(INF), V, "bias", "+inf", "0 * inf"),
        (lambda: attention(q, q, q, bias=table), V, "bias.shape", "(5, 4)", "(2, 3, 3)"),
        (lambda: attention(q, q, q, bias=torch.zeros(3)), V, "bias.shape", "(3,)", "axis"),
        (lambda: attention(q, q, q, bias=near), T, "bias.dtype", "int64", ".float()"),
        (lambda: attention(q, q, q, bias=1.0), T, "bias", "float", "as_tensor"),
        (lambda: attention(q, q, q, mask=torch.ones(3, 3)), T, "mask.dtype", "float32", ".bool()"),
        (lambda: attention(q, q, q, mask=near), T, "mask.dtype", "int64", ".bool()"),
        (lambda: attention(q, q, q, mask=cube[0, :, :2]), V, "mask.shape", "(3, 2)", "(2, 3, 3)"),
        (lambda: attention(*[heads] * 3, mask=cube), V, "mask.shape", "(3, 3, 3)", "[:, None]"),
        (lambda: attention(*cube.float(), mask=cube), V, "mask.shape", "(3, 3, 3)", "(3, 3)"),
        (lambda: attention(q, q, q, causal="False"), T, "causal", "'False'", "bool"),
        (lambda: attention(q, q, q, causal=1), T, "causal", "1", "bool"),
        (lambda: attention(q, q, q, padding=q[0]), T, "padding.dtype", "float32", ".bool()"),
        (lambda: attention(q, q, q, padding=whole.T), V, "padding.shape", "(3, 2)", "(2, 3)"),
        (lambda: attention(*cube.float(), padding=whole), V, "padding.shape", "(2, 3)", "batch"),
        (lambda: attention(q, q, q, scale=0), V, "scale", "0", "above 0"),
        (lambda: attention(q, q, q, scale=-1.0), V, "scale", "-1.0", "above 0"),
        (lambda: attention(q, q, q, scale=NAN), V, "scale", "nan", "finite"),
        (lambda: attention(q, q, q, scale="1"), T, "scale", "'1'", "float"),
        (lambda: attention(q, q, q, scale=torch.ones(2)), T, "scale", "1., 1.", "one float"),
    ],
    "Flat.at_scores": [
        (lambda: with_encoding(Flat()), V, "bias.shape", "(5,)", "axis"),
    ],
    "MultiHeadAttention": [
        (lambda: layer(x, padding=whole[:, :2]), V, "padding.shape", "(2, 2)", "(2, 3)"),
        (lambda: layer(x, padding=q[0]), T, "padding.dtype", "float32", ".bool()"),
        (lambda: MultiHeadAttention(8, 3), V, "heads", "3", "dim = 8"),
        (lambda: MultiHeadAttention(8, 0), V, "heads", "0", "int >= 1"),
        (lambda: MultiHeadAttention(8, 16), V, "heads", "16", "dim = 8"),
        (lambda: MultiHeadAttention(0, 1), V, "dim", "0", "int >= 1"),
        (lambda: MultiHeadAttention(8, 2.0), T, "heads", "2.0", "int"),
        (lambda: MultiHeadAttention(8, 2, encoding=7), T, "encoding", "int", "Subclass"),
        (lambda: MultiHeadAttention(8, 2, encoding=Flat(), length=3), V, "length", "3", "to the"),
        (lambda: MultiHeadAttention(8, 2, encoding=Flat), T, "encoding", "type", "Subclass"),
        (lambda: MultiHeadAttention(8, 2, causal="yes"), T, "causal", "'yes'", "bool"),
        (lambda: MultiHeadAttention(8, 2, bias=None), T, "bias", "None", "bool"),
        (lambda: MultiHeadAttention(8, 2, dropout=1), V, "dropout", "1", "below 1"),
        (lambda: layer(x[0]), V, "x.shape", "(3, 8)", "x[None]"),
        (lambda: layer(x[..., :6]), V, "x.shape[-1]", "6", "dim = 8"),
        (lambda: layer(x.long()), T, "x.dtype", "int64", ".float()"),
        (lambda: layer(x.double()), T, "x and weight", "float64", ".to("),
        (lambda: layer([[0.0]]), T, "x", "list", "as_tensor"),
        (lambda: layer(x, x[0]), V, "context.shape", "(3, 8)", "x[None]"),
        (lambda: layer(x, x[:1]), V, "context.shape[0]", "1", "Expand"),
        (lambda: layer(x, x.double()), T, "context and weight", "float64", ".to("),
        (lambda: layer(x, context_positions=ids), V, "context_positions", "tensor", "positions="),
        (lambda: layer(x, x, context_positions=x), V, "context_positions", "(2, 3, 8)", "arange"),
        (lambda: layer(x, positions=torch.arange(4)), V, "positions.shape", "(4,)", "arange"),
        (lambda: layer(x, positions=three_rows), V, "positions.shape", "(3, 3)", "(2, 3)"),
        (lambda: layer(x[:1], positions=three_rows), V, "positions.shape", "(3, 3)", "(1, 3)"),
        (lambda: layer(x, positions=[0, 1, 2]), T, "positions", "list", "as_tensor"),
        (lambda: layer(x, positions=with_nan), V, "positions", "NaN", "Fill"),
        (lambda: layer(x, mask=torch.ones(3, 3)), T, "mask.dtype", "float32", ".bool()"),
        (lambda: causal(x, mask=whole), V, "mask.shape", "(2, 3)", "(2, 2, 3, 3)"),
        (lambda: layer(x, mask=cube), V, "mask.shape", "(3, 3, 3)", "mask[:, None]"),
        (lambda: layer(x, mask=[[True]]), T, "mask", "list", "as_tensor"),
    ],
    "Forgetful.at_embeddings": [
        (lambda: with_encoding(Forgetful()), T, "", "None", "return"),
    ],
    "ForgetfulKeys.at_key": [
        (lambda: with_encoding(ForgetfulKeys()), T, "", "None", "return"),
    ],
    "Wide.at_embeddings": [
        (lambda: with_encoding(Wide()), T, "dtype", "float64", "float32"),
    ],
    "Summed.at_values": [
        (lambda: with_encoding(Summed()), V, "shape", "(2, 3, 8)", "(2, 2, 3, 4)"),
    ],
    # reading a table
    "index_probe": [
        (lambda: index_probe(ten[:4]), V, "table.shape", "(4, 4)", "5 rows"),
        (lambda: index_probe(ten, folds=1), V, "folds", "1", "int >= 2"),
        (lambda: index_probe(ten, folds=11), V, "table.shape", "(10, 4)", "11 rows"),
        (lambda: index_probe(ten, seed=-1), V, "seed", "-1", "int >= 0"),
        (lambda: index_probe("table"), T, "table", "str", "np.asarray"),
    ],
    "cosine_matrix": [
        (lambda: cosine_matrix(ten[0]), V, "table.shape", "(4,)", "axis"),
        (lambda: cosine_matrix(ten > 0), T, "table", "bool", "np.asarray"),
        (lambda: cosine_matrix(ten * NAN), V, "table", "row 0", "broken rows"),
    ],
    "cosine_by_offset": [
        (lambda: cosine_by_offset(ten, 10), V, "largest", "10", "length - 1"),
        (lambda: cosine_by_offset(ten, -1), V, "largest", "-1", "int >= 0"),
        (lambda: cosine_by_offset(ten, 1.0), T, "largest", "1.0", "int"),
        (lambda: cosine_by_offset([[1.0]], 1), T, "table", "list", "np.asarray"),
    ],
    "wave_spectrum": [
        (lambda: wave_spectrum(ten[:1]), V, "table.shape", "(1, 4)", "2 rows"),
        (lambda: wave_spectrum(ten), V, "table", "same row", "no wave"),
        (lambda: wave_spectrum(ten * INF), V, "table", "infinity", "broken rows"),
    ],
    "show_source": [
        (lambda: show_source(len), T, "objects", "builtin_function", "function"),
        (lambda: show_source(layer), T, "objects", "MultiHeadAttention", "without calling"),
        (lambda: show_source("attention"), T, "objects", "str", "function"),
        (lambda: show_source(eval("lambda: 1")), T, "objects", "function", "in a file"),
        (lambda: show_source(), T, "objects", "()", "function"),
    ],
}
# fmt: on
FORM = re.compile(
    r"(?P<function>[\w.]+): (?P<argument>.+?) = .+ is not allowed; expected .+\. \S.+"
)


CASES = [
    pytest.param(
        function,
        *row,
        id=f"{function or 'any'}-{row[2]}-{row[3]}-{number}",
    )
    for function, rows in REFUSED.items()
    for number, row in enumerate(rows)
]


@pytest.mark.parametrize(("function", "call", "error", "argument", "value", "remedy"), CASES)
def test_bad_input_is_refused_in_words(function, call, error, argument, value, remedy):
    with pytest.raises(Exception) as caught:  # the type is checked next, exactly
        call()
    message = str(caught.value)
    assert type(caught.value) is error, message
    form = FORM.fullmatch(message.replace("\n", " "))
    assert form, f"not of the usual form: {message}"
    assert form["function"] == (function or form["function"])
    assert argument in form["argument"]
    assert value in message
    assert remedy in message


ACCEPTED = [  # unusual, and right: the checks must not refuse these
    lambda: sinusoidal_table(np.int64(5), torch.tensor(4), base=np.float32(100), start=-3),
    lambda: sinusoidal_table(1, 1, base=1.001),
    lambda: sinusoidal_at(range(3), 4),
    lambda: sinusoidal_at(torch.arange(3), 4),
    lambda: sinusoidal_at((0, 0.5), 4),
    lambda: shift_rotation(np.float64(0.5), 2),
    lambda: SinusoidalEncoding(8)(x[:, :0]),
    lambda: SinusoidalEncoding(8)(x[:0]),
    lambda: SinusoidalEncoding(8)(x, torch.arange(3)[None]),
    lambda: LearnedEncoding(3, 8)(x),
    lambda: LearnedEncoding(3, 8)(x[:, :0]),
    lambda: LearnedEncoding(3, 8, std=0).extended(1),
    lambda: bert(ids.to(torch.uint8)),
    lambda: bert(ids[:, :0]),
    lambda: relative_positions(torch.arange(3).byte(), np.int32(2), offset=np.int64(0), clip=0),
    lambda: lookup_relative(table[:1], near),
    lambda: band_mask(near, before=None, after=None),
    lambda: padding_mask([], 4),
    lambda: padding_mask((0, 4), 4),
    lambda: padding_mask(np.array([1, 2]).tolist(), 4),
    lambda: attention(q, q, q, mask=whole[0], padding=whole, bias=torch.zeros(1, 3)),
    lambda: attention(q[:0], q[:0], q[:0]),
    lambda: attention(q, q, q[..., :0]),
    lambda: with_bias(-INF),
    lambda: causal(x[:0]),
    lambda: causal(x, mask=torch.ones(2, 1, 3, 3).bool(), padding=whole),
    lambda: causal(x, x[:, :1], positions=torch.arange(3) + 5.5, context_positions=torch.zeros(1)),
]


@pytest.mark.parametrize("call", ACCEPTED, ids=lambda call: f"line{call.__code__.co_firstlineno}")
def test_unusual_input_that_is_right_is_taken(call):
    result = call()
    for part in result if isinstance(result, tuple) else (result,):
        assert not isinstance(part, torch.Tensor) or part.isfinite().all()


def test_every_public_function_is_given_bad_input_somewhere():
    files = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    source = "\n".join(text for text in files if "bad_input" in text)
    abstract = {"Door", "PositionEncoding", "TableRelative", "DistanceBias"}
    abstract |= {"Registry", "RegistryEntry"}
    no_input = {"NoEncoding", "minilm_position_table", "encodings"}
    passed_on = {"largest_tensor"}  # it calls what it is given and raises what that raises
    packages = {"plots", "explorers", "checks", "experiments", "faults"}
    public = set(posenc_lib.__all__) - packages
    for name in public - abstract - no_input - passed_on:
        assert f"{name}(" in source, name
