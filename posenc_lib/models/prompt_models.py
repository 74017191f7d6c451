"""Builds models that are pointed at: SAM, its picture encoder and the places of its prompts.

    vision    the picture encoder by its own rule
    prompt    random Fourier features of a place, added to the picture's cells; the layers of the
              decoder, which attends to and fro between prompts and picture

Source: Kirillov et al. 2023, "Segment Anything"; SamModel and SamPositionalEmbedding in
transformers 5.23.

The trap: the decoder adds the places again to queries and keys of each of its layers, from outside;
what is added at the start is the same table.
"""

from __future__ import annotations

from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.embeddings.fourier import RandomFourierEncoding
from posenc_lib.layers.plan import LayerPlan
from posenc_lib.models.composite_models import Parts, Reader, composite
from posenc_lib.models.config_fields import ConfigFields
from posenc_lib.models.family_table import Rule, known_families
from posenc_lib.models.text_models import stack


def pointed(fields: ConfigFields, rule: Rule, read: Reader) -> Parts:
    """The picture encoder, and the prompt's places with the decoder's layers."""
    parts = composite(fields, {**rule, "places": "vision_config"}, read)
    inside = {}
    for place in ("vision_config", "prompt_encoder_config", "mask_decoder_config"):
        family = fields.known.parts[place]
        part = place.removesuffix("_config")
        known = known_families()[family]
        inside[part] = ConfigFields(family, fields.mapping(place), known, part)
    prompt = inside["prompt_encoder"]
    side = prompt.size("image_size") // prompt.size("patch_size")
    if rule.get("whole_width"):
        dim, scale = prompt.size("hidden_size"), prompt.real("scale", above=0.0)
    else:
        dim = 2 * inside["vision"].size("num_pos_feats")
        scale = inside["vision"].real("scale", above=0.0)
    encoding = RandomFourierEncoding(dim, (side, side), scale=scale)
    layer = LayerPlan(NoEncoding(), causal=False)
    count = inside["mask_decoder"].size("num_hidden_layers")
    note = "the places are added again to queries and keys in each layer of the decoder"
    parts["prompt"] = stack(fields, layer, count, encoding, notes=(note,))
    return parts
