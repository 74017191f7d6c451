"""`encoding_from_config`: what a model does with positions, from its config.json.

    config.json  ->  family (model_type)  ->  its rule  ->  a plan for each part, in code and words

The config says numbers; what it does not say (the layout of the pairs, which layers leave position
out, what a field means) is in the table of families. A composite config is taken apart:
text_config, vision_config, audio_config, encoder, decoder.

Source: each family's modelling code in transformers 5.23; the rule of the family names it.

The trap: a config that looks like Llama's and is not. Nothing is guessed: an unknown family, an
unknown field that speaks of positions and a value that the family's code would not understand are
refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from posenc_lib.base import validation
from posenc_lib.models.composite_models import composite
from posenc_lib.models.config_fields import FUNCTION, ConfigFields
from posenc_lib.models.detector_models import detector
from posenc_lib.models.family_table import rule_of
from posenc_lib.models.latent_models import LATENT_BUILDERS
from posenc_lib.models.model_positions import ModelPositions
from posenc_lib.models.multimodal_models import MULTIMODAL_BUILDERS
from posenc_lib.models.prompt_models import pointed
from posenc_lib.models.table_models import TABLE_BUILDERS
from posenc_lib.models.text_models import TEXT_BUILDERS, Parts
from posenc_lib.models.vision_models import VISION_BUILDERS
from posenc_lib.models.window_models import WINDOW_BUILDERS

BUILDERS = {
    **TEXT_BUILDERS,
    **TABLE_BUILDERS,
    **LATENT_BUILDERS,
    **MULTIMODAL_BUILDERS,
    **VISION_BUILDERS,
    **WINDOW_BUILDERS,
}

SEEING = {*VISION_BUILDERS, *WINDOW_BUILDERS}
COMPOSITE = {"composite": composite, "pointed": pointed, "detector": detector}


def encoding_from_config(config: Mapping[str, Any] | str | PathLike[str] | Any) -> ModelPositions:
    """What a model does with positions, read from its configuration.

    config.json -> family -> a `PositionPlan` for each part of the model, and a report in words.

    `config` is a dict, the path of a config.json, or a configuration object of transformers, whose
    `to_dict()` is asked; transformers itself is not needed. Fields of before (`rope_scaling`,
    `rope_theta`) are read as well as `rope_parameters`.

    Raises ValueError for a family that is not known and for a field that is missing, contradictory,
    misspelt or absurd, naming the field, its value, the family and what is allowed; TypeError for
    what is no configuration; FileNotFoundError for a path without a file.

    Source: the modelling code of transformers 5.23, family by family.

    >>> positions = encoding_from_config({
    ...     "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4,
    ...     "num_hidden_layers": 2, "max_position_embeddings": 2048, "rope_theta": 10000.0,
    ... })
    >>> positions.plan[0].encoding
    RotaryEncoding(head_dim=16, base=10000, layout='half', rotary_dim=16)
    """
    values = _as_mapping(config)
    parts = read_part(values, None, "")
    parts = dict(sorted(parts.items(), key=lambda one: one[0] != "text"))  # the text first
    family = str(values.get("model_type"))
    return ModelPositions(family, parts)


def read_part(values: Mapping[str, Any], family: str | None, where: str) -> Parts:
    """The parts of one config: of the family it names, or of the one its place has by default."""
    named = values.get("model_type") or family
    if not isinstance(named, str):
        raise validation.refuse(
            ValueError, FUNCTION, f"{where}model_type", named or "missing",
            "the name of the family, such as 'llama'",
            "A config.json has it; a part of another config may leave it out.",
        )  # fmt: skip
    rule, known = rule_of(named, where)
    fields = ConfigFields(named, values, known, where.removesuffix(": "))
    while "by" in rule:  # the family has several forms, and a field says which
        value = str(fields.get(rule["by"])).lower()
        rule = rule["cases"][
            validation.choice(FUNCTION, fields.argument(rule["by"]), value, tuple(rule["cases"]))
        ]
    builder = rule["builder"]
    if builder in ("refused", "nothing"):
        raise fields.refuse(
            "model_type", named, "a family whose positions the library can build", rule["reason"]
        )
    for name, allowed in rule.get("require", {}).items():
        value = fields.get(name, None)
        if value is not None and value not in allowed:
            raise fields.refuse(
                fields.own_name(name), value, f"one of {', '.join(map(repr, allowed))}",
                rule.get("require_why", "The library has no other form of this family."),
            )  # fmt: skip
    if builder in COMPOSITE:
        return COMPOSITE[builder](fields, rule, read_part)
    try:
        parts = BUILDERS[builder](fields, rule)
    except (ValueError, TypeError) as problem:
        if str(problem).startswith(FUNCTION):
            raise
        refused = ValueError if isinstance(problem, ValueError) else TypeError
        raise refused(f"{FUNCTION}: {where}{named}: {problem}") from None  # an encoding's own words
    fields.read |= set(rule.get("reads", ()))  # what the notes speak of
    fields.refuse_unread()
    if rule.get("with_parts"):
        parts = {"text": parts[""], **composite(fields, rule, read_part)}
    kind = rule.get("kind", "vision" if builder in SEEING else "text")
    found = dict(fields.from_defaults)
    return {
        name: part if part.family != named else replace(part, from_defaults=found, kind=kind)
        for name, part in parts.items()
    }


def _as_mapping(config: Any) -> Mapping[str, Any]:
    """A dict of fields, from whatever the config came as."""
    if isinstance(config, (str, PathLike)):
        path = Path(config)
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as problem:
            raise validation.refuse(
                ValueError, FUNCTION, "config", str(path), "a file of JSON", f"{problem}."
            ) from None
    elif not isinstance(config, Mapping) and callable(getattr(config, "to_dict", None)):
        config = config.to_dict()
    if not isinstance(config, Mapping):
        raise validation.refuse(
            TypeError, FUNCTION, "config", type(config).__name__,
            "a dict, the path of a config.json or a configuration with to_dict()",
            "Load the file, or pass its path.",
        )  # fmt: skip
    return config
