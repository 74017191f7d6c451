"""Faults of rotary position: layouts, axes, values, scaling, decoding.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from posenc_lib.base.angles import frequencies64
from posenc_lib.base.draws import own_draws
from posenc_lib.faults.exhibit import exhibit
from posenc_lib.layers.dot_product import attention
from posenc_lib.layers.kv_cache import KeyValueCache
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.rotation import rotate
from posenc_lib.rotary.yarn import yarn_frequencies


def angles_of(positions: Tensor, head_dim: int) -> Tensor:
    """position * w_i, (length, pairs), in radians."""
    return torch.outer(positions.double(), frequencies64(head_dim, 10000.0))


Turn = Callable[[Float[Tensor, "length head_dim"], Int[Tensor, " length"]], Tensor]


def keeps_norms(turn: Turn) -> bool:
    """A rotation makes no vector longer or shorter."""
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    return torch.allclose(turn(x, torch.arange(50)).norm(dim=-1), x.norm(dim=-1), atol=1e-4)


def rope(
    x: Float[Tensor, "length head_dim"], positions: Int[Tensor, " length"]
) -> Float[Tensor, "length head_dim"]:
    """The rotation as it should be: angles and pairs in one layout."""
    return rotate(x, angles_of(positions, x.shape[-1]))


@exhibit(right=rope, law=keeps_norms)
def mixed_layouts(
    x: Float[Tensor, "length head_dim"], positions: Int[Tensor, " length"]
) -> Float[Tensor, "length head_dim"]:
    """Wrong: angles laid out for halves (a b a b), features paired as neighbours.

    The two features of a pair turn by different angles, which is no rotation. Right: angles and
    pairs in one layout. Caught by `keeps_norms`.

    >>> mixed_layouts(torch.ones(1, 4), torch.tensor([1])).norm()  # before: 2
    tensor(1.4904)
    """
    angle = angles_of(positions, x.shape[-1])
    angle = torch.cat([angle, angle], dim=-1).float()  # as for halves
    partner = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2)  # as for neighbours
    return x * angle.cos() + partner * angle.sin()


Turned = Callable[[Float[Tensor, "batch heads length head_dim"]], Tensor]


def positions_differ_heads_do_not(turn: Turned) -> bool:
    """One vector at every place: it comes out different along positions, equal along heads."""
    turned = turn(torch.ones(1, 2, 5, 8))[0]
    return torch.equal(turned[0], turned[1]) and len(turned[0].unique(dim=0)) == 5


def _along_positions(
    x: Float[Tensor, "batch heads length head_dim"],
) -> Float[Tensor, "batch heads length head_dim"]:
    return rotate(x, angles_of(torch.arange(x.shape[2]), x.shape[-1]))


@exhibit(right=_along_positions, law=positions_differ_heads_do_not)
def turned_by_the_head(
    x: Float[Tensor, "batch heads length head_dim"],
) -> Float[Tensor, "batch heads length head_dim"]:
    """Wrong: positions are counted along axis 1, which is heads by now.

    Written for (batch, length, heads, head_dim). A head turns all its queries and keys by one
    angle, and q . k does not change at all: the layer is blind. Right: axis 2 here; better, take
    positions as given. Caught by `positions_differ_heads_do_not`.

    >>> turned_by_the_head(torch.ones(1, 2, 3, 2))[0, 1].round(decimals=2)
    tensor([[-0.3000,  1.3800],
            [-0.3000,  1.3800],
            [-0.3000,  1.3800]])
    """
    angle = angles_of(torch.arange(x.shape[1]), x.shape[-1])
    return rotate(x, angle[:, None].expand(-1, x.shape[2], -1))


Attend = Callable[[Tensor, Int[Tensor, " length"]], Float[Tensor, "length head_dim"]]


def place_alone_changes_nothing(attend: Attend) -> bool:
    """Moving all positions by 100 leaves the output where it was."""
    x = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    here, there = attend(x, torch.arange(6)), attend(x, torch.arange(6) + 100)
    return torch.allclose(here, there, atol=1e-4)


def _values_still(
    x: Float[Tensor, "length head_dim"], positions: Int[Tensor, " length"]
) -> Float[Tensor, "length head_dim"]:
    turned = rope(x, positions)
    return attention(turned, turned, x)[0]


@exhibit(right=_values_still, law=place_alone_changes_nothing)
def values_turned(
    x: Float[Tensor, "length head_dim"], positions: Int[Tensor, " length"]
) -> Float[Tensor, "length head_dim"]:
    """Wrong: the values are turned as well, so where a sentence stands leaks into the output.

    Right: queries and keys only. Caught by `place_alone_changes_nothing`.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> values_turned(x, torch.tensor([0])), values_turned(x, torch.tensor([3]))
    (tensor([[1., 0.]]), tensor([[-0.9900,  0.1411]]))
    """
    turned = rope(x, positions)
    return attention(turned, turned, turned)[0]


Scaled = Callable[[int, float, int], Float[Tensor, " pairs"]]


def fast_pairs_are_kept(scaled: Scaled) -> bool:
    """Factor 4: the fastest pair as before, the slowest four times slower."""
    ratio = scaled(64, 4.0, 2048) / frequencies64(64, 10000.0)
    return bool(ratio[0] == 1.0 and ratio[-1] == 0.25)


@exhibit(right=yarn_frequencies, law=fast_pairs_are_kept)
def yarn_reversed(rotary_dim: int, factor: float, trained: int) -> Float[Tensor, " pairs"]:
    """Wrong: gamma and 1 - gamma are swapped: fast pairs are slowed, slow ones kept.

    Right: (1 - gamma) w / s + gamma w, gamma = 1 for pairs that turn often. Caught by
    `fast_pairs_are_kept`.

    >>> yarn_reversed(8, 4.0, 4096) / frequencies64(8, 10000.0)
    tensor([0.2500, 0.2500, 0.8665, 1.0000], dtype=torch.float64)
    """
    w = frequencies64(rotary_dim, 10000.0)
    turns = trained * w / (2 * math.pi)
    gamma = ((turns - 1) / (32 - 1)).clamp(0, 1)
    return gamma * w / factor + (1 - gamma) * w


Decode = Callable[[MultiHeadAttention, Float[Tensor, "batch length dim"]], Tensor]


@own_draws()
def decoding_equals_one_pass(decode: Decode) -> bool:
    """Token by token with a cache gives what one causal pass over the text gives."""
    layer = MultiHeadAttention(16, 2, encoding=RotaryEncoding(8), causal=True)
    x = torch.randn(1, 6, 16)
    with torch.no_grad():
        return torch.allclose(decode(layer, x), layer(x)[0], atol=1e-5)


def _counted_on(
    layer: MultiHeadAttention, x: Float[Tensor, "batch length dim"]
) -> Float[Tensor, "batch length dim"]:
    cache = KeyValueCache()
    return torch.cat([layer(token, cache=cache)[0] for token in x.split(1, dim=1)], dim=1)


@exhibit(right=_counted_on, law=decoding_equals_one_pass)
def decoded_at_zero(
    layer: MultiHeadAttention, x: Float[Tensor, "batch length dim"]
) -> Float[Tensor, "batch length dim"]:
    """Wrong: each new token is one token long, so its position is taken as 0.

    Right: the number of tokens before it. Caught by `decoding_equals_one_pass`.

    >>> layer = MultiHeadAttention(4, 1, encoding=RotaryEncoding(4), causal=True)
    >>> decoded_at_zero(layer, torch.zeros(1, 3, 4)).shape
    torch.Size([1, 3, 4])
    """
    cache, zero = KeyValueCache(), torch.tensor([0])
    steps = [layer(token, cache=cache, positions=zero)[0] for token in x.split(1, dim=1)]
    return torch.cat(steps, dim=1)
