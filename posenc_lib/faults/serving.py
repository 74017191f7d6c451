"""Faults of servers: caches, scalings that depend on the length, configurations read in part.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from posenc_lib.base.batches import padded_positions
from posenc_lib.faults.exhibit import exhibit
from posenc_lib.rotary.llama3 import Llama3Rotary
from posenc_lib.rotary.longrope import LongRotary
from posenc_lib.rotary.ntk import dynamic_ntk_factor, ntk_frequencies
from posenc_lib.rotary.rope import RotaryEncoding

Keys = Callable[[RotaryEncoding, Float[Tensor, "1 1 length head_dim"], int], Tensor]


def any_cut_gives_the_same(turn_keys: Keys) -> bool:
    """Wherever a text is cut into cached and new tokens, its keys are those of one pass."""
    rope = LongRotary(8, factor=8.0, trained_length=8)
    keys = torch.randn(1, 1, 10, 8, generator=torch.Generator().manual_seed(0))
    whole = rope.turn(keys, torch.arange(10))
    return all(torch.allclose(turn_keys(rope, keys, cut), whole, atol=1e-6) for cut in range(11))


def _turned_again(
    rope: RotaryEncoding, keys: Float[Tensor, "1 1 length head_dim"], cached: int
) -> Float[Tensor, "1 1 length head_dim"]:
    return rope.turn(keys, torch.arange(keys.shape[-2]))


@exhibit(right=_turned_again, law=any_cut_gives_the_same)
def stale_cache(
    rope: RotaryEncoding, keys: Float[Tensor, "1 1 length head_dim"], cached: int
) -> Float[Tensor, "1 1 length head_dim"]:
    """Wrong: keys stay as they were turned, though the text has grown past the trained length.

    LongRoPE and dynamic NTK turn *all* tokens by other angles then. Right, for a single layer: the
    cache holds keys before they are turned. (Deeper keys were made of answers to a short text: in
    a stack the whole text has to be run again.) Caught by `any_cut_gives_the_same`.

    >>> rope, keys = LongRotary(4, 8.0, trained_length=2, magnitude=1.0), torch.ones(1, 1, 3, 4)
    >>> stale_cache(rope, keys, 2)[0, 0, 1, :2], stale_cache.right(rope, keys, 2)[0, 0, 1, :2]
    (tensor([-0.3012,  1.3818]), tensor([0.8675, 1.1169]))
    """
    start, n = torch.arange(cached), keys.shape[-2]
    old = rope.turn(keys[..., :cached, :], start)  # turned when they came
    new = rope.turn(keys[..., cached:, :], torch.arange(cached, n))
    return torch.cat([old, new], dim=-2)


Scaled = Callable[[int], Float64[Tensor, " pairs"]]


def same_before_and_after(make: Callable[[], Scaled]) -> bool:
    """A short text has the same frequencies before and after a long one."""
    frequencies = make()
    before = frequencies(8)
    frequencies(64)
    return torch.equal(frequencies(8), before)


def _of_this_text() -> Scaled:
    def frequencies(length: int) -> Float64[Tensor, " pairs"]:
        factor = dynamic_ntk_factor(torch.tensor(length), trained_length=8)
        return ntk_frequencies(8, float(factor))

    return frequencies


@exhibit(right=_of_this_text, law=same_before_and_after)
def never_scaled_back() -> Scaled:
    """Wrong: dynamic NTK keeps the frequencies of the longest text it has seen.

    One long request changes the answers to all short ones after it. Right: the length of this
    text, each time. Caught by `same_before_and_after`.

    >>> frequencies = never_scaled_back()
    >>> [float(frequencies(length)[-1]) for length in (8, 64, 8)]
    [0.001, 0.000125, 0.000125]
    """
    longest = 8

    def frequencies(length: int) -> Float64[Tensor, " pairs"]:
        nonlocal longest
        longest = max(longest, length)
        factor = dynamic_ntk_factor(torch.tensor(longest), trained_length=8)
        return ntk_frequencies(8, float(factor))

    return frequencies


LLAMA_3_1 = {"head_dim": 128, "rope_theta": 500_000.0, "factor": 8.0, "original_length": 8192}

Angles = Callable[[Mapping[str, float], Int[Tensor, " length"]], Float64[Tensor, "length pairs"]]


def slow_pairs_are_slowed(angles: Angles) -> bool:
    """Far out, the slowest pair has turned `factor` times less than without a scaling."""
    at, base = torch.tensor([60_000]), LLAMA_3_1["rope_theta"]
    plain = 60_000 * base ** (-126 / 128)
    return math.isclose(float(angles(LLAMA_3_1, at)[0, -1]), plain / 8.0, rel_tol=1e-6)


def _ramp(
    config: Mapping[str, float], at: Int[Tensor, " length"]
) -> Float64[Tensor, "length pairs"]:
    return Llama3Rotary(
        int(config["head_dim"]), config["factor"], base=config["rope_theta"],
        trained_length=int(config["original_length"]),
    ).angles(at)  # fmt: skip


@exhibit(right=_ramp, law=slow_pairs_are_slowed)
def scaling_ignored(
    config: Mapping[str, float], at: Int[Tensor, " length"]
) -> Float64[Tensor, "length pairs"]:
    """Wrong: Llama 3.1's configuration declares a scaling, and plain RoPE is run.

    Exactly right at position 0 and nearly so in any short test. Right: `Llama3Rotary`. Caught by
    `slow_pairs_are_slowed`, and by outputs known from beyond the trained length.

    >>> apart = scaling_ignored(LLAMA_3_1, torch.tensor([0, 60_000])) - scaling_ignored.right(
    ...     LLAMA_3_1, torch.tensor([0, 60_000]))
    >>> apart.cos().mean(-1)
    tensor([1.0000, 0.5395], dtype=torch.float64)
    """
    return RotaryEncoding(int(config["head_dim"]), base=config["rope_theta"]).angles(at)


Next = Callable[[Bool[Tensor, "batch length"]], Int[Tensor, "batch 1"]]


def goes_on_from_the_prompt(next_position: Next) -> bool:
    """The next token of each row stands one behind the last token of its prompt."""
    real = torch.tensor([[False, False, True, True], [True, True, True, True]])
    last = padded_positions(real)[:, -1:]
    return torch.equal(next_position(real), last + 1)


def _real_tokens(real: Bool[Tensor, "batch length"]) -> Int[Tensor, "batch 1"]:
    return real.sum(-1, keepdim=True)


@exhibit(right=_real_tokens, law=goes_on_from_the_prompt)
def decoded_by_column(real: Bool[Tensor, "batch length"]) -> Int[Tensor, "batch 1"]:
    """Wrong: the next token stands at the number of cached columns, padding included.

    The prompt was counted from the mask, so a hole as wide as the padding opens behind it. Right:
    the number of real tokens of the row. Caught by `goes_on_from_the_prompt`.

    >>> decoded_by_column(torch.tensor([[False, True, True]]))
    tensor([[3]])
    """
    return torch.full((len(real), 1), real.shape[1])
