"""Configs made of configs: text, vision, audio, encoder, decoder, each with its own family.

    text_config, vision_config ...  ->  "text", "vision" ...
    thinker_config.text_config      ->  "thinker.text"

A part says its family by its own `model_type`, or leaves it to the whole, which has one for each
place. Older configs of some families have the fields of the text beside the parts, not in one.

Source: `sub_configs` of each configuration class in transformers 5.23.

The trap: a part that encodes no position (a convolutional backbone, an audio codec). It is left out
and the report says why, and so is a part for sound that is not known. Any other part that is not
known refuses the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule, family_rules, known_families
from posenc_lib.models.part_positions import PartPositions

Parts = dict[str, PartPositions]
Reader = Callable[[Mapping[str, Any], "str | None", str], Parts]


def composite(fields: ConfigFields, rule: Rule, read: Reader) -> Parts:
    """The parts of every config inside this one."""
    found: Parts = {}
    without = []
    for place in parts_of(fields, rule):
        family = fields.known.parts.get(place)
        inside = fields.mapping(place)
        if not inside and rule.get("flat") == place:
            inside = {k: v for k, v in fields.config.items() if k not in fields.known.parts}
            inside.pop("model_type", None)
        elif not inside and (family is None or fields.config.get(place, inside) is None):
            continue  # a part that this model does not have
        named = inside.get("model_type") or family
        if named == fields.family and family:  # older parts carry the name of the whole
            named, inside = family, {**inside, "model_type": family}
        name = part_name(place)
        inside = {k: v for k, v in inside.items() if k not in rule.get("drops", {}).get(place, ())}
        form = form_of(str(named), inside)
        if form.get("builder") == "nothing":
            without.append(f"{name} ({named}): {form['reason']}")
            continue
        where = f"{fields.part + '.' if fields.part else ''}{name}: "
        try:
            parts = read(inside, family, where)
        except ValueError:
            if not is_sound(name) and name not in rule.get("sound", ()):
                raise
            without.append(f"{name} ({named}): sound, in a way that the library does not know")
            continue
        if note := rule.get("part_notes", {}).get(name):
            parts = {k: replace(one, notes=(*one.notes, note)) for k, one in parts.items()}
        for inner, part in parts.items():
            found[f"{name}.{inner}" if inner else name] = part
    if not found:
        reason = "; ".join(without) or "it has no parts"
        raise fields.refuse(
            "parts", sorted(fields.known.parts), "at least one part with positions", reason + "."
        )
    if without:
        first = next(iter(found))
        notes = (*found[first].notes, *(f"left out: {one}" for one in without))
        found[first] = replace(found[first], notes=notes)
    return found


def is_sound(name: str) -> bool:
    """Whether a part hears or speaks: where it is not known, the others are told all the same."""
    return any(word in name for word in ("audio", "speech", "codec", "talker", "wav", "acoustic"))


def form_of(family: str, inside: Mapping[str, Any]) -> Rule:
    """The rule of a part, in the form that it has where its family has several."""
    rule = family_rules().get(family, {})
    while "by" in rule:
        known = known_families().get(family)
        default = None if known is None else known.defaults.get(rule["by"])
        rule = rule["cases"].get(str(inside.get(rule["by"], default)).lower(), {})
    return rule


def parts_of(fields: ConfigFields, rule: Rule) -> list[str]:
    """The fields that hold a config, in the order of the family."""
    listed = rule.get("places")
    return listed.split() if listed else list(fields.known.parts)


def part_name(place: str) -> str:
    """text_config -> text."""
    return place.removesuffix("_config")
