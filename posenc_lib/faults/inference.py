"""Faults of inference stacks: padding, a bias beside a cache, converted weights, pictures.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from posenc_lib.base.batches import padded_positions
from posenc_lib.base.draws import own_draws
from posenc_lib.base.relative import relative_positions
from posenc_lib.convert.rope_layout import change_rope_layout
from posenc_lib.faults.exhibit import exhibit
from posenc_lib.rotary.multimodal_positions import multimodal_positions
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.scores.t5 import T5Bias

Count = Callable[[Bool[Tensor, "batch length"]], Int[Tensor, "batch length"]]


def padding_moves_nobody(count: Count) -> bool:
    """The tokens of a text stand at 0, 1, 2 ... with padding before it as without."""
    real = torch.tensor([[False, False, True, True, True], [True, True, True, True, True]])
    return count(real)[0, 2:].tolist() == [0, 1, 2] and count(real)[1].tolist() == [*range(5)]


@exhibit(right=padded_positions, law=padding_moves_nobody)
def padding_counted(real: Bool[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
    """Wrong: positions count the columns of the batch, padding included.

    A table looks up other rows then. RoPE forgives it up to rounding, as long as *all* tokens are
    counted so: `decoded_by_column` is where it does not. Right: the number of real tokens before.
    Caught by `padding_moves_nobody`.

    >>> padding_counted(torch.tensor([[False, False, True, True]]))
    tensor([[0, 1, 2, 3]])
    """
    return torch.arange(real.shape[1]).expand(real.shape)


Bias = Callable[[T5Bias, int, int], Float[Tensor, "heads query key"]]


@own_draws()
def newest_row_is_the_last(bias: Bias) -> bool:
    """The bias of the newest token beside a cache is the last row of the whole text's bias."""
    t5 = T5Bias(2, bidirectional=False)
    with torch.no_grad():
        return torch.equal(bias(t5, 1, 6)[:, 0], bias(t5, 6, 6)[:, -1])


def _from_the_end(t5: T5Bias, queries: int, keys: int) -> Float[Tensor, "heads query key"]:
    return t5.by_distance(relative_positions(queries, keys, offset=keys - queries))


@exhibit(right=_from_the_end, law=newest_row_is_the_last)
def bias_from_zero(t5: T5Bias, queries: int, keys: int) -> Float[Tensor, "heads query key"]:
    """Wrong: beside a cache the newest query is taken for the first, so T5's bias is that of row 0.

    All keys but the first then lie in the future, whose bucket a causal layer shares with
    distance 0. Right: the queries stand at the end, `offset = keys - queries`. Caught by
    `newest_row_is_the_last`.

    >>> t5 = T5Bias(1, bidirectional=False)
    >>> t5.weight = torch.nn.Parameter(torch.arange(32.0)[:, None], requires_grad=False)
    >>> bias_from_zero(t5, 1, 4), bias_from_zero.right(t5, 1, 4)
    (tensor([[[0., 0., 0., 0.]]]), tensor([[[3., 2., 1., 0.]]]))
    """
    return t5.by_distance(relative_positions(queries, keys))


Convert = Callable[[Float[Tensor, "rows dim"], int, int], Float[Tensor, "rows dim"]]


def products_survive(convert: Convert) -> bool:
    """Keys made with converted rows, turned in the other layout, have the products of before."""
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    for heads, key_heads in ((64, 8), (4, 4), (32, 4)):
        rows = torch.randn(key_heads * 8, 4, generator=torch.Generator().manual_seed(1))
        before = _turned_products(x, rows, key_heads, "interleaved")
        after = _turned_products(x, convert(rows, heads, key_heads), key_heads, "half")
        if not torch.allclose(before, after, atol=1e-4):
            return False
    return True


def _turned_products(
    x: Float[Tensor, "length dim"], rows: Float[Tensor, "rows dim"], heads: int, layout: str
) -> Float[Tensor, "heads length length"]:
    keys = (x @ rows.T).unflatten(1, (heads, -1)).transpose(0, 1)  # (heads, length, head_dim)
    turned = RotaryEncoding(keys.shape[-1], layout=layout).turn(keys[None], torch.arange(len(x)))[0]
    return turned @ turned.mT


def _by_key_head(
    rows: Float[Tensor, "rows dim"], heads: int, key_heads: int
) -> Float[Tensor, "rows dim"]:
    return change_rope_layout(rows, key_heads, to="half")


@exhibit(right=_by_key_head, law=products_survive)
def permuted_by_group(
    rows: Float[Tensor, "rows dim"], heads: int, key_heads: int
) -> Float[Tensor, "rows dim"]:
    """Wrong: with grouped queries, the rows of W_k are reordered in heads / key_heads blocks.

    That many queries share a key head; the rows hold key_heads heads. Where both numbers are 8, as
    in a model with 64 and 8 heads, nobody notices. Right: as many blocks as key heads. Caught by
    `products_survive`, which tries 32 and 4 as well.

    >>> permuted_by_group(torch.arange(8.0)[:, None], 2, 1).flatten()
    tensor([0., 2., 1., 3., 4., 6., 5., 7.])
    >>> permuted_by_group.right(torch.arange(8.0)[:, None], 2, 1).flatten()
    tensor([0., 2., 4., 6., 1., 3., 5., 7.])
    """
    blocks = heads if heads == key_heads else heads // key_heads
    return change_rope_layout(rows, blocks, to="half")


Places = Callable[[Sequence[int | tuple[int, int]]], Int[Tensor, "length 3"]]


def every_picture_is_a_grid(places: Places) -> bool:
    """A word, a picture, a word, the same picture: both pictures look alike from their corner."""
    at = places([1, (2, 3), 1, (2, 3), 1])
    one, other = at[1:7], at[8:14]
    return torch.equal(one - one[0], other - other[0])


def _all_pictures(segments: Sequence[int | tuple[int, int]]) -> Int[Tensor, "length 3"]:
    return multimodal_positions(segments).positions


@exhibit(right=_all_pictures, law=every_picture_is_a_grid)
def first_picture_only(segments: Sequence[int | tuple[int, int]]) -> Int[Tensor, "length 3"]:
    """Wrong: M-RoPE finds the first picture, and counts those after it as text.

    Nothing fails, and a prompt with one picture is right. Right: a grid for each. Caught by
    `every_picture_is_a_grid`.

    >>> first_picture_only([(1, 2), (1, 2)]).tolist()
    [[0, 0, 0], [0, 0, 1], [2, 2, 2], [3, 3, 3]]
    """
    first = next((n for n, part in enumerate(segments) if not isinstance(part, int)), None)
    flat = [
        part if isinstance(part, int) or n == first else part[0] * part[1]
        for n, part in enumerate(segments)
    ]
    return multimodal_positions(flat).positions
