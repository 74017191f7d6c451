"""ALiBi: a fixed penalty that grows with distance, a slope for each head and nothing to train.

    scores_ij = q_i . k_j / sqrt(head_dim) - m_h (i - j)        causal
    scores_ij = q_i . k_j / sqrt(head_dim) - m_h |i - j|        both directions

m_h is the slope of head h. For n heads, n a power of two, m_h = 2 ** (-8 h / n), h = 1 .. n. Other
numbers of heads take the slopes for c heads, c the next lower power of two, then the first, third,
fifth ... slope for 2 c heads.

Source: Press et al. 2022, "Train Short, Test Long: Attention with Linear Biases Enables Input
Length Extrapolation", section 3; the rule for other numbers of heads is in the authors' code.

The traps: 12 heads with slopes 2 ** (-8 h / 12); the penalty divided by sqrt(head_dim) with the
scores; and the shortcut m_h * j, which many libraries add. It differs from the formula by a
constant for each row, so softmax does not see it, but only in the causal form: in both
directions it rewards the future.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.float64 import moved
from posenc_lib.base.registry_entry import DISTANCE, SAME, RegistryEntry
from posenc_lib.scores.distance_bias import DistanceBias, PreparedBias, ScoreMod


def alibi_slopes(heads: int) -> Float64[Tensor, " heads"]:
    """The slope of each head, float64: m_h = 2 ** (-8 h / heads) for powers of two.

    Another number of heads takes the slopes of c, the next lower power of two, and then the
    first, third, fifth ... of the slopes of 2c.

    Raises ValueError for heads < 1, TypeError for a number that is no integer.

    Source: Press et al. 2022, section 3, and the authors' code for other numbers of heads.

    >>> alibi_slopes(4)
    tensor([0.2500, 0.0625, 0.0156, 0.0039], dtype=torch.float64)
    >>> alibi_slopes(6)[4:]
    tensor([0.5000, 0.1250], dtype=torch.float64)
    """
    heads = validation.size("alibi_slopes", "heads", heads)
    power = 2 ** (heads.bit_length() - 1)
    own = torch.arange(1, power + 1, dtype=torch.float64) * 8 / power
    between = (2 * torch.arange(heads - power, dtype=torch.float64) + 1) * 4 / power
    return 2.0 ** -torch.cat((own, between))


class AlibiBias(DistanceBias):
    """-m_h (i - j), or -m_h |i - j| for `causal=False`, added to the scaled scores.

    The causal form is for causal layers only: it is positive for keys after the query, which
    the mask has to shut out. Both forms go on past the trained length.

    Raises ValueError for heads < 1, TypeError for a flag that is no bool.

    Source: Press et al. 2022, section 3. The form for both directions is a usual extension, not
    in the paper.

    >>> AlibiBias(heads=1).by_distance(torch.tensor([-512, -256, 0]))
    tensor([[-2., -1.,  0.]], dtype=torch.float64)
    """

    modified_by = "formula"

    def __init__(self, heads: int, *, causal: bool = True) -> None:
        super().__init__()
        self.heads = validation.size("AlibiBias", "heads", heads)
        self.causal = validation.flag("AlibiBias", "causal", causal)
        self.causal_only = self.causal

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """m_h * distance for causal, -m_h |distance| for both directions; float64."""
        validation.distances("AlibiBias", "distance", distance)
        slopes = moved(alibi_slopes(self.heads), distance.device)
        steps = distance.double() if self.causal else -distance.double().abs()
        bias: Tensor = slopes.view(-1, *[1] * distance.ndim) * steps
        return bias

    def modify_scores(self, prepared: PreparedBias) -> ScoreMod:
        """The formula itself: where nothing is trained, no table is needed."""
        places = prepared.places
        if places.offset is None:
            return super().modify_scores(prepared)  # which says why not
        slopes = moved(alibi_slopes(self.heads).to(places.dtype), places.query.device)
        offset, causal = places.offset, self.causal

        def add(score: Tensor, batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
            distance = j - i + offset
            return score + slopes[head] * (distance if causal else -distance.abs())

        return add

    def extra_repr(self) -> str:
        return f"heads={self.heads}, causal={self.causal}"


ENTRIES = [
    RegistryEntry(
        name="alibi",
        title="ALiBi",
        cls=AlibiBias,
        sizes=("heads", "causal"),
        parameters="0",
        depends_on=DISTANCE,
        longer=SAME,
        source="Press et al. 2022, section 3",
    ),
]
