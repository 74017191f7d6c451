"""Builds vision models whose layers see windows or have relative tables: Swin, BEiT, SAM, LeViT.

    swin, swin_v2   a table, or a small network, for each layer, over the cells of one window
    beit            a table over the whole picture and its class token, for each layer or for all
    vitdet          a learned grid at the start, vectors of row and column differences in the layers
    levit           a table of absolute offsets, on a grid that shrinks from stage to stage

The positions of a layer with windows are the cells of one window. Which windows there are, and
which cells of a shifted one may meet, is no matter of a layer's plan (`shifted_window_mask`).

Source: the modelling code of transformers 5.23, as the rule says.

The trap: Swin V2 compares by cosines, times a trained number a head. The bias here is added to
that, not to q . k / sqrt(head_dim).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.layers.plan import LayerPlan, PositionPlan
from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.text_models import Parts, head_width, stack
from posenc_lib.models.vision_models import grid_of, learned_grid
from posenc_lib.scores.decomposed import DecomposedRelative
from posenc_lib.scores.levit import LevitBias
from posenc_lib.scores.swin_v2 import SwinV2Bias
from posenc_lib.scores.window_bias import WindowBias

SHIFTED = "every second layer shifts its windows by half of one"


def _stages(fields: ConfigFields, *names: str) -> list[tuple[int, ...]]:
    """Lists of one number for each stage, read together."""
    lists: list[list[Any]] = [fields.sequence(name) or [] for name in names]
    if len({len(one) for one in lists}) != 1 or not lists[0]:
        raise fields.refuse(
            " and ".join(map(fields.own_name, names)), lists, "one number for each stage in all"
        )
    for name, numbers in zip(names, lists, strict=True):
        for one in numbers:
            if type(one) is not int or one < 1:
                raise fields.refuse(fields.own_name(name), numbers, "whole numbers of at least 1")
    return list(zip(*lists, strict=True))


def swin(fields: ConfigFields, rule: Rule) -> Parts:
    """A window table for each layer, with the heads of its stage."""
    window, side = fields.size("window_size"), grid_of(fields, rule)
    assert side is not None
    layers: list[LayerPlan] = []
    for stage, (depth, heads) in enumerate(_stages(fields, "depths", "num_attention_heads")):
        extent = min(side) // (1 if rule.get("one_size") else 2**stage)
        if not rule.get("v2") and extent < window:
            raise fields.refuse(
                "window_size", window, f"at most {extent}, the side of stage {stage}",
                "The table would be larger than the picture.",
            )  # fmt: skip
        shape = (min(window, extent),) * 2
        for _ in range(depth):
            layers.append(LayerPlan(_window(fields, rule, stage, heads, shape), causal=False))
    start: Any = NoEncoding()
    if fields.flag("use_absolute_embeddings", False):
        start = learned_grid(fields, {**rule, "table_dim_field": "embed_dim"})
    notes = [SHIFTED, *rule.get("notes", ())]
    part = PartPositions(
        fields.family, PositionPlan(layers, start), tuple(range(len(layers))), len(layers),
        notes=tuple(notes),
    )  # fmt: skip
    return {"": part}


def _window(
    fields: ConfigFields, rule: Rule, stage: int, heads: int, shape: tuple[int, int]
) -> WindowBias | SwinV2Bias:
    """The bias of one layer."""
    if not rule.get("v2"):
        return WindowBias(heads, shape)
    before = fields.sequence("pretrained_window_sizes")
    trained = before[stage] if before else 0
    return SwinV2Bias(heads, shape, trained_shape=(trained, trained) if trained else None)


def beit(fields: ConfigFields, rule: Rule) -> Parts:
    """A table over all patches and the class token; for each layer, for all, or none."""
    grid, heads = grid_of(fields, rule), fields.size("num_attention_heads")
    assert grid is not None
    count = fields.size("num_hidden_layers")
    each = fields.flag("use_relative_position_bias", False)
    shared = fields.flag("use_shared_relative_position_bias", False)
    if each and shared:
        raise fields.refuse(
            "use_shared_relative_position_bias", True,
            "false where use_relative_position_bias is true", "The two would be summed.",
        )  # fmt: skip

    def layer() -> LayerPlan:
        bias = WindowBias(heads, grid, prefix=1) if each or shared else NoEncoding()
        return LayerPlan(bias, causal=False)

    start = None
    if fields.flag("use_absolute_position_embeddings", False):
        start = learned_grid(fields, {**rule, "prefix": 1})
    return {"": stack(fields, layer if each else layer(), count, start)}


def vitdet(fields: ConfigFields, rule: Rule) -> Parts:
    """A learned grid at the start; vectors for differences of rows and columns in the layers."""
    grid, count = grid_of(fields, rule), fields.size("num_hidden_layers")
    assert grid is not None
    head_dim = head_width(fields, rule)
    window = fields.size("window_size", 0, minimum=0)
    relative = fields.flag(rule.get("relative_field", "use_rel_pos"), True)
    if "windows_field" in rule:
        windowed = set(fields.sequence(rule["windows_field"]) or ())
    else:
        everywhere = set(fields.sequence("global_attn_indexes") or ())
        windowed = set(range(count)) - everywhere
    layers = []
    for number in range(count):
        shape = (window, window) if window and number in windowed else grid
        encoding = DecomposedRelative(head_dim, shape) if relative else NoEncoding()
        layers.append(LayerPlan(encoding, causal=False))
    start: Any = NoEncoding()
    if fields.flag(rule.get("table_flag", "use_abs_pos"), True):
        start = learned_grid(fields, {**rule, "image_field": rule.get("table_image", "image_size")})
    part = PartPositions(
        fields.family, PositionPlan(layers, start), tuple(range(count)), count, head_dim,
        notes=tuple(rule.get("notes", ())),
    )  # fmt: skip
    if window and windowed:
        said = f"layers with a window see {window} by {window} patches"
        part = replace(part, notes=(*part.notes, said))
    return {"": part}


def levit(fields: ConfigFields, rule: Rule) -> Parts:
    """A table of absolute offsets for each layer, on a grid that is halved between the stages."""
    side = fields.size("image_size") // fields.size("patch_size")
    stages = _stages(fields, "hidden_sizes", "depths", "num_attention_heads", "key_dim")
    layers: list[LayerPlan] = []
    for stage, (dim, depth, heads, key_dim) in enumerate(stages):
        for _ in range(depth):
            layers.append(LayerPlan(LevitBias(heads, (side, side)), causal=False))
        if stage + 1 < len(stages):  # a layer whose queries are every second cell
            layers.append(LayerPlan(LevitBias(dim // key_dim, (side, side)), causal=False))
            side = (side - 1) // 2 + 1
    note = "between stages, the queries of one layer are every second cell of its keys' grid"
    part = PartPositions(
        fields.family, PositionPlan(layers), tuple(range(len(layers))), len(layers), notes=(note,)
    )
    return {"": part}


WINDOW_BUILDERS = {"swin": swin, "beit": beit, "vitdet": vitdet, "levit": levit}
