"""Sandwich: the inner product of two sinusoidal vectors as a bias on the scores, nothing to train.

    p_i . p_j   = sum_k cos((i - j) / base ** (2k / dim)),      k = 1 .. dim / 2
    scores_ij   = q_i . k_j / sqrt(head_dim) + (p_i . p_j - dim / 2) / (8 h / H)

for head h = 1 .. H of H. The inner product is largest, dim / 2, at distance 0, so the bias is a
penalty: 0 at the query itself and below 0 elsewhere, falling roughly with the logarithm of the
distance. The ratio 8 h / H compresses it, from the steepest head to the flattest.

Source: Chi et al. 2023, "Dissecting Transformer Length Extrapolation via the Lens of Receptive
Field Analysis", the section on Sandwich. The range of k and the division by 8 h / H are those of
the implementation published in NVIDIA NeMo; the paper trains it in causal models.

The traps: k runs from 1 here and from 0 in Vaswani's table, so the vectors are not rows of
`sinusoidal_table` at the same width; and only the inner product of positions is kept, the
products of words with positions that an added encoding would bring are left out.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.doors import KeyPositions, QueryPositions
from posenc_lib.base.float64 import moved
from posenc_lib.base.registry_entry import DISTANCE, SAME, RegistryEntry
from posenc_lib.scores.distance_bias import DistanceBias


def sandwich_by_distance(
    distance: Num[Tensor, "*shape"], heads: int, *, dim: int = 128, base: float = 10000.0
) -> Float64[Tensor, "#heads *shape"]:
    """(sum_k cos(distance / base ** (2k / dim)) - dim / 2) / (8 h / heads), (heads, distances).

    float64; k = 1 .. dim / 2, h = 1 .. heads. The distance 0 gives 0, every other less.

    Raises TypeError for distances that are not real numbers; ValueError for distances that are not
    finite, heads < 1, an odd dim or one below 2, and base <= 1.

    Source: Chi et al. 2023, the section on Sandwich, in the form of NVIDIA NeMo.

    >>> sandwich_by_distance(torch.tensor([0, 100]), heads=8, dim=2, base=100.0)[:2]
    tensor([[ 0.0000, -0.4597],
            [ 0.0000, -0.2298]], dtype=torch.float64)
    """
    validation.distances("sandwich_by_distance", "distance", distance)
    heads, dim, base = _settings("sandwich_by_distance", heads, dim, base)
    ratio = moved(_compression(heads), distance.device).view(-1, *[1] * distance.ndim)
    waves = moved(_frequencies(dim, base), distance.device)
    inner = (distance.double()[..., None] * waves).cos().sum(-1)
    return (inner - dim / 2) / ratio


class SandwichBias(DistanceBias):
    """(p_i . p_j - dim / 2) / (8 h / heads) added to the scaled scores; nothing is trained.

    p has `dim` features: sines and cosines of position / base ** (2k / dim), k = 1 .. dim / 2.
    `dim` is a free setting, not the width of the model; 128 in the paper. The bias is the same
    for past and future. Goes on past the trained length.

    Raises ValueError for heads < 1, an odd dim or one below 2, and base <= 1.

    Source: Chi et al. 2023, the section on Sandwich, in the form of NVIDIA NeMo.

    >>> SandwichBias(heads=8, dim=2, base=100.0).by_distance(torch.tensor([0, 100]))[0]
    tensor([ 0.0000, -0.4597], dtype=torch.float64)
    """

    def __init__(self, heads: int, *, dim: int = 128, base: float = 10000.0) -> None:
        super().__init__()
        self.heads, self.dim, self.base = _settings("SandwichBias", heads, dim, base)

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """`sandwich_by_distance` with the settings of this object."""
        return sandwich_by_distance(distance, self.heads, dim=self.dim, base=self.base)

    def by_pair(
        self, query_positions: QueryPositions, key_positions: KeyPositions
    ) -> Float[Tensor, "#heads *batch query key"]:
        """The same numbers as the inner products they are: no (query, key, dim) is made."""
        for argument, positions in (
            ("query_positions", query_positions), ("key_positions", key_positions)
        ):  # fmt: skip
            validation.tensor("SandwichBias", argument, positions)
            length = positions.shape[-1] if positions.ndim else 1
            validation.positions("SandwichBias", argument, positions, length=length)
        inner = self._vectors(query_positions) @ self._vectors(key_positions).transpose(-1, -2)
        ratio = moved(_compression(self.heads), inner.device).view(-1, *[1] * inner.ndim)
        return (inner - self.dim / 2) / ratio

    def _vectors(self, positions: Tensor) -> Tensor:
        """p of each position, (..., length, dim), float64."""
        waves = moved(_frequencies(self.dim, self.base), positions.device)
        angles = positions.double()[..., None] * waves
        return torch.cat((angles.sin(), angles.cos()), -1)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, dim={self.dim}, base={self.base:g}"


def _settings(function: str, heads: int, dim: int, base: float) -> tuple[int, int, float]:
    heads = validation.size(function, "heads", heads)
    dim = validation.size(function, "dim", dim, minimum=2)
    validation.divides(function, "one pair", 2, "dim", dim)
    return heads, dim, validation.real(function, "base", base, above=1.0)


def _frequencies(dim: int, base: float) -> Tensor:
    """1 / base ** (2k / dim) for k = 1 .. dim / 2, in radians per position."""
    return base ** (-torch.arange(2, dim + 1, 2, dtype=torch.float64) / dim)


def _compression(heads: int) -> Tensor:
    """8 h / H of each head."""
    return torch.arange(1, heads + 1, dtype=torch.float64) * 8 / heads


ENTRIES = [
    RegistryEntry(
        name="sandwich",
        title="Sandwich",
        cls=SandwichBias,
        sizes=("heads",),
        parameters="0",
        depends_on=DISTANCE,
        longer=SAME,
        source="Chi et al. 2023",
    ),
]
