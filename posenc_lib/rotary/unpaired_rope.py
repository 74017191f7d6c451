"""RoPE as two released models compute it: the two features of a pair turn by different angles.

    out_f = x_f cos(a_f) + x'_f sin(a_f),     x' = (-second, first) of each pair

In RoPE a_f is the same for both features of a pair, and then this is a rotation. In V-JEPA 2 the
pairs are neighbours, 2i and 2i + 1, but the angles of an axis of m features are tiled, a_f =
coordinate * w_(f mod m/2), as the half layout would need them: neighbours get w_2i and w_2i+1.
In HunYuan VL the pairs are halves apart, and the sections are cut over all features: a feature
listens to one axis and its partner to another. On text all axes are equal, and it is RoPE again.

Source: the released code of V-JEPA 2 (Assran et al. 2025; `rotate_queries_or_keys`) and of HunYuan
VL (`xdrope_section`); the weights were trained with it, so whoever runs them has to compute it.

The trap: to mend it. It is no rotation: norms change, and the score of two tokens depends on where
they stand, not on their difference alone; but with the mended form the trained weights give other
answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor

from posenc_lib.base.doors import Coordinates, Positions
from posenc_lib.base.float64 import in_float64, moved
from posenc_lib.base.precision import wide
from posenc_lib.base.registry_entry import DISTANCE, NO_CELL, UNSEEN, RegistryEntry
from posenc_lib.rotary.axial_rope import AxialRotary
from posenc_lib.rotary.mrope import MultimodalRotary
from posenc_lib.rotary.rope import RotaryEncoding, Turns


class _Unpaired(RotaryEncoding):
    """An angle for each feature, `angles` of shape (*batch, length, rotary_dim)."""

    def turn(
        self,
        x: Float[Tensor, "batch heads length head_dim"],
        positions: Positions | Coordinates | Turns,
        argument: str = "x",
    ) -> Float[Tensor, "batch heads length head_dim"]:
        """x_f cos(a_f) + x'_f sin(a_f) for the features that are turned, (batch, heads, length,
        head_dim)."""
        positions = self._check(x, positions, argument)
        if not isinstance(positions, Turns):
            positions = self.turns(self.angles(positions), wide(x), x.device)
        part, rest = x[..., : self.rotary_dim].to(positions.cos.dtype), x[..., self.rotary_dim :]
        if self.layout == "half":
            first, second = part.chunk(2, -1)
            partner = torch.cat((-second, first), -1)
        else:
            partner = torch.stack((-part[..., 1::2], part[..., 0::2]), -1).flatten(-2)
        turned = (part * positions.cos + partner * positions.sin).to(x.dtype)
        return torch.cat((turned, rest), -1) if rest.shape[-1] else turned


class UnpairedAxialRotary(_Unpaired, AxialRotary):
    """RoPE on a grid as V-JEPA 2 computes it: neighbours pair up, but their angles differ.

    a_f = coordinate_a * base ** (-2 (f mod m/2) / m) for feature f of the m features of axis a, in
    radians; out_f = x_f cos(a_f) + x'_f sin(a_f) with x' = (-x_2i+1, x_2i).

    `shape` is (frames, rows, columns) in V-JEPA 2, `rotary_dim` 3 * 2 * (head_dim // 3 // 2), the
    `base` 10,000. The arguments and positions are those of `AxialRotary`, in the interleaved
    layout. It is no rotation, see the file.

    Raises like `AxialRotary`.

    Source: Assran et al. 2025, "V-JEPA 2", the released code.

    >>> rope = UnpairedAxialRotary(8, shape=(2, 2))
    >>> rope.angles(torch.tensor([2]))  # row 1, column 0: two neighbours, two angles
    tensor([[1.0000, 0.0100, 1.0000, 0.0100, 0.0000, 0.0000, 0.0000, 0.0000]],
           dtype=torch.float64)
    """

    def __init__(
        self,
        head_dim: int,
        shape: Sequence[int],
        *,
        base: float = 10_000.0,
        prefix: int = 0,
        suffix: int = 0,
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__(
            head_dim, shape, base=base, prefix=prefix, suffix=suffix, rotary_dim=rotary_dim
        )

    def angles(self, positions: Num[Tensor, "..."]) -> Float64[Tensor, "*batch length features"]:
        """coordinate_a * w_(f mod m/2) of each feature, in radians, axis after axis."""
        by_axis = super().angles(positions).unflatten(-1, (len(self.shape), -1))
        return torch.cat((by_axis, by_axis), -1).flatten(-2)


class UnpairedMultimodalRotary(_Unpaired, MultimodalRotary):
    """M-RoPE as HunYuan VL computes it: the sections are cut over features, not over pairs.

    a_f = coordinate_a(f) * base ** (-2 (f mod pairs) / rotary_dim), a(f) from 2 * sections over all
    rotary_dim features; out_f = x_f cos(a_f) + x'_f sin(a_f), x' = (-second half, first half).

    HunYuan VL has four axes. The arguments and positions are those of `MultimodalRotary`, in the
    half layout and with plain sections. On plain positions it is RoPE; with others it is no
    rotation, see the file.

    Raises like `MultimodalRotary`.

    Source: HunYuan VL, the released code (`xdrope_section`).

    >>> rope = UnpairedMultimodalRotary(8, sections=(1, 1, 1, 1), base=10_000.0)
    >>> rope.angles(torch.tensor([[[1, 2, 3, 4]]])).tolist()[0][0][::4]  # two partners
    [1.0, 3.0]
    """

    def __init__(
        self,
        head_dim: int,
        sections: Sequence[int] | None = None,
        *,
        base: float | None = None,
        rotary_dim: int | None = None,
        scaled: RotaryEncoding | None = None,
    ) -> None:
        super().__init__(head_dim, sections, base=base, rotary_dim=rotary_dim, scaled=scaled)

    def angles(self, positions: Num[Tensor, "..."]) -> Float64[Tensor, "*batch length features"]:
        """coordinate_a(f) * w_(f mod pairs) of each feature, in radians."""
        if positions.ndim < 3:
            of_pairs = super().angles(positions)
            return torch.cat((of_pairs, of_pairs), -1)
        at = in_float64(positions, type(self).__name__)
        axes = [axis for axis, count in enumerate(self.sections) for _ in range(2 * count)]
        own_axis = at.index_select(-1, moved(torch.tensor(axes), at.device))
        return own_axis * moved(self.frequencies().repeat(2), at.device)


ENTRIES = [
    RegistryEntry(
        name="rope_2d_unpaired",
        title="RoPE on a grid, unpaired",
        cls=UnpairedAxialRotary,
        sizes=("head_dim", "shape"),
        parameters="0",
        depends_on="where both cells stand",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Assran et al. 2025, V-JEPA 2, the released code",
    ),
    RegistryEntry(
        name="mrope_unpaired",
        title="M-RoPE, unpaired",
        cls=UnpairedMultimodalRotary,
        sizes=("head_dim",),
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        on_panels=False,
        source="HunYuan VL, the released code",
    ),
]
