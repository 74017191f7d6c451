"""What the page needs of each encoding of the registry: numbers that the library makes.

Frequencies, magnitudes and biases by distance are exported; trained numbers are drawn by the page
itself (`page_drawn.js`), and `page_layer.js` has the arithmetic of the doors.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

from posenc_lib.base.angles import frequencies64
from posenc_lib.base.doors import Door
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.base.registry_entry import RegistryEntry
from posenc_lib.embeddings.axial_learned import AxialLearnedEncoding
from posenc_lib.embeddings.axial_sinusoidal import AxialSinusoidalEncoding
from posenc_lib.embeddings.learned import LearnedEncoding
from posenc_lib.embeddings.sinusoidal_encoding import SinusoidalEncoding
from posenc_lib.embeddings.timing import TimingEncoding
from posenc_lib.explorers.attention_layer import DIM, HEADS, LENGTH, STEP, WINDOW, encoding_of
from posenc_lib.plots.palette import CYCLE
from posenc_lib.plots.views import MOST_CURVES
from posenc_lib.registry import on_panels
from posenc_lib.rotary.axial_rope import AxialRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.xpos import XposRotary
from posenc_lib.scores.cope import CopeBias
from posenc_lib.scores.distance_bias import DistanceBias
from posenc_lib.scores.nezha import NezhaRelative
from posenc_lib.scores.shaw import ShawRelative
from posenc_lib.scores.transformer_xl import TransformerXLRelative

DIMS = range(STEP, DIM + 1, STEP)
HEAD_DIMS = sorted({dim // heads for dim in DIMS for heads in HEADS})


@cache
def layer_data() -> dict[str, Any] | None:
    """What `page_layer.js` takes from the library; None where an encoding of the registry has no
    arithmetic there, and the kernel has to compute the panel.

    `shelf` holds arrays as bytes, each once; a form names those it uses by their number.
    """
    shelf = _Shelf()
    forms = {}
    for name, entry in on_panels().items():
        form = _form(entry, shelf)
        if form is None:
            return None
        forms[name] = {"title": entry.title, "causal": entry.causal_only} | form
    sizes = {"dims": list(DIMS), "heads": HEAD_DIMS}
    limits = {"window": WINDOW, "longest": LENGTH, "colours": len(CYCLE), "styles": MOST_CURVES}
    return {"forms": forms, "sizes": sizes, "shelf": shelf.arrays} | limits


class _Shelf:
    """Arrays as bytes, each once."""

    def __init__(self) -> None:
        self.arrays: list[bytes] = []

    def put(self, numbers: Tensor) -> int:
        """The number of these numbers on the shelf."""
        held = (numbers.detach().double() + 0.0).numpy().tobytes()  # no -0
        if held not in self.arrays:
            self.arrays.append(held)
        return self.arrays.index(held)


def _form(entry: RegistryEntry, shelf: _Shelf) -> dict[str, Any] | None:
    """The kind of arithmetic, and its numbers; None: the page has none for this class."""
    if entry.cls is NoEncoding:
        return {"kind": "none"}
    if entry.door is Door.EMBEDDINGS:
        return _added(entry, shelf)
    if issubclass(entry.cls, RotaryEncoding):
        return _turned(entry, shelf)
    if issubclass(entry.cls, DistanceBias):
        return _biases(entry, shelf)
    made = _made(entry, DIM, 1)
    if isinstance(made, NezhaRelative) and made.form == "paper":
        waves = torch.cat([frequencies64(size, made.base) for size in HEAD_DIMS])
        return {"kind": "rows", "last": made.max_distance, "waves": shelf.put(waves)}
    if isinstance(made, ShawRelative):
        return {"kind": "rows", "last": made.max_distance, "table": "key_table"}
    if isinstance(made, TransformerXLRelative):
        waves = torch.cat([frequencies64(dim, made.base) for dim in DIMS])
        return {"kind": "transformer_xl", "waves": shelf.put(waves)}
    if isinstance(made, CopeBias):
        return {"kind": "cope", "last": made.max_position}
    return None


def _added(entry: RegistryEntry, shelf: _Shelf) -> dict[str, Any] | None:
    """A vector for each place: waves with their frequencies, or rows of tables by name."""
    made = [_made(entry, dim, 1) for dim in DIMS]
    one: Any = made[0]
    columns = one.shape[1] if hasattr(one, "shape") else 0
    if entry.cls in (LearnedEncoding, AxialLearnedEncoding):
        tables = [name for name, _ in one.named_parameters()]
        return {"kind": "tables", "tables": tables, "columns": columns}
    if entry.cls is SinusoidalEncoding:
        waves = [frequencies64(each.dim, each.base) for each in made]
    elif entry.cls is AxialSinusoidalEncoding:
        waves = [frequencies64(each.dim // 2, each.base) for each in made]
    elif entry.cls is TimingEncoding:
        waves = [2 * math.pi / torch.tensor(each.periods, dtype=torch.float64) for each in made]
    else:
        return None
    return {"kind": "waves", "waves": shelf.put(torch.cat(waves)), "columns": columns}


def _turned(entry: RegistryEntry, shelf: _Shelf) -> dict[str, Any] | None:
    """Frequencies for each head_dim; for a grid those of one axis."""
    made = [_made(entry, size, 1) for size in HEAD_DIMS]
    one: Any = made[0]
    columns = one.shape[1] if isinstance(one, AxialRotary) else 0
    positions = torch.arange(LENGTH)
    for each in made if not columns else ():
        straight = positions[:, None] * each.frequencies()
        if each.rotary_dim != each.head_dim or not torch.equal(each.angles(positions), straight):
            return None
    fades = None
    if isinstance(one, XposRotary):
        fades = shelf.put(torch.cat([each.zetas().log() / each.scale_base for each in made]))
    waves = shelf.put(torch.cat([each.frequencies() for each in made]))
    return {
        "kind": "turns", "waves": waves, "fades": fades, "columns": columns,
        "half": one.layout == "half", "magnitude": float(one.magnitude),
    }  # fmt: skip


def _biases(entry: RegistryEntry, shelf: _Shelf) -> dict[str, Any]:
    """A row of biases for each head that differs, back from distance 0; from the farthest key
    back to the farthest ahead where the two sides are not alike."""
    sides: dict[str, Any] = {}
    for causal in (False, True):
        if entry.causal_only and not causal:
            continue
        rows: list[Tensor] = []
        of: dict[str, list[int]] = {}
        for heads in HEADS:
            made: Any = encoding_of(entry.name, DIM, heads, causal=causal, length=LENGTH)
            bias = made.by_distance(torch.arange(1 - LENGTH, LENGTH)).detach().double()
            of[str(heads)] = [_number_of(row, rows) for row in bias]
        table = torch.stack(rows)
        back = table[:, :LENGTH].flip(-1)
        alike = causal or _same(back, table[:, LENGTH - 1 :])
        sides["causal" if causal else "both"] = {
            "rows": shelf.put(back if alike else table), "alike": alike, "of": of,
        }  # fmt: skip
    return {"kind": "biases", "sides": sides}


def _number_of(row: Tensor, rows: list[Tensor]) -> int:
    for number, known in enumerate(rows):
        if _same(known, row):
            return number
    rows.append(row)
    return len(rows) - 1


def _same(one: Tensor, other: Tensor) -> bool:
    """Equal but for rounding, which depends on how many heads are made at once."""
    return torch.allclose(one, other, rtol=1e-12, atol=1e-12)


def _made(entry: RegistryEntry, dim: int, heads: int) -> Any:
    return encoding_of(entry.name, dim, heads, causal=entry.causal_only, length=LENGTH)
