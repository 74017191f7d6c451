"""Builds language models that turn queries and keys, and what all builders of stacks share.

    rotary      a `LayerPlan` for each layer with the RoPE of its kind, nothing at the start
    rotary_pair an encoder that sees both ways and a decoder, both as above

Each builder takes the fields of a config and the rule of its family and returns the parts.

Source: the modelling code of transformers 5.23, as the rule says.

The trap: layers that do not attend. State spaces and convolutions stand between the others in many
models of today; a plan is about those that attend, and `numbers` says which these are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.layers.plan import LayerPlan, PositionPlan
from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule
from posenc_lib.models.layer_kinds import (
    CHUNKED,
    NO_ATTENTION,
    layer_kinds,
    turned_layers,
    window_of,
)
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.rope_builders import rope_from_config

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
    value = fields.real(scale["field"], above=0.0) / scale.get("divided_by", 1.0)
    number: float = value ** scale.get("power", 1.0)
    return number


def attention_layers(
    fields: ConfigFields, rule: Rule, encoding: Callable[[str], PositionEncoding]
) -> tuple[list[LayerPlan], list[int], int]:
    """A plan for each layer that attends, its number, and the number of all layers."""
    listed = fields.sequence(rule["counted_kinds"]) if "counted_kinds" in rule else None
    count = fields.size("num_hidden_layers") if listed is None else len(listed)
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
    original = original_length([layer.encoding for layer in plans], stated)
    part = PartPositions(
        fields.family, PositionPlan(plans), tuple(numbers), count, head_dim, original, stated,
        notes=tuple(rule.get("notes", ())),
    )  # fmt: skip
    return {"": part}


def original_length(encodings: list[PositionEncoding], stated: int | None) -> int | None:
    """How long texts were before RoPE was scaled: None where a scaling does not say.

    Position interpolation slows all pairs by a factor; what length it was made for stands nowhere.
    """
    found: list[int] = []
    for one in encodings:
        scaled: Any = getattr(one, "scaled", None) or one
        if hasattr(scaled, "trained_length"):
            found.append(scaled.trained_length)
        elif getattr(scaled, "factor", 1.0) != 1.0:
            return None
    return min(found) if found else stated


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


def rotary_pair(fields: ConfigFields, rule: Rule) -> Parts:
    """An encoder that sees both ways and a decoder, each a stack that turns queries and keys."""
    parts = {}
    for name in ("encoder", "decoder"):
        own = {field: f"{name}_{field}" for field in ("num_hidden_layers", "num_attention_heads")}
        known = replace(fields.known, names={**fields.known.names, **own})
        stack_fields = ConfigFields(fields.family, fields.config, known, fields.part)
        parts[name] = rotary(stack_fields, {**rule, "causal": name == "decoder"})[""]
        fields.read |= stack_fields.read
        fields.from_defaults.update(stack_fields.from_defaults)
    return parts


TEXT_BUILDERS = {"rotary": rotary, "rotary_pair": rotary_pair}
