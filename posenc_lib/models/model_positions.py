"""What `encoding_from_config` returns: the plans of a model's parts, and a report in words.

Nothing is computed here; the plan is the truth, the words are read off it.

The trap: a report that is written beside the code and no longer says what it does. Each line here
is made from the encoding objects that the plan holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from posenc_lib.base import validation
from posenc_lib.layers.plan import PositionPlan
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.words import part_words


class ModelPositions:
    """The positions of a model: a plan for each part, and what they are in plain words.

    - `family`: the `model_type` of the config.
    - `parts`: part -> `PositionPlan`, such as "text" and "vision".
    - `plan`: the plan of the only part, or of the text.
    - `lengths`: part -> (length before RoPE was scaled, stated length), None where not known.
    - `details`: part -> its `PartPositions`: which layers of the model the plan is about, notes.
    - `report`: all of it in words, which is also the repr.

    Raises nothing of its own; `encoding_from_config` makes it.

    Source: the rule of the family, in `posenc_lib/models/families.toml`.

    >>> from posenc_lib import encoding_from_config
    >>> positions = encoding_from_config({
    ...     "model_type": "mistral", "hidden_size": 64, "num_attention_heads": 4, "head_dim": 16,
    ...     "num_hidden_layers": 2, "max_position_embeddings": 8192, "sliding_window": 1024,
    ... })
    >>> positions.lengths["text"], positions.plan[0].window
    ((8192, 8192), 1024)
    """

    def __init__(self, family: str, details: Mapping[str, PartPositions]) -> None:
        self.family = family
        named = {name or part.kind: part for name, part in details.items()}
        self.details: Mapping[str, PartPositions] = MappingProxyType(named)
        self.parts: Mapping[str, PositionPlan] = MappingProxyType(
            {name: part.plan for name, part in named.items()}
        )
        self.lengths: Mapping[str, tuple[int | None, int | None]] = MappingProxyType(
            {name: (part.original_length, part.stated_length) for name, part in named.items()}
        )

    @property
    def plan(self) -> PositionPlan:
        """The plan of the only part, or of the text."""
        if len(self.parts) == 1:
            return next(iter(self.parts.values()))
        text = [plan for name, plan in self.parts.items() if name.split(".")[-1] == "text"]
        if len(text) != 1:
            raise validation.refuse(
                ValueError, "ModelPositions.plan", "parts", list(self.parts),
                "one part, or one that is text", "Take one of them: positions.parts[name].",
            )  # fmt: skip
        return text[0]

    @property
    def report(self) -> str:
        """What the model does with positions, part by part."""
        several = len(self.details) > 1
        lines = [f"{self.family}"]
        for name, part in self.details.items():
            lines.append(f"  {name}" + (f" ({part.family})" if several else ""))
            lines += [f"    {line}" for line in part_words(part)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.report
