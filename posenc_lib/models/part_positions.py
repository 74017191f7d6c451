"""What is known of one part of a model: its plan, the layers it is about, its lengths.

    plan.layers[i]      what attention layer i of the part does with positions
    numbers[i]          which layer of the model that is: others may not attend
    original_length     how long texts were before RoPE was scaled, None where it is not known
    stated_length       `max_position_embeddings`, or the rows of a table
    kind                what it reads: text, vision or audio
    skipped_rows        rows of the model's own table before the one for position 0

The trap: reading `stated_length` as the length that a model was trained for. It is what somebody
wrote into a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from posenc_lib.layers.plan import PositionPlan


@dataclass(frozen=True)
class PartPositions:
    """The positions of one part of a model, text or vision; see the file for the fields."""

    family: str
    plan: PositionPlan
    numbers: tuple[int, ...]
    layers_in_all: int
    head_dim: int | None = None
    original_length: int | None = None
    stated_length: int | None = None
    skipped_rows: int = 0
    notes: tuple[str, ...] = ()
    from_defaults: dict[str, object] = field(default_factory=dict)
    kind: str = "text"
