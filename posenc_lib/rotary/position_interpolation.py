"""Position interpolation (PI): RoPE with every position divided by the same factor.

    R(p)  ->  R(p / s),    s = L' / L
    the same as    w_i  ->  w_i / s

R(p) is the rotation of RoPE, which turns pair i by p w_i; L is the trained length, s the factor.
A model trained on L positions is run on L' = s L of them: position L' is turned as far as
position L was in training, so no angle is new.

Source: Chen et al. 2023, "Extending Context Window of Large Language Models via Positional
Interpolation", section 2.3, equation 4.

The trap: neighbours come closer too. The fastest pair turned by 1 radian a token in training
and turns by 1 / s now, so a model has to be tuned again. NTK, YaRN and Llama 3.1 keep the fast
pairs as they were.
"""

from __future__ import annotations

from jaxtyping import Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.registry_entry import DISTANCE, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding, rotary_frequencies


def interpolated_frequencies(
    rotary_dim: int, factor: float, *, base: float = 10000.0
) -> Float64[Tensor, " pairs"]:
    """w_i / factor for RoPE's w_i = base ** (-2i / rotary_dim), in radians per position.

    Shape (rotary_dim / 2,), float64. Factor 1 gives RoPE's own frequencies.

    Raises ValueError for an odd rotary_dim, factor < 1 or base <= 1; TypeError for a rotary_dim
    that is not an integer.

    Source: Chen et al. 2023, section 2.3.

    >>> interpolated_frequencies(4, 2.0, base=100.0)
    tensor([0.5000, 0.0500], dtype=torch.float64)
    """
    factor = validation.real("interpolated_frequencies", "factor", factor, at_least=1.0)
    return rotary_frequencies("interpolated_frequencies", rotary_dim, base) / factor


class InterpolatedRotary(RotaryEncoding):
    """RoPE at position p / factor: turns pair i by p * w_i / factor.

    `factor` is L' / L, the wanted length over the trained one. The other arguments are those of
    `RotaryEncoding`.

    Raises ValueError for factor < 1 and like `RotaryEncoding`.

    Source: Chen et al. 2023, section 2.3.

    >>> import torch
    >>> InterpolatedRotary(head_dim=4, factor=2.0).angles(torch.tensor([10])).round(decimals=4)
    tensor([[5.0000, 0.0500]], dtype=torch.float64)
    """

    def __init__(
        self,
        head_dim: int,
        factor: float,
        *,
        base: float = 10000.0,
        layout: str = "interleaved",
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=rotary_dim)
        self.factor = validation.real("InterpolatedRotary", "factor", factor, at_least=1.0)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i / factor, in radians per position."""
        return interpolated_frequencies(self.rotary_dim, self.factor, base=self.base)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, factor={self.factor:g}"


ENTRIES = [
    RegistryEntry(
        name="rope_pi",
        title="RoPE + PI",
        cls=InterpolatedRotary,
        sizes=("head_dim",),
        defaults={"factor": 4.0},
        parameters="0",
        depends_on=DISTANCE,
        longer="yes: up to factor times the trained length",
        source="Chen et al. 2023, section 2.3, equation 4",
    ),
]
