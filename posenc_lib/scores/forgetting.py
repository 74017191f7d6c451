"""Forgetting Transformer: each token says how much of what came before it is to be forgotten.

    f_t = sigmoid(w . x_t + b)                                for each head, from the layer's input
    scores_ij = q_i . k_j / sqrt(head_dim) + d_ij
    d_ij = log f_(j+1) + log f_(j+2) + ... + log f_i          0 for j = i

The weight of an old token is multiplied by all gates since: a gate of 1 keeps the past, a gate near
0 ends it. Were all gates alike, d would be (i - j) log f: ALiBi with the slope -log f. So this is
an ALiBi whose slope is chosen anew by every token.

Source: Lin et al. 2025, "Forgetting Transformer: Softmax Attention with a Forget Gate", section 3:
the gate of a head, and the D that is added to the scores. Nothing else of position is needed.

The traps: the gate is made of what the layer is given, not of queries or keys, so a cache has to
keep it. The usual way, one running sum F and d_ij = F_i - F_j, is one number a token, but F grows
with the text: at F = -50,000 float32 has steps of 0.004. Here each query sums back from itself, and
nearby sums stay exact. And tokens that a mask hides must not forget for those who cannot see them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    QueryPositions,
    check_from_input,
    check_prepared,
    check_same_heads,
)
from posenc_lib.base.masks import broadcastable
from posenc_lib.base.places import Places
from posenc_lib.base.precision import product
from posenc_lib.base.registry_entry import RegistryEntry


def forgetting_bias(
    log_gates: Float[Tensor, "batch heads key"],
    query_positions: QueryPositions,
    key_positions: KeyPositions,
    seen: Bool[Tensor, "..."] | None = None,
) -> Float[Tensor, "batch heads #query key"]:
    """d_ij = the sum of log f over the keys after key j, up to the query; 0 beyond the query.

    `log_gates` are log f of every key, at most 0. After and up to are said of positions; of keys at
    one position the later in the row comes after. `seen` is a boolean mask that broadcasts to
    (batch, heads, query, key): keys that it hides forget nothing.

    Raises ValueError for positions that do not fit the gates, TypeError for integer gates.

    Source: Lin et al. 2025, section 3.

    >>> log_gates = torch.tensor([[[-9.0, -1.0, -2.0]]])  # the first has nothing to forget
    >>> forgetting_bias(log_gates, torch.arange(3), torch.arange(3))[0, 0]
    tensor([[ 0.,  0.,  0.],
            [-1.,  0.,  0.],
            [-3., -2.,  0.]])
    """
    name = "forgetting_bias"
    validation.floating(name, "log_gates", log_gates, axes="batch heads key")
    batch, heads, keys = log_gates.shape
    validation.tensor(name, "query_positions", query_positions)
    queries = query_positions.shape[-1] if query_positions.ndim else 1
    validation.positions(name, "query_positions", query_positions, length=queries, batch=batch)
    validation.positions(name, "key_positions", key_positions, length=keys, batch=batch)
    if seen is not None:
        validation.boolean(name, "seen", seen)
        broadcastable(name, "seen", seen, torch.Size((batch, heads, queries, keys)))
    places = Places.given(query_positions, key_positions, key_positions, causal=True)
    return _summed(log_gates, PreparedOrder.of(places), seen)


class PreparedOrder(NamedTuple):
    """What the sums need: the keys that each query may count, and the keys in their order.

    `past` is None where every query sees every key; `order` sorts the keys by their positions and
    `back` undoes it, both None where they stand in a row.
    """

    places: Places
    past: Tensor | None
    order: Tensor | None
    back: Tensor | None

    @classmethod
    def of(cls, places: Places) -> PreparedOrder:
        """Found once for all layers."""
        order = places.once("order of keys", lambda: _order(places))
        return cls(places, places.masked(True, None).seen, *order)


def _order(places: Places) -> tuple[Tensor | None, Tensor | None]:
    """The order of the keys, (key,) or (batch, 1, 1, key), and the way back."""
    if places.offset is not None:
        return None, None
    order = places.key.argsort(dim=-1, stable=True)
    both = order, order.argsort(dim=-1)
    return both if order.ndim == 1 else (both[0][:, None, None], both[1][:, None, None])


def _summed(log_gates: Tensor, prepared: PreparedOrder, seen: Tensor | None) -> Tensor:
    """`forgetting_bias` of checked input."""
    terms = log_gates[:, :, None, :]
    for part in (prepared.past, seen):
        if part is not None:
            terms = torch.where(part, terms, 0.0)
    if prepared.order is not None:
        terms = terms.gather(-1, prepared.order.expand_as(terms))
    sums = terms.flip(-1).cumsum(-1).flip(-1)  # from key j to the last
    sums = F.pad(sums, (0, 1))[..., 1:]  # key j does not forget itself
    return sums if prepared.back is None else sums.gather(-1, prepared.back.expand_as(sums))


class ForgettingBias(PositionEncoding):
    """d_ij, the sum of log f_t over the tokens t after j up to i, added to the scaled scores.

    f_t = sigmoid(weight x_t + bias) for each head, x_t being the layer's input, of dim features.
    `weight` is (heads, dim), N(0, 0.02) at the start, `bias` (heads,), `start` at the start: with
    0 every token forgets half, with 4 about 2 %. For causal layers only. A cache keeps log f.

    Raises ValueError for sizes below 1 and for input of another dim or number of heads.

    Source: Lin et al. 2025, section 3.

    >>> forget = ForgettingBias(dim=4, heads=2)
    >>> _ = forget.weight.data.zero_()  # all tokens alike: ALiBi with the slope log 2
    >>> x, q, positions = torch.ones(1, 3, 4), torch.ones(1, 2, 3, 2), torch.arange(3)
    >>> log_gates = forget.from_input(x)
    >>> forget.at_scores(q, q, positions, positions, from_input=log_gates)[0, 0, 2]
    tensor([-1.3863, -0.6931,  0.0000], grad_fn=<SelectBackward0>)
    """

    door = Door.SCORES
    causal_only = True
    needs_seen = True
    needs_input = True

    def __init__(self, dim: int, heads: int, *, start: float = 0.0) -> None:
        super().__init__()
        self.dim = validation.size("ForgettingBias", "dim", dim)
        self.heads = validation.size("ForgettingBias", "heads", heads)
        start = validation.real("ForgettingBias", "start", start, above=-1e4, below=1e4)
        self.weight = nn.Parameter(torch.randn(self.heads, self.dim) * 0.02)
        self.bias = nn.Parameter(torch.full((self.heads,), start))

    def prepare(self, places: Places) -> tuple[PreparedOrder, None, PreparedOrder]:
        """What may be counted, and in which order."""
        prepared = PreparedOrder.of(places)
        return prepared, None, prepared

    def from_input(
        self, x: Float[Tensor, "batch length dim"]
    ) -> Float[Tensor, "batch heads length"]:
        """log f of each head and token, in float32 at least, also under autocast."""
        validation.floating("ForgettingBias", "x", x, axes="batch length dim")
        validation.last_axis("ForgettingBias", "x", x, "dim", self.dim)
        return F.logsigmoid(product(x, self.weight) + self.bias).transpose(1, 2)

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedOrder,
        key_positions: KeyPositions | PreparedOrder,
        seen: Bool[Tensor, "..."] | None = None,
        from_input: Float[Tensor, "batch heads key"] | None = None,
    ) -> Float[Tensor, "batch heads #query key"]:
        """d_ij; only `seen` keys forget. `from_input` is what that method made of each key's x."""
        name = "ForgettingBias"
        for argument, x in (("query", query), ("key", key)):
            validation.floating(name, argument, x, axes=f"batch heads {argument} head_dim")
        check_same_heads(name, self.heads, query)
        prepared = query_positions
        if isinstance(prepared, PreparedOrder):
            places = prepared.places
            check_prepared(
                name, "query", query.shape[2], places.queries, query.shape[0], places.batch
            )
            check_prepared(name, "key", key.shape[2], places.keys)
            return _summed(self._log_gates(from_input, key), prepared, seen)
        validation.positions(
            name, "query_positions", prepared, length=query.shape[2], batch=query.shape[0]
        )
        keys_at: Any = key_positions  # not prepared either: `forgetting_bias` looks at it
        return forgetting_bias(self._log_gates(from_input, key), prepared, keys_at, seen)

    def _log_gates(self, made: Tensor | None, key: Tensor) -> Tensor:
        """What was made of the input, if it is one number for each head and key."""
        log_gates = check_from_input("ForgettingBias", made, key)
        validation.floating("ForgettingBias", "from_input", log_gates, axes="batch heads key")
        return log_gates

    def extra_repr(self) -> str:
        return f"dim={self.dim}, heads={self.heads}"


ENTRIES = [
    RegistryEntry(
        name="forgetting",
        title="Forgetting Transformer",
        cls=ForgettingBias,
        sizes=("dim", "heads"),
        parameters="heads * (dim + 1)",
        depends_on="what stands between query and key",
        causal_only=True,
        longer="yes: gates go on",
        source="Lin et al. 2025, section 3",
        on_panels=False,
    ),
]
