"""PoPE: where a key scores best does not depend on what it says; in RoPE it does."""

import math

import pytest
import torch

from posenc_lib import (
    KeyValueCache,
    MultiHeadAttention,
    PolarEncoding,
    PositionEncoding,
    RotaryEncoding,
)
from tests.reference import randomise, tokens

HEAD_DIM, FAR = 16, 60


def by_distance(encoding, seed):
    """The scores of random contents at distances 0 .. FAR, (contents, distances)."""
    generator = torch.manual_seed(seed)
    content = torch.randn(2, 40, 1, 1, HEAD_DIM, generator=generator, dtype=torch.float64)
    query, keys = content[0], content[1].expand(-1, 1, FAR + 1, -1)
    turned = encoding.at_query(query, torch.tensor([FAR]))
    turned_keys = encoding.at_key(keys, FAR - torch.arange(FAR + 1))
    return (turned @ turned_keys.mT)[:, 0, 0]


def test_every_content_scores_best_at_the_query_itself_and_in_rope_hardly_any():
    pope = by_distance(PolarEncoding(HEAD_DIM, 1), seed=0)
    assert (pope.argmax(-1) == 0).all() and (pope[:, 0] > 0).all()
    assert (by_distance(RotaryEncoding(HEAD_DIM), seed=0).argmax(-1) == 0).float().mean() < 0.5


def test_a_shift_moves_the_best_distance_of_all_contents_to_one_place():
    """delta_c = -20 w_c: all cosines are 1 at j - i = 20."""
    pope = PolarEncoding(HEAD_DIM, 1, base=1e9).double()
    slow = pope.frequencies() * 20 < 2 * math.pi
    with torch.no_grad():
        pope.shift.copy_(torch.where(slow, -20 * pope.frequencies(), 0.0))
    query = torch.where(slow, 0.0, -60.0).double().reshape(1, 1, 1, -1)  # others have no length
    key = tokens(1, 1, HEAD_DIM)[:, None].expand(-1, -1, FAR + 1, -1)
    scores = pope.at_query(query, torch.tensor([0])) @ pope.at_key(key, torch.arange(FAR + 1)).mT
    assert int(scores.argmax()) == 20


def test_a_length_is_the_softplus_of_the_content_and_the_angle_that_of_the_position():
    pope, x = PolarEncoding(HEAD_DIM, 2), tokens(1, 2 * 5, HEAD_DIM).unflatten(1, (2, 5))
    cos, sin = pope.at_query(x, torch.arange(5) * 3).chunk(2, -1)
    torch.testing.assert_close(torch.hypot(cos, sin), x.exp().log1p())
    angle = torch.arange(5)[:, None] * 3 * pope.frequencies()
    torch.testing.assert_close(
        torch.atan2(sin, cos), torch.atan2(angle.sin(), angle.cos()).expand(1, 2, -1, -1)
    )


def test_the_shift_is_cut_to_one_turn_and_may_be_left_out():
    pope, x, at = PolarEncoding(HEAD_DIM, 1), torch.ones(1, 1, 3, HEAD_DIM), torch.arange(3)
    plain = PolarEncoding(HEAD_DIM, 1, shifted=False)
    assert torch.equal(pope.at_key(x, at), plain.at_key(x, at)) and not list(plain.parameters())
    with torch.no_grad():
        pope.shift.fill_(2.0)  # above 0: as if it were 0
    assert torch.equal(pope.at_key(x, at), plain.at_key(x, at))
    with torch.no_grad():
        pope.shift.fill_(-1.0)
    assert (pope.at_key(x, at) - plain.at_key(x, at)).abs().max() > 0.1
    assert torch.equal(pope.at_query(x, at), plain.at_query(x, at))


def test_keys_are_twice_as_wide_in_a_cache_and_values_are_not():
    layer = MultiHeadAttention(16, 4, encoding=PolarEncoding(4, 2), kv_heads=2, causal=True)
    layer, x, cache = randomise(layer, seed=0).double(), tokens(2, 6, 16), KeyValueCache()
    steps = [layer(x[:, t : t + 1], cache=cache, need_weights=False)[0] for t in range(6)]
    assert cache.key.shape == (2, 2, 6, 8) and cache.value.shape == (2, 2, 6, 4)
    torch.testing.assert_close(torch.cat(steps, 1), layer(x)[0])
    other = PolarEncoding(4, 4)
    with pytest.raises(ValueError, match=r"PolarEncoding: heads = 4 .* the heads of the keys, 2"):
        MultiHeadAttention(16, 4, encoding=other, kv_heads=2)(x.float())


@pytest.mark.bad_input
def test_a_door_that_widens_has_to_say_so():
    class Doubles(PositionEncoding):
        def at_query(self, query, positions):
            return torch.cat((query, query), -1)

        at_key = at_query

    x = torch.ones(1, 3, 8)
    with pytest.raises(ValueError, match=r"at_query: result.shape = \(1, 2, 3, 8\) .*it was given"):
        MultiHeadAttention(8, 2, encoding=Doubles())(x)
    said = type("Doubles", (Doubles,), {"widens": 2})
    assert MultiHeadAttention(8, 2, encoding=said())(x)[0].shape == (1, 3, 8)
    three = type("Doubles", (Doubles,), {"widens": 3})
    with pytest.raises(ValueError, match=r"expected \(1, 2, 3, 12\), 3 times as wide"):
        MultiHeadAttention(8, 2, encoding=three())(x)
