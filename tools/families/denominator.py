"""Writes denominator.toml: which configuration classes of transformers count, and why others not.

    counts  =  builds without arguments or a download
               and its model's code reaches a position mechanism of text or vision

Decided by words of the code alone, so that what the library can or cannot build has no say. A
config made of other configs counts if one of its parts counts.

    .venv/bin/python -m tools.families.denominator

The trap: a list made after the results. This one is committed before the first comparison; it
changes only with the version of transformers, or with a reason in the commit.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedConfig

from tools.families.sources import ROOT, code_of, module, takers

TARGET = Path(__file__).with_name("denominator.toml")

MECHANISMS = {
    "rotary": r"apply_rotary|apply_multimodal_rotary|rotate_half|inv_freq|freqs_cis"
    r"|rotary_emb|rotary_pos|RotaryEmbedding|fixed_pos_embedding",
    "table": r"self\.\w*(?:pos(?!t|s)\w*|wpe)\w* = (?:nn\.|Quant)(?:Embedding|Parameter)\("
    r"|self\.(?:row|column|temporal|time|x|y|h|w)_?\w*embed\w* = nn\.(?:Embedding|Parameter)\("
    r"|class \w*Position\w*(?:Embed|Encod)",
    "sinusoids": r"[Ss]inusoid|SinePosition|PositionEmbeddingSine|sine_pos|sincos|sin_cos"
    r"|[Pp]ositional_?[Ee]ncoding\b|10000 \*\* |get_timing|coord\w*_embed",
    "relative": r"relative_attention|relative_position|rel_pos|rel_embeddings|rel_att"
    r"|distance_embedding|position_bias|r_r_bias|relative_key|relative_logits|attention_bias_idxs"
    r"|rel_shift|relative_pos|self\.rpb\b",
    "alibi": r"alibi",
    "convolution": r"pos_conv|PositionalConv|positional_conv|conv_pos|ConvPos|PosCNN",
    "fourier": r"[Ff]ourierPosition|[Ff]ourier_position|RandomFourier"
    r"|positional_embedding @|PositionalEmbedding\(nn\.Module\)",
}
TEXT = {"input_ids", "decoder_input_ids"}
VISION = {"pixel_values", "pixel_values_videos", "flattened_patches", "bbox", "frames"}
OTHER = {
    "input_features": "audio", "input_values": "audio", "audio_codes": "audio",
    "past_values": "time series", "waveform": "audio", "spectrogram": "audio",
}  # fmt: skip
WRAPPERS = {"EncoderDecoderConfig", "SpeechEncoderDecoderConfig", "VisionEncoderDecoderConfig",
            "VisionTextDualEncoderConfig", "RagConfig"}  # fmt: skip
SOUND = re.compile(r"Audio|Speech|Codec|Voice|Wav|Acoustic|Mel|Tts|TTS|Vocoder|Mimi")


def classes() -> Iterator[type[PreTrainedConfig]]:
    """Every configuration class of the package, folder by folder."""
    for path in sorted(ROOT.glob("*/configuration_*.py")):
        if path.parent.name in ("auto", "deprecated"):
            continue
        own = importlib.import_module(f"transformers.models.{path.parent.name}.{path.stem}")
        for cls in vars(own).values():
            if inspect.isclass(cls) and issubclass(cls, PreTrainedConfig):
                if cls.__module__ == own.__name__:
                    yield cls


def folder_of(cls: type) -> str:
    """The folder of models in which a class stands."""
    return cls.__module__.split(".")[2]


def _arguments(path: Path, name: str) -> set[str]:
    """The names that the forward pass of a model class takes."""
    found = re.search(r"def forward\((.*?)\)(?: ->|:)", module(path).texts[name], re.S)
    return set(re.findall(r"(\w+)(?::|=|,|$)", found.group(1))) if found else set()


def parts_of(config: PreTrainedConfig) -> dict[str, PreTrainedConfig]:
    """The configs that a config is made of."""
    places = {name: getattr(config, name, None) for name in (type(config).sub_configs or {})}
    return {name: one for name, one in places.items() if isinstance(one, PreTrainedConfig)}


def examined(config: PreTrainedConfig) -> dict[str, Any]:
    """What the source says of one configuration: mechanisms, kind of input, parts."""
    cls = type(config)
    folder = folder_of(cls)
    found = takers(folder).get(cls.__name__, [])
    whole = [one for one in found if one[2]] or found
    codes = [code_of(path, name) for path, name, _ in whole]
    words = sorted(
        name for name, pattern in MECHANISMS.items() if any(re.search(pattern, c) for c in codes)
    )
    inputs = set().union(*(_arguments(path, name) for path, name, _ in whole), set())
    parts = {name: examined(one) for name, one in parts_of(config).items()}
    return {
        "class": cls.__name__, "family": cls.model_type or "", "folder": folder,
        "models": [name for _, name, _ in whole], "own": words, "inputs": inputs, "parts": parts,
    }  # fmt: skip


def reason_against(found: dict[str, Any]) -> str | None:
    """Why a configuration does not count; None where it does."""
    if found["class"] in WRAPPERS:
        return "wrapper of arbitrary parts, each with a configuration of its own"
    inner = [one for one in found["parts"].values() if reason_against(one) is None]
    if not found["models"]:
        return None if inner else "no model of transformers takes it"
    inputs, name = found["inputs"], found["class"]
    sees = bool(inputs & (TEXT | VISION))
    if not inner and not sees:
        for argument, kind in OTHER.items():
            if argument in inputs:
                return f"{kind}: its model takes {argument}, no text and no picture"
        if SOUND.search(name):
            return "audio: part of a model of sound, takes no text and no picture"
    if not inner and not found["own"]:
        return "no position mechanism in the code that its model reaches"
    return None


def _line(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())


def main() -> None:
    """Write the list."""
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    counted, excluded = [], []
    for cls in classes():
        try:
            config = cls()
        except Exception as problem:
            text = str(problem).strip().split("\n")[0][:90]
            excluded.append((cls.__name__, cls.model_type or "", f"does not build by itself: "
                             f"{type(problem).__name__}: {text}"))  # fmt: skip
            continue
        found = examined(config)
        against = reason_against(found)
        if against:
            excluded.append((cls.__name__, found["family"], against))
        else:
            parts = [
                f"{place}={one['class']}" for place, one in found["parts"].items()
                if reason_against(one) is None
            ]  # fmt: skip
            counted.append({"family": found["family"], "folder": found["folder"],
                            "own": found["own"], "parts": parts,
                            "class": cls.__name__})  # fmt: skip
    lines = [
        "# Which configuration classes of transformers count in the bars, made by",
        "# `python -m tools.families.denominator`. Not edited by hand.",
        "",
        f'transformers = "{transformers.__version__}"',
        f"classes = {len(counted) + len(excluded)}",
        f"counted = {len(counted)}",
        "",
        "# class = family, folder, mechanisms found in its own model's code, parts that count",
        "[counts]",
    ]
    lines += [f"{one.pop('class')} = {{ {_line(one)} }}" for one in counted]
    lines += ["", "# class = family, reason", "[excluded]"]
    lines += [
        f"{name} = {{ {_line({'family': family, 'reason': reason})} }}"
        for name, family, reason in excluded
    ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(len(counted), "count,", len(excluded), "do not")


if __name__ == "__main__":
    main()
