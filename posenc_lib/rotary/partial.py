"""RoPE on a share of the features: what `partial_rotary_factor` means, in its two forms.

    "cut":            d = floor(share * head_dim),    w_i = base ** (-2i / d),  i < ceil(d / 2)
    "proportional":   n = floor(share * head_dim / 2),  w_i = base ** (-2i / head_dim) for i < n,
                      w_i = 0 for all other pairs of the head_dim / 2
    w_i  ->  w_i / s

s is `factor`, 1 without a scaling. "cut" makes a whole RoPE of the first features, so its slowest
pair is as slow as ever: GPT-NeoX, Phi, GLM. "proportional" takes RoPE of the whole head and leaves
out its slowest pairs: Gemma 4 on its global layers.

Source: Black et al. 2022, "GPT-NeoX-20B", section 2.1.1 (a quarter of the features); the code
released with Gemma 4, function `_compute_proportional_rope_parameters` of `transformers`.

The traps: in the half layout "proportional" pairs x_i with x_i+head_dim/2, so what is turned are
two stretches of the head and not its beginning. And where "cut" comes out odd, d + 1 features are
turned, with the exponents of d: Phi-3, GLM and GPT-NeoX in `transformers`.
"""

from __future__ import annotations

from jaxtyping import Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.angles import frequencies64
from posenc_lib.base.registry_entry import DISTANCE, UNSEEN, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding

_FORMS = ("cut", "proportional")


class PartialRotary(RotaryEncoding):
    """RoPE on `share` of the features of a head, as configurations say it.

    - form="cut": the first d = floor(share * head_dim) features, w_i = base ** (-2i / d); where d
      is odd, d + 1 features with the same formula. For an even d this is
      `RotaryEncoding(head_dim, rotary_dim=d)`.
    - form="proportional": the first floor(share * head_dim / 2) pairs of the whole head,
      w_i = base ** (-2i / head_dim); the other pairs stand still.

    All w_i are divided by `factor`, 1 unless given. `rotary_dim` is the number of features in
    pairs, those that stand still among them.

    Raises ValueError for a share outside ]0, 1], one that leaves no pair, factor < 1 or an unknown
    form, and like `RotaryEncoding`.

    Source: Black et al. 2022, "GPT-NeoX-20B", section 2.1.1; the code released with Gemma 4.

    >>> PartialRotary(8, share=0.5, base=100.0).frequencies()
    tensor([1.0000, 0.1000], dtype=torch.float64)
    >>> PartialRotary(8, share=0.5, base=100.0, form="proportional").frequencies().round(decimals=4)
    tensor([1.0000, 0.3162, 0.0000, 0.0000], dtype=torch.float64)
    """

    def __init__(
        self,
        head_dim: int,
        share: float,
        *,
        form: str = "cut",
        factor: float = 1.0,
        base: float = 10000.0,
        layout: str = "interleaved",
    ) -> None:
        name = "PartialRotary"
        head_dim = validation.size(name, "head_dim", head_dim, minimum=2)
        part = validation.real(name, "share", share, above=0.0)
        form = validation.choice(name, "form", form, _FORMS)
        turned = int(head_dim * part)  # as configurations are read: rounded down
        turned = turned if form == "cut" else 2 * int(part * head_dim // 2)
        if part > 1.0 or turned < 1:
            raise validation.refuse(
                ValueError, name, "share", share,
                f"at most 1, and enough for a pair of the {head_dim} features", "0.5 is half.",
            )  # fmt: skip
        width = head_dim if form == "proportional" else turned + turned % 2
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=width)
        self.share, self.form = part, form
        self.factor = validation.real(name, "factor", factor, at_least=1.0)
        self.turned = turned

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i / factor in radians per position, 0 for the pairs that stand still."""
        if self.form == "cut":
            return frequencies64(self.turned, self.base) / self.factor
        w = frequencies64(self.head_dim, self.base) / self.factor
        w[self.turned // 2 :] = 0.0
        return w

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, share={self.share:g}, form={self.form!r}" + (
            f", factor={self.factor:g}" if self.factor != 1.0 else ""
        )


ENTRIES = [
    RegistryEntry(
        name="rope_partial",
        title="RoPE on a share of the features",
        cls=PartialRotary,
        sizes=("head_dim",),
        defaults={"share": 0.5},
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        on_panels=False,
        source="Black et al. 2022, section 2.1.1",
    ),
    RegistryEntry(
        name="rope_proportional",
        title="RoPE, proportional",
        cls=PartialRotary,
        sizes=("head_dim",),
        defaults={"share": 0.5, "form": "proportional", "layout": "half"},
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        on_panels=False,
        source="the code released with Gemma 4",
    ),
]
