"""Builds the positions of vision models: learned grids, RoPE in two axes.

    grid_table    a learned row for each patch, and for each class token before them
    grid_rotary   RoPE with a row and a column, and the learned grid where a family has both
    clip_table    a learned or a wave table of all patches of a clip
    axis_tables   a learned row for each row and each column, added up (Pix2Struct)
    two_rows      words with a table and patches with a grid, in one row of tokens (ViLT)

The cells of a picture are counted row by row; what stands before them (class tokens, registers) is
the prefix. The table here has the prefix's rows first, as the models have.

Source: the modelling code of transformers 5.23, as the rule says.

The traps: registers, which stand between the class token and the patches and have no row; and a
model whose pictures have any size: it has no grid of its own, so its RoPE takes coordinates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.embeddings.axial_learned import AxialLearnedEncoding
from posenc_lib.embeddings.learned import LearnedEncoding
from posenc_lib.embeddings.learned_grid import LearnedGridEncoding
from posenc_lib.embeddings.sinusoidal_encoding import SinusoidalEncoding
from posenc_lib.layers.plan import LayerPlan
from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule
from posenc_lib.models.layer_kinds import NO_ATTENTION, layer_kinds
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.rope_parameters import RopeParameters, rope_values
from posenc_lib.models.text_models import Parts, head_width, score_scale, stack
from posenc_lib.rotary.axial_rope import AxialRotary
from posenc_lib.rotary.unpaired_rope import UnpairedAxialRotary


def grid_of(fields: ConfigFields, rule: Rule) -> tuple[int, int] | None:
    """(rows, columns) of patches; None where pictures have any size."""
    if rule.get("any_size"):
        return None
    if "shape_fields" in rule:
        rows, columns = (fields.size(name) for name in rule["shape_fields"])
        return rows, columns
    if "cells_field" in rule:  # so many rows of a table, a square
        cells = fields.size(rule["cells_field"])
        side = round(cells**0.5)
        if side * side != cells:
            raise fields.refuse(rule["cells_field"], cells, "a square number of patches")
        return side, side
    height, width = fields.pair(rule.get("image_field", "image_size"))
    patch = fields.pair(rule.get("patch_field", "patch_size"))
    if patch[0] > height or patch[1] > width:
        raise fields.refuse(
            "patch_size", patch, f"at most the image, {height} by {width}", "Look at the config."
        )
    return height // patch[0], width // patch[1]


def tokens_of(fields: ConfigFields, named: Any) -> int:
    """So many tokens: a number, a field, or a list of both that is summed."""
    if isinstance(named, list):
        return sum(tokens_of(fields, one) for one in named)
    return named if isinstance(named, int) else fields.size(named, minimum=0)


def learned_grid(fields: ConfigFields, rule: Rule) -> LearnedGridEncoding:
    """The table: the prefix's rows, then one for each patch, then the suffix's."""
    grid = grid_of(fields, rule)
    assert grid is not None  # a rule with a table has a grid
    around = {
        name: tokens_of(fields, rule.get(name, 0)) for name in ("prefix", "registers", "suffix")
    }
    return LearnedGridEncoding(
        fields.size(rule.get("table_dim_field", "hidden_size")), grid, **around
    )


def _layers(fields: ConfigFields, rule: Rule, layer: LayerPlan, at_start: Any = None) -> Parts:
    if "stages_field" in rule:  # so many layers in each stage
        name = rule["stages_field"]
        depths = fields.sequence(name) or []
        if not depths or not all(type(one) is int and one >= 1 for one in depths):
            raise fields.refuse(name, depths, "a whole number of layers for each stage")
        count = sum(depths)
    else:
        count = fields.size(rule.get("layers_field", "num_hidden_layers"))
    notes = tuple(rule.get("notes", ()))
    if "kinds" not in rule:
        return {"": stack(fields, layer, count, at_start, notes=notes)}
    kinds = layer_kinds(fields, rule, count)  # some layers convolve
    numbers = tuple(n for n, kind in enumerate(kinds) if kind not in NO_ATTENTION)
    if not numbers:
        raise fields.refuse("layer_types", sorted(set(kinds)), "at least one layer that attends")
    part = stack(fields, layer, len(numbers), at_start, notes=notes)
    return {"": replace(part, numbers=numbers, layers_in_all=count)}


def grid_table(fields: ConfigFields, rule: Rule) -> Parts:
    """A learned row for each patch at the start, nothing in the layers."""
    layer = LayerPlan(NoEncoding(), causal=False, scale=score_scale(fields, rule))
    return _layers(fields, rule, layer, learned_grid(fields, rule))


def two_rows(fields: ConfigFields, rule: Rule) -> Parts:
    """Words and patches have a table each and share all layers."""
    rows, dim = fields.size("max_position_embeddings"), fields.size("hidden_size")
    layer, count = LayerPlan(NoEncoding(), causal=False), fields.size("num_hidden_layers")
    note = "words and patches stand in one row: both parts are the same layers"
    grid = learned_grid(fields, {**rule, "prefix": 1})
    text = stack(fields, layer, count, LearnedEncoding(rows, dim), stated_length=rows,
                 notes=(note,))  # fmt: skip
    return {"text": text, "vision": stack(fields, layer, count, grid, notes=(note,))}


def axis_tables(fields: ConfigFields, rule: Rule) -> Parts:
    """A learned row for the row and one for the column of each patch, added up, at the start."""
    sides = fields.size(rule["side_field"])
    start = AxialLearnedEncoding(fields.size("hidden_size"), (sides, sides), summed=True)
    layer = LayerPlan(NoEncoding(), causal=False, scale=score_scale(fields, rule))
    return _layers(fields, rule, layer, start)


def clip_table(fields: ConfigFields, rule: Rule) -> Parts:
    """A table of all patches of a clip at the start: learned, or sinusoids by number."""
    rows, columns = fields.pair("image_size")
    patch = fields.pair("patch_size") if "tubelet_list" not in rule else None
    tubelet: Any = fields.get("tubelet_size")
    if patch is None:
        depth, *patch_sides = tubelet
        patch = (patch_sides[0], patch_sides[1])
    else:
        depth = tubelet
    frames = fields.size("num_frames") // depth
    cells = frames * (rows // patch[0]) * (columns // patch[1])
    dim = fields.size("hidden_size")
    layer = LayerPlan(NoEncoding(), causal=False)
    if rule.get("waves"):
        return _layers(fields, rule, layer, SinusoidalEncoding(dim))
    return _layers(
        fields, rule, layer, LearnedEncoding(cells + tokens_of(fields, rule.get("prefix", 0)), dim)
    )


def grid_rotary(fields: ConfigFields, rule: Rule) -> Parts:
    """RoPE with a row and a column for each patch."""
    head_dim, grid = head_width(fields, rule), grid_of(fields, rule)
    given = RopeParameters(fields, rule, rope_values(fields, rule, None) or {}, None)
    options = dict(rule.get("axial", {}))
    if "axis_order" in options:
        options["axis_order"] = tuple(options["axis_order"])
    for name in ("prefix", "suffix"):
        if f"turned_{name}" in rule:
            options[name] = tokens_of(fields, rule[f"turned_{name}"])
    axes = int(rule.get("axes", 2))
    if "thirds" in rule:  # of the features, an even number for each of three axes
        options["rotary_dim"] = 3 * 2 * (head_dim // 3 // 2)
    if head_dim % (2 * axes) and "rotary_dim" not in options:
        raise fields.refuse(
            fields.own_name("num_attention_heads"), fields.size("num_attention_heads"),
            f"a head of a multiple of {2 * axes} features, not {head_dim}",
            "Each axis takes the same number of pairs.",
        )  # fmt: skip
    encoding = AxialRotary(
        head_dim, grid or (1,) * axes, base=given.base, layout=rule["layout"], **options
    )
    layer = LayerPlan(encoding, causal=False, scale=score_scale(fields, rule))
    start = None
    if "table_cells_field" in rule:
        start = learned_grid(fields, {**rule, "cells_field": rule["table_cells_field"],
                                      "any_size": False})  # fmt: skip
    elif "table_shape_fields" in rule:
        shape = {"shape_fields": rule["table_shape_fields"], "any_size": False}
        start = learned_grid(fields, {**rule, **shape})
    elif rule.get("table"):
        start = learned_grid(fields, {**rule, "any_size": False})
    parts = _layers(fields, rule, layer, start)
    if grid is None:
        note = "pictures of any size: positions are coordinates, (row, column), of each patch"
        parts[""] = _noted(parts[""], note)
    return parts


def _noted(part: PartPositions, note: str) -> PartPositions:
    return replace(part, notes=(*part.notes, note))


def vjepa2(fields: ConfigFields, rule: Rule) -> Parts:
    """V-JEPA 2: an encoder and a predictor, with an angle for each feature of three axes."""
    side = fields.size("crop_size") // fields.size("patch_size")
    frames = fields.size("frames_per_clip") // fields.size("tubelet_size")
    parts = {}
    for name, before in (("encoder", ""), ("predictor", "pred_")):
        dim, heads = (
            fields.size(f"{before}hidden_size"),
            fields.size(f"{before}num_attention_heads"),
        )
        head_dim = dim // heads
        encoding = UnpairedAxialRotary(
            head_dim, (frames, side, side), rotary_dim=3 * 2 * (head_dim // 3 // 2)
        )
        count = fields.size(f"{before}num_hidden_layers")
        notes = tuple(rule.get("notes", ())) if name == "predictor" else ()
        parts[name] = stack(fields, LayerPlan(encoding, causal=False), count, notes=notes)
    return parts


VISION_BUILDERS = {
    "grid_table": grid_table,
    "clip_table": clip_table,
    "grid_rotary": grid_rotary,
    "vjepa2": vjepa2,
    "two_rows": two_rows,
    "axis_tables": axis_tables,
}
