"""RoPE as a config says it: `rope_parameters`, or `rope_theta` and `rope_scaling` as before.

    rope_type "default"        RotaryEncoding            w_i = base ** (-2i / rotary_dim)
              "linear"         InterpolatedRotary        w_i / factor
              "dynamic"        DynamicNtkRotary          the base grows with the text
              "llama3"         Llama3Rotary              slow pairs slowed, fast ones kept
              "yarn"           YarnRotary(form="code")   slow pairs slowed, scores sharpened
              "longrope"       LongRotary                a factor for each pair, two lists
              "proportional"   PartialRotary             the slow pairs stand still

rotary_dim = int(head_dim * partial_rotary_factor). A family with several kinds of layers has one
such dict for each kind.

Source: `modeling_rope_utils.py` of transformers 5.23; each method's paper stands in its file.

The traps: what the config does not say is the layout of the pairs, and whether the family's code
reads `partial_rotary_factor` at all: both are in `families.toml`. And `rope_scaling` of one family
can mean another thing in the next ("yarn" in early Phi-3 is LongRoPE).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from posenc_lib.base import validation
from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.models.config_fields import FUNCTION, ConfigFields
from posenc_lib.models.family_table import Rule
from posenc_lib.rotary.longrope import LongRotary
from posenc_lib.rotary.llama3 import Llama3Rotary
from posenc_lib.rotary.ntk import DynamicNtkRotary, NtkRotary
from posenc_lib.rotary.partial import PartialRotary
from posenc_lib.rotary.position_interpolation import InterpolatedRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.yarn import YarnRotary

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
        allowed = tuple(self.rule.get("rope_types", MAKERS))
        named = next(iter(given), allowed[0] if "rope_types" in self.rule else "default")
        return validation.choice(FUNCTION, self._argument("rope_type"), named, allowed)

    def _argument(self, name: str) -> str:
        kind = f"{self.kind}." if self.kind else ""
        return self.fields.argument(f"rope_parameters.{kind}{name}")

    def refuse(self, name: str, value: object, allowed: str, remedy: str) -> Exception:
        """The error for one of the parameters."""
        return validation.refuse(ValueError, FUNCTION, self._argument(name), value, allowed, remedy)

    def real(self, name: str, default: float | None = None, **limits: float) -> float:
        """A finite number, which has to be there where no default is given."""
        value = self.values.get(name)
        value = default if value is None else value
        if value is None:
            raise self.refuse(
                name, "missing", f"a number, which rope_type {self.type!r} needs",
                "Look at the config.",
            )  # fmt: skip
        return validation.real(FUNCTION, self._argument(name), value, **limits)

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
        return validation.real(FUNCTION, self._argument("rope_theta"), value, above=1.0)

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
        share = validation.real(FUNCTION, self._argument("partial_rotary_factor"), given, above=0.0)
        reads = self.rule.get("partial") or self.type == "proportional"
        if share > 1 or (share != 1 and not reads):
            allowed = "at most 1" if share > 1 else f"1: {self.fields.family} turns all features"
            raise self.refuse(
                "partial_rotary_factor", share, allowed, "Look at the code that reads it."
            )
        return share

    @property
    def trained_length(self) -> int:
        """`original_max_position_embeddings`, inside or beside; `max_position_embeddings` if none."""
        name = "original_max_position_embeddings"
        inside, beside = self.values.get(name), self.fields.get(name, None)
        if None not in (inside, beside) and inside != beside:
            raise self.fields.refuse(
                name, beside, f"{inside!r}, as in rope_parameters", "Keep one of them."
            )
        given = beside if inside is None else inside
        given = self.fields.get("max_position_embeddings") if given is None else given
        return validation.size(FUNCTION, self._argument(name), given)


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
            values = whole.get(kind, {})
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
    name = rule.get("rope_of_kind", {}).get(kind, kind)
    if name not in values:
        raise fields.refuse(
            f"rope_parameters.{name}", "missing", f"a dict for the layers of kind {name!r}",
            "Each kind of layer has a dict of its own.",
        )  # fmt: skip
    found: Mapping[str, Any] | None = values[name]
    return found


def rope_from_config(
    fields: ConfigFields, rule: Rule, head_dim: int, kind: str | None = None
) -> PositionEncoding:
    """The RoPE of a kind of layer, as this family's code makes it."""
    values = rope_values(fields, rule, kind)
    if values is None:
        return NoEncoding()
    given = RopeParameters(fields, rule, values, kind)
    rotary_dim = int(head_dim * (1.0 if rule.get("partial_ignored") else given.share))
    named = rule.get("rotary_dim_field")
    if named and (fields.has(named) or rule.get("plain_rope")):
        rotary_dim = fields.size(named, head_dim)
    if given.type == "proportional":
        return PartialRotary(
            head_dim, given.share, form="proportional", factor=given.real("factor", 1.0),
            base=given.base, layout=rule["layout"],
        )  # fmt: skip
    if rotary_dim % 2 and given.type == "default" and rotary_dim < head_dim:
        return PartialRotary(head_dim, given.share, base=given.base, layout=rule["layout"])
    if rotary_dim % 2 or not rotary_dim:
        raise given.refuse(
            "partial_rotary_factor", given.share,
            f"a share of head_dim {head_dim} that is an even number of features, not {rotary_dim}",
            "Two features make one pair.",
        )  # fmt: skip
    shape = {"layout": rule["layout"], "base": given.base, "rotary_dim": rotary_dim}
    return MAKERS[given.type](given, head_dim, shape)


