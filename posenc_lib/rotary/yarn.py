"""YaRN: RoPE that keeps its fast pairs, interpolates its slow ones, and sharpens the scores.

    r_i   = L w_i / (2 pi)                     turns of pair i within the trained length L
    gamma = 0 where r < alpha,  1 where r > beta,  (r - alpha) / (beta - alpha) between
    w_i  ->  (1 - gamma) w_i / s + gamma w_i                alpha = 1, beta = 32
    q, k ->  m q, m k,    m = 0.1 ln(s) + 1                 so scores are multiplied by m ** 2

w_i is RoPE's frequency, s = wanted length / L. A pair that turns many times within L has been seen
at every angle and tells near distances: it stays (gamma = 1). A pair that turns less than once
within L has angles that were never seen: it is slowed by s, as in PI (gamma = 0).

Source: Peng et al. 2023, "YaRN: Efficient Context Window Extension of Large Language Models",
sections 3.2 (definition 2, "NTK-by-parts") and 3.4 (the magnitude), counted as in version 2 on
arXiv; version 3 numbers them anew. The authors' code and `transformers` differ from it:
form="code" below.

The traps: the ramp the wrong way round, which slows the fast pairs. And the two forms, which are
not the same numbers: the code's ramp is a line over the pair index i, the paper's is a line over
r, which falls like w_i. At rotary_dim 128, L = 4096 and base 10,000, pair 33 has gamma = 0.15 in
the paper and 0.5 in the code.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.registry_entry import DISTANCE, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding, rotary_frequencies

_FORMS = ("paper", "code")


def yarn_frequencies(
    rotary_dim: int,
    factor: float,
    trained_length: int,
    *,
    base: float = 10000.0,
    alpha: float = 1.0,
    beta: float = 32.0,
    form: str = "paper",
    truncate: bool = True,
) -> Float64[Tensor, " pairs"]:
    """(1 - gamma) w_i / s + gamma w_i, in radians per position, shape (rotary_dim / 2,), float64.

    - form="paper": gamma is a ramp over r = L w_i / (2 pi), 0 at alpha and 1 at beta.
    - form="code": a ramp over the pair index, 1 where r = beta and 0 where r = alpha. Both ends
      are moved out to whole pairs unless truncate=False. Published weights were tuned with it.

    s is `factor`, L is `trained_length`; configurations call alpha and beta `beta_slow` and
    `beta_fast`.

    Raises ValueError for an odd rotary_dim, factor < 1, trained_length < 1, base <= 1,
    alpha <= 0, beta <= alpha or an unknown form; TypeError for sizes that are not integers and a
    truncate that is not True or False.

    Source: Peng et al. 2023, section 3.2, definition 2; for "code" their published code.

    >>> plain = yarn_frequencies(8, 1.0, 4096)
    >>> (yarn_frequencies(8, 4.0, 4096) / plain).round(decimals=3)  # fast to slow
    tensor([1.0000, 1.0000, 0.3840, 0.2500], dtype=torch.float64)
    """
    name = "yarn_frequencies"
    w = rotary_frequencies(name, rotary_dim, base)
    s = validation.real(name, "factor", factor, at_least=1.0)
    trained = validation.size(name, "trained_length", trained_length)
    alpha = validation.real(name, "alpha", alpha, above=0.0)
    beta = validation.real(name, "beta", beta, above=alpha)
    truncate = validation.flag(name, "truncate", truncate)
    if validation.choice(name, "form", form, _FORMS) == "paper":
        r = trained * w / (2 * math.pi)
        gamma = ((r - alpha) / (beta - alpha)).clamp(0.0, 1.0)
    else:
        first, last = (_pair_with(r, rotary_dim, trained, base) for r in (beta, alpha))
        if truncate:
            first, last = math.floor(first), math.ceil(last)
        first = max(first, 0)
        last = min(last, rotary_dim - 1)
        last = last if last != first else last + 0.001  # all as in the published code
        # Where the ends cross (L below 2 pi alpha) its ramp turns over; so does this one.
        gamma = 1.0 - ((torch.arange(len(w)) - first).double() / (last - first)).clamp(0.0, 1.0)
    return (1.0 - gamma) * w / s + gamma * w


def _pair_with(turns: float, rotary_dim: int, trained: int, base: float) -> float:
    """The pair index i, not whole, at which L w_i / (2 pi) = turns."""
    return rotary_dim * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(base))


def yarn_magnitude(factor: float, *, slope: float = 0.1) -> float:
    """m = slope * ln(factor) + 1, by which turned queries and keys are both multiplied.

    Scores are multiplied by m ** 2 = 1 / t, t being the paper's temperature. Factor 1 gives 1.
    The `mscale` of configurations is 10 * slope.

    Raises ValueError for factor < 1 or slope < 0.

    Source: Peng et al. 2023, section 3.4. An early preprint has the temperature upside down.

    >>> round(yarn_magnitude(16.0), 4)
    1.2773
    """
    factor = validation.real("yarn_magnitude", "factor", factor, at_least=1.0)
    return validation.real("yarn_magnitude", "slope", slope, at_least=0.0) * math.log(factor) + 1.0


class YarnRotary(RotaryEncoding):
    """RoPE with `yarn_frequencies`; turned queries and keys are multiplied by the magnitude.

    w_i -> (1 - gamma) w_i / s + gamma w_i, with s = `factor` and the trained length L.
    `magnitude` is yarn_magnitude(factor) unless given (`attention_factor` in configurations). It
    multiplies the features that are turned, position 0 included; under partial rotation the rest
    keeps its size. The other arguments are those of `yarn_frequencies` and `RotaryEncoding`.

    Raises ValueError for a magnitude <= 0 and like `yarn_frequencies` and `RotaryEncoding`.

    Source: Peng et al. 2023, sections 3.2 and 3.4.

    >>> yarn = YarnRotary(head_dim=2, factor=16.0, trained_length=4096)
    >>> yarn.at_query(torch.ones(1, 1, 1, 2), torch.tensor([0]))
    tensor([[[[1.2773, 1.2773]]]])
    """

    def __init__(
        self,
        head_dim: int,
        factor: float,
        *,
        trained_length: int,
        alpha: float = 1.0,
        beta: float = 32.0,
        form: str = "paper",
        truncate: bool = True,
        magnitude: float | None = None,
        base: float = 10000.0,
        layout: str = "interleaved",
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=rotary_dim)
        name = "YarnRotary"
        self.factor = validation.real(name, "factor", factor, at_least=1.0)
        self.trained_length = validation.size(name, "trained_length", trained_length)
        self.alpha = validation.real(name, "alpha", alpha, above=0.0)
        self.beta = validation.real(name, "beta", beta, above=self.alpha)
        self.form = validation.choice(name, "form", form, _FORMS)
        self.truncate = validation.flag(name, "truncate", truncate)
        magnitude = yarn_magnitude(self.factor) if magnitude is None else magnitude
        self.magnitude = validation.real(name, "magnitude", magnitude, above=0.0)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """(1 - gamma) w_i / s + gamma w_i, in radians per position."""
        return yarn_frequencies(
            self.rotary_dim, self.factor, self.trained_length, base=self.base,
            alpha=self.alpha, beta=self.beta, form=self.form, truncate=self.truncate,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, factor={self.factor:g}, "
            f"trained_length={self.trained_length}, alpha={self.alpha:g}, beta={self.beta:g}, "
            f"form={self.form!r}, truncate={self.truncate}, magnitude={self.magnitude:.6g}"
        )


ENTRIES = [
    RegistryEntry(
        name="rope_yarn",
        title="RoPE + YaRN",
        cls=YarnRotary,
        sizes=("head_dim", "trained_length"),
        defaults={"factor": 4.0},
        parameters="0",
        depends_on=DISTANCE,
        longer="yes: up to factor times the trained length",
        source="Peng et al. 2023, sections 3.2 and 3.4",
    ),
]
