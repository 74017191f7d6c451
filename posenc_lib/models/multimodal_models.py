"""Builds M-RoPE: text, images and video in one row of tokens, with three positions each.

    mrope_section   pairs of (time, height, width), inside rope_parameters or by default
    arrangement     which pairs these are: "sections", "interleaved" or "time_last", by family

Source: the modelling code of transformers 5.23, as the rule says; Wang et al. 2024, "Qwen2-VL".

The trap: text alone is turned as RoPE turns it, whatever the sections: a wrong arrangement shows
from the first image on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.layers.plan import PositionPlan
from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.rope_builders import rope_from_config
from posenc_lib.models.rope_parameters import rope_values
from posenc_lib.models.text_models import Parts, attention_layers, head_width, original_length
from posenc_lib.rotary.mrope import MultimodalRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.unpaired_rope import UnpairedMultimodalRotary


def multimodal_rotary(fields: ConfigFields, rule: Rule) -> Parts:
    """A decoder whose pairs listen to time, row and column."""
    head_dim = head_width(fields, rule)

    def encoding(kind: str) -> PositionEncoding:
        plain = rope_from_config(fields, rule, head_dim, kind)
        if not isinstance(plain, RotaryEncoding):
            return NoEncoding()
        values = rope_values(fields, rule, kind) or {}
        sections = values.get("mrope_section") or rule["sections"]
        pairs = plain.rotary_dim // 2
        if rule["arrangement"] == "features":  # HunYuan VL, which is no rotation
            return unpaired(fields, values, plain)
        if rule["arrangement"] == "interleaved":
            sections = fitted(sections, pairs)
        whole = isinstance(sections, (list, tuple)) and all(type(one) is int for one in sections)
        if not whole or sum(sections) != pairs or len(sections) != len(rule["sections"]):
            raise fields.refuse(
                "rope_parameters.mrope_section", sections,
                f"{len(rule['sections'])} whole numbers that sum to {pairs}, half of the "
                f"{plain.rotary_dim} features that are turned",
                "Each pair listens to one of time, height and width.",
            )  # fmt: skip
        order = rule.get("section_order", range(len(sections)))
        return MultimodalRotary(
            head_dim, [sections[at] for at in order], base=plain.base, layout=plain.layout,
            arrangement=rule["arrangement"], rotary_dim=plain.rotary_dim,
            scaled=None if type(plain) is RotaryEncoding else plain,
        )  # fmt: skip

    plans, numbers, count = attention_layers(fields, rule, encoding)
    stated = fields.size_or_none("max_position_embeddings")
    original = original_length([layer.encoding for layer in plans], stated)
    part = PartPositions(
        fields.family, PositionPlan(plans), tuple(numbers), count, head_dim, original, stated
    )
    return {"": part}


def unpaired(
    fields: ConfigFields, values: Mapping[str, Any], plain: RotaryEncoding
) -> PositionEncoding:
    """HunYuan VL: sections of features; without sections it is RoPE itself."""
    sections = values.get("mrope_section") or values.get("xdrope_section")
    if sections is None:
        return plain
    if not isinstance(sections, (list, tuple)) or not all(
        isinstance(one, (int, float)) for one in sections
    ):
        raise fields.refuse("rope_parameters.mrope_section", sections, "a list of numbers")
    pairs = plain.rotary_dim // 2
    if any(0 < one < 1 for one in sections):  # shares of the pairs, as older configs have them
        sections = [round(one * pairs) for one in sections]
    if sum(sections) != pairs or any(one != int(one) for one in sections):
        raise fields.refuse(
            "rope_parameters.mrope_section", sections, f"whole numbers that sum to {pairs}"
        )
    return UnpairedMultimodalRotary(
        plain.head_dim, [int(one) for one in sections], scaled=plain,
    )  # fmt: skip


def fitted(sections: Any, pairs: int) -> Any:
    """Sections that reach past the last pair, as Qwen3-VL's code reads them: cut at the last pair.

    The code deals out every third pair to height and width, up to three times their sections, and
    leaves the rest to time; published configs have sections that fit.
    """
    if not isinstance(sections, (list, tuple)) or not all(type(one) is int for one in sections):
        return sections
    counts = [
        len(range(axis, min(3 * count, pairs), 3)) for axis, count in enumerate(sections[1:], 1)
    ]
    return [pairs - sum(counts), *counts]


MULTIMODAL_BUILDERS = {"multimodal_rotary": multimodal_rotary}
