"""What `encoding_from_config` says of models: plans, words, refusals, and the command."""

import copy
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import posenc_lib
from posenc_lib import encoding_from_config
from posenc_lib.__main__ import main
from posenc_lib.models import from_config
from posenc_lib.models.family_table import family_rules, known_families
from posenc_lib.models.published import PUBLISHED
from posenc_lib.models.wavelengths import rotary_wavelengths, rotation_of, wavelength_chart

LLAMA = PUBLISHED["Llama 3.1 8B"]
ROOM = Path(posenc_lib.__file__).parent / "models"


def changed(config, path, value):
    """A copy with one field changed, left out for None of `...`."""
    config = copy.deepcopy(config)
    *outer, name = path.split(".")
    inside = config
    for one in outer:
        inside = inside[one]
    if value is ...:
        del inside[name]
    else:
        inside[name] = value
    return config


# What it says


@pytest.mark.parametrize("title", PUBLISHED)
def test_every_published_config_is_read_and_told_of(title):
    positions = encoding_from_config(PUBLISHED[title])
    assert positions.family == PUBLISHED[title]["model_type"]
    assert set(positions.parts) == set(positions.lengths) == set(positions.details)
    assert repr(positions) == positions.report and positions.report.count("\n") >= 2
    for name, plan in positions.parts.items():
        details = positions.details[name]
        assert len(plan) == len(details.numbers) <= details.layers_in_all


@pytest.mark.parametrize(
    "title, said",
    [
        ("Llama 3.1 8B", "RoPE, half layout, base 500,000; pairs with wavelengths over 8,192 "
         "slowed eightfold, under 2,048 kept; 32 layers alike"),
        ("Gemma 3 12B", "layers 5, 11 ... 47 (every 6th): RoPE, half layout, base 1,000,000; all "
         "pairs slowed eightfold"),
        ("Gemma 3 12B", "base 10,000; sees the last 1,024 tokens; q . k times 0.0625"),
        ("Gemma 3 12B", "a learned table of a grid of 64 by 64, 1,152 features"),
        ("Qwen3-VL 8B", "24 pairs time, 20 pairs height, 20 pairs width, in turn; 36 layers alike"),
        ("DeepSeek-V3", "latent attention, the last 64 of 192 features turn: RoPE, interleaved"),
        ("gpt-oss-20b", "sees the last 128 tokens; a sink for each head"),
        ("GPT-NeoX-20B", "24 of 96 features turned; 44 layers alike"),
        ("SmolLM3 3B", "layers 3, 7 ... 35 (every 4th): no position"),
        ("Llama 4 Scout", "sees its own chunk of 8,192"),
        ("Llama 4 Scout", "layers 3, 7 ... 47 (every 4th): queries longer past 8,192 tokens"),
        ("ModernBERT base", "base 10,000; sees 64 tokens on either side"),
        ("Mistral 7B v0.1", "sees the last 4,096 tokens; 32 layers alike"),
        ("BLOOM", "ALiBi, a slope for each of 112 heads; 70 layers alike"),
    ],
)  # fmt: skip
def test_the_report_says_it_in_plain_words(title, said):
    assert said in encoding_from_config(PUBLISHED[title]).report


@pytest.mark.parametrize(
    "title, original, stated",
    [
        ("Llama 3.1 8B", 8192, 131072), ("DeepSeek-V3", 4096, 163840),
        ("gpt-oss-20b", 4096, 131072), ("Gemma 3 12B", None, 131072), ("Qwen3 8B", 40960, 40960),
    ],
)  # fmt: skip
def test_the_length_before_scaling_and_the_stated_one(title, original, stated):
    assert encoding_from_config(PUBLISHED[title]).lengths["text"] == (original, stated)


