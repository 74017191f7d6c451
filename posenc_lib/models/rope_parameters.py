"""RoPE's parameters as a config gives them: `rope_parameters`, or the fields of before.

    now      rope_parameters: {rope_type, rope_theta, factor ...}, for each kind of layer where they
             differ
    before   rope_scaling: {type, factor ...} beside rope_theta and partial_rotary_factor

What is given twice has to agree. What is given nowhere is the family's own, and the report says so.

Source: `RotaryEmbeddingConfigMixin` in `modeling_rope_utils.py` of transformers 5.23.

The trap: `rope_scaling` of one family can mean another thing in the next ("yarn" in early Phi-3 is
LongRoPE), and some families scale only some of their layers with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posenc_lib.base import validation
from posenc_lib.models.config_fields import FUNCTION, ConfigFields
from posenc_lib.models.family_table import Rule

COMMON = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
READ = {  # by each type, beside what all of them read
    "default": set(),
    "axial": set(),
    "linear": {"factor"},
    "dynamic": {"factor"},
    "llama3": {
        "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"
    },
    "yarn": {
        "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
        "mscale", "mscale_all_dim", "truncate",
    },
    "longrope": {
        "factor", "short_factor", "long_factor", "original_max_position_embeddings",
        "attention_factor",
    },
    "proportional": {"factor"},
}  # fmt: skip


class RopeParameters:
    """One dict of RoPE's parameters, with defaults and names of before filled in."""

    def __init__(
        self, fields: ConfigFields, rule: Rule, values: Mapping[str, Any], kind: str | None
    ) -> None:
        self.fields, self.rule, self.values, self.kind = fields, rule, values, kind
        self.type = self._type()
        allowed = COMMON | READ[self.type] | set(rule.get("rope_extra", ()))
        for name, value in values.items():
            if name not in allowed and value is not None:
                raise self.refuse(
                    name, value, f"one of {', '.join(sorted(allowed))} for rope_type {self.type!r}",
                    "Another field would mean something that this family's code does not do.",
                )  # fmt: skip

    def _type(self) -> str:
        values = self.values
        given = {values[key] for key in ("rope_type", "type") if values.get(key) is not None}
        given = {self.rule.get("rope_aliases", {}).get(one, one) for one in given}
        if len(given) > 1:
            raise self.refuse(
                "type",
                values["type"],
                f"rope_type, {values['rope_type']!r}",
                "Keep one of the two.",
            )
        allowed = tuple(self.rule.get("rope_types", READ))
        named = next(iter(given), allowed[0] if "rope_types" in self.rule else "default")
        return validation.choice(FUNCTION, self.argument("rope_type"), named, allowed)

    def argument(self, name: str) -> str:
        nested = self.kind in self.rule.get("rope_kinds", ())
        kind = f"{self.kind}." if nested else ""
        return self.fields.argument(f"rope_parameters.{kind}{name}")

    def refuse(self, name: str, value: object, allowed: str, remedy: str) -> Exception:
        """The error for one of the parameters."""
        return validation.refuse(ValueError, FUNCTION, self.argument(name), value, allowed, remedy)

    def real(self, name: str, default: float | None = None, **limits: float) -> float:
        """A finite number, which has to be there where no default is given."""
        value = self.values.get(name)
        value = default if value is None else value
        if value is None:
            raise self.refuse(
                name, "missing", f"a number, which rope_type {self.type!r} needs",
                "Look at the config.",
            )  # fmt: skip
        return validation.real(FUNCTION, self.argument(name), value, **limits)

    def _default(self, name: str, otherwise: float | None) -> Any:
        """What the family takes for a parameter that is given nowhere."""
        known = self.fields.known.rope
        found = known.get(self.kind, known) if self.kind else known
        found = {} if found is None else found
        value = found.get(name) if isinstance(found, Mapping) else None
        return otherwise if value is None else value

    @property
    def base(self) -> float:
        """`rope_theta`, which older configs give beside the dict and some under other names."""
        inside = self.values.get("rope_theta")
        name = self.rule.get("base_field", "rope_theta")
        name = self.rule.get("base_fields", {}).get(self.kind, name)
        beside = self.fields.get(name, None) if self.fields.has(name) else None
        if None not in (inside, beside) and inside != beside:
            raise self.fields.refuse(
                name, beside, f"{inside!r}, the rope_theta of rope_parameters", "Keep one of them."
            )
        if inside is None and beside is None:
            beside = self._default("rope_theta", self.rule.get("base"))
            if beside is None:
                raise self.fields.missing(name)
            self.fields.from_defaults.setdefault("rope_theta", beside)
        value = beside if inside is None else inside
        return validation.real(FUNCTION, self.argument("rope_theta"), value, above=1.0)

    @property
    def share(self) -> float:
        """`partial_rotary_factor`: which share of the features is turned."""
        name = self.rule.get("partial_field", "partial_rotary_factor")
        inside = self.values.get("partial_rotary_factor")
        beside = self.fields.get(name, None) if self.fields.has(name) else None
        if None not in (inside, beside) and inside != beside:
            raise self.fields.refuse(
                name, beside, f"{inside!r}, as in rope_parameters", "Keep one of them."
            )
        given = beside if inside is None else inside
        if given is None:
            given = self._default("partial_rotary_factor", self.rule.get("partial_default", 1.0))
        share = validation.real(FUNCTION, self.argument("partial_rotary_factor"), given, above=0.0)
        reads = self.rule.get("partial") or self.type == "proportional"
        if share > 1 or (share != 1 and not reads):
            allowed = "at most 1" if share > 1 else f"1: {self.fields.family} turns all features"
            raise self.refuse(
                "partial_rotary_factor", share, allowed, "Look at the code that reads it."
            )
        return share

    @property
    def trained_length(self) -> int:
        """`original_max_position_embeddings`, or `max_position_embeddings` without it."""
        name = "original_max_position_embeddings"
        inside, beside = self.values.get(name), self.fields.get(name, None)
        if None not in (inside, beside) and inside != beside:
            raise self.fields.refuse(
                name, beside, f"{inside!r}, as in rope_parameters", "Keep one of them."
            )
        given = beside if inside is None else inside
        given = self.fields.get("max_position_embeddings") if given is None else given
        return validation.size(FUNCTION, self.argument(name), given)


