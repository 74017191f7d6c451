"""RoPE-Mixed: rotary encoding of a grid whose frequencies are vectors, trained, one set a head.

    angle of pair i of head h  =  sum over axes a of  coordinate_a * w[h, i, a]

Axial RoPE is the case in which each vector w[h, i] has one number that is not 0. With two, a pair
turns along a diagonal, which no product of row angles and column angles can do. Any turn of the
plane may be learned, so the directions are drawn at random for each head:

    w[h, i] = base ** (-2i / m) (cos t_h, sin t_h)    for the first half of the pairs, m / 2 of them
    w[h, i + m / 2] = base ** (-2i / m) (-sin t_h, cos t_h)                for the second half

m = head_dim / 2 and t_h uniform in [0, 2 pi): axial RoPE of a picture turned by t_h.

Source: Heo et al. 2024, "Rotary Position Embedding for Vision Transformer", section 3.2 and
equation 9; the start from the released code (`init_random_2d_freqs`, base 10).

The traps: the frequencies are weights, one set a head and layer, so a stack must not share them,
and a picture of another size means other places on the same waves. And heads of keys that are fewer
than those of queries have no frequencies to share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float64, Num
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.float64 import as_float64, in_float64
from posenc_lib.base.places import Places
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry
from posenc_lib.rotary.axial_rope import AxialRotary
from posenc_lib.rotary.rope import Turns


class MixedRotary(AxialRotary):
    """RoPE on a grid with trained frequency vectors, one for each pair of each head.

    angle = sum over axes of coordinate_a * w[h, i, a], in radians.

    `mixed` is w, the parameter, (heads, head_dim / 2, axes), in radians per cell. For two axes it
    starts as axial RoPE of base `base` in a plane that is turned by a random angle in each head,
    for any other number of axes in random directions. Positions are cells or coordinates as in
    `AxialRotary`, with the same `prefix` and `suffix`.

    Raises ValueError for x with another number of heads, and like `AxialRotary`.

    Source: Heo et al. 2024, "Rotary Position Embedding for Vision Transformer", section 3.2.

    >>> rope = MixedRotary(head_dim=8, heads=2, shape=(3, 3))
    >>> rope.mixed.shape
    torch.Size([2, 4, 2])
    >>> rope.mixed.detach().norm(dim=-1)[0]
    tensor([1.0000, 0.3162, 1.0000, 0.3162])
    """

    def __init__(
        self,
        head_dim: int,
        heads: int,
        shape: Sequence[int],
        *,
        base: float = 10.0,
        layout: str = "interleaved",
        prefix: int = 0,
        suffix: int = 0,
    ) -> None:
        super().__init__(head_dim, shape, base=base, layout=layout, prefix=prefix, suffix=suffix)
        self.heads = validation.size(type(self).__name__, "heads", heads)
        self.mixed = nn.Parameter(torch.empty(self.heads, self.head_dim // 2, len(self.shape)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start as axial RoPE in a turned plane, another one for each head."""
        each, axes = self.frequencies().to(self.mixed), len(self.shape)
        with torch.no_grad():
            if axes == 2:
                angle = torch.rand(self.heads, 1, device=self.mixed.device) * 2 * math.pi
                first = torch.stack([angle.cos(), angle.sin()], -1)
                frame = torch.cat([first, torch.stack([-angle.sin(), angle.cos()], -1)], 1)
            else:
                square = torch.randn(self.heads, axes, axes, device=self.mixed.device)
                frame = square / square.norm(dim=-1, keepdim=True)
            self.mixed.copy_((frame[:, :, None] * each[:, None]).flatten(1, 2))

    def prepare(self, places: Places) -> tuple[Turns, Turns, None]:
        """Cosines and sines of this layer's frequencies, of coordinates shared by all layers."""
        grid = (self.shape, self.prefix, self.suffix)

        def turned(tokens: Tensor, which: str) -> Turns:
            at = places.once(("places in the grid", which, *grid), lambda: self._places(tokens))
            return self.turns(self._angles(at), places.dtype, tokens.device)

        query = turned(places.query, "query")
        same = places.new is places.query
        return query, query if same else turned(places.new, "new"), None

    def angles(self, positions: Num[Tensor, "..."]) -> Float64[Tensor, "*batch heads length pairs"]:
        """coordinates . w[h, i], in radians, 0 off the grid."""
        return self._angles(self._places(positions))

    def _places(self, positions: Tensor) -> Tensor:
        """The coordinates of cells, or those given, in float64."""
        at = self._of_cells(positions) if positions.ndim < 3 else positions
        return in_float64(at, type(self).__name__)

    def _angles(self, at: Tensor) -> Tensor:
        return at.unsqueeze(-3) @ as_float64(self.mixed).to(at.device).mT

    def turns(self, angles: Tensor, dtype: torch.dtype, device: torch.device) -> Turns:
        """cos and sin of the angles, rounded once, to `dtype`; heads are in them already."""
        made = super().turns(angles, dtype, device)
        return Turns(*(part.squeeze(-3) for part in made))

    def _check(self, x: Tensor, positions: Tensor | Turns, argument: str) -> Tensor | Turns:
        checked = super()._check(x, positions, argument)
        if x.shape[1] != self.heads:
            raise validation.refuse(
                ValueError, type(self).__name__, f"{argument}.shape[1]", int(x.shape[1]),
                f"heads = {self.heads}", "Each head has frequencies of its own.",
            )  # fmt: skip
        return checked

    def extra_repr(self) -> str:
        return f"heads={self.heads}, {super().extra_repr()}"


ENTRIES = [
    RegistryEntry(
        name="rope_mixed",
        title="RoPE-Mixed",
        cls=MixedRotary,
        sizes=("head_dim", "heads", "shape"),
        parameters="heads * head_dim // 2 * len(shape)",
        depends_on="the differences of row and column",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Heo et al. 2024, section 3.2",
    ),
]
