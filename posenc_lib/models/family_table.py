"""What a config does not say: the table of families, one rule for all that share it.

`families.toml` has the rules: the names of the families (the `model_type` of a config), what builds
their positions, the layout of the pairs, which layers leave position out, and the source. What a
family takes for a field that is left out stands in `defaults.json`.

Source: the modelling code of transformers 5.23, file and function in each rule.

The trap: a family that is not in the table. Two families with the same fields can differ in the
layout of the pairs, and nothing fails: so it is refused, with what would have to be known.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from posenc_lib.base import validation
from posenc_lib.models.config_fields import FUNCTION, Known

Rule = Mapping[str, Any]


@cache
def family_rules() -> Mapping[str, Rule]:
    """The rule of each family, by `model_type`."""
    text = files("posenc_lib.models").joinpath("families.toml").read_text(encoding="utf-8")
    rules: dict[str, Rule] = {}
    for rule in tomllib.loads(text)["rule"]:
        for name in rule["families"].split():
            rules[name] = rule
    return rules


@cache
def known_families() -> Mapping[str, Known]:
    """What `defaults.json` says, by `model_type` or, where a part has none, by its class."""
    text = files("posenc_lib.models").joinpath("defaults.json").read_text(encoding="utf-8")
    return {name: Known(**entry) for name, entry in json.loads(text).items()}


def rule_of(family: str, where: str) -> tuple[Rule, Known]:
    """The rule of a family and what is known of its fields; an unknown family is refused."""
    rules, known = family_rules(), known_families()
    if family in rules:
        return rules[family], known.get(family, Known(family))
    close = difflib.get_close_matches(str(family), rules, n=1, cutoff=0.75)
    remedy = f"Did you mean {close[0]!r}? " if close else ""
    raise validation.refuse(
        ValueError, FUNCTION, f"{where}model_type", family,
        f"one of the {len(rules)} families whose code is known",
        remedy + "Of a new family these would have to be known: what encodes position in its code "
        "(RoPE, a table, a bias), the layout of the pairs, the share of features that is turned, "
        "which layers have windows or no position, and the scale of the scores.",
    )  # fmt: skip
