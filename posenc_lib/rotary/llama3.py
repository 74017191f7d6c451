"""Llama 3.1's scaling of RoPE: fast pairs are kept, slow ones divided by the factor.

    wavelength_i = 2 pi / w_i
    w_i  ->  w_i        where wavelength < L / high
    w_i  ->  w_i / s    where wavelength > L / low
    between, for r = L / wavelength:    g = (r - low) / (high - low)
    w_i  ->  (1 - g) w_i / s + g w_i

w_i is RoPE's frequency of pair i, L the trained length, s the factor; `low` and `high` count turns
within L.

Published settings: s = 8, low = 1, high = 4, L = 8192, base = 500,000, head_dim = 128.

This is YaRN's paper form with alpha = low and beta = high, the same line over r, and without
the magnitude: `yarn_frequencies(..., alpha=1, beta=4)` gives the same numbers. YaRN's own
settings, 1 and 32, touch three more octaves of wavelengths.

Source: the code released with Llama 3.1 (function `apply_scaling`); Grattafiori et al. 2024,
"The Llama 3 Herd of Models", section 3.2, names the base of 500,000 but not the scaling.

The trap: "low" and "high" are frequencies, turns within L; the slow pairs have *long*
wavelengths, longer than L / low.
"""

from __future__ import annotations

import math

from jaxtyping import Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.registry_entry import DISTANCE, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding, rotary_frequencies


def llama3_frequencies(
    rotary_dim: int,
    factor: float,
    trained_length: int,
    *,
    base: float = 500000.0,
    low: float = 1.0,
    high: float = 4.0,
) -> Float64[Tensor, " pairs"]:
    """(1 - g) w_i / factor + g w_i, g = (L / wavelength_i - low) / (high - low) kept in [0, 1].

    In radians per position, shape (rotary_dim / 2,), float64. L is `trained_length`.

    Raises ValueError for an odd rotary_dim, factor < 1, trained_length < 1, base <= 1, low <= 0
    or high <= low; TypeError for sizes that are not integers.

    Source: the code released with Llama 3.1; Grattafiori et al. 2024, section 3.2, for the base.

    >>> w = llama3_frequencies(8, 1.0, 8192)
    >>> (llama3_frequencies(8, 8.0, 8192) / w).round(decimals=3)  # fast to slow
    tensor([1.0000, 1.0000, 0.3710, 0.1250], dtype=torch.float64)
    """
    name = "llama3_frequencies"
    w = rotary_frequencies(name, rotary_dim, base)
    factor = validation.real(name, "factor", factor, at_least=1.0)
    trained = validation.size(name, "trained_length", trained_length)
    low = validation.real(name, "low", low, above=0.0)
    high = validation.real(name, "high", high, above=low)
    wavelength = 2 * math.pi / w
    g = ((trained / wavelength - low) / (high - low)).clamp(0.0, 1.0)
    return (1.0 - g) * w / factor + g * w


class Llama3Rotary(RotaryEncoding):
    """RoPE with `llama3_frequencies`, as in Llama 3.1 and later models of that family.

    (1 - g) w_i / factor + g w_i, g = (L / wavelength_i - low) / (high - low) kept in [0, 1].
    `base` is 500,000 unless given. The other arguments are those of `RotaryEncoding`; weights
    converted for `transformers` need layout="half".

    Raises like `llama3_frequencies` and `RotaryEncoding`.

    Source: the code released with Llama 3.1; Grattafiori et al. 2024, section 3.2, for the base.

    >>> Llama3Rotary(head_dim=128, factor=8.0, trained_length=8192).frequencies().shape
    torch.Size([64])
    """

    def __init__(
        self,
        head_dim: int,
        factor: float,
        *,
        trained_length: int,
        low: float = 1.0,
        high: float = 4.0,
        base: float = 500000.0,
        layout: str = "interleaved",
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=rotary_dim)
        name = "Llama3Rotary"
        self.factor = validation.real(name, "factor", factor, at_least=1.0)
        self.trained_length = validation.size(name, "trained_length", trained_length)
        self.low = validation.real(name, "low", low, above=0.0)
        self.high = validation.real(name, "high", high, above=self.low)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """(1 - g) w_i / factor + g w_i, in radians per position."""
        return llama3_frequencies(
            self.rotary_dim, self.factor, self.trained_length,
            base=self.base, low=self.low, high=self.high,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, factor={self.factor:g}, "
            f"trained_length={self.trained_length}, low={self.low:g}, high={self.high:g}"
        )


ENTRIES = [
    RegistryEntry(
        name="rope_llama3",
        title="RoPE, Llama 3.1",
        cls=Llama3Rotary,
        sizes=("head_dim", "trained_length"),
        defaults={"factor": 4.0},
        parameters="0",
        depends_on=DISTANCE,
        longer="yes: up to factor times the trained length",
        source="Grattafiori et al. 2024, and the released code",
    ),
]