def _default(given: RopeParameters, head_dim: int, shape: dict[str, Any]) -> RotaryEncoding:
    return RotaryEncoding(head_dim, **shape)


def _linear(given: RopeParameters, head_dim: int, shape: dict[str, Any]) -> RotaryEncoding:
    return InterpolatedRotary(head_dim, given.real("factor", at_least=1.0), **shape)


def _dynamic(given: RopeParameters, head_dim: int, shape: dict[str, Any]) -> RotaryEncoding:
    if given.rule.get("alpha") and given.values.get("alpha"):
        return NtkRotary(head_dim, given.real("alpha", at_least=1.0), **shape)
    trained = given.fields.size("max_position_embeddings")
    return DynamicNtkRotary(head_dim, trained, factor=given.real("factor", at_least=1.0), **shape)


def _llama3(given: RopeParameters, head_dim: int, shape: dict[str, Any]) -> RotaryEncoding:
    low = given.real("low_freq_factor", above=0.0)
    high = given.real("high_freq_factor", at_least=low)
    if high == low:  # a step instead of a ramp, as Llama 4 Scout has it
        high = math.nextafter(low, math.inf)
    return Llama3Rotary(
        head_dim, given.real("factor", at_least=1.0), trained_length=given.trained_length,
        low=low, high=high, **shape,
    )  # fmt: skip


def _yarn(given: RopeParameters, head_dim: int, shape: dict[str, Any]) -> RotaryEncoding:
    trained = given.trained_length
    if given.values.get("factor") is None:
        factor = given.fields.size("max_position_embeddings") / trained
    else:
        factor = given.real("factor", at_least=1.0)
    slow = given.real("beta_slow", 1.0, above=0.0)
    truncate = given.values.get("truncate", True)
    return YarnRotary(
        head_dim, factor, trained_length=trained, alpha=slow,
        beta=given.real("beta_fast", 32.0, above=slow), form="code",
        truncate=validation.flag(FUNCTION, given._argument("truncate"), truncate),
        magnitude=yarn_attention_factor(given, factor), **shape,
    )  # fmt: skip


def _longrope(given: RopeParameters, head_dim: int, shape: dict[str, Any]) -> RotaryEncoding:
    trained = given.trained_length
    stated = given.fields.size("max_position_embeddings")
    factor = stated / trained if given.values.get("factor") is None else given.real("factor")
    lists = {}
    for name in ("short", "long"):
        found = given.values.get(f"{name}_factor")
        pairs = shape["rotary_dim"] // 2
        if not isinstance(found, (list, tuple)) or len(found) != pairs:
            shown = f"{len(found)} numbers" if isinstance(found, (list, tuple)) else found
            raise given.refuse(
                f"{name}_factor",
                shown,
                f"{pairs} numbers, one for each pair",
                "Look at the config.",
            )
        lists[name] = found
    magnitude = None
    if given.values.get("attention_factor") is not None:
        magnitude = given.real("attention_factor", above=0.0)
    elif factor <= 1.0:
        magnitude = 1.0
    return LongRotary(
        head_dim, max(factor, 1.0), trained_length=trained, magnitude=magnitude, **lists, **shape
    )


def yarn_attention_factor(given: RopeParameters, factor: float) -> float:
    """What turned features are multiplied by: given, or 0.1 mscale ln(factor) + 1, or a quotient."""
    if given.values.get("attention_factor") is not None:
        return given.real("attention_factor", above=0.0)
    mscale, all_dim = given.real("mscale", 0.0), given.real("mscale_all_dim", 0.0)
    if mscale and all_dim:
        return yarn_mscale(factor, mscale) / yarn_mscale(factor, all_dim)
    return yarn_mscale(factor, 1.0)


def yarn_mscale(factor: float, mscale: float) -> float:
    """0.1 mscale ln(factor) + 1, and 1 without an extension."""
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


MAKERS = {
    "default": _default, "linear": _linear, "dynamic": _dynamic, "llama3": _llama3, "yarn": _yarn,
    "longrope": _longrope, "proportional": _default,
}  # fmt: skip
