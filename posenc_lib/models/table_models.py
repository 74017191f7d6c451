"""Builds what is no rotation: position tables, sinusoids, ALiBi, T5's buckets.

    table       a table (or sinusoids) at the start, nothing in the layers
    pair        an encoder and a decoder with a table each
    table_bias  a table at the start and T5's buckets in the layers (MPNet)
    alibi, mpt  a slope for each head
    t5          buckets of distances, one table for all layers of a stack, q . k undivided
    deberta     vectors of distances that meet queries and keys, one table for all layers

Source: the modelling code of transformers 5.23, as the rule says.

The trap: an offset in a table. OPT and BART have two rows more than positions, RoBERTa counts from
padding_idx + 1: the table here has row 0 for position 0, and `skipped_rows` says what was left out.
"""

from __future__ import annotations

from dataclasses import replace

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.embeddings.learned import LearnedEncoding
from posenc_lib.embeddings.sinusoidal_encoding import SinusoidalEncoding
from posenc_lib.embeddings.split_sinusoidal import SplitSinusoidalEncoding
from posenc_lib.layers.plan import LayerPlan, PositionPlan
from posenc_lib.models.config_fields import ConfigFields, Known
from posenc_lib.models.family_table import Rule
from posenc_lib.models.layer_kinds import one_of_all
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.text_models import Parts, attention_layers, stack
from posenc_lib.scores.alibi import AlibiBias
from posenc_lib.scores.deberta import DebertaRelative
from posenc_lib.scores.t5 import T5Bias


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
    """What is added at the start, the rows before that of position 0, the length."""
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


def deberta(fields: ConfigFields, rule: Rule) -> Parts:
    """DeBERTa's vectors of distances, with the table at the start that the config may keep."""
    dim, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    length, count = fields.size("max_position_embeddings"), fields.size("num_hidden_layers")
    terms = _terms(fields)
    asked = fields.get("max_relative_positions", -1)
    buckets = fields.get("position_buckets", -1) if rule.get("buckets") else -1
    for name, value in (("max_relative_positions", asked), ("position_buckets", buckets)):
        if type(value) is not int:
            raise fields.refuse(name, value, "a whole number, -1 for none")
    start = LearnedEncoding(length, dim) if fields.flag("position_biased_input", True) else None
    notes = list(rule.get("notes", ()))
    if not fields.flag("relative_attention", False) or not terms:
        # the terms count in the scale even where there is nothing to add
        layer = LayerPlan(
            NoEncoding(), causal=False,
            scale=((1 + len(terms)) * dim / heads) ** -0.5 if terms else None,
        )  # fmt: skip
        return {"": stack(fields, layer, count, start, stated_length=length, notes=tuple(notes))}
    made: list[DebertaRelative] = []
    for _ in range(count):
        one = DebertaRelative(
            dim, heads, asked if asked >= 1 else length, buckets=buckets if buckets >= 1 else None,
            terms=terms, form="code",
        )  # fmt: skip
        one.table = made[0].table if made else one.table
        made.append(one)
    if rule.get("buckets"):
        if fields.flag("share_att_key", False):
            notes.append("distances are projected by the layer's own maps (share_projections)")
        if "layer_norm" in str(fields.get("norm_rel_ebd", "none")):
            notes.append("the table is normalised (LayerNorm) before it is used")
        if fields.size("conv_kernel_size", 0, minimum=0):
            notes.append("a convolution beside the first layer knows neighbours too")
    layers = [LayerPlan(one, causal=False) for one in made]
    part = PartPositions(
        fields.family, PositionPlan(layers, NoEncoding() if start is None else start),
        tuple(range(count)), count, dim // heads, None, length, notes=tuple(notes),
    )  # fmt: skip
    return {"": part}


def _terms(fields: ConfigFields) -> tuple[str, ...]:
    """c2p and p2c, from a list or from a text with bars."""
    value = fields.get("pos_att_type", None)
    given = value.lower().split("|") if isinstance(value, str) else value
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)):
        raise fields.refuse("pos_att_type", value, 'a list of "c2p" and "p2c", or null')
    terms = tuple(one.strip() if isinstance(one, str) else one for one in given)
    if set(terms) - {"c2p", "p2c"} or len(set(terms)) != len(terms):
        raise fields.refuse("pos_att_type", value, '"c2p" and "p2c", each at most once')
    return terms


TABLE_BUILDERS = {
    "table": table, "pair": pair, "table_bias": table_bias, "alibi": alibi, "mpt": mpt, "t5": t5,
    "deberta": deberta,
}  # fmt: skip
