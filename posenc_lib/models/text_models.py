"""Builds the positions of language models: RoPE, position tables, ALiBi, T5's bias.

    rotary      a `LayerPlan` for each layer with the RoPE of its kind, nothing at the start
    table       a table (or sinusoids) at the start, nothing in the layers
    pair        an encoder and a decoder with a table each
    alibi       a slope for each head
    t5          buckets of distances, one table for all layers of a stack, q . k undivided

Each function takes the fields of a config and the rule of its family and returns the parts.

Source: the modelling code of transformers 5.23, as the rule says.

The trap: an offset in a table. OPT and BART have two rows more than positions, RoBERTa counts from
padding_idx + 1: the table here has row 0 for position 0, and `skipped_rows` says what was left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.embeddings.learned import LearnedEncoding
from posenc_lib.embeddings.sinusoidal_encoding import SinusoidalEncoding
from posenc_lib.embeddings.split_sinusoidal import SplitSinusoidalEncoding
from posenc_lib.layers.plan import LayerPlan, PositionPlan
from posenc_lib.models.config_fields import ConfigFields, Known
from posenc_lib.models.family_table import Rule
from posenc_lib.models.layer_kinds import (
    one_of_all,
    CHUNKED,
    NO_ATTENTION,
    layer_kinds,
    turned_layers,
    window_of,
)
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.rope_parameters import rope_from_config
from posenc_lib.scores.alibi import AlibiBias
from posenc_lib.scores.t5 import T5Bias

Parts = dict[str, PartPositions]


def head_width(fields: ConfigFields, rule: Rule) -> int:
    """`head_dim`, or the features of the model over its heads."""
    given = fields.size_or_none(rule.get("head_dim_field", "head_dim"))
    if given is not None:
        return given
    dim = fields.size(rule.get("hidden_field", "hidden_size"))
    heads = fields.size(rule.get("heads_field", "num_attention_heads"))
    if dim % heads and not rule.get("heads_need_not_divide"):
        raise fields.refuse(
            fields.own_name("num_attention_heads"), heads, f"a divisor of {dim} features",
            "Or the config has to give head_dim.",
        )  # fmt: skip
    return dim // heads


def _width_of(fields: ConfigFields, rule: Rule, kind: str, head_dim: int) -> int:
    """The features of a head in layers of a kind, where kinds differ (Gemma 4)."""
    other = rule.get("head_dim_of", {}).get(kind)
    if other is None:
        return head_dim
    layers = fields.mapping("per_layer_config").values()
    found = {one["head_dim"] for one in layers if isinstance(one, Mapping) and "head_dim" in one}
    if len(found) > 1:
        raise fields.refuse(
            "per_layer_config", sorted(found), "one head_dim for all layers of a kind"
        )
    return fields.size(other["field"], next(iter(found), other["default"]))


def is_causal(fields: ConfigFields, rule: Rule) -> bool:
    """Whether keys after the query are shut out."""
    two_ways = rule.get("bidirectional_field")
    if two_ways and fields.get(two_ways, False) in rule.get("bidirectional_is", (True,)):
        return False
    if "causal_field" in rule:
        return fields.flag(rule["causal_field"], False)
    return bool(rule.get("causal", True))


def score_scale(fields: ConfigFields, rule: Rule) -> float | None:
    """What q . k is multiplied by where that is not 1 / sqrt(head_dim)."""
    scale = rule.get("scale")
    if scale is None:
        return None
    if "value" in scale:
        return float(scale["value"])
    number: float = fields.real(scale["field"], above=0.0) ** scale.get("power", 1.0)
    return number


def attention_layers(
    fields: ConfigFields, rule: Rule, encoding: Callable[[str], PositionEncoding]
) -> tuple[list[LayerPlan], list[int], int]:
    """A plan for each layer that attends, its number, and the number of all layers."""
    count = fields.size("num_hidden_layers")
    kinds, causal = layer_kinds(fields, rule, count), is_causal(fields, rule)
    turned, scale = turned_layers(fields, rule, kinds), score_scale(fields, rule)
    sinks = bool(rule.get("sink"))
    made: dict[tuple[str, bool], LayerPlan] = {}
    plans, numbers = [], []
    for number, (kind, turns) in enumerate(zip(kinds, turned, strict=True)):
        if kind in NO_ATTENTION:
            continue
        if (kind, turns) not in made:
            made[kind, turns] = LayerPlan(
                encoding(kind) if turns else NoEncoding(), causal=causal,
                window=window_of(fields, rule, kind, causal),
                chunk=fields.size("attention_chunk_size") if kind == CHUNKED else None,
                scale=scale, sink=sinks or kind in rule.get("sink_kinds", ()),
            )  # fmt: skip
        plans.append(made[kind, turns])
        numbers.append(number)
    if not plans:
        raise fields.refuse(
            "layer_types", sorted(set(kinds)), "at least one layer that attends",
            "None of these layers encodes position.",
        )  # fmt: skip
    return plans, numbers, count


def rotary(fields: ConfigFields, rule: Rule) -> Parts:
    """A stack whose layers turn queries and keys, each kind of layer in its own way."""
    head_dim = head_width(fields, rule)

    def encoding(kind: str) -> PositionEncoding:
        return rope_from_config(fields, rule, _width_of(fields, rule, kind, head_dim), kind)

    plans, numbers, count = attention_layers(fields, rule, encoding)
    stated = fields.size_or_none("max_position_embeddings")
    lengths = [getattr(one.encoding, "trained_length", stated) for one in plans]
    original = min((one for one in lengths if one is not None), default=None)
    part = PartPositions(
        fields.family, PositionPlan(plans), tuple(numbers), count, head_dim, original, stated,
        notes=tuple(rule.get("notes", ())),
    )  # fmt: skip
    return {"": part}


def stack(
    fields: ConfigFields,
    layer: Callable[[], LayerPlan] | LayerPlan,
    count: int,
    at_start: PositionEncoding | None = None,
    **more: Any,
) -> PartPositions:
    """A part whose layers share one plan, or have one each, made by `layer`."""
    layers = tuple(layer if isinstance(layer, LayerPlan) else layer() for _ in range(count))
    plan = PositionPlan(layers, NoEncoding() if at_start is None else at_start)
    return PartPositions(fields.family, plan, tuple(range(count)), count, **more)


def table(fields: ConfigFields, rule: Rule) -> Parts:
    """A table at the start; the layers themselves know no position."""
    plans, numbers, count = attention_layers(fields, rule, lambda kind: NoEncoding())
    at_start, skipped, length = position_table(fields, rule)
    plan = PositionPlan(plans, at_start)
    part = PartPositions(
        fields.family, plan, tuple(numbers), count, None, length, length, skipped,
        tuple(rule.get("notes", ())),
    )  # fmt: skip
    return {"": part}


def position_table(
    fields: ConfigFields, rule: Rule, part: str = ""
) -> tuple[PositionEncoding, int, int | None]:
    """What is added at the start, the rows before position 0 in the model's own table, its length."""
    dim = fields.size(rule.get("table_dim_field", "hidden_size"))
    rows = fields.size(rule.get(f"{part}_table_field") or rule.get("table_field")
                       or "max_position_embeddings")  # fmt: skip
    waves = rule.get(f"{part}_waves") or rule.get("waves")
    if "waves_if" in rule and not fields.flag(rule["waves_if"], False):
        waves = None
    if waves == "interleaved":
        return SinusoidalEncoding(dim), 0, rows
    first = _first_row(fields, rule)
    if waves:
        order, spacing = waves.split()
        return SplitSinusoidalEncoding(dim, order=order, spacing=spacing, first=first), 0, rows
    if rule.get("skips") == "padding" or rule.get("rows_with_skipped"):
        rows -= first
    if rows < 1:
        raise fields.refuse(
            fields.own_name("max_position_embeddings"), rows + first,
            f"more than the {first} rows before position 0",
        )  # fmt: skip
    return LearnedEncoding(rows, dim), first, rows


