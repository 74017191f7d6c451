"""Which kind each layer is, and what its kind sees: windows, chunks, layers without position.

    layer_types        a kind for each layer, as the config lists them
    a pattern          where it does not: every 6th layer of Gemma 3 sees all, the rest a window
    no_rope_layers     1 where the layer turns its queries and keys, 0 where not

    causal:   window W lets through 0 <= i - j < W
    both:     window W lets through |i - j| <= W, so that a `LayerPlan` has W + 1

Layers that do not attend (state spaces, linear attention, convolutions) have no place in a plan;
the numbers of those that do are kept beside it.

Source: `masking_utils.py` of transformers 5.23 and the configuration file of each family.

The trap: `sliding_window` stands in many configs whose layers have none, since `use_sliding_window`
is false or no layer is of the kind.
"""

from __future__ import annotations

from typing import Any

from posenc_lib.base import validation
from posenc_lib.models.config_fields import FUNCTION, ConfigFields
from posenc_lib.models.family_table import Rule

FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"
NO_ATTENTION = {"linear_attention", "conv", "mamba", "recurrent", "moe", "mlp", "convolution"}


def layer_kinds(fields: ConfigFields, rule: Rule, count: int) -> list[str]:
    """The kind of each of `count` layers."""
    allowed = tuple(rule.get("kinds", (FULL,)))
    listed = fields.sequence(rule.get("kinds_field", "layer_types"))
    if listed is None:
        listed = _by_pattern(fields, rule, count, allowed)
    if len(listed) != count:
        raise fields.refuse(
            "layer_types", f"{len(listed)} kinds", f"{count}, one for each layer",
            "num_hidden_layers and the list do not agree.",
        )  # fmt: skip
    names = rule.get("kind_names", {})
    listed = [names.get(kind, kind) for kind in listed]
    for number, kind in enumerate(listed):
        validation.choice(FUNCTION, fields.argument(f"layer_types[{number}]"), kind, allowed)
    return listed


def _by_pattern(fields: ConfigFields, rule: Rule, count: int, allowed: tuple[str, ...]) -> Any:
    """The kinds where the config does not list them."""
    kinds = [allowed[0]] * count
    if "pattern_field" in rule:
        repeated = fields.get(rule["pattern_field"])
        kinds = [repeated[n % len(repeated)] for n in range(count)]
    elif "pattern" in rule:
        pattern = rule["pattern"].split()
        kinds = [pattern[n % len(pattern)] for n in range(count)]
    elif "every" in rule:  # one of each so many is another kind, the last unless said
        every = rule["every"]
        step = every.get("step") or fields.size(every["field"], every["default"])
        at = every.get("at", step - 1)
        at = fields.size(every["at_field"], minimum=0) if "at_field" in every else at
        kinds = [every["is"] if n % step == at else every["others"] for n in range(count)]
    elif "after" in rule:  # from a layer on
        first = fields.size(rule["after"], count, minimum=0)
        kinds = [SLIDING if n >= first else FULL for n in range(count)]
    elif "before" in rule:  # every second layer up to one
        last = fields.size(rule["before"], count, minimum=0)
        kinds = [SLIDING if n % 2 == 0 and n < last else FULL for n in range(count)]
    elif "full_layers" in rule:  # the numbers of those that attend
        full = fields.sequence(rule["full_layers"])
        if full is None:
            full = [] if rule.get("none_full") else list(range(count))
        kinds = [FULL if n in full else rule["others"] for n in range(count)]
    elif rule.get("chunk_where_turned"):
        kinds = [CHUNKED if on else FULL for on in turned_layers(fields, rule, kinds)]
    elif rule.get("window_all"):
        kinds = [SLIDING] * count
    elif len(allowed) > 1 and not rule.get("all_full"):
        raise fields.missing("layer_types")
    if SLIDING in kinds and FULL in allowed and window_width(fields, rule) is None:
        kinds = [FULL if kind == SLIDING else kind for kind in kinds]
    if "ends_field" in rule and fields.flag(rule["ends_field"], True):
        kinds[0] = kinds[-1] = "conv"
    if rule.get("last_is_full"):
        kinds[-1] = FULL
    return kinds


def window_width(fields: ConfigFields, rule: Rule) -> int | None:
    """The window of a config, None where it has none or does not use it."""
    name = rule.get("window_field", "sliding_window")
    used = rule.get("window_used")
    if used and not fields.flag(used, False):
        fields.get(name, None)
        return None
    if isinstance(fields.get(name, None), (list, tuple)):
        return one_of_all(fields, name, None)
    return fields.size_or_none(name)


def one_of_all(fields: ConfigFields, name: str, count: int | None) -> int:
    """A number that a config gives once, or once for each layer, where all have to be alike."""
    value = fields.get(name)
    if not isinstance(value, (list, tuple)):
        return fields.size(name)
    if len(set(value)) != 1 or (count is not None and len(value) < count):
        raise fields.refuse(name, value, "one number for all layers", "Layers differ here.")
    return validation.size(FUNCTION, fields.argument(name), value[0])


def window_of(fields: ConfigFields, rule: Rule, kind: str, causal: bool) -> int | None:
    """How many steps a layer of this kind sees, the token itself counted; None for all."""
    if kind not in rule.get("window_kinds", (SLIDING, "hybrid_sliding")):
        return None
    width = window_width(fields, rule)
    if width is None and rule.get("window_optional"):
        return None
    if width is None:
        raise fields.refuse(
            rule.get("window_field", "sliding_window"), "missing",
            f"the width of the window that layers of kind {kind!r} have", "Look at the config.",
        )  # fmt: skip
    how = rule.get("window_both", "inclusive") if not causal else rule.get("window_is", "steps")
    if how == "steps":
        return width
    if how == "inclusive":
        return width + 1
    if how == "half":  # so many in all, half of them on either side
        return width // 2 + 1
    return width // 2  # "half_steps": so many in all as if both sides were seen


def turned_layers(fields: ConfigFields, rule: Rule, kinds: list[str]) -> list[bool]:
    """Whether each layer has RoPE."""
    if rule.get("no_rope"):
        return [False] * len(kinds)
    only_if = rule.get("rope_if")
    if only_if and fields.get(only_if["field"], None) != only_if["is"]:
        return [False] * len(kinds)
    still = rule.get("no_rope_kinds", ())
    if rule.get("dense_turned") and fields.size("prefix_dense_sliding_window_pattern", 1) == 1:
        dense = fields.sequence("mlp_layer_types")
        if dense is None:
            first = fields.size("first_k_dense_replace", 0, minimum=0)
            dense = ["dense" if layer < first else "sparse" for layer in range(len(kinds))]
        return [k not in still or d == "dense" for k, d in zip(kinds, dense, strict=True)]
    if still and (not rule.get("no_rope_if_window") or window_width(fields, rule) is not None):
        return [kind not in still for kind in kinds]
    if "no_rope_field" not in rule:
        return [True] * len(kinds)
    listed = fields.sequence(rule["no_rope_field"])
    if not listed:
        step = fields.size("no_rope_layer_interval", 4)
        return [(layer + 1) % step != 0 for layer in range(len(kinds))]
    numbers = all(isinstance(one, (int, float)) for one in listed)  # 0 and 1, or 0 and a base
    if len(listed) != len(kinds) or not numbers:
        raise fields.refuse(
            rule["no_rope_field"], listed, f"{len(kinds)} numbers, one for each layer",
            "0 stands for a layer without RoPE.",
        )  # fmt: skip
    return [bool(one) for one in listed]
