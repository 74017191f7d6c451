"""Which families count: `python -m tools.families.denominator` writes denominator.json.

Every configuration class of transformers is asked whether the code of its model, found from its
model class through all classes that this one names, makes or uses a position mechanism of text or
vision. The list was made and committed before `encoding_from_config` was measured with it.

Two rules came after that, and both only take away. A family whose models all say that they take
sound (`input_modalities`), none of them the ids of words, hears or speaks alone. And where no class
that takes this very configuration reaches a mechanism, or so much as speaks of positions, what was
found is that of the model beside it: a codebook counted for the positions of its reader.
"""

import ast
import importlib
import inspect
import json
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILE = HERE / "denominator.json"

MECHANISMS = {
    "RoPE": r"apply_\w*rotary|rotate_half|Rotary\w*Emb|RotaryPosition|freqs_cis"
    r"|rotate_queries_or_keys",
    "learned table": r"self\.\w*(pos|position|positional)_?\w*emb\w*\s*(:[^=]+)?="
    r"|self\.(embed_positions?|wpe|embed_pos|absolute_pos\w*|pos_encoder)\s*="
    r"|LearnedPositionalEmbedding\(|nn\.Embedding\([^)]*position",
    "sinusoids": r"[Ss]inusoid|sincos|PositionEmbeddingSine|PositionalEncoding\("
    r"|PositionEmbeddingRandom"
    r"|PositionalEmbedding\w*\(|positional_encoding\(|angle_defn",
    "bias": r"relative_attention_bias|relative_position_bias|alibi|rel_pos|relative_position"
    r"|attention_biases"
    r"|rel_attn|r_w_bias|local_relative|continuous_position_bias|RelativeLogits|position_bias",
    "convolution": r"pos_conv|PositionalConv|Positional\w*Depthwise|position_encoding_generator",
}
OF_POSITIONS = r"(?<![a-z])pos(?![a-z])|position|rope\b|rotary|(row|column)_embed"
OTHER = {  # what neither reads or writes text nor sees pictures, by the family's name
    "hears or speaks alone": r"^(wav2vec2.*|hubert|wavlm|sew|sew-d|unispeech.*|data2vec-audio"
    r"|audio-spectrogram-transformer|encodec|dac|mimi.*|univnet|fastspeech2.*|vits|speecht5_hifigan|mctct"
    r"|xcodec.*|neucodec|higgs_audio_v2_tokenizer|lasr_\w+|parakeet_(ctc|encoder)|clap_audio_model"
    r"|vibevoice_acoustic.*|vibevoice_semantic.*|pe_audio_encoder|\w+_audio(_encoder)?"
    r"|(audioflamingo3|voxtral|voxtral_realtime|granite_speech|glmasr|moonshine_streaming)"
    r"_encoder)$",
    "time series": r"^(autoformer|informer|time_series_transformer|patchts\w+|timesfm\w*)$",
}


def main() -> int:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from transformers import __version__
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    counted: dict[str, Any] = {}
    excluded: dict[str, str] = {}
    later: dict[str, list[str]] = {}
    for family in sorted(CONFIG_MAPPING_NAMES):
        found, reason, parts = look_at(family)
        other = next((why for why, words in OTHER.items() if re.match(words, family)), None)
        if other:
            excluded[family] = other
        elif hears_alone(family):
            excluded[family] = "hears or speaks alone"
        elif found:
            counted[family] = {"class": CONFIG_MAPPING_NAMES[family], "mechanisms": found}
        elif parts:
            later[family] = parts
        else:
            excluded[family] = reason
    for _ in range(3):  # made of parts that other families are, which may be made of parts too
        for family, parts in later.items():
            words = {
                word for part in parts if part in counted for word in counted[part]["mechanisms"]
            }
            if words:
                found = {"class": CONFIG_MAPPING_NAMES[family], "mechanisms": sorted(words)}
                counted[family] = found
    for family in later.keys() - counted.keys():
        excluded[family] = f"made of parts that do not count: {', '.join(later[family])}"
    made = {
        "transformers": __version__,
        "counted": dict(sorted(counted.items())),
        "excluded": dict(sorted(excluded.items())),
    }
    FILE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"{len(counted)} families count, {len(excluded)} do not")
    return 0