def test_a_plan_masks_and_scales_as_the_config_says():
    gemma = encoding_from_config(PUBLISHED["Gemma 3 12B"]).plan
    assert [layer.window for layer in gemma][:7] == [1024] * 5 + [None, 1024]
    assert gemma[0].encoding is gemma[1].encoding and gemma[5].encoding is gemma[11].encoding
    assert gemma[0].scale == 256**-0.5
    both = encoding_from_config(PUBLISHED["ModernBERT base"]).plan
    far = both.mask(1, torch.tensor([100]), torch.tensor([35, 36, 164, 165]))
    assert far.tolist() == [[False, True, True, False]]
    chunked = encoding_from_config(PUBLISHED["Llama 4 Scout"]).plan
    assert chunked.mask(0, torch.tensor([8192]), torch.tensor([8191, 8192])).tolist() == [
        [False, True]
    ]
    deepseek = encoding_from_config(PUBLISHED["DeepSeek-V3"]).plan[0]
    assert deepseek.scale == pytest.approx(192**-0.5 * (0.1 * np.log(40) + 1) ** 2)


def test_a_window_in_both_directions_lets_all_its_steps_through():
    plan = encoding_from_config({
        "model_type": "gemma2", "hidden_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "sliding_window": 4, "use_bidirectional_attention": True,
    }).plan  # fmt: skip
    far = plan.mask(0, torch.tensor([100]), torch.tensor([95, 96, 104, 105]))
    assert far.tolist() == [[False, True, True, False]]


def test_every_fourth_layer_of_smollm3_leaves_position_out_unless_the_layers_are_listed():
    listed = PUBLISHED["SmolLM3 3B"]
    plain = encoding_from_config(changed(listed, "no_rope_layers", ...))
    assert repr(plain.plan) == repr(encoding_from_config(listed).plan)


# Against transformers: the frequencies of the family's own rotary module

FAMILIES = {  # family: class of the configuration, of the rotary module, what is changed
    "llama": ("LlamaConfig", "LlamaRotaryEmbedding", {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 512}}),
    "qwen3": ("Qwen3Config", "Qwen3RotaryEmbedding", {"rope_parameters": {
        "rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0,
        "original_max_position_embeddings": 512}}),
    "gpt_neox": ("GPTNeoXConfig", "GPTNeoXRotaryEmbedding", {}),
    "phi3": ("Phi3Config", "Phi3RotaryEmbedding", {
        "max_position_embeddings": 2048, "original_max_position_embeddings": 512,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 48,
            "long_factor": [4.0] * 48, "original_max_position_embeddings": 512}}),
    "glm4": ("Glm4Config", "Glm4RotaryEmbedding", {}),
    "gpt_oss": ("GptOssConfig", "GptOssRotaryEmbedding", {}),
    "gemma3": ("Gemma3TextConfig", "Gemma3RotaryEmbedding", {}),
    "gemma4": ("Gemma4TextConfig", "Gemma4TextRotaryEmbedding", {}),
    "deepseek_v3": ("DeepseekV3Config", "DeepseekV3RotaryEmbedding", {"rope_parameters": {
        "rope_type": "yarn", "rope_theta": 1e4, "factor": 40.0, "mscale": 0.7,
        "mscale_all_dim": 1.0, "original_max_position_embeddings": 512}}),
    "qwen3_vl": ("Qwen3VLTextConfig", "Qwen3VLTextRotaryEmbedding", {}),
    "qwen2_vl": ("Qwen2VLTextConfig", "Qwen2VLRotaryEmbedding", {"rope_parameters": {
        "rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "mrope_section": [16, 24, 24],
        "original_max_position_embeddings": 512}}),
    "cohere2": ("Cohere2Config", "Cohere2RotaryEmbedding", {}),
    "falcon": ("FalconConfig", "FalconRotaryEmbedding", {"rope_parameters": {
        "rope_type": "linear", "rope_theta": 1e4, "factor": 3.0}}),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_frequencies_are_those_of_the_familys_own_module(family):
    module = pytest.importorskip(f"transformers.models.{family}.modeling_{family}")
    settings = pytest.importorskip(f"transformers.models.{family}.configuration_{family}")
    config_class, rotary_class, changes = FAMILIES[family]
    config = getattr(settings, config_class)(**changes)
    theirs = getattr(module, rotary_class)(copy.deepcopy(config))
    plan = encoding_from_config(config).plan
    seen = 0
    for number, layer in enumerate(plan):
        rope = rotation_of(layer.encoding)
        if rope is None:
            continue
        kind = "" if hasattr(theirs, "inv_freq") else f"{config.layer_types[number]}_"
        rope = getattr(rope, "scaled", None) or rope
        torch.testing.assert_close(
            rope.frequencies().float(), getattr(theirs, f"{kind}inv_freq"), rtol=1e-5, atol=0
        )
        assert rope.magnitude == pytest.approx(getattr(theirs, f"{kind}attention_scaling"))
        seen += 1
    assert seen


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "gpt2", "t5", "clip_vision_model"])
def test_the_defaults_are_those_of_the_configuration_classes(family):
    transformers = pytest.importorskip("transformers")
    known = known_families()[family]
    config = getattr(transformers, known.config)()
    given = {name: value for name, value in known.defaults.items() if value is not None}
    assert given and all(getattr(config, name) == value for name, value in given.items())


