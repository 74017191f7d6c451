"""Builds decoders with latent attention, and with queries that grow longer along the text.

    latent attention   the last qk_rope_head_dim features of a head turn, one key for all heads
    scale              (qk_nope_head_dim + qk_rope_head_dim) ** -0.5, times m ** 2 for a scaled
                       RoPE, m = 0.1 mscale_all_dim ln(factor) + 1
    temperature        queries times 1 + slope ln(1 + floor((p + first) / L))

Source: DeepSeek-AI 2024, "DeepSeek-V2", section 2.1.3; `yarn_apply_mscale`, Llama4TextAttention and
`get_llama_4_attn_scale` in transformers 5.23.

The traps: two numbers called mscale. The one in YaRN's magnitude multiplies the turned features
alone, this one the whole score. And `rope_interleave`, which says the layout of the pairs:
DeepSeek's own code has neighbours as pairs.
"""

from __future__ import annotations

from dataclasses import replace

from posenc_lib.base.combined import Combined
from posenc_lib.base.doors import PositionEncoding
from posenc_lib.layers.plan import LayerPlan, PositionPlan
from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule
from posenc_lib.models.layer_kinds import NO_ATTENTION, layer_kinds
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.rope_builders import rope_from_config, yarn_mscale
from posenc_lib.models.rope_parameters import RopeParameters, rope_values
from posenc_lib.models.text_models import Parts, rotary
from posenc_lib.rotary.decoupled import DecoupledRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.temperature import QueryTemperature


def latent(fields: ConfigFields, rule: Rule) -> Parts:
    """A decoder of latent attention: the last features of each head turn."""
    count = fields.size("num_layers") * 2 if rule.get("twice") else fields.size("num_hidden_layers")
    turned = fields.size("qk_rope_head_dim")
    head_dim = fields.size("qk_nope_head_dim") + turned
    how = rule.get("layout")
    if how is None:
        how = "interleaved" if fields.flag("rope_interleave", True) else "half"
    rule = {**rule, "layout": how}
    rope = rope_from_config(fields, rule, turned)
    assert isinstance(rope, RotaryEncoding)
    given = RopeParameters(fields, rule, rope_values(fields, rule, None) or {}, None)
    scale = head_dim**-0.5
    if given.type != "default" and given.real("mscale_all_dim", 0.0):
        scale *= yarn_mscale(given.real("factor"), given.real("mscale_all_dim")) ** 2
    encoding: PositionEncoding = DecoupledRotary(head_dim, rope)
    slope = given.values.get("llama_4_scaling_beta")
    if slope is not None:
        slope = given.real("llama_4_scaling_beta", at_least=0.0)
        encoding = Combined(encoding, QueryTemperature(given.trained_length, slope=slope, first=0))
    layer = LayerPlan(encoding, scale=scale, sink=bool(rule.get("sink")))
    kinds = layer_kinds(fields, rule, count)
    numbers = tuple(number for number, kind in enumerate(kinds) if kind not in NO_ATTENTION)
    stated = fields.size_or_none("max_position_embeddings")
    part = PartPositions(
        fields.family, PositionPlan([layer] * len(numbers)), numbers, count, head_dim,
        getattr(rope, "trained_length", stated), stated, notes=tuple(rule.get("notes", ())),
    )  # fmt: skip
    return {"": part}


def heated(fields: ConfigFields, rule: Rule) -> Parts:
    """A decoder whose queries grow along the text, in all layers or in those without RoPE."""
    part = rotary(fields, rule)[""]
    still = rule.get("heat_still_layers", False)
    if still:
        if not fields.flag("attn_temperature_tuning", True):
            return {"": part}
        heat = QueryTemperature(
            fields.size("floor_scale"), slope=fields.real("attn_scale"), first=1
        )
    else:
        given = RopeParameters(fields, rule, rope_values(fields, rule, None) or {}, None)
        slope = given.real("llama_4_scaling_beta", at_least=0.0)
        heat = QueryTemperature(given.trained_length, slope=slope, first=0)
    made: dict[int, LayerPlan] = {}
    for layer in part.plan:
        turns = isinstance(layer.encoding, RotaryEncoding)
        if id(layer) in made or (still and turns):
            made.setdefault(id(layer), layer)
            continue
        encoding = Combined(layer.encoding, heat) if turns else heat
        made[id(layer)] = replace(layer, encoding=encoding)
    plan = PositionPlan([made[id(layer)] for layer in part.plan], part.plan.at_start)
    return {"": replace(part, plan=plan)}


LATENT_BUILDERS = {"latent": latent, "heated": heated}
