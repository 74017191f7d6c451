"""FIRE: a small network reads the distance as a share of the text so far, and gives the bias.

    x_ij = psi(i - j) / psi(max(i, L)),     psi(x) = log(1 + c x)
    scores_ij = q_i . k_j / sqrt(head_dim) + f_h(x_ij),     f = Linear(1, 32), ReLU, Linear(32, H)

for j <= i, head h of H, the query at position i counted from 0, and a threshold L. The farthest
key a query can see has x = 1 whatever the length, so a longer text brings no input the network has
not met ("progressive interpolation"). The threshold L keeps short texts from being stretched over
the whole range. c, L and f are trained.

Source: Li et al. 2023, "Functional Interpolation for Relative Positions Improves Long Context
Transformers", section 3 and the code in its appendix.

The traps: FIRE is not a function of distance. It is while i <= L, and stops being one where
i > L: move the whole text and the scores change. i is the position, from 0. And c or L that
training takes below zero: here both are a start times exp(a trained number), which stays positive
(the published code takes the absolute value, and adds 1e-6 to the divisor, which cannot be zero
here).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.doors import KeyPositions, QueryPositions
from posenc_lib.base.float64 import as_float64
from posenc_lib.base.places import Places
from posenc_lib.base.precision import weights_of, wide, without_autocast
from posenc_lib.base.registry_entry import SAME, RegistryEntry
from posenc_lib.base.relative import relative_positions
from posenc_lib.scores.distance_bias import DistanceBias

_FARTHEST = 1e100
_RANGE = {"above": 0.0, "at_least": 1e-100, "below": _FARTHEST}  # of c and L: c L is no 0


def fire_input(
    query_positions: QueryPositions,
    key_positions: KeyPositions,
    c: float | Float[Tensor, ""],
    threshold: float | Float[Tensor, ""],
) -> Float64[Tensor, "*batch query key"]:
    """log(1 + c (i - j)) / log(1 + c max(i, threshold)), (query, key), float64.

    Between 0 (the query itself) and 1 for positions from 0 on. Keys after the query, which a
    causal mask shuts out, count as distance 0.

    Raises ValueError for c, threshold or positions past 1e100 and c or threshold below 1e-100, so
    that float64 holds their products; TypeError for positions that are not real numbers.

    Source: Li et al. 2023, section 3.

    >>> fire_input(torch.tensor([0, 3]), torch.tensor([0, 3]), c=1.0, threshold=1.0)
    tensor([[0., 0.],
            [1., 0.]], dtype=torch.float64)
    """
    c, threshold = _positive("c", c), _positive("threshold", threshold)
    for argument, at in (("query_positions", query_positions), ("key_positions", key_positions)):
        validation.distances("fire_input", argument, at, most=_FARTHEST)
        validation.positions("fire_input", argument, at, length=at.shape[-1] if at.ndim else 1)
    past = (-relative_positions(query_positions, key_positions)).double()
    longest = query_positions.double()[..., :, None].clamp(min=threshold)
    return torch.log1p(c * past.clamp(min=0)) / torch.log1p(c * longest)


class FireBias(DistanceBias):
    """f_h(psi(i - j) / psi(max(i, L))) added to the scaled scores; psi(x) = log(1 + c x).

    f is Linear(1, hidden), ReLU, Linear(hidden, heads). c and L start at `c` and `threshold` and
    are these times exp(log_c), exp(log_threshold), trained from 0. For causal layers only. For
    queries at positions up to L the network runs once for each distance; past L it runs for each
    pair and needs query * key * hidden numbers. Made to go on past the trained length.

    Raises ValueError for sizes below 1, c or threshold outside 1e-100 .. 1e100.

    Source: Li et al. 2023, section 3; c = 0.1 and L = 512 are the starts in its appendix.

    >>> fire = FireBias(heads=2)
    >>> fire.by_distance(torch.arange(-4, 1)).shape, fire.threshold.item()
    (torch.Size([2, 5]), 512.0)
    """

    causal_only = True

    def __init__(
        self, heads: int, *, hidden: int = 32, c: float = 0.1, threshold: float = 512.0
    ) -> None:
        super().__init__()
        self.heads = validation.size("FireBias", "heads", heads)
        self.hidden = validation.size("FireBias", "hidden", hidden)
        self._first_c = validation.real("FireBias", "c", c, **_RANGE)
        self._first_threshold = validation.real("FireBias", "threshold", threshold, **_RANGE)
        self.log_c = nn.Parameter(torch.zeros(()))
        self.log_threshold = nn.Parameter(torch.zeros(()))
        self.inner, self.outer = nn.Linear(1, self.hidden), nn.Linear(self.hidden, self.heads)

    @property
    def c(self) -> Float64[Tensor, ""]:
        """The rate inside the logarithm, above 0."""
        return self._first_c * as_float64(self.log_c).exp()

    @property
    def threshold(self) -> Float64[Tensor, ""]:
        """L, in positions, above 0."""
        return self._first_threshold * as_float64(self.log_threshold).exp()

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """The bias at a distance j - i for queries at positions of at most L."""
        validation.distances("FireBias", "distance", distance, most=_FARTHEST)
        past = -distance.double()
        x = torch.log1p(self.c * past.clamp(min=0)) / torch.log1p(self.c * self.threshold)
        return self._network(x)

    def by_pair(
        self, query_positions: QueryPositions, key_positions: KeyPositions
    ) -> Float[Tensor, "#heads *batch query key"]:
        """The bias of each head for each pair, at any positions."""
        return self._network(fire_input(query_positions, key_positions, self.c, self.threshold))

    def follows_diagonals(self, places: Places) -> bool:
        """Whether distances alone are enough for positions in a row: none is past L."""
        return validation.readable(self.log_threshold) and bool(
            (as_float64(places.query[..., -1]) <= self.threshold).all()
        )

    def _network(self, x: Tensor) -> Tensor:
        """f of numbers of any shape, the heads first; float32 at least, also under autocast."""
        inner, outer = weights_of(self.inner), weights_of(self.outer)
        dtype = wide(inner[0])
        (into, start), (out, end) = ([part.to(dtype) for part in pair] for pair in (inner, outer))
        with without_autocast(x):
            hidden = (x.to(into.device, dtype)[..., None] * into[:, 0] + start).relu()
            bias = hidden @ out.T + end
        return bias.movedim(-1, 0)

    def extra_repr(self) -> str:
        return (
            f"heads={self.heads}, hidden={self.hidden}, c={self._first_c:g}, "
            f"threshold={self._first_threshold:g}"
        )


def _positive(argument: str, value: float | Tensor) -> float | Tensor:
    if isinstance(value, Tensor) and not validation.readable(value):
        return value
    number = value.detach() if isinstance(value, Tensor) else value
    validation.real("fire_input", argument, number, **_RANGE)
    return value


ENTRIES = [
    RegistryEntry(
        name="fire",
        title="FIRE",
        cls=FireBias,
        sizes=("heads",),
        defaults={"hidden": 32},
        parameters="2 * hidden + hidden * heads + heads + 2",
        causal_only=True,
        depends_on="distance, and past the threshold the position of the query",
        longer=SAME,
        source="Li et al. 2023, section 3",
    ),
]
