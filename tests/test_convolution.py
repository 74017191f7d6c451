"""Laws of position by convolution: over time, and over the cells of a grid."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    ConditionalEncoding,
    ConvolutionEncoding,
    MultiHeadAttention,
    TransformerStack,
)
from tests.reference import randomise, tokens

FORMS = {
    "wav2vec2": {"kernel": 4, "groups": 2},
    "odd": {"kernel": 5, "groups": 4},
    "data2vec": {"kernel": 3, "groups": 2, "layers": 3, "form": "data2vec"},
}
forms = pytest.mark.parametrize("form", FORMS)


def over_time(form, seed=3):
    return randomise(ConvolutionEncoding(8, **FORMS[form]), seed).double()


def over_cells(shape, **options):
    return randomise(ConditionalEncoding(8, shape, **options), 3).double()


def run_by(who, encode):
    """The encoding itself, in a layer or in a stack, as x -> output."""
    if who == "the encoding":
        return encode
    if who == "a stack":
        return randomise(TransformerStack(8, 2, 2, encoding=encode), 1).double()
    layer = randomise(MultiHeadAttention(8, 2, encoding=encode), 1).double()
    return lambda x, **given_: layer(x, **given_)[0]


def changed_by(encode, x, token):
    """The tokens whose result changes when one of them does."""
    other = x.clone()
    other[:, token] += 1.0
    return (encode(other) - encode(x)).abs().amax((0, 2)).gt(1e-9).nonzero().flatten().tolist()


# Over time


@pytest.mark.parametrize(
    ("form", "reach"), [("wav2vec2", (-1, 2)), ("odd", (-2, 2)), ("data2vec", (-3, 3))]
)
def test_a_frame_reaches_its_neighbours_and_an_even_kernel_one_more_of_the_future(form, reach):
    """Kernel 4 reads t - 2 .. t + 1, so frame t reaches t - 1 .. t + 2."""
    first, last = reach
    assert changed_by(over_time(form), tokens(1, 20, 8), 10) == [*range(10 + first, 11 + last)]


@forms
def test_away_from_the_ends_it_moves_with_the_text_and_near_them_it_does_not(form):
    encode, x = over_time(form), tokens(1, 24, 8)
    moved = encode(x.roll(1, 1)).roll(-1, 1)
    torch.testing.assert_close(moved[:, 6:-6], encode(x)[:, 6:-6])
    assert (moved - encode(x))[:, 0].abs().max() > 1e-3  # zeros begin where the text does
    same = encode(x[:, :1].expand(1, 24, 8))[0]  # one word throughout
    torch.testing.assert_close(same[6:-6], same[6].expand(12, 8))
    assert (same[0] - same[6]).abs().max() > 1e-3


@forms
@settings(max_examples=10)
@given(start=st.integers(-5, 10**6))
def test_positions_say_only_that_tokens_stand_in_a_row(form, start):
    encode, x = over_time(form), tokens(2, 6, 8)
    counted = torch.arange(6) + start
    expected = encode(x)
    for positions in (counted, counted.int(), torch.stack([counted, counted - 2])):
        assert torch.equal(encode.at_embeddings(x, positions), expected)


@pytest.mark.bad_input
@forms
@pytest.mark.parametrize("positions", [[0, 2, 3], [0, 0, 1], [2, 1, 0], [[0, 1, 2], [0, 1, 3]]])
def test_tokens_out_of_order_or_with_gaps_are_refused(form, positions):
    with pytest.raises(ValueError, match=r"ConvolutionEncoding: positions = -?\d .*steps of 1"):
        over_time(form).at_embeddings(tokens(2, 3, 8), torch.tensor(positions))


def test_the_magnitude_alone_sets_the_norm_of_each_tap():
    encode = over_time("wav2vec2")
    weight = encode.weights(torch.float64)[0]
    norms = weight.norm(dim=(0, 1), keepdim=True)
    torch.testing.assert_close(norms, encode.magnitude[0].abs())
    encode.direction[0].data *= 7.0
    torch.testing.assert_close(encode.weights(torch.float64)[0], weight)
    fresh = ConvolutionEncoding(8, kernel=4, groups=2)
    torch.testing.assert_close(fresh.weights(torch.float32)[0], fresh.direction[0])


# Padding: zero before anything is added, so that it reaches no real frame


@pytest.mark.parametrize("form", ["wav2vec2", "odd"])
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("poison", [5.0, float("nan")])
@pytest.mark.parametrize("who", ["the encoding", "a layer", "a stack"])
def test_padding_reaches_no_real_frame(form, side, poison, who):
    """A short clip in a batch with a long one gets what it would get alone."""
    run, x = run_by(who, over_time(form)), tokens(2, 9, 8)
    real = slice(3, 9) if side == "before" else slice(0, 6)
    padding = torch.ones(2, 9, dtype=torch.bool)
    padding[0] = False
    padding[0, real] = True
    filled = x.masked_fill(~padding[..., None], poison)
    together = run(filled, padding=padding)
    torch.testing.assert_close(together[:1, real], run(x[:1, real]))
    torch.testing.assert_close(together[1:], run(x[1:]))
    if poison == 5.0 and who == "the encoding":
        assert (run(filled)[:1, real] - run(x[:1, real])).abs().max() > 1e-3  # it would have


def test_what_data2vec_adds_near_padding_is_not_what_it_adds_near_an_end():
    """Its second convolution reads what the first wrote into the padding, as the released code
    has it: what stood there does not matter, but that there is padding does."""
    encode, x = over_time("data2vec"), tokens(1, 9, 8)
    padding = torch.arange(9)[None] < 6
    found = [encode(x.masked_fill(~padding[..., None], n), padding=padding) for n in (0.0, 5.0)]
    assert torch.equal(*found)
    alone = encode(x[:, :6])
    torch.testing.assert_close(found[0][:, :4], alone[:, :4])  # two convolutions reach 2 frames
    assert (found[0][:, 4:6] - alone[:, 4:]).abs().amax((0, 2)).min() > 1e-3


# Over cells


def test_a_cell_reaches_the_eight_around_it_and_the_class_token_nobody():
    encode, x = over_cells((4, 5), prefix=1), tokens(1, 21, 8)
    around = [1 + r * 5 + c for r in (0, 1, 2) for c in (1, 2, 3)]
    assert changed_by(encode, x, 1 + 1 * 5 + 2) == around
    assert changed_by(encode, x, 0) == [0]
    assert torch.equal(encode(x)[:, 0], x[:, 0])
    corner = changed_by(encode, x, 1)
    assert corner == [1, 2, 6, 7]  # and not the end of the row before


def test_the_middle_of_an_even_picture_is_even_and_its_edges_are_not():
    encode, x = over_cells((5, 6)), tokens(1, 1, 8).expand(1, 30, 8)
    found = encode(x).unflatten(1, (5, 6))[0]
    torch.testing.assert_close(found[1:-1, 1:-1], found[2, 2].expand(3, 4, 8))
    corners = found[[0, 0, 4, 4], [0, 5, 0, 5]]
    assert len({tuple(corner.tolist()) for corner in corners}) == 4
    assert (corners - found[2, 2]).abs().amax(-1).min() > 1e-3


@settings(max_examples=10)
@given(order=st.permutations(range(12)), left_out=st.integers(0, 4))
def test_cells_may_come_in_any_order_and_one_without_a_token_counts_as_zero(order, left_out):
    encode, x = over_cells((3, 4)), tokens(2, 12, 8)
    kept = torch.tensor(order[left_out:])
    with_zeros = torch.zeros_like(x)
    with_zeros[:, kept] = x[:, kept]
    expected = encode(with_zeros)[:, kept]
    torch.testing.assert_close(encode(x[:, kept], kept), expected)
    rows = torch.stack([kept, kept.flip(0)])
    both = encode(torch.stack([x[0, kept], x[1, kept.flip(0)]]), rows)
    torch.testing.assert_close(both, torch.stack([expected[0], expected[1].flip(0)]))


def test_a_larger_picture_has_the_same_filters():
    small, x = over_cells((3, 4), prefix=1), tokens(1, 1 + 35, 8)
    large = small.resized((5, 7))
    assert large.weight is small.weight and large.prefix == 1
    inside = x[:, 1:].unflatten(1, (5, 7))[:, :3, :4].flatten(1, 2)
    part = small(torch.cat([x[:, :1], inside], 1))[:, 1:].unflatten(1, (3, 4))
    whole = large(x)[:, 1:].unflatten(1, (5, 7))
    torch.testing.assert_close(part[:, :2, :3], whole[:, :2, :3])  # where no edge is near


@pytest.mark.parametrize("who", ["a layer", "a stack"])
def test_a_padded_cell_is_a_cell_without_a_token(who):
    encode, x = over_cells((2, 3)), tokens(1, 6, 8)
    kept, padding = torch.tensor([0, 1, 3, 4, 5]), torch.ones(1, 6, dtype=torch.bool)
    padding[:, 2] = False
    run = run_by(who, encode)
    found = run(x.masked_fill(~padding[..., None], float("nan")), padding=padding)[:, kept]
    torch.testing.assert_close(found, run(x[:, kept], positions=kept))


@pytest.mark.bad_input
def test_two_tokens_in_one_cell_are_refused():
    encode = over_cells((2, 3))
    with pytest.raises(ValueError, match=r"ConditionalEncoding: positions = 4 .*of its own"):
        encode(tokens(2, 3, 8), torch.tensor([[0, 1, 2], [4, 0, 4]]))
    with pytest.raises(ValueError, match=r"positions = 6 .* 6 cells"):
        encode(tokens(1, 7, 8))
    with pytest.raises(ValueError, match=r"padding\.shape = \(2, 4\)"):
        over_time("odd")(tokens(2, 3, 8), padding=torch.ones(2, 4, dtype=torch.bool))


def test_padding_of_a_context_is_zero_before_it_is_convolved():
    torch.manual_seed(0)
    layer = MultiHeadAttention(8, 2, encoding=ConvolutionEncoding(8, kernel=4, groups=2)).double()
    x, context = torch.randn(1, 3, 8).double(), torch.randn(1, 6, 8).double()
    expected = layer(x, context[:, :4])[0]
    found = layer(x, context, padding=torch.arange(6)[None] < 4)[0]
    torch.testing.assert_close(found, expected)
