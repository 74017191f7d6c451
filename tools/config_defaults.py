"""Writes posenc_lib/models/defaults.json: the fields of transformers' configuration classes.

For every class that builds without arguments: the family's own names of fields, the values it
takes for fields that a config leaves out, and the families of its parts. Only numbers and names
that speak of positions, sizes and layers are kept. Needs transformers; run it when its
version is raised:

    .venv/bin/python tools/config_defaults.py
"""

import importlib
import inspect
import json
import re
from dataclasses import MISSING
from pathlib import Path

import transformers
from transformers import PreTrainedConfig

TARGET = Path(__file__).parents[1] / "posenc_lib" / "models" / "defaults.json"
KEPT = re.compile(
    r"hidden_size|n_embd|d_model|embed_dim|_dim$|^dim$|layers|heads|head|depth|position|rope|rotary"
    r"|alibi|sliding|window|relative|bucket|theta|partial|chunk|pattern|interval|period|causal"
    r"|is_decoder|bidirectional|multiplier|pre_attn|temperature|patch|image_size|crop_size|grid"
    r"|tubelet|frames|scale|class_token|cls|register|use_mask|pad_token_id|n_ctx|block_types|stride"
    r"|n_layer|n_head|downsample|local_att|mscale|qk_|kernel|global|conv_pos|use_qformer|size$|type_vocab"
    r"|num_pos_feats|num_queries|blocks_per_stage|use_repmixer|^seq_len$|two_stage$"
)
DROPPED = re.compile(r"vocab|dropout|initializer|layer_types$|moe|expert|token_id$|loss|_proj")


def plain(value):
    """Whether a value can stand in the table: a number, a word, a short list, RoPE's dict."""
    if isinstance(value, dict):
        return all(plain(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return len(value) <= 8 and all(isinstance(one, (int, float, str)) for one in value)
    return isinstance(value, (int, float, str, bool)) or value is None


def declared(cls):
    """The defaults that stand in the class: what __init__ computes from others is None there."""
    fields = getattr(cls, "__dataclass_fields__", {})
    return {
        name: None if field.default is MISSING else field.default
        for name, field in fields.items()
        if field.default_factory is MISSING
    }


def values_of(config):
    """The fields of a configuration."""
    return config.to_dict()


def entry(cls):
    """What is kept of one class."""
    config = cls()
    values = values_of(config) | declared(cls)
    kept = {
        name: value
        for name, value in values.items()
        if ((KEPT.search(name) and not DROPPED.search(name)) or name == "pad_token_id")
        and plain(value)
    }
    names = {ours: own for ours, own in (cls.attribute_map or {}).items() if KEPT.search(ours)}
    parts = {}
    for place, sub in (cls.sub_configs or {}).items():
        made = getattr(config, place, None)
        kind = type(made) if made is not None else sub
        if kind.__name__ != "AutoConfig":
            parts[place] = kind.model_type or kind.__name__
    kept.pop("rope_parameters", None)
    rope = values_of(config).get("rope_parameters") or {}
    theta = values.get("rope_theta")
    rope = rope or ({"rope_theta": theta} if isinstance(theta, (int, float)) else {})
    if "rope_theta" in kept and rope:
        del kept["rope_theta"]
    return {"config": cls.__name__, "names": names, "defaults": kept, "parts": parts, "rope": rope}


def classes():
    """Every configuration class of the package, and the files it is in."""
    root = Path(transformers.__file__).parent / "models"
    for path in sorted(root.glob("*/configuration_*.py")):
        module = importlib.import_module(f"transformers.models.{path.parent.name}.{path.stem}")
        for cls in vars(module).values():
            own = inspect.isclass(cls) and cls.__module__ == module.__name__
            if own and issubclass(cls, PreTrainedConfig):
                yield cls


def main():
    """Write the table, one family a line."""
    transformers.logging.set_verbosity_error()
    table = {}
    for cls in classes():
        try:
            found = entry(cls)
        except Exception as problem:  # a class that needs arguments or a download
            print(cls.__name__, type(problem).__name__)
            continue
        table.setdefault(cls.model_type or cls.__name__, found)
    lines = [f"{json.dumps(name)}: {json.dumps(one)}" for name, one in sorted(table.items())]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(len(table), "families,", TARGET.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
