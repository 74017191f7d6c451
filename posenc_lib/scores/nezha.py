"""NEZHA: Shaw's form with fixed sinusoidal vectors in place of trained ones. Door 3.

    a_ij[2k]   = sin(clip(j - i, -K, K) * w_k)
    a_ij[2k+1] = cos(clip(j - i, -K, K) * w_k),     w_k = base ** (-2k / head_dim)

Source: Wei et al. 2019, "NEZHA", section 2.2, equations 6 and 7.

K is max_distance, a_ij the vector for the distance j - i, added to keys and to values.

The paper has no clip: choose K of at least length - 1 for its form.

The trap: the published code looks up PE(clip(j - i) + K), the paper writes PE(j - i). The
outputs differ, though the two model classes are the same: a fixed rotation of the projections
maps one onto the other (`turn_projections` in nezha_forms.py).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.angles import frequencies64, wave_pairs
from posenc_lib.base.registry_entry import CLIPPED, DISTANCE, RegistryEntry
from posenc_lib.embeddings.sinusoidal import sinusoidal_table
from posenc_lib.scores.table_relative import TableRelative

_FORMS = ("paper", "code")


def nezha_table(
    max_distance: int, dim: int, *, base: float = 10000.0, form: str = "paper"
) -> Float32[np.ndarray, "rows {dim}"]:
    """The fixed table of 2K + 1 sinusoidal vectors, row r for distance r - K, float32.

    `form="paper"` encodes the distance itself, PE(r - K); `form="code"` what the published
    code computes, PE(r). `dim` is the head_dim of the attention it goes into.

    Raises ValueError for max_distance < 0, dim < 1, base <= 1 or another form.

    Source: Wei et al. 2019, equations 6 and 7; the released code for `form="code"`.

    >>> nezha_table(1, 2).round(4)
    array([[-0.8415,  0.5403],
           [ 0.    ,  1.    ],
           [ 0.8415,  0.5403]], dtype=float32)
    """
    max_distance = validation.size("nezha_table", "max_distance", max_distance, minimum=0)
    dim = validation.size("nezha_table", "dim", dim)
    base = validation.real("nezha_table", "base", base, above=1.0)
    form = validation.choice("nezha_table", "form", form, _FORMS)
    start = -max_distance if form == "paper" else 0
    return sinusoidal_table(2 * max_distance + 1, dim, base=base, start=start)


class NezhaRelative(TableRelative):
    """Shaw's scores and values with the table of `nezha_table` for both: nothing is trained.

    e_ij = q_i . (k_j + a_ij) / sqrt(head_dim), o_i = sum_j alpha_ij (v_j + a_ij), with
    a_ij = PE(clip(j - i, -K, K)) for `form="paper"`, PE(clip(j - i, -K, K) + K) for `form="code"`.
    The table is (2K + 1, head_dim), made in float64 and rounded once, to the dtype of the scores.

    Raises like `nezha_table`.

    Source: Wei et al. 2019, equations 6 and 7.

    >>> sum(p.numel() for p in NezhaRelative(head_dim=8, max_distance=64).parameters())
    0
    """

    def __init__(
        self, head_dim: int, max_distance: int, *, base: float = 10000.0, form: str = "paper"
    ) -> None:
        super().__init__(head_dim, max_distance)
        self.base = validation.real("NezhaRelative", "base", base, above=1.0)
        self.form = validation.choice("NezhaRelative", "form", form, _FORMS)

    def tables(
        self, device: torch.device | None = None
    ) -> tuple[Float64[Tensor, "rows head_dim"], Float64[Tensor, "rows head_dim"]]:
        """The same fixed table for keys and values, made afresh in float64: nothing goes stale."""
        start = -self.max_distance if self.form == "paper" else 0
        rows = 2 * self.max_distance + 1
        encoded = torch.arange(start, start + rows, dtype=torch.float64, device=device)
        angle = encoded[:, None] * frequencies64(self.head_dim, self.base, device)  # (rows, pairs)
        table = wave_pairs(angle, torch.float64)[:, : self.head_dim]
        return table, table

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, base={self.base:g}, form={self.form!r}"


ENTRIES = [
    RegistryEntry(
        name="nezha",
        title="NEZHA",
        cls=NezhaRelative,
        sizes=("head_dim",),
        defaults={"max_distance": 64},
        parameters="0",
        depends_on=DISTANCE,
        longer=CLIPPED,
        source="Wei et al. 2019, equations 6 and 7",
    ),
]
