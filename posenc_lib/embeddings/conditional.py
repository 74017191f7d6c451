"""CPVT's conditional encoding: a depthwise convolution over the grid, added to it. Door 1.

    h(r, c) = x(r, c) + b + sum_(n, m) W[n, m] * x(r + n, c + m),     n, m = -(K - 1)/2 .. (K - 1)/2

with one K x K filter for each feature, K odd, and zeros past the edges. No table, no size: a
larger picture has more cells, and the filter is the same. In its middle it cannot tell places
apart; the zeros past the edges carry the absolute position inwards, layer by layer.

Source: Chu et al. 2021, "Conditional Positional Encodings for Vision Transformers", section 3.3,
and its released code (kernel 3, added to the input, the class token left out).

The traps: its place. CPVT has it after the first layer of attention, not before: filters over raw
patches have nothing to go by yet. And the class token, which is no cell of the picture (`prefix`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding, Positions, checked_tokens
from posenc_lib.base.grid import check_cells, checked_shape
from posenc_lib.base.precision import wide, without_autocast
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry


class ConditionalEncoding(PositionEncoding):
    """A depthwise convolution over the cells of a grid, added to (batch, length, dim) input.

    `shape` is the grid, (rows, columns). Positions are token numbers: the first `prefix` tokens,
    such as a class token, are left as they are; number t from `prefix` on is cell t - prefix =
    row * columns + column. Tokens may come in any order, and a cell without a token counts as
    zero, like those past the edges. `weight` has shape (dim, 1, kernel, kernel) and `bias` (dim),
    as in `nn.Conv2d(dim, dim, kernel, groups=dim)`. `sees_ahead`: a causal layer refuses it.

    Raises ValueError for sizes below 1, an even kernel, a shape that has not two axes, prefix < 0,
    input of another rank or dim, and positions past the grid or two tokens in one cell; TypeError
    for positions that are no integers.

    Source: Chu et al. 2021, "Conditional Positional Encodings for Vision Transformers", section
    3.3.

    >>> encode = ConditionalEncoding(8, shape=(2, 3), prefix=1)
    >>> encode(torch.zeros(1, 7, 8)).shape, encode.weight.shape
    (torch.Size([1, 7, 8]), torch.Size([8, 1, 3, 3]))
    """

    door = Door.EMBEDDINGS
    sees_ahead = True

    def __init__(self, dim: int, shape: Sequence[int], *, kernel: int = 3, prefix: int = 0) -> None:
        super().__init__()
        name = "ConditionalEncoding"
        self.dim = validation.size(name, "dim", dim)
        self.shape = checked_shape(name, shape)
        if len(self.shape) != 2:
            raise validation.refuse(
                ValueError, name, "shape", self.shape, "two axes, (rows, columns)",
                "The filter has rows and columns.",
            )  # fmt: skip
        self.kernel = validation.size(name, "kernel", kernel)
        if self.kernel % 2 == 0:
            raise validation.refuse(
                ValueError, name, "kernel", self.kernel, "an odd number",
                "Only an odd filter has a middle.",
            )  # fmt: skip
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)
        bound = 1 / self.kernel  # as nn.Conv2d starts: 1 / sqrt(fan in)
        self.weight = nn.Parameter(
            torch.empty(self.dim, 1, self.kernel, self.kernel).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(self.dim).uniform_(-bound, bound))

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return x + the convolution of the grid; token numbers are 0 .. length - 1 unless given.

        Computed in float32 at least and rounded once to the dtype of x.
        """
        name = "ConditionalEncoding"
        positions = checked_tokens(name, x, self.dim, positions)
        check_cells(name, positions, self.shape, self.prefix)
        self._check_apart(positions)
        at = positions.long().to(x.device).expand(x.shape[:2]).unsqueeze(-1)
        dtype = wide(x, self.weight)
        tokens = self.prefix + math.prod(self.shape)
        picture = x.new_zeros(x.shape[0], tokens, self.dim, dtype=dtype)
        picture = picture.scatter(1, at.expand_as(x), x.to(dtype))[:, self.prefix :]
        picture = picture.transpose(1, 2).unflatten(-1, self.shape)
        with without_autocast(x):
            found = F.conv2d(
                picture, self.weight.to(dtype), self.bias.to(dtype), padding=self.kernel // 2,
                groups=self.dim,
            )  # fmt: skip
        added = F.pad(found.flatten(2).transpose(1, 2), (0, 0, self.prefix, 0))
        return (x + added.gather(1, at.expand_as(x))).to(x.dtype)

    def _check_apart(self, positions: Tensor) -> None:
        """Refuse two tokens of one batch row in one cell: the convolution would lose one."""
        if positions.shape[-1] < 2 or not validation.readable(positions):
            return
        ordered = positions.long().sort(-1).values
        twice = ordered[..., 1:] == ordered[..., :-1]
        if bool(twice.any()):
            raise validation.refuse(
                ValueError, "ConditionalEncoding", "positions", int(ordered[..., 1:][twice][0]),
                "a cell of its own for each token", "Leave padded tokens out, or number them too.",
            )  # fmt: skip

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module; padded cells have to be zero already."""
        return self(x, positions)

    def resized(self, shape: Sequence[int]) -> ConditionalEncoding:
        """The same filters, their weights shared, for a grid of another shape.

        Raises like the class.

        >>> encode = ConditionalEncoding(8, shape=(2, 3))
        >>> encode.resized((4, 6)).weight is encode.weight
        True
        """
        other = ConditionalEncoding(
            self.dim, checked_shape("ConditionalEncoding.resized", shape),
            kernel=self.kernel, prefix=self.prefix,
        )  # fmt: skip
        other.weight, other.bias = self.weight, self.bias
        return other.train(self.training)

    def extra_repr(self) -> str:
        prefix = f", prefix={self.prefix}" if self.prefix else ""
        return f"dim={self.dim}, shape={self.shape}, kernel={self.kernel}{prefix}"


ENTRIES = [
    RegistryEntry(
        name="cpvt",
        title="CPVT",
        cls=ConditionalEncoding,
        sizes=("dim", "shape"),
        defaults={"kernel": 3},
        parameters="dim * kernel * kernel + dim",
        depends_on="the tokens in the cells around, and how near the edges are",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Chu et al. 2021, section 3.3",
    ),
]