def table_bias(fields: ConfigFields, rule: Rule) -> Parts:
    """A table at the start, and T5's buckets in all layers."""
    heads, buckets = fields.size("num_attention_heads"), fields.size(rule["buckets_field"])
    bias = T5Bias(heads, buckets=buckets, max_distance=rule["max_distance"])
    part = table(fields, rule)[""]
    layers = [replace(layer, encoding=bias) for layer in part.plan]
    return {"": replace(part, plan=PositionPlan(layers, part.plan.at_start))}


def mpt(fields: ConfigFields, rule: Rule) -> Parts:
    """ALiBi, or a table, as attn_config says."""
    inside = ConfigFields(
        fields.family, fields.mapping("attn_config"), MPT_ATTENTION, "attn_config"
    )  # fmt: skip
    if not inside.flag("alibi") or inside.flag("prefix_lm"):
        raise inside.refuse("alibi", inside.get("alibi"), "true, and prefix_lm false")
    if inside.real("alibi_bias_max") != 8:
        raise inside.refuse(
            "alibi_bias_max", inside.get("alibi_bias_max"), "8, as in ALiBi",
            "Other slopes are not in the library.",
        )  # fmt: skip
    scale = inside.get("softmax_scale", None)
    layer = LayerPlan(
        AlibiBias(fields.size("num_attention_heads"), causal=True),
        scale=None if scale is None else inside.real("softmax_scale", above=0.0),
    )
    stated = fields.size_or_none("max_seq_len")
    part = stack(
        fields, layer, fields.size("num_hidden_layers"), original_length=stated,
        stated_length=stated,
    )  # fmt: skip
    return {"": part}


