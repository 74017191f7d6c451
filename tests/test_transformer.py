"""Laws of the tiny Transformer, whatever the encoding."""

import copy

import pytest
import torch

from posenc_lib import Door, encodings, make_encoding
from posenc_lib.experiments import TinyTransformer

ENTRIES = encodings()
VOCABULARY, DIM, HEADS, LENGTH = 7, 16, 4, 16


def model(encoding="none", *, causal=True, layers=2, seed=0, **options):
    torch.manual_seed(seed)
    length = LENGTH if isinstance(encoding, str) else None
    sizes = {"vocabulary": VOCABULARY, "outputs": 5, "dim": DIM, "heads": HEADS} | options
    return TinyTransformer(
        encoding=encoding, length=length, causal=causal, layers=layers, **sizes
    ).double()


def tokens(rows=3, length=LENGTH, seed=0):
    return torch.randint(VOCABULARY, (rows, length), generator=torch.manual_seed(seed))


every = pytest.mark.parametrize("name", ENTRIES)


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if not e.sees_ahead])
def test_causal_means_causal(name):
    x = tokens()
    changed = x.clone()
    changed[:, 10:] = (x[:, 10:] + 1) % VOCABULARY
    decoder = model(name)
    before, after = decoder(x), decoder(changed)
    torch.testing.assert_close(before[:, :10], after[:, :10], rtol=0, atol=1e-12)
    assert (before[:, 10:] - after[:, 10:]).abs().max() > 1e-6


def test_without_positions_the_logits_follow_the_tokens():
    x, order = tokens(), torch.randperm(LENGTH, generator=torch.manual_seed(1))
    encoder = model(causal=False)
    torch.testing.assert_close(encoder(x)[:, order], encoder(x[:, order]))
    pooled = model(causal=False, read_out="mean")
    torch.testing.assert_close(pooled(x), pooled(x[:, order]))


def test_symmetric_alibi_cannot_tell_a_text_from_its_reverse():
    x = tokens()
    blind = model("alibi", causal=False, read_out="mean")
    torch.testing.assert_close(blind(x), blind(x.flip(1)))
    seeing = model("t5", causal=False, read_out="mean")
    assert (seeing(x) - seeing(x.flip(1))).abs().max() > 1e-6


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.door is Door.EMBEDDINGS])
def test_door_1_opens_once(name, monkeypatch):
    decoder, opened = model(name, layers=3, causal=not ENTRIES[name].sees_ahead), []
    plain = type(decoder.at_start).at_embeddings

    def counted(self, x, positions):
        opened.append(self)
        return plain(self, x, positions)

    monkeypatch.setattr(type(decoder.at_start), "at_embeddings", counted)
    decoder(tokens())
    assert opened == [decoder.at_start]


def test_t5_and_what_trains_nothing_is_shared_between_layers():
    for name, entry in ENTRIES.items():
        made = model(name, causal=not entry.sees_ahead)
        first, second = (layer.attention.encoding for layer in made.layers)
        if entry.door is not Door.EMBEDDINGS:
            trained = list(first.parameters())
            assert (first is second) == (name == "t5" or not trained), name


def test_another_encoding_is_put_in_without_touching_the_first():
    trained = model("rope")
    state = copy.deepcopy(trained.state_dict())
    before = trained(tokens())
    slow = make_encoding("rope_pi", dim=DIM, heads=HEADS, factor=2.0)
    scaled = trained.replace_encoding(slow)
    torch.testing.assert_close(trained(tokens()), before, rtol=0, atol=0)
    assert all((scaled.state_dict()[name] == state[name]).all() for name in state)
    # Interpolation by 2 is RoPE at half the positions.
    halves = trained(tokens(), torch.arange(LENGTH).double() / 2)
    torch.testing.assert_close(scaled(tokens()), halves)


@pytest.mark.parametrize(("read_out", "shape"), [("token", (3, 16, 5)), ("last", (3, 5))])
def test_read_outs(read_out, shape):
    decoder = model("rope", read_out=read_out)
    assert decoder(tokens()).shape == shape
    if read_out == "last":
        every_token = model("rope", read_out="token")
        torch.testing.assert_close(decoder(tokens()), every_token(tokens())[:, -1])
