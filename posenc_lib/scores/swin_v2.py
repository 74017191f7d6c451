"""Swin V2's continuous bias: a small network reads the offset on a logarithmic scale. Door 3.

    b_ij = 16 sigmoid(W_2 relu(W_1 (x_ij, y_ij) + b_1)),      one number a head
    y_ij = sign(d) log2(1 + 8 |d| / (H - 1)) / log2(8),       d = r_i - r_j, query minus key

and x_ij the same of the columns, for cells (r, c) of a window trained with H rows and W columns.
A window of another size asks the same network at other places: no table to resize. On the
logarithmic scale a window of 16 reaches 1.32 times as far as one of 8; on a linear one, 2.14 times.

Source: Liu et al. 2022, "Swin Transformer V2", section 3.3 and equation 4; 8, 16, the base of the
logarithm and the sigmoid are those of the released code.

The traps: the rest of Swin V2 is no matter of position and not here. Its scores are cosines of
queries and keys times a trained scale a head of at most 100, so normalise queries and keys first.
And `trained_shape`: a model fine-tuned with larger windows divides by the window it was first
trained with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.float64 import as_float64
from posenc_lib.base.grid import checked_shape
from posenc_lib.base.precision import weights_of, wide, without_autocast
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry
from posenc_lib.scores.grid_bias import GridBias, Offsets
from posenc_lib.scores.window_bias import window_rows


class SwinV2Bias(GridBias):
    """16 sigmoid(network(log-spaced offsets)) added to the scores: a bias between 0 and 16.

    `shape` is the window, positions are its cells. `trained_shape` is the window that the offsets
    are measured by, `shape` unless given. The network is `inner`, Linear(axes, hidden), a ReLU and
    `outer`, Linear(hidden, heads) without a bias: `continuous_position_bias_mlp.0` and `.2` in
    published checkpoints. It runs once for each of the (2H - 1)(2W - 1) offsets.

    Raises ValueError for sizes below 1, a shape or trained_shape that is not made of sizes or has
    other axes, and for positions past the window; TypeError for positions that are no integers.

    Source: Liu et al. 2022, "Swin Transformer V2", equation 4 and the released code.

    >>> bias = SwinV2Bias(heads=3, shape=(8, 8))
    >>> bias.table().shape, bias.resized((16, 16)).table().shape
    (torch.Size([3, 225]), torch.Size([3, 961]))
    """

    def __init__(
        self,
        heads: int,
        shape: Sequence[int],
        *,
        trained_shape: Sequence[int] | None = None,
        hidden: int = 512,
    ) -> None:
        super().__init__(heads, shape)
        trained = self.shape if trained_shape is None else trained_shape
        self.trained_shape = checked_shape("SwinV2Bias", trained, "trained_shape")
        if len(self.trained_shape) != len(self.shape):
            raise validation.refuse(
                ValueError, "SwinV2Bias", "trained_shape", self.trained_shape,
                f"{len(self.shape)} axes, as the window has", "Give (rows, columns).",
            )  # fmt: skip
        self.hidden = validation.size("SwinV2Bias", "hidden", hidden)
        self.inner = nn.Linear(len(self.shape), self.hidden)
        self.outer = nn.Linear(self.hidden, self.heads, bias=False)

    def rows(self, offsets: Offsets) -> Int64[Tensor, "..."]:
        """The row of each pair among all offsets, query minus key, as in `WindowBias`."""
        return window_rows(offsets, self.shape, 0)

    def table(self) -> Float[Tensor, "heads rows"]:
        """The bias of each head at every offset, float32 at least, also under autocast."""
        device = weights_of(self.inner)[0].device
        steps = [torch.arange(1 - size, size, device=device) for size in self.shape]
        return self.by_offset(torch.cartesian_prod(*steps).reshape(-1, len(self.shape)))

    def by_offset(self, offset: Num[Tensor, "*shape axes"]) -> Float[Tensor, "#heads *shape"]:
        """The bias of each head at any offset, query minus key, in cells, whole or real.

        Raises TypeError for what is not a tensor of numbers, ValueError for another last axis.

        >>> SwinV2Bias(heads=3, shape=(8, 8)).by_offset(torch.tensor([[0.5, -20.0]])).shape
        torch.Size([3, 1])
        """
        validation.distances("SwinV2Bias", "offset", offset)
        validation.rank("SwinV2Bias", "offset", offset, axes="... axes")
        validation.last_axis("SwinV2Bias", "offset", offset, "axes", len(self.shape))
        place = as_float64(offset)
        reach = [max(size - 1, 1) for size in self.trained_shape]
        share = place / torch.tensor(reach, dtype=torch.float64, device=place.device)
        scaled = share.sign() * torch.log2(1 + 8 * share.abs()) / math.log2(8)
        (into, start), (out,) = weights_of(self.inner), weights_of(self.outer)
        dtype = wide(into)
        with without_autocast(scaled):
            scaled = scaled.to(into.device, dtype)
            hidden = (scaled @ into.to(dtype).T + start.to(dtype)).relu()
            bias = 16 * torch.sigmoid(hidden @ out.to(dtype).T)
        return bias.movedim(-1, 0)

    def resized(self, shape: Sequence[int]) -> SwinV2Bias:
        """The same network, its weights shared, for a window of another shape.

        What offsets are measured by stays. Raises like the class.

        >>> bias = SwinV2Bias(heads=3, shape=(8, 8)).resized((16, 16))
        >>> bias.shape, bias.trained_shape
        ((16, 16), (8, 8))
        """
        new = checked_shape("SwinV2Bias.resized", shape)
        other = SwinV2Bias(self.heads, new, trained_shape=self.trained_shape, hidden=self.hidden)
        other.inner, other.outer = self.inner, self.outer
        return other.train(self.training)

    def extra_repr(self) -> str:
        other = self.trained_shape != self.shape
        trained = f", trained_shape={self.trained_shape}" if other else ""
        return f"{super().extra_repr()}{trained}, hidden={self.hidden}"


ENTRIES = [
    RegistryEntry(
        name="swin_v2",
        title="Swin V2",
        cls=SwinV2Bias,
        sizes=("heads", "shape"),
        defaults={"hidden": 512},
        parameters="3 * hidden + hidden * heads",
        depends_on="the differences of row and column",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Liu et al. 2022, equation 4",
    ),
]
