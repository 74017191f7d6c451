"""What a trained reader makes of a row of words in another order.

    natural(x) = softmax(logits)[0]        class 0 of `word_order`: the words stand as they were
    change     = max over rows, orders and outputs of |f(x[order]) - f(x)|

Source: our own; that attention without position ignores a permutation follows from Vaswani et al.
2017, section 3.5.

The trap: calling a model blind because its guesses agree. Two logits may differ by much and name
the same class; blind means that the logits agree, for every weight.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments.parts.transformer import TinyTransformer

STANDS, REVERSED, SWAPPED, SHUFFLED = "as it stands", "reversed", "two swapped", "shuffled"
ORDERS = (STANDS, REVERSED, SWAPPED, SHUFFLED)


def orders(length: int, first: int, second: int, seed: int) -> Int64[Tensor, "4 {length}"]:
    """Four orders of `length` words, as in `ORDERS`: row r holds the old place of each word.

    As it stands, reversed, with the words at places `first` and `second` swapped, and shuffled
    with a seed.

    Raises ValueError for a length below 1, a place that does not exist and a negative seed;
    TypeError for numbers that are not whole.

    >>> orders(3, 0, 1, seed=0)[:3].tolist()
    [[0, 1, 2], [2, 1, 0], [1, 0, 2]]
    """
    stands = torch.arange(validation.size("orders", "length", length))
    swapped = stands.clone()
    for name, place in (("first", first), ("second", second)):
        if validation.size("orders", name, place, minimum=0) >= length:
            raise validation.refuse(
                ValueError, "orders", name, place, f"a place from 0 to {length - 1}",
                f"There are {length} words.",
            )  # fmt: skip
    swapped[[first, second]] = swapped[[second, first]]
    seed = validation.size("orders", "seed", seed, minimum=0)
    shuffled = torch.randperm(length, generator=torch.Generator().manual_seed(seed))
    return torch.stack((stands, stands.flip(0), swapped, shuffled))


@torch.no_grad()
def natural(model: Callable[[Tensor], Tensor], x: Int64[Tensor, "rows words"]) -> Tensor:
    """The probability that a trained model gives to "the words stand as they were", (rows,).

    Raises like the model.

    >>> natural(lambda x: torch.zeros(len(x), 2), torch.tensor([[3, 1, 4]]))
    tensor([0.5000])
    """
    return model(x).softmax(-1)[:, 0]


@torch.no_grad()
def largest_change(
    model: Callable[[Tensor], Tensor],
    x: Int64[Tensor, "rows words"],
    orders: Int64[Tensor, "orders words"],
) -> float:
    """How much any output changes when the words of any row are put into any of the orders.

    0, up to rounding, is what "blind to these orders" means.

    Raises like the model, and like torch for orders that do not fit.

    >>> bag = lambda x: x.float().mean(1, keepdim=True)
    >>> largest_change(bag, torch.tensor([[3, 1, 4]]), torch.tensor([[2, 1, 0]]))
    0.0
    """
    still = model(x)
    return max(float((model(x[:, order]) - still).abs().max()) for order in orders)


@torch.no_grad()
def first_weights(
    model: TinyTransformer, x: Int64[Tensor, "1 words"]
) -> Float[Tensor, "heads words words"]:
    """The attention weights of the first layer for one row of words, a matrix a head.

    Raises like the model.

    >>> made = TinyTransformer(vocabulary=9, outputs=2, dim=8, heads=2, layers=1)
    >>> first_weights(made, torch.tensor([[3, 1, 4]])).sum(-1).round()
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    positions = torch.arange(x.shape[1])
    layer = model.layers[0]
    hidden = model.at_start.at_embeddings(model.embed(x), positions)  # (1, words, dim)
    return layer.attention(layer.norms[0](hidden), positions=positions)[1][0]
