"""Position by convolution over time, as in wav2vec 2.0: door 1, made of the input itself.

    h_t = x_t + gelu(b + sum_d W_d x_(t + d)),     d = -K / 2 .. K / 2 - 1     (K even)
    W_d = g_d V_d / |V_d|                                           weight normalisation

No number of a position enters. A convolution knows which neighbour stands before which, so what
it adds differs with the order; and zeros beyond the ends tell it how far away an end is. W_d maps
groups of features: block-diagonal, with `groups` blocks. |V_d| is the norm of all of tap d.

Source: Baevski et al. 2020, "wav2vec 2.0", section 2 (a convolution in place of fixed positions);
Mohamed et al. 2019, "Transformers with convolutional context for ASR"; Salimans and Kingma 2016,
"Weight Normalization"; Baevski et al. 2022, "data2vec", for five of them in a row. Kernel 128, 16
groups and the norm of each tap are those of the released code.

The traps: an even kernel, which sees one frame more of the past than of the future: the padding of
K / 2 on both sides gives one frame too many, and the last is dropped. Padding: frames that are no
speech have to be zero before, or what stands there enters the end of a short clip; data2vec's
second convolution reads what the first wrote there all the same, in the released code too. And
causality: 63 frames ahead of a token are in it before any mask of the scores.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding, Positions, without_padding
from posenc_lib.base.precision import wide, without_autocast
from posenc_lib.base.registry_entry import SAME, RegistryEntry

FORMS = ("wav2vec2", "data2vec")


class ConvolutionEncoding(PositionEncoding):
    """gelu of a grouped convolution over time, added to the input, (batch, length, dim).

    `form="wav2vec2"` is one convolution with weight normalisation: `magnitude` (1, 1, kernel),
    `direction` (dim, dim / groups, kernel) and `bias` (dim), in published checkpoints
    `conv.parametrizations.weight.original0`, `.original1` and `conv.bias`. wav2vec 2.0, HuBERT
    without batch norm, WavLM and UniSpeech have kernel 128 and 16 groups. `form="data2vec"` has no
    magnitude and a layer norm without weights before the gelu; `layers` of these stand in a row,
    5 with kernel 19 in data2vec.

    Positions have to be whole numbers in a row, from anywhere: the neighbours are the tokens
    beside a token. `sees_ahead`: a causal layer refuses it. Give `padding`, True for a real frame,
    and padded frames are zero before anything is added; `MultiHeadAttention` and
    `TransformerStack` do so with theirs.

    Raises ValueError for sizes below 1, groups that do not divide dim, an unknown form, input of
    another rank or dim, and positions that are not in a row; TypeError for positions that are no
    integers and a padding that is not boolean.

    Source: Baevski et al. 2020, "wav2vec 2.0", section 2, and its released code.

    >>> encode = ConvolutionEncoding(8, kernel=4, groups=2)
    >>> encode(torch.zeros(2, 5, 8)).shape, encode.direction[0].shape
    (torch.Size([2, 5, 8]), torch.Size([8, 4, 4]))
    """

    door = Door.EMBEDDINGS
    sees_ahead = True

    def __init__(
        self,
        dim: int,
        *,
        kernel: int = 128,
        groups: int = 16,
        layers: int = 1,
        form: str = "wav2vec2",
    ) -> None:
        super().__init__()
        name = "ConvolutionEncoding"
        self.dim = validation.size(name, "dim", dim)
        self.kernel = validation.size(name, "kernel", kernel)
        self.groups = validation.size(name, "groups", groups)
        validation.divides(name, "groups", self.groups, "dim", self.dim)
        count = validation.size(name, "layers", layers)
        self.form = validation.choice(name, "form", form, FORMS)
        shape = (self.dim, self.dim // self.groups, self.kernel)
        std = 2 / math.sqrt(self.kernel * self.dim)  # as the released code starts
        starts = [torch.randn(shape) * std for _ in range(count)]
        self.direction = nn.ParameterList(nn.Parameter(start) for start in starts)
        self.bias = nn.ParameterList(nn.Parameter(torch.zeros(self.dim)) for _ in starts)
        self.magnitude = nn.ParameterList(
            nn.Parameter(start.norm(dim=(0, 1), keepdim=True))
            for start in starts
            if self.form == "wav2vec2"
        )

    def weights(self, dtype: torch.dtype) -> list[Float[Tensor, "dim group kernel"]]:
        """The weights of each convolution in `dtype`, normalised where the form says so."""
        directions = [v.to(dtype) for v in self.direction]
        if self.form == "data2vec":
            return directions
        return [
            g.to(dtype) * v / v.norm(dim=(0, 1), keepdim=True)
            for g, v in zip(self.magnitude, directions, strict=True)
        ]

    def forward(
        self,
        x: Float[Tensor, "batch length dim"],
        positions: Positions | None = None,
        *,
        padding: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """Return x + the convolution of x; positions, if given, have to be in a row.

        Computed in float32 at least and rounded once to the dtype of x.
        """
        name = "ConvolutionEncoding"
        validation.floating(name, "x", x, axes="batch length dim")
        validation.last_axis(name, "x", x, "dim", self.dim)
        if positions is not None:
            validation.positions(name, "positions", positions, length=x.shape[1], batch=x.shape[0])
            check_in_a_row(name, positions)
        if padding is not None:
            validation.boolean(name, "padding", padding)
            if padding.shape != x.shape[:2]:
                raise validation.refuse(
                    ValueError, name, "padding.shape", tuple(padding.shape),
                    f"(batch, length) = {tuple(x.shape[:2])}", "True marks a real frame.",
                )  # fmt: skip
            x = without_padding(self, x, padding)
        dtype = wide(x, self.bias[0])
        found = x.to(dtype).transpose(1, 2)
        with without_autocast(x):
            for weight, bias in zip(self.weights(dtype), self.bias, strict=True):
                found = F.conv1d(
                    found, weight, bias.to(dtype), padding=self.kernel // 2, groups=self.groups
                )[..., : x.shape[1]]  # fmt: skip
                if self.form == "data2vec":
                    found = F.layer_norm(found.transpose(1, 2), (self.dim,)).transpose(1, 2)
                found = F.gelu(found)
            return (x + found.transpose(1, 2)).to(x.dtype)

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module; padded frames have to be zero already."""
        return self(x, positions)

    def extra_repr(self) -> str:
        layers = f", layers={len(self.bias)}" if len(self.bias) > 1 else ""
        return (
            f"dim={self.dim}, kernel={self.kernel}, groups={self.groups}{layers}, "
            f"form={self.form!r}"
        )


def check_in_a_row(function: str, positions: Tensor) -> None:
    """Refuse positions that are not p, p + 1, p + 2 ... in each batch row."""
    remedy = "A convolution reads the tokens beside a token: give them in order, without gaps."
    validation.whole(function, "positions", positions, remedy)
    if positions.shape[-1] > 1 and validation.readable(positions):
        steps = positions.long().diff()
        if not bool((steps == 1).all()):
            raise validation.refuse(
                ValueError, function, "positions", int(steps[steps != 1][0]),
                "steps of 1 from each token to the next", remedy,
            )  # fmt: skip


ENTRIES = [
    RegistryEntry(
        name="wav2vec2",
        title="wav2vec 2.0",
        cls=ConvolutionEncoding,
        sizes=("dim",),
        defaults={"kernel": 16, "groups": 4},  # for any width; published models have 128 and 16
        parameters="dim * dim // groups * kernel + kernel + dim",
        depends_on="the tokens on both sides, and how near the ends are",
        longer=SAME,
        on_panels=False,
        source="Baevski et al. 2020, section 2, and the released code",
    ),
]
