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
from typing import Any

from jaxtyping import Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.models.config_fields import FUNCTION, ConfigFields
from posenc_lib.models.family_table import Rule
from posenc_lib.models.rope_parameters import RopeParameters, rope_values
from posenc_lib.rotary.llama3 import Llama3Rotary
from posenc_lib.rotary.longrope import LongRotary
from posenc_lib.rotary.ntk import DynamicNtkRotary, NtkRotary
from posenc_lib.rotary.partial import PartialRotary
from posenc_lib.rotary.position_interpolation import InterpolatedRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.yarn import YarnRotary


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
    if rule.get("backward"):
        return BackwardRotary(head_dim, **shape)
    return MAKERS[given.type](given, head_dim, shape)


class BackwardRotary(RotaryEncoding):
    """RoPE by the negative angle: -w_i, as nanochat's code turns."""

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """-w_i in radians per position."""
        return -super().frequencies()


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
        truncate=validation.flag(FUNCTION, given.argument("truncate"), truncate),
        magnitude=yarn_attention_factor(given, factor), **shape,
    )  # fmt: skip


def _longrope(given: RopeParameters, head_dim: int, shape: dict[str, Any]) -> RotaryEncoding:
    trained = given.trained_length
    stated = given.fields.size("max_position_embeddings")
    factor = stated / trained if given.values.get("factor") is None else given.real("factor")
    lists: dict[str, Any] = {}
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
    """What turned features are multiplied by: given, 0.1 mscale ln(factor) + 1, a quotient."""
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
