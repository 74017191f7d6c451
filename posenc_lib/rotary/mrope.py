"""M-RoPE: rotary encoding of text, images and video in one row; three positions for each token.

    token at (t, h, w)  =  (time, row, column),      a text token at p stands at (p, p, p)
    angle of pair i     =  coordinate_a(i) * w_i,    w_i = base ** (-2i / rotary_dim)

The frequencies are those of RoPE; which axis a(i) a pair listens to is the whole difference, so
text alone is turned as RoPE turns it. `sections` = (n_t, n_h, n_w) counts the pairs of each axis,
`arrangement` says which ones these are:

    "sections"     t t .. t h h .. h w w .. w       Qwen2-VL, Qwen2.5-VL, GLM-4.1V
    "interleaved"  t h w t h w .. t t t             Qwen3-VL, Qwen3.5
    "time_last"    h w h w .. h w t t .. t          ERNIE 4.5 VL

Source: Wang et al. 2024, "Qwen2-VL", section 2.1; the arrangements: the released code of Qwen2-VL,
Qwen3-VL (`apply_interleaved_mrope`) and ERNIE 4.5 VL.

The traps: with plain sections time gets all fast pairs and columns all slow ones, which is why the
later models interleave; the sections of one arrangement are wrong in another, and nothing fails.
GLM-4.1V takes sections too, but the interleaved layout of features and half of the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float64, Num
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.float64 import in_float64, moved
from posenc_lib.base.registry_entry import DISTANCE, UNSEEN, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding

ARRANGEMENTS = ("sections", "interleaved", "time_last")


class MultimodalRotary(RotaryEncoding):
    """RoPE whose pairs listen to different coordinates: time, row and column of a token.

    angle of pair i = coordinate_a(i) * base ** (-2i / rotary_dim), in radians.

    `sections` counts the pairs of each axis, (time, height, width); they sum to rotary_dim / 2, and
    share out the pairs 2 : 3 : 3 as in Qwen2-VL unless given. `arrangement` says which pairs these
    are, see the file. Positions are coordinates, (length, axes) or (batch, length, axes), as
    `multimodal_positions` makes them, or plain (length,) and (batch, length), where p stands for
    (p, p, p); whole numbers that could be either are plain ones. `base` is 1,000,000 unless given;
    `scaled` is a scaling of RoPE, such as a `YarnRotary`, that lends its frequencies and magnitude.

    In a causal layer, with a window or a cache, coordinates have no order of their own: a token
    sees those before it in the row. Plain positions keep theirs.

    Raises ValueError for sections that do not sum to the pairs or do not fit the arrangement, for
    `scaled` of other sizes or beside another base, for coordinates with another number of axes, and
    like `RotaryEncoding`; TypeError for sections that are no whole numbers.

    Source: Wang et al. 2024, "Qwen2-VL", section 2.1.

    >>> rope = MultimodalRotary(head_dim=16, sections=(2, 3, 3))
    >>> rope.pair_axes  # 0 time, 1 height, 2 width
    (0, 0, 1, 1, 1, 2, 2, 2)
    >>> MultimodalRotary(16, (4, 2, 2), arrangement="interleaved").pair_axes
    (0, 1, 2, 0, 1, 2, 0, 0)
    """

    lifts_positions = True

    def __init__(
        self,
        head_dim: int,
        sections: Sequence[int] | None = None,
        *,
        base: float | None = None,
        layout: str = "half",
        arrangement: str = "sections",
        rotary_dim: int | None = None,
        scaled: RotaryEncoding | None = None,
    ) -> None:
        name = type(self).__name__
        super().__init__(
            head_dim, base=1e6 if base is None else base, layout=layout, rotary_dim=rotary_dim
        )
        if scaled is not None:
            self._check_scaled(scaled, base)
            self.base, self.magnitude = scaled.base, scaled.magnitude
        self.scaled = scaled
        pairs = self.rotary_dim // 2
        third = 3 * pairs // 8
        wanted = (pairs - 2 * third, third, third) if sections is None else sections
        self.sections = _checked_sections(name, wanted, pairs)
        self.arrangement = validation.choice(name, "arrangement", arrangement, ARRANGEMENTS)
        self.pair_axes = axes_of_pairs(self.sections, self.arrangement)
        found = tuple(self.pair_axes.count(axis) for axis in range(len(self.sections)))
        if sections is None:  # thirds cannot always alternate: as near as they come
            self.sections = found
        if found != self.sections:
            raise validation.refuse(
                ValueError, name, "sections", self.sections,
                f"counts that can alternate: arrangement {self.arrangement!r} makes them {found}",
                "Sections of another arrangement do not fit.",
            )  # fmt: skip

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i of every pair, whatever its axis, in radians per position; those of `scaled`."""
        return super().frequencies() if self.scaled is None else self.scaled.frequencies()

    def angles(self, positions: Num[Tensor, "..."]) -> Float64[Tensor, "*batch length pairs"]:
        """coordinate_a(i) * w_i of coordinates, (batch, length, axes), or p * w_i of plain p."""
        if positions.ndim < 3:
            return super().angles(positions)
        at = in_float64(positions, type(self).__name__)
        own_axis = at.index_select(-1, moved(torch.tensor(self.pair_axes), at.device))
        return own_axis * moved(self.frequencies(), at.device)

    def check_positions(
        self, function: str, argument: str, positions: Any, length: int, batch: int
    ) -> Tensor:
        """Return plain positions as they are and coordinates as (batch, length, axes)."""
        validation.tensor(function, argument, positions)
        shape, axes = tuple(positions.shape), len(self.sections)
        plain = len(shape) == 2 and shape[1] == length and shape[0] in (1, batch)
        if len(shape) < 2 or (len(shape) == 2 and (plain or shape != (length, axes))):
            return super().check_positions(function, argument, positions, length, batch)
        if shape[-2:] != (length, axes) or len(shape) > 3:
            raise validation.refuse(
                ValueError, function, f"{argument}.shape", shape,
                f"({length},), ({batch}, {length}) or coordinates ({batch}, {length}, {axes})",
                "Axes come last here; from (axes, batch, length) it is .permute(1, 2, 0).",
            )  # fmt: skip
        coordinates: Tensor = positions if len(shape) == 3 else positions[None]
        for axis in coordinates.unbind(-1):
            validation.positions(function, argument, axis, length=length, batch=batch)
        return coordinates

    def _check_scaled(self, scaled: Any, base: float | None) -> None:
        name = type(self).__name__
        static = isinstance(scaled, RotaryEncoding) and scaled.keeps_turned_keys
        if not static or type(scaled).angles is not RotaryEncoding.angles:
            raise validation.refuse(
                TypeError, name, "scaled", type(scaled).__name__,
                "a RotaryEncoding that scales frequencies, such as YarnRotary or Llama3Rotary",
                "What changes with the length or the position cannot be taken over.",
            )  # fmt: skip
        if scaled.rotary_dim != self.rotary_dim:
            raise validation.refuse(
                ValueError, name, "scaled.rotary_dim", scaled.rotary_dim,
                f"{self.rotary_dim}, as here", "Build both for the same features.",
            )  # fmt: skip
        if base not in (None, scaled.base):
            raise validation.refuse(
                ValueError, name, "base", base, f"None beside scaled, or its base {scaled.base:g}",
                "Give the base to the scaling.",
            )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sections={self.sections}, arrangement={self.arrangement!r}"