def look_at(family: str) -> tuple[list[str], str, list[str]]:
    """The mechanisms in the code of a family; why there are none; the families of its parts."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    cls = CONFIG_MAPPING[family]
    try:
        config = cls()
    except Exception as problem:  # whatever the class raises
        return [], f"does not build by itself: {type(problem).__name__}", []
    folder = Path(sys.modules[cls.__module__].__file__ or "").parent
    files = sorted(map(str, folder.glob("modeling_*.py")))
    if not files:
        return [], "transformers has no model of it", []
    found: set[str] = set()
    for file, name in reached(files, CONFIG_MAPPING_NAMES[family], family):
        found |= mechanisms(file, name)
    parts = [getattr(getattr(config, part, None), "model_type", "") for part in cls.sub_configs]
    parts = [part for part in parts if part]
    if found and not speaks_of_positions(folder.name, CONFIG_MAPPING_NAMES[family]):
        return [], "only the models beside it have a position mechanism", parts
    return sorted(found), "no position mechanism in its code", parts


def speaks_of_positions(folder: str, config: str) -> bool:
    """Whether a class that takes a configuration leads to a mechanism, or to a word of positions.

    True as well where no class says that it takes it, so that nothing can be told.
    """
    from tools.families.sources import code_of, takers

    codes = [code_of(path, name) for path, name, _ in takers(folder).get(config, [])]
    words = [*MECHANISMS.values(), OF_POSITIONS]
    return not codes or any(re.search(one, code, re.I) for one in words for code in codes)


def reached(files: list[str], config: str, family: str) -> set[tuple[str, str]]:
    """The classes and functions that the models of a configuration class lead to."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    named = MODEL_MAPPING_NAMES.get(family, ())
    models = [named] if isinstance(named, str) else list(named)
    found: set[tuple[str, str]] = set()
    for file in files:
        definitions = parsed(file)
        roots = [name for name in models if name in definitions]
        roots = roots or [name for name in definitions if config in names_in(file, name)]
        waiting = [(file, name) for name in roots]
        while waiting:
            here, name = waiting.pop()
            if (here, name) not in found:
                found.add((here, name))
                known = names_in(here, name)
                waiting += [(here, other) for other in known if other in parsed(here)]
                waiting += [(imported(here)[o], o) for o in known if o in imported(here)]
    return found


def hears_alone(family: str) -> bool:
    """Whether all models of a configuration take sound, and none takes the ids of words."""
    from transformers import CONFIG_MAPPING

    from tools.families.sources import folder_of, takers

    cls = CONFIG_MAPPING[family]
    models = []
    for path, name, whole in takers(folder_of(cls)).get(cls.__name__, []):
        if whole:
            file = importlib.import_module(f"transformers.models.{path.parent.name}.{path.stem}")
            models.append(getattr(file, name))
    kinds = {str(getattr(one, "input_modalities", None)) for one in models}
    takes = {name for one in models for name in inspect.signature(one.forward).parameters}
    return kinds <= {"audio", "('audio',)"} and bool(kinds) and not takes & {
        "input_ids", "decoder_input_ids",
    }  # fmt: skip


@cache
def parsed(file: str) -> dict[str, ast.AST]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {n.name: n for n in tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}


@cache
def imported(file: str) -> dict[str, str]:
    """The classes that a file takes from the modelling file of another family."""
    found = {}
    for node in ast.walk(ast.parse(_text(file))):
        if (
            isinstance(node, ast.ImportFrom)
            and node.level == 2
            and "modeling_" in (node.module or "")
        ):
            other = Path(file).parents[1].joinpath(*str(node.module).split(".")).with_suffix(".py")
            for alias in node.names:
                if other.exists() and alias.name in parsed(str(other)):
                    found[alias.name] = str(other)
    return found


@cache
def names_in(file: str, name: str) -> frozenset[str]:
    nodes = ast.walk(parsed(file)[name])
    return frozenset(n.id for n in nodes if isinstance(n, ast.Name))


@cache
def mechanisms(file: str, name: str) -> frozenset[str]:
    node = parsed(file)[name]
    lines = _text(file).splitlines()[node.lineno - 1 : node.end_lineno]
    code = re.sub(r'""".*?"""', "", "\n".join(lines), flags=re.S)
    code = re.sub(r"#.*", "", code)
    return frozenset(word for word, looks in MECHANISMS.items() if re.search(looks, code))


@cache
def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