def rope_values(fields: ConfigFields, rule: Rule, kind: str | None) -> Mapping[str, Any] | None:
    """The dict for a kind of layer: its own one, or the one of all; None for no RoPE there."""
    old, new = fields.mapping("rope_scaling"), fields.mapping("rope_parameters")
    if fields.has("rope_parameters") and old and new and dict(old) != dict(new):
        raise fields.refuse(
            "rope_scaling", dict(old), f"the same as rope_parameters, {dict(new)!r}",
            "Keep one of the two.",
        )  # fmt: skip
    values = old if old and not fields.has("rope_parameters") else new
    if not old and not new:  # all of it as the family has it, a base beside it excepted
        whole = fields.known.rope
        if any(isinstance(one, Mapping) for one in whole.values()):
            values = whole.get(str(kind), {})
        else:
            values = whole
        if values is None:
            return None
        skipped = ("rope_theta", "partial_rotary_factor")
        return {name: one for name, one in values.items() if name not in skipped}
    kinds = set(rule.get("rope_kinds", ()))
    if not kinds & set(values):
        return values if kind not in rule.get("unscaled_kinds", ()) or values is new else {}
    strange = set(values) - kinds
    if strange:
        name = sorted(strange)[0]
        raise fields.refuse(
            f"rope_parameters.{name}", values[name], f"one of the kinds {', '.join(sorted(kinds))}",
            "Each kind of layer has a dict of its own.",
        )  # fmt: skip
    name = rule.get("rope_of_kind", {}).get(kind, kind) or "full_attention"
    if name not in values:
        raise fields.refuse(
            f"rope_parameters.{name}", "missing", f"a dict for the layers of kind {name!r}",
            "Each kind of layer has a dict of its own.",
        )  # fmt: skip
    found: Mapping[str, Any] | None = values[name]
    return found
