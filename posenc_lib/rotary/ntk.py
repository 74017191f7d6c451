"""NTK-aware scaling of RoPE: a larger base, so that slow pairs slow down and fast ones do not.

    base' = base * s ** (d / (d - 2)),    d = rotary_dim
    the same as    w_i  ->  w_i / s ** (i / (d/2 - 1)),    i = 0 .. d/2 - 1

w_i is RoPE's frequency of pair i, s the wanted length over the trained one (`factor`). The second
line says what the exponent is for: the fastest pair is divided by 1, the slowest by
exactly s, and those between by powers of s in even steps.

Dynamic NTK lets s grow with the text and leaves short texts alone:

    s = max(1, factor * n / L - (factor - 1)),    n = the length now, L = the trained length

Source: proposed by the user bloc97 (NTK-aware) and the user emozilla (dynamic) in a public forum
in 2023; written down in Peng et al. 2023, "YaRN: Efficient Context Window Extension of Large
Language Models", sections 3.1 and 3.3. There the dynamic s is n / L: factor = 1.

The trap: under dynamic NTK the angles of *earlier* tokens change as the text grows. A cache of
turned keys keeps the angles of shorter texts; a cache has to store keys before they are turned.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float64, Num
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.doors import Positions
from posenc_lib.base.registry_entry import DISTANCE, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding, rotary_frequencies

_WHY_FOUR = "A single pair is the fastest and the slowest at once: use InterpolatedRotary."


def ntk_base(base: float, factor: float, rotary_dim: int) -> float:
    """base' = base * factor ** (d / (d - 2)), the base whose slowest pair is `factor` times slower.

    For d = rotary_dim: base' ** (-(d - 2) / d) = base ** (-(d - 2) / d) / factor. Other libraries
    take this number as their `theta`.

    Raises ValueError for rotary_dim < 4 (d = 2 would divide by zero) or odd, factor < 1 or
    base <= 1; TypeError for a rotary_dim that is not an integer.

    Source: Peng et al. 2023, section 3.1, definition 1.

    >>> round(ntk_base(10000.0, 4.0, 128))
    40890
    """
    rotary_frequencies("ntk_base", rotary_dim, base)  # for its checks
    d = validation.size("ntk_base", "rotary_dim", rotary_dim, minimum=4, remedy=_WHY_FOUR)
    factor = validation.real("ntk_base", "factor", factor, at_least=1.0)
    raised: float = base * factor ** (d / (d - 2))
    return raised


def ntk_frequencies(
    rotary_dim: int, factor: float, *, base: float = 10000.0
) -> Float64[Tensor, " pairs"]:
    """RoPE's frequencies at base `ntk_base(base, factor, rotary_dim)`, in radians per position.

    Computed as w_i / factor ** (i / (pairs - 1)), so that the fastest is 1 and the slowest
    w / factor without rounding. Shape (pairs,) = (rotary_dim / 2,), float64.

    Raises like `ntk_base`.

    Source: Peng et al. 2023, section 3.1, definition 1.

    >>> ntk_frequencies(6, 4.0, base=1000.0)
    tensor([1.0000, 0.0500, 0.0025], dtype=torch.float64)
    """
    w = rotary_frequencies("ntk_frequencies", rotary_dim, base)
    validation.size("ntk_frequencies", "rotary_dim", rotary_dim, minimum=4, remedy=_WHY_FOUR)
    return w / validation.real("ntk_frequencies", "factor", factor, at_least=1.0) ** _share(w)


def _share(pairs: Tensor) -> Tensor:
    """i / (pairs - 1) along the last axis: from 0 for the fastest pair to 1 for the slowest."""
    last = pairs.shape[-1] - 1
    return torch.arange(last + 1, dtype=torch.float64, device=pairs.device) / last


def dynamic_ntk_factor(
    length: Num[Tensor, "*batch"], trained_length: int, *, factor: float = 1.0
) -> Float64[Tensor, "*batch"]:
    """s = max(1, factor * n / L - (factor - 1)) for texts of n tokens.

    1 up to the trained length L. Past it s grows by factor / L for each token.

    Raises ValueError for trained_length < 1 or factor < 1; TypeError for a length that is not a
    tensor or a trained_length that is not an integer.

    Source: Peng et al. 2023, section 3.3, for factor = 1; the general form is that of
    `transformers`.

    >>> dynamic_ntk_factor(torch.tensor([1000, 2048, 4096]), 2048, factor=2.0)
    tensor([1., 1., 3.], dtype=torch.float64)
    """
    name, remedy = "dynamic_ntk_factor", "Count the tokens of each text."
    validation.numbers(name, "length", length, remedy)
    real = length.is_floating_point() and validation.readable(length)
    if real and not bool(torch.isfinite(length).all()):
        raise validation.refuse(
            ValueError, name, "length", "NaN or infinity", "finite lengths", remedy
        )
    trained = validation.size(name, "trained_length", trained_length)
    factor = validation.real(name, "factor", factor, at_least=1.0)
    past = (length.double() - trained).clamp(min=0.0)
    return 1.0 + factor * past / trained  # written so that n = L gives exactly 1


class NtkRotary(RotaryEncoding):
    """RoPE at the base ntk_base(base, factor, rotary_dim): NTK-aware scaling.

    w_i / factor ** (i / (pairs - 1)). `base` is that of the trained model. The other arguments
    are those of `RotaryEncoding`.

    Raises ValueError for rotary_dim < 4, factor < 1 and like `RotaryEncoding`.

    Source: Peng et al. 2023, section 3.1, definition 1.

    >>> NtkRotary(head_dim=6, factor=4.0, base=1000.0).frequencies()
    tensor([1.0000, 0.0500, 0.0025], dtype=torch.float64)
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
        name = type(self).__name__
        asked = "head_dim" if rotary_dim is None else "rotary_dim"
        validation.size(name, asked, self.rotary_dim, minimum=4, remedy=_WHY_FOUR)
        self.factor = validation.real(name, "factor", factor, at_least=1.0)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i / factor ** (i / (pairs - 1)), in radians per position."""
        return ntk_frequencies(self.rotary_dim, self.factor, base=self.base)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, factor={self.factor:g}"


class DynamicNtkRotary(RotaryEncoding):
    """RoPE whose base grows with the length of the text once it is past the trained length.

    s = max(1, factor * n / L - (factor - 1)) and w_i / s ** (i / (pairs - 1)). The length n is
    the largest position of a row, rounded down, plus 1. Up to n = L = `trained_length` this is
    plain RoPE to the last bit. Nothing is kept between calls.

    Each row of (batch, length) positions has its own n. `transformers` takes the largest n of the
    batch for all rows: there a short text gets other numbers beside a long one than alone.

    Past the trained length, know that

    - the angles of earlier tokens change with every new one: a cache holds keys as they were
      before they were turned (`keeps_turned_keys` is False), and all are turned at each step;
    - a causal pass over a whole text is not decoding it token by token: query i is turned for the
      final length, not for length i + 1. In a stack of layers nothing short of running the text
      again makes up for that, since deeper keys were computed from earlier answers;
    - queries and keys see their own positions only, so the last query has to stand at the last
      key, as it does in self-attention. Otherwise the two are turned at different speeds.

    Raises ValueError for rotary_dim < 4, trained_length < 1, factor < 1 and like `RotaryEncoding`.

    Source: Peng et al. 2023, section 3.3 (also for the cache); the factor is that of
    `transformers`.

    >>> rope = DynamicNtkRotary(head_dim=4, trained_length=4)
    >>> for length in (4, 8):
    ...     print(rope.angles(torch.arange(length))[3].tolist())
    [3.0, 0.03]
    [3.0, 0.015]
    """

    keeps_turned_keys = False  # every new token changes the angles of all

    def __init__(
        self,
        head_dim: int,
        trained_length: int,
        *,
        factor: float = 1.0,
        base: float = 10000.0,
        layout: str = "interleaved",
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=rotary_dim)
        name = type(self).__name__
        asked = "head_dim" if rotary_dim is None else "rotary_dim"
        validation.size(name, asked, self.rotary_dim, minimum=4, remedy=_WHY_FOUR)
        self.trained_length = validation.size(name, "trained_length", trained_length)
        self.factor = validation.real(name, "factor", factor, at_least=1.0)

    def angles(self, positions: Positions) -> Float64[Tensor, "*batch length pairs"]:
        """position * w_i / s ** (i / (pairs - 1)), with the s of each row."""
        plain = super().angles(positions)  # (*batch, length, pairs)
        at = positions.to(plain.device).double()
        # A token at L - 1 beside the real ones: no text is shorter than L, not even an empty one.
        length = F.pad(at, (0, 1), value=self.trained_length - 1).amax(-1).floor() + 1
        s = dynamic_ntk_factor(length, self.trained_length, factor=self.factor)
        return plain / s[..., None, None] ** _share(plain)

    def extra_repr(self) -> str:
        trained = f"trained_length={self.trained_length}, factor={self.factor:g}"
        return f"{super().extra_repr()}, {trained}"


ENTRIES = [
    RegistryEntry(
        name="rope_ntk",
        title="RoPE + NTK",
        cls=NtkRotary,
        sizes=("head_dim",),
        defaults={"factor": 4.0},
        parameters="0",
        depends_on=DISTANCE,
        longer="yes: up to about factor times the trained length",
        source="Peng et al. 2023, section 3.1",
    ),
    RegistryEntry(
        name="rope_dynamic_ntk",
        title="RoPE + dynamic NTK",
        cls=DynamicNtkRotary,
        sizes=("head_dim", "trained_length"),
        parameters="0",
        depends_on="distance and the length of the text",
        longer="yes: the base grows with the text",
        source="Peng et al. 2023, section 3.3",
    ),
]