def axes_of_pairs(sections: Sequence[int], arrangement: str) -> tuple[int, ...]:
    """The axis that each pair listens to: 0 time, 1 height, 2 width."""
    axes = [axis for axis, count in enumerate(sections) for _ in range(count)]
    if arrangement == "sections":
        return tuple(axes)
    first, every = (0, len(sections)) if arrangement == "interleaved" else (1, len(sections) - 1)
    alternating = [0] * len(axes)
    for axis, count in enumerate(sections[1:], 1):
        for pair in range(axis - first, min(count * every, len(axes)), every):
            alternating[pair] = axis
    return tuple(alternating)


def _checked_sections(function: str, sections: Any, pairs: int) -> tuple[int, ...]:
    """The pairs of each axis as ints that sum to all pairs."""
    if not isinstance(sections, Sequence) or isinstance(sections, str) or not len(sections):
        raise validation.refuse(
            TypeError, function, "sections", sections, "one count of pairs for each axis",
            "For example (16, 24, 24): time, height, width.",
        )  # fmt: skip
    counts = tuple(
        validation.size(function, f"sections[{axis}]", count, minimum=0)
        for axis, count in enumerate(sections)
    )
    if sum(counts) != pairs:
        raise validation.refuse(
            ValueError, function, "sections", counts,
            f"counts that sum to rotary_dim / 2 = {pairs}",
            "Sections count pairs, not features: half of the features that are turned.",
        )  # fmt: skip
    return counts


ENTRIES = [
    RegistryEntry(
        name="mrope",
        title="M-RoPE",
        cls=MultimodalRotary,
        sizes=("head_dim",),
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        on_panels=False,
        source="Wang et al. 2024, section 2.1",
    ),
    RegistryEntry(
        name="mrope_interleaved",
        title="M-RoPE, interleaved",
        cls=MultimodalRotary,
        sizes=("head_dim",),
        defaults={"arrangement": "interleaved", "base": 5e6},
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        on_panels=False,
        source="Qwen3-VL, the released code",
    ),
]