# How a config may come


def test_a_dict_a_path_and_an_object_say_the_same(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA), encoding="utf-8")
    as_object = SimpleNamespace(to_dict=lambda: LLAMA)
    reports = {encoding_from_config(one).report for one in (LLAMA, path, str(path), as_object)}
    assert len(reports) == 1


def test_older_names_say_what_the_new_ones_say():
    new = changed(LLAMA, "rope_scaling", ...)
    del new["rope_theta"]
    new["rope_parameters"] = {**LLAMA["rope_scaling"], "rope_theta": 500000.0}
    assert encoding_from_config(new).report == encoding_from_config(LLAMA).report
    older = {"rope_theta": 1e6, "rope_local_base_freq": 1e4,
             "rope_scaling": {"rope_type": "linear", "factor": 8.0}}  # fmt: skip
    newer = {"rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }}  # fmt: skip
    text = {**PUBLISHED["Gemma 3 12B"]["text_config"], "max_position_embeddings": 131072}
    del text["rope_scaling"]
    old, new = (encoding_from_config({**text, **more}).plan for more in (older, newer))
    assert repr(old) == repr(new)


@pytest.mark.parametrize("name", ["rope_parameters", "partial_rotary_factor", "head_dim"])
def test_a_field_that_is_null_is_one_that_is_left_out(name):
    assert encoding_from_config({**LLAMA, name: None}).report == encoding_from_config(LLAMA).report


def test_a_config_of_configs_is_taken_apart():
    whole = encoding_from_config(PUBLISHED["Gemma 3 12B"])
    assert list(whole.parts) == ["text", "vision"]
    assert whole.plan is whole.parts["text"]
    alone = encoding_from_config(PUBLISHED["Gemma 3 12B"]["vision_config"])
    assert repr(alone.plan) == repr(whole.parts["vision"])
    flat = {
        "model_type": "qwen2_vl", "hidden_size": 256, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 512,
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
        "vision_config": {"depth": 2, "embed_dim": 128, "num_heads": 4, "model_type": "qwen2_vl"},
    }  # fmt: skip
    assert encoding_from_config(flat).plan[0].encoding.sections == (16, 24, 24)
    omni = encoding_from_config({"model_type": "qwen2_5_omni"})
    assert omni.plan is omni.parts["thinker.text"]
    two = encoding_from_config({"model_type": "t5", "num_layers": 2, "d_model": 8})
    with pytest.raises(ValueError, match="one part, or one that is text"):
        _ = two.plan


# What is refused


@pytest.mark.parametrize(
    "path, value, words",
    [
        ("model_type", "lama", r"llama.*layout of the pairs"),
        ("model_type", ..., r"model_type = 'missing'"),
        ("hidden_size", ..., r"llama hidden_size = 'missing'"),
        ("hidden_size", 4097, r"a divisor of 4097"),
        ("hidden_size", "4096", r"llama hidden_size = '4096'.*integer"),
        ("num_hidden_layers", 0, r"llama num_hidden_layers = 0"),
        ("rope_thetta", 1e4, r"Did you mean 'rope_theta'"),
        ("rope_theta", -1.0, r"rope_theta = -1.0"),
        ("rope_theta", float("nan"), r"rope_theta = nan"),
        ("no_rope_layers", [1] * 32, r"no_rope_layers.*fields that llama reads"),
        ("partial_rotary_factor", 0.5, r"llama turns all features"),
        ("rope_scaling.rope_type", "ntk2", r"llama rope_parameters.rope_type = 'ntk2'.*'llama3'"),
        ("rope_scaling.type", "yarn", r"rope_type.*Keep one"),
        ("rope_scaling.factor", ..., r"factor = 'missing'.*rope_type 'llama3' needs"),
        ("rope_scaling.factor", 0.5, r"factor = 0.5"),
        ("rope_scaling.high_freq_factor", 0.5, r"high_freq_factor = 0.5"),
        ("rope_scaling.low_freq_facter", 1.0, r"low_freq_facter.*one of"),
        ("rope_scaling.rope_theta", 1e4, r"Keep one"),
        ("original_max_position_embeddings", 4096, r"8192.*Keep one"),
        ("rope_parameters", {"rope_type": "default"}, r"rope_scaling.*Keep one"),
        ("rope_scaling", "llama3", r"a dict of fields"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(path, value, words):
    with pytest.raises((ValueError, TypeError), match=words):
        encoding_from_config(changed(LLAMA, path, value))


@pytest.mark.parametrize(
    "title, path, value, words",
    [
        ("gpt-oss-20b", "layer_types", ["sliding_attention"] * 3, r"3 kinds.*24"),
        ("gpt-oss-20b", "layer_types", ["local"] * 24, r"layer_types\[0\] = 'local'"),
        ("gpt-oss-20b", "sliding_window", 0, r"gpt_oss sliding_window = 0"),
        ("SmolLM3 3B", "no_rope_layers", [1, 0], r"36 numbers"),
        ("Qwen3-VL 8B", "text_config.rope_scaling.mrope_section", [24, 20], r"mrope_section"),
        ("Qwen3-VL 8B", "text_config.rope_scaling.mrope_section", "242020", r"mrope_section"),
        ("Qwen3-VL 8B", "vision_config.num_position_embeddings", 2000, r"vision: .*square"),
        ("Gemma 3 12B", "vision_config.patch_size", 1000, r"patch_size.*at most the image"),
        ("Gemma 3 12B", "text_config.model_type", "gemma9_text", r"text: model_type = 'gemma9"),
        ("DeepSeek-V3", "qk_rope_head_dim", 63, r"even number of features"),
        ("ModernBERT base", "local_attention", ..., None),
        ("Llama 4 Scout", "attention_chunk_size", -1, r"attention_chunk_size = -1"),
    ],
)  # fmt: skip
def test_a_part_that_is_wrong_is_named(title, path, value, words):
    config = changed(PUBLISHED[title], path, value)
    if words is None:  # the family has a default
        assert "local_attention 128" in encoding_from_config(config).report
        return
    with pytest.raises((ValueError, TypeError), match=words):
        encoding_from_config(config)


@pytest.mark.parametrize("config", [3, None, [LLAMA], "nowhere.json"])
def test_what_is_no_config_is_refused(config):
    with pytest.raises((TypeError, FileNotFoundError)):
        encoding_from_config(config)


def test_a_family_known_to_differ_is_refused_with_its_reason():
    with pytest.raises(ValueError, match="multiplied in each layer"):
        encoding_from_config({"model_type": "dab-detr"})
    with pytest.raises(ValueError, match="Falcon divides"):
        encoding_from_config({"model_type": "falcon", "alibi": True})


def test_what_each_layer_adds_to_queries_and_keys_is_told_with_what_is_left_out():
    positions = encoding_from_config({"model_type": "detr"})
    encoder, decoder = positions.parts["encoder"], positions.parts["decoder"]
    assert encoder[5].added.resized((2, 3)).span == pytest.approx(2 * math.pi)
    assert (decoder[0].added.length, decoder[0].added.dim) == (100, 256)
    assert "not to values: sines of row and column" in positions.report
    assert "left out: backbone" in positions.report
    with pytest.raises(ValueError, match="position_embedding_type = 'learned'"):
        encoding_from_config({"model_type": "detr", "position_embedding_type": "learned"})
    prefix = {"model_type": "paligemma", "text_config": {"use_bidirectional_attention": True}}
    assert all(layer.causal for layer in encoding_from_config(prefix).plan)


def test_an_encoding_that_refuses_is_named_with_its_family():
    config = {
        "model_type": "deberta-v2", "hidden_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "relative_attention": True, "position_buckets": 5,
        "pos_att_type": "c2p|p2c",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"encoding_from_config: deberta-v2: .*buckets = 5"):
        encoding_from_config(config)
    plan = encoding_from_config({**config, "position_buckets": 256, "share_att_key": True}).plan
    assert plan[0].encoding.table is plan[1].encoding.table
    assert plan[0].encoding.form == "code"
    with pytest.raises(ValueError, match="pos_att_type"):
        encoding_from_config({**config, "pos_att_type": ["p2p"]})


def test_the_layers_of_swin_have_a_table_each_with_the_heads_of_their_stage():
    config = {
        "model_type": "swin", "embed_dim": 48, "depths": [2, 2], "num_heads": [3, 6],
        "window_size": 7, "image_size": 224, "patch_size": 4,
    }  # fmt: skip
    encodings = [layer.encoding for layer in encoding_from_config(config).parts["vision"]]
    assert [one.heads for one in encodings] == [3, 3, 6, 6]
    assert len({id(one) for one in encodings}) == 4
    with pytest.raises(ValueError, match="one number for each stage"):
        encoding_from_config({**config, "depths": [2, 2, 6]})


def test_the_windows_of_swin_v2_are_no_larger_than_what_is_left_of_the_picture():
    config = {
        "model_type": "swinv2", "embed_dim": 96, "depths": [2, 2, 6, 2],
        "num_heads": [3, 6, 12, 24], "window_size": 16, "image_size": 256, "patch_size": 4,
    }  # fmt: skip
    shapes = [layer.encoding.shape for layer in encoding_from_config(config).parts["vision"]]
    assert shapes == [(16, 16)] * 10 + [(8, 8)] * 2


def test_the_grids_of_levit_are_every_second_cell_of_those_before():
    layers = encoding_from_config({
        "model_type": "levit", "image_size": 224, "patch_size": 16, "depths": [1, 1, 1],
        "hidden_sizes": [128, 256, 384], "num_attention_heads": [4, 8, 12], "key_dim": [16] * 3,
    }).plan  # fmt: skip
    sides = [len(range(0, 14, step)) for step in (1, 1, 2, 2, 4)]
    assert [layer.encoding.shape for layer in layers] == [(side, side) for side in sides]


def test_a_wide_picture_has_more_columns_than_rows():
    grid = encoding_from_config({
        "model_type": "vit", "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": [224, 448], "patch_size": 16,
    }).plan.at_start  # fmt: skip
    assert grid.shape == (14, 28)


def test_the_places_of_sam_are_as_wide_as_its_prompts():
    config = {
        "model_type": "sam", "vision_config": {"num_pos_feats": 128},
        "prompt_encoder_config": {"hidden_size": 256},
    }  # fmt: skip
    assert encoding_from_config(config).parts["prompt"].at_start.dim == 256
    assert encoding_from_config({"model_type": "sam"}).parts["prompt"].at_start.dim == 256


def test_the_queries_of_ministral_3_grow_from_its_trained_length_on():
    heat = encoding_from_config({
        "model_type": "ministral3", "hidden_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "max_position_embeddings": 64, "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 1e6, "factor": 8.0, "llama_4_scaling_beta": 0.1,
            "original_max_position_embeddings": 8,
        },
    }).plan[0].encoding.parts[1]  # fmt: skip
    expected = [1.0, 1 + 0.1 * math.log(2)]
    assert heat.factors(torch.tensor([7, 8])).tolist() == pytest.approx(expected)


def test_mistral_4_turns_all_of_its_rope_features_whatever_share_it_gives():
    latent = encoding_from_config({
        "model_type": "mistral4", "hidden_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5,
        },
    }).plan[0].encoding  # fmt: skip
    assert rotation_of(latent).rotary_dim == 8


# The table


def test_every_rule_names_a_builder_and_its_source():
    rules = [*family_rules().values()]
    rules += [case for rule in rules for case in rule.get("cases", {}).values()]
    builders = {*from_config.BUILDERS, *from_config.COMPOSITE, "refused", "nothing", "cases"}
    for rule in rules:
        assert rule["builder"] in builders, rule
        assert rule["builder"] == "cases" or rule.get("source") or rule.get("reason"), rule


def test_every_option_of_a_rule_is_read_by_some_code():
    """A misspelt option would be passed over in silence."""
    code = "".join(path.read_text(encoding="utf-8") for path in ROOM.glob("*.py"))
    read = set(re.findall(r'"(\w+)"', code)) | {"families", "source"}
    read |= {f"{part}{end}" for part in ("encoder", "decoder")
             for end in ("_table_field", "_waves", "_layers", "_window")}  # fmt: skip
    read |= {"turned_prefix", "turned_suffix"}
    found = {name for rule in family_rules().values() for name in rule}
    found |= {name for rule in family_rules().values() for case in rule.get("cases", {}).values()
              for name in case}  # fmt: skip
    assert found <= read, sorted(found - read)


# Wavelengths and the command


def test_the_wavelengths_are_those_of_the_frequencies():
    ((part, layers, waves),) = rotary_wavelengths(encoding_from_config(PUBLISHED["Llama 2 7B"]))
    assert (part, layers) == ("text", "layers 0-31")
    np.testing.assert_allclose(waves, 2 * np.pi * 10000 ** (np.arange(64) / 64))
    still = rotary_wavelengths(encoding_from_config({
        "model_type": "gemma4_text", "hidden_size": 64, "num_hidden_layers": 6,
        "num_attention_heads": 2,
    }))  # fmt: skip
    assert np.isinf(still[1][2]).sum() == 256 - 64
    assert "stands still" in wavelength_chart(encoding_from_config({
        "model_type": "gemma4_text", "hidden_size": 64, "num_hidden_layers": 6,
        "num_attention_heads": 2,
    }))  # fmt: skip


def test_a_bar_ends_where_its_wavelength_is_on_the_axis():
    chart = wavelength_chart(encoding_from_config(LLAMA), width=48).splitlines()
    assert chart[1].split()[:2] == ["0", "6.3"] and chart[-2].endswith(">")
    columns = [row.index("|") for row in chart[1:-1]]
    assert len(set(columns)) == 1  # 8,192 stands in one column
    share = np.log(8192 / (2 * np.pi)) / np.log(131072 / (2 * np.pi))
    assert columns[0] == 18 + round(share * 48)


def test_the_command_prints_draws_and_refuses(tmp_path, capsys):
    path, picture = tmp_path / "config.json", tmp_path / "waves.png"
    path.write_text(json.dumps(LLAMA), encoding="utf-8")
    assert main([str(path), "--picture", str(picture)]) == 0
    out = capsys.readouterr().out
    assert encoding_from_config(LLAMA).report in out and "wavelength of each pair" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    path.write_text(json.dumps({"model_type": "lama"}), encoding="utf-8")
    assert main([str(path)]) == 2
    error = capsys.readouterr().err
    assert "Did you mean 'llama'" in error and "Traceback" not in error
    path.write_text("{", encoding="utf-8")
    assert main([str(path)]) == main([str(tmp_path / "none.json")]) == 2
