"""Builds models that find things in pictures: DETR and what came of it.

    backbone   a picture encoder by its own rule, where it has positions
    encoder    sines of row and column, added to queries and keys in each layer
    decoder    a trained place for each object query, added to queries and keys in each layer

Neither is added to values. What else has a place (the other layers, attention between the two) is
said by the notes of the rule.

Source: Carion et al. 2020, "End-to-End Object Detection with Transformers", appendix A.4; the
modelling code of transformers 5.23, as the rule says.

The trap: reading these places as what is added at the start. A value that never held its place
cannot carry it on, so each layer has to be told again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.embeddings.axial_sinusoidal import AxialSinusoidalEncoding
from posenc_lib.embeddings.learned import LearnedEncoding
from posenc_lib.layers.plan import LayerPlan
from posenc_lib.models.composite_models import Parts, Reader, composite, form_of, part_name
from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule, known_families
from posenc_lib.models.part_positions import PartPositions
from posenc_lib.models.text_models import stack

ANY_SIZE = "pictures of any size: read the sines anew for the grid of each, with resized()"


def detector(fields: ConfigFields, rule: Rule, read: Reader) -> Parts:
    """A backbone, and the layers whose queries and keys get a place."""
    parts: Parts = {}
    notes = list(rule.get("notes", ()))
    for place in rule.get("places", "backbone_config").split():
        inside = fields.mapping(place)
        named = str(inside.get("model_type") or fields.known.parts.get(place))
        form = form_of(named, inside)
        if form.get("builder") == "nothing":
            notes.append(f"left out: {part_name(place)} ({named}): {form['reason']}")
        else:
            parts |= composite(fields, {**rule, "places": place, "notes": ()}, read)
    for name in ("encoder", "decoder"):
        if name in rule:
            parts[name] = _layers(fields, rule[name])
    for name, allowed in rule.get("require", {}).items():
        fields.read.add(name)
        assert allowed  # looked at before
    first = next(iter(parts))
    parts[first] = replace(parts[first], notes=(*parts[first].notes, *notes))
    return parts


def _layers(fields: ConfigFields, how: Mapping[str, object]) -> PartPositions:
    """The encoder's or the decoder's layers."""
    owner = fields
    if "within" in how:  # another config, which says how many layers there are
        place = str(how["within"])
        inside = fields.mapping(place)
        family = str(inside.get("model_type") or fields.known.parts.get(place))
        owner = ConfigFields(family, inside, known_families()[family], part_name(place))
    count = owner.size(str(how["layers"])) - int(how.get("fewer", 0))  # type: ignore[call-overload]
    dim = owner.size(str(how["dim"]))
    added: PositionEncoding
    if "queries" in how:
        added = LearnedEncoding(owner.size(str(how["queries"])), dim)
        note = f"a trained place for each of {added.length:,} object queries"
        return stack(fields, LayerPlan(NoEncoding(), causal=False, added=added), count,
                     kind="vision", notes=(note,))  # fmt: skip
    added = AxialSinusoidalEncoding(
        dim, (1, 1), base=owner.real(str(how["base_field"]), above=1.0)
        if "base_field" in how else float(how.get("base", 10000.0)),  # type: ignore[arg-type]
        span=2 * math.pi if how.get("span") else None, split=bool(how.get("split")),
    )  # fmt: skip
    layer = LayerPlan(NoEncoding(), causal=False, added=added)
    return stack(fields, layer, count, kind="vision", notes=(ANY_SIZE,))
