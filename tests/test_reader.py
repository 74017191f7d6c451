"""The trained readers of notebooks 00 to 06."""

import dataclasses

import numpy as np
import pytest
import torch

from posenc_lib import trained_reader
from posenc_lib.experiments.text import who_does_it
from posenc_lib.lessons.reader import READERS, WORDS, Reader

SENTENCE = "the old dog bites the man"
BLIND = ("none", "alibi")  # alibi looks both ways alike


@pytest.mark.parametrize("encoding", READERS)
def test_numpy_computes_what_the_trained_model_computes(encoding):
    training = dataclasses.replace(who_does_it.TRAINING, steps=20)
    model = who_does_it.trained(encoding, training=training)
    reader = Reader(encoding, {name: t.numpy() for name, t in who_does_it.parts(model).items()})
    numbers = torch.tensor([[WORDS.index(word) for word in SENTENCE.split()]])
    layer = model.layers[0]
    for start in (0, 5):
        places = torch.arange(start, start + 6)
        with torch.no_grad():
            found = model(numbers, places)[0, :, 0].softmax(-1)
            x = model.at_start.at_embeddings(model.embed(numbers), places)
            weights = layer.attention(layer.norms[0](x), positions=places)[1]
        likely = [p for _, p in reader.who(SENTENCE, start)]
        np.testing.assert_allclose(likely, found, atol=1e-5)
        np.testing.assert_allclose(reader.weights(SENTENCE, start), weights[0], atol=1e-5)


@pytest.mark.unchecked  # six hundred steps through the shape checker take three times as long
def test_training_again_gives_the_shipped_reader():
    """But for the digits in which processors differ."""
    parts = who_does_it.parts(who_does_it.trained("rope"))
    again = Reader("rope", {name: t.numpy() for name, t in parts.items()})
    for text in (SENTENCE, "man bites dog"):
        likely = [[p for _, p in reader.who(text)] for reader in (again, trained_reader("rope"))]
        np.testing.assert_allclose(*likely, atol=1e-2)


@pytest.mark.parametrize("encoding", READERS)
def test_who_can_tell_a_bitten_man_from_a_bitten_dog(encoding):
    reader = trained_reader(encoding)
    there, back = (dict(reader.who(text)) for text in ("dog bites man", "man bites dog"))
    if encoding in BLIND:
        assert there == pytest.approx(back, abs=1e-12) and 0.7 < there["dog"] < 0.9
    else:
        assert there["dog"] > 0.99 and back["man"] > 0.99


@pytest.mark.parametrize("encoding", READERS)
def test_readers_are_right_as_often_as_their_encoding_allows(encoding):
    """All but the blind are right; nobody who is blind can pass the share of bold first nouns."""
    reader, draws = trained_reader(encoding), who_does_it.random.Random(3)
    right = []
    for _ in range(400):
        words, doer = who_does_it.sentence(draws, draws.randint(3, 8))
        right.append(np.argmax([p for _, p in reader.who(" ".join(words))]) == doer)
    assert np.mean(right) > 0.99 if encoding not in BLIND else 0.7 < np.mean(right) < 0.88


def test_refusals():
    reader = trained_reader("rope")
    with pytest.raises(ValueError, match="sentence = 'zebra'"):
        reader.who("dog bites zebra")
    with pytest.raises(ValueError, match="places up to 23"):
        reader.who("dog bites man", start=22)
    with pytest.raises(ValueError, match="at least one word"):
        reader.weights("")
    with pytest.raises(ValueError, match="trained_reader: encoding"):
        trained_reader("fire")
