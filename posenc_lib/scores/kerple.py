"""KERPLE: a penalty that grows with distance as a logarithm or a power, trained for each head.

    log:    scores_ij = q_i . k_j / sqrt(head_dim) - r1 log(1 + r2 |i - j|)      r1, r2 > 0
    power:  scores_ij = q_i . k_j / sqrt(head_dim) - r1 |i - j| ** r2            0 < r2 <= 2

r1 and r2 are two trained numbers for each head. Both terms, minus sign included, are conditionally
positive definite: for numbers c_i that sum to 0, the sum of c_i c_j b_ij over all pairs is at least
0, so a constant added to the term makes it a kernel. The power with r2 = 1 is ALiBi
with trained slopes. The form is symmetric; the paper uses it in causal models.

Source: Chi et al. 2022, "KERPLE: Kernelized Relative Positional Embedding for Length
Extrapolation", section 4.

The traps: r1 or r2 that training takes below zero, so that far keys are rewarded or a logarithm
is NaN; and the gradient of |d| ** r2 by r2 at d = 0, where |d| ** r2 log |d| is 0 times infinity.

The published code sets parameters below 0.01 back to 0.01 before each use (and the exponent to 2
at most). Here r1 and r2 are smooth functions of what is trained, so they cannot leave the range
and no gradient is lost: softplus(x) = log(1 + exp(x)) for r1, r2 > 0, 2 sigmoid(x) for the
exponent, which is at most 2.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.float64 import as_float64
from posenc_lib.base.registry_entry import DISTANCE, SAME, RegistryEntry
from posenc_lib.scores.distance_bias import DistanceBias

_FARTHEST = 2.0**64  # every whole distance; a square of larger ones may leave float64
_LARGEST = validation.LARGEST_START  # of r1 and r2: float32 holds it, and so do the terms


def kerple_log(
    distance: Num[Tensor, "*shape"], r1: Float[Tensor, " heads"], r2: Float[Tensor, " heads"]
) -> Float[Tensor, "#heads *shape"]:
    """-r1 log(1 + r2 |distance|), the heads first: (heads, distances). Computed in float64.

    Raises TypeError for distances that are not real numbers and parameters that are not floats;
    ValueError for distances that are not finite or past 2 ** 64, and for parameters that are not
    one positive number of at most 1e37 for each head.

    Source: Chi et al. 2022, section 4 (the logarithmic kernel).

    >>> kerple_log(torch.tensor([-1, 0]), torch.tensor([2.0]), torch.tensor([1.0]))
    tensor([[-1.3863, -0.0000]], dtype=torch.float64)
    """
    _check_parameters("kerple_log", r1, r2, most=_LARGEST)
    return _log("kerple_log", distance, r1, r2)


def _log(function: str, distance: Tensor, r1: Tensor, r2: Tensor) -> Tensor:
    """`kerple_log` of parameters that are in range."""
    steps, r1, r2 = _in_float64(function, distance, r1, r2)
    return -r1 * torch.log1p(r2 * steps)


def kerple_power(
    distance: Num[Tensor, "*shape"], r1: Float[Tensor, " heads"], r2: Float[Tensor, " heads"]
) -> Float[Tensor, "#heads *shape"]:
    """-r1 |distance| ** r2, the heads first: (heads, distances). Computed in float64.

    Raises TypeError for distances that are not real numbers and parameters that are not floats;
    ValueError for distances that are not finite or past 2 ** 64, and for parameters that are not
    one positive number for each head, r1 of at most 1e37 and r2 of at most 2.

    Source: Chi et al. 2022, section 4 (the power kernel).

    >>> kerple_power(torch.tensor([-4, 0]), torch.tensor([2.0]), torch.tensor([0.5]))
    tensor([[-4., -0.]], dtype=torch.float64)
    """
    _check_parameters("kerple_power", r1, r2, most=2.0)
    return _power("kerple_power", distance, r1, r2)


def _power(function: str, distance: Tensor, r1: Tensor, r2: Tensor) -> Tensor:
    """`kerple_power` of parameters that are in range."""
    steps, r1, r2 = _in_float64(function, distance, r1, r2)
    # 0 ** r2 is 0 for every r2 > 0; put in by hand, no gradient meets log 0.
    power = torch.where(steps > 0, steps, 1.0) ** r2
    return -r1 * torch.where(steps > 0, power, 0.0)


class KerpleLogBias(DistanceBias):
    """-r1 log(1 + r2 |j - i|), r1 and r2 > 0 trained for each head.

    r1 = softplus(raw_r1), r2 = softplus(raw_r2); 2 * heads trained numbers. `r1` and `r2` start
    at the values given for all heads, otherwise drawn from (0.01, 2) and (0.01, 1), about as in
    the published code. Goes on past the trained length.

    Raises ValueError for heads < 1 or a start outside 1e-37 .. 1e37, which float32 holds.

    Source: Chi et al. 2022, section 4.

    >>> bias = KerpleLogBias(heads=1, r1=2.0, r2=1.0)
    >>> bias.by_distance(torch.tensor([-1, 0])).detach().numpy().round(4) + 0
    array([[-1.3863,  0.    ]])
    """

    _drawn_below: ClassVar[dict[str, float]] = {"r1": 2.0, "r2": 1.0}
    _allowed_below: ClassVar[float] = _LARGEST  # of r2

    def __init__(self, heads: int, *, r1: float | None = None, r2: float | None = None) -> None:
        super().__init__()
        self.heads = validation.size(type(self).__name__, "heads", heads)
        start_r1, start_r2 = (
            self._start("r1", r1, _LARGEST),
            self._start("r2", r2, self._allowed_below),
        )
        self.raw_r1 = nn.Parameter(_softplus_inverse(start_r1).to(torch.get_default_dtype()))
        self.raw_r2 = nn.Parameter(self._raw_r2(start_r2).to(torch.get_default_dtype()))

    @property
    def r1(self) -> Float64[Tensor, " heads"]:
        """The factor of each head, above 0."""
        return _softplus(self.raw_r1)

    @property
    def r2(self) -> Float64[Tensor, " heads"]:
        """The rate inside the logarithm, above 0."""
        return _softplus(self.raw_r2)

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """-r1 log(1 + r2 |distance|) of each head, float64."""
        return _log("KerpleLogBias", distance, self.r1, self.r2)

    def _raw_r2(self, r2: Tensor) -> Tensor:
        return _softplus_inverse(r2)

    def _start(self, argument: str, value: float | None, below: float) -> Tensor:
        """The first r of each head: the value given, or drawn."""
        if value is None:
            top = self._drawn_below[argument]
            return torch.empty(self.heads, dtype=torch.float64).uniform_(0.01, top - 0.01)
        value = validation.real(
            type(self).__name__, argument, value,
            above=0.0, at_least=validation.SMALLEST_START, below=below,
        )  # fmt: skip
        return torch.full((self.heads,), value, dtype=torch.float64)

    def extra_repr(self) -> str:
        return f"heads={self.heads}"


class KerplePowerBias(KerpleLogBias):
    """-r1 |j - i| ** r2, r1 > 0 and 0 < r2 < 2 trained for each head.

    r1 = softplus(raw_r1), r2 = 2 sigmoid(raw_r2); 2 * heads trained numbers. `r1` and `r2` start
    at the values given for all heads, otherwise drawn from (0.01, 1) and (0.01, 2), about as in
    the published code. Goes on past the trained length.

    Raises ValueError for heads < 1, or a start outside 1e-37 .. 1e37 or, for r2, not below 2.

    Source: Chi et al. 2022, section 4.

    >>> bias = KerplePowerBias(heads=1, r1=2.0, r2=0.5)
    >>> bias.by_distance(torch.tensor([-4, 0])).detach().numpy().round(4) + 0
    array([[-4.,  0.]])
    """

    _drawn_below: ClassVar[dict[str, float]] = {"r1": 1.0, "r2": 2.0}
    _allowed_below: ClassVar[float] = 2.0

    @property
    def r2(self) -> Float64[Tensor, " heads"]:
        """The exponent of each head, between 0 and 2."""
        return 2 * as_float64(self.raw_r2).sigmoid()

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """-r1 |distance| ** r2 of each head, float64."""
        return _power("KerplePowerBias", distance, self.r1, self.r2)

    def _raw_r2(self, r2: Tensor) -> Tensor:
        return torch.logit(r2 / 2)


def _softplus(raw: Tensor) -> Tensor:
    return F.softplus(
        as_float64(raw), threshold=40.0
    )  # beyond 40 it is the identity to the last bit


def _softplus_inverse(r: Tensor) -> Tensor:
    return r + torch.log(-torch.expm1(-r))


def _check_parameters(function: str, r1: Tensor, r2: Tensor, *, most: float) -> None:
    """Refuse anything but one number in range for each head."""
    for argument, r, top in (("r1", r1, _LARGEST), ("r2", r2, most)):
        validation.floating(function, argument, r, axes="heads")
        if validation.readable(r) and not bool(((r > 0) & (r <= top) & r.isfinite()).all()):
            raise validation.refuse(
                ValueError, function, argument, r.tolist(),
                f"numbers above 0, at most {top:g}",
                "The penalty has to grow with distance.",
            )  # fmt: skip
    validation.last_axis(function, "r2", r2, "heads", r1.shape[0])


def _in_float64(
    function: str, distance: Tensor, r1: Tensor, r2: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """|distance|, and r1 and r2 as (heads, 1, ..., 1): float64, since -2**63 has no positive
    int64."""
    validation.distances(function, "distance", distance, most=_FARTHEST)
    ones = [1] * distance.ndim
    r1, r2 = (as_float64(r).view(-1, *ones) for r in (r1, r2))
    return as_float64(distance).abs(), r1, r2


ENTRIES = [
    RegistryEntry(
        name="kerple_log",
        title="KERPLE, log",
        cls=KerpleLogBias,
        sizes=("heads",),
        parameters="2 * heads",
        depends_on=DISTANCE,
        longer=SAME,
        source="Chi et al. 2022, section 4",
    ),
    RegistryEntry(
        name="kerple_power",
        title="KERPLE, power",
        cls=KerplePowerBias,
        sizes=("heads",),
        parameters="2 * heads",
        depends_on=DISTANCE,
        longer=SAME,
        source="Chi et al. 2022, section 4",
    ),
]
