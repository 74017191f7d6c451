"""No call of the library seeds a generator that is the reader's."""

import pytest
import torch
from torch import nn

from posenc_lib import check_encoding, faults, plots
from posenc_lib.base.draws import own_draws
from posenc_lib.experiments.parts.training import seeded
from posenc_lib.explorers.attention_layer import encoding_of
from posenc_lib.lessons.tiny_decoder import TinyDecoder

CALLS = {
    "check_encoding": lambda: check_encoding("t5").holds,
    "TinyDecoder": lambda: TinyDecoder("learned").words,
    "seeded": lambda: seeded(lambda: nn.Linear(2, 2), 3).weight,
    "penalty_curves": lambda: plots.biases.penalty_curves(
        9, slope=0.25, r1=2.0, rate=0.5, exponent=1.5
    ),
    "encoding_of": lambda: encoding_of("t5", 8, 2, causal=False, length=5),
    **{
        name: lambda one=one: one.holds(one.right)
        for name, one in faults.exhibits().items()
        if one.law.__name__ in ("newest_row_is_the_last", "decoding_equals_one_pass")
    },
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_reader_s_generators_stand_where_they_stood(call, monkeypatch):
    seeded_gpus = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded_gpus.append)
    torch.manual_seed(7)
    seeded_gpus.clear()
    before = torch.get_rng_state()
    call()
    assert torch.equal(torch.get_rng_state(), before) and seeded_gpus == []


def test_the_draws_are_put_back_after_an_error_too():
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), own_draws(5):
        raise ZeroDivisionError(torch.rand(1))
    assert torch.equal(torch.get_rng_state(), before)