MPT_ATTENTION = Known(
    "MptAttentionConfig",
    defaults={"alibi": True, "alibi_bias_max": 8, "prefix_lm": False, "attn_type": ""},
)


def _first_row(fields: ConfigFields, rule: Rule) -> int:
    """The row, or the place on the wave, of position 0."""
    if rule.get("skips") == "padding":
        return fields.size("pad_token_id", rule.get("pad", 1), minimum=0) + 1
    return int(rule.get("skips", 0))


def pair(fields: ConfigFields, rule: Rule) -> Parts:
    """An encoder that sees both ways and a decoder, each with a table at its start."""
    parts = {}
    for name in rule.get("parts", ("encoder", "decoder")):
        at_start, skipped, length = position_table(fields, rule, name)
        count = fields.size(rule.get(f"{name}_layers", f"{name}_layers"))
        window = None
        if f"{name}_window" in rule:
            window = one_of_all(fields, rule[f"{name}_window"], count) // 2 + 1
        plan = LayerPlan(NoEncoding(), causal=name == "decoder", window=window)
        parts[name] = stack(
            fields, plan, count, at_start, skipped_rows=skipped, notes=tuple(rule.get("notes", ())),
            original_length=length, stated_length=length,
        )  # fmt: skip
    return parts


def alibi(fields: ConfigFields, rule: Rule) -> Parts:
    """A fixed slope for each head."""
    heads, count = fields.size("num_attention_heads"), fields.size("num_hidden_layers")
    return {"": stack(fields, LayerPlan(AlibiBias(heads, causal=True)), count)}


def t5(fields: ConfigFields, rule: Rule) -> Parts:
    """T5: an encoder that sees both ways and a decoder, each with a table of its own."""
    heads = fields.size("num_heads")
    settings = {
        "buckets": fields.size("relative_attention_num_buckets"),
        "max_distance": fields.size("relative_attention_max_distance"),
    }
    layers = fields.size("num_layers")
    counts = {"encoder": layers, "decoder": fields.size("num_decoder_layers", layers)}
    parts = {}
    for name in rule.get("parts", ("encoder", "decoder")):
        causal = name == "decoder"

        def layer(causal: bool = causal) -> LayerPlan:
            bias = T5Bias(heads, bidirectional=not causal, **settings)
            return LayerPlan(bias, causal=causal, scale=1.0)

        own = bool(rule.get("bias_each_layer"))
        parts[name] = stack(fields, layer if own else layer(), counts[name])
    return parts


TEXT_BUILDERS = {
    "table_bias": table_bias, "mpt": mpt,"rotary": rotary, "table": table, "pair": pair, "alibi": alibi, "t5": t5,
}  # fmt: skip
