"""Positions of text, images and video in one row of tokens, as M-RoPE takes them.

    text of n tokens from s           (s, s, s), (s + 1, s + 1, s + 1) ..      next: s + n
    picture of rows x columns from s  (s, s + row, s + column)                 next: largest + 1
    video from s                      (s + floor(step * frame), s + row, s + column)

The largest is taken over all three axes, so whatever follows stands after everything before it.
A picture thus takes up max(rows, columns) positions, not rows * columns: 400 tokens of a square
picture take 20. `step` is the time between frames in positions: 1 in Qwen2-VL, tokens_per_second *
seconds per frame in Qwen2.5-VL. Qwen3-VL and GLM-4.1V give each frame of a video as a picture with
its time stamp as text before it: segments of their own.

Source: Wang et al. 2024, "Qwen2-VL", section 2.1 and figure 3; Bai et al. 2025, "Qwen2.5-VL",
section 2.1.2, for time in seconds; `get_rope_index` in the released code.

The traps: counting tokens after a picture (s + rows * columns) is right for the first segment and
wrong from the second on. The next token of a decoding stands at `next`, not at the number of tokens
in the cache. And rows and columns are those of the tokens that the language model sees: the patches
divided by the merge size, 2 in the Qwen models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.grid import grid_coordinates

Segment = int | tuple[int, int] | tuple[int, int, int] | tuple[int, int, int, float]


class MultimodalPositions(NamedTuple):
    """Coordinates of all tokens, (length, 3): time, row, column; and where the next one stands."""

    positions: Tensor
    next: int


def multimodal_positions(
    segments: Sequence[Segment], *, start: int = 0, after: str = "largest"
) -> MultimodalPositions:
    """The (time, row, column) of every token of a row of segments, and the next free position.

    A segment is a number of text tokens, (rows, columns) of a picture, (frames, rows, columns) of a
    video, or (frames, rows, columns, step) with `step` positions between two frames, rounded down.
    Returns (positions, next): int64 of shape (length, 3), and where the next token stands.

    A segment starts at `start` for the first, then one past the largest coordinate so far. With
    after="sides" it starts max(rows, columns) after the one before, whatever its time, as
    transformers counts since 5.0: a video longer than its sides then overlaps with what follows.

    Raises TypeError for segments that are no numbers or tuples of them, ValueError for sizes below
    1, a negative step and an empty list.

    Source: Wang et al. 2024, "Qwen2-VL", section 2.1; Bai et al. 2025, section 2.1.2, for step.

    >>> positions, after = multimodal_positions([2, (1, 2), 1])  # two words, a picture, a word
    >>> positions.tolist(), after
    ([[0, 0, 0], [1, 1, 1], [2, 2, 2], [2, 2, 3], [4, 4, 4]], 5)
    """
    name = "multimodal_positions"
    start = validation.integer(name, "start", start)
    if abs(start) > 2**53:
        raise validation.refuse(
            ValueError, name, "start", start, "a whole number from -2**53 to 2**53",
            "Angles cannot tell neighbouring positions apart beyond that.",
        )  # fmt: skip
    validation.choice(name, "after", after, ("largest", "sides"))
    if not isinstance(segments, Sequence) or isinstance(segments, str) or not len(segments):
        raise validation.refuse(
            TypeError, name, "segments", segments, "a list of at least one segment",
            "For example [5, (12, 16), 7]: five words, a picture, seven words.",
        )  # fmt: skip
    parts = []
    for number, segment in enumerate(segments):
        part = _coordinates(name, f"segments[{number}]", segment)
        parts.append(part + start)
        sides = part if after == "largest" or isinstance(segment, int) else part[:, 1:]
        start += int(sides.max()) + 1
    return MultimodalPositions(torch.cat(parts), start)


def _coordinates(name: str, argument: str, segment: Any) -> Int64[Tensor, "tokens 3"]:
    """The coordinates of one segment, from 0."""
    if not isinstance(segment, (tuple, list)):
        count = validation.size(name, argument, segment, remedy="Give the number of text tokens.")
        return torch.arange(count)[:, None].expand(-1, 3)
    if len(segment) not in (2, 3, 4):
        raise validation.refuse(
            ValueError, name, argument, segment,
            "(rows, columns), (frames, rows, columns) or (frames, rows, columns, step)",
            "A text is its number of tokens.",
        )  # fmt: skip
    grid = segment if len(segment) > 2 else (1, *segment)
    shape = tuple(
        validation.size(name, f"{argument}.{axis}", extent)
        for axis, extent in zip(("frames", "rows", "columns"), grid, strict=False)
    )
    step = validation.real(name, f"{argument}.step", [*grid, 1.0][3], at_least=0.0)
    cells = grid_coordinates(torch.arange(shape[0] * shape[1] * shape[2]), shape)
    time = (cells[:, 0].double() * step).floor().long()
    return torch.stack([time, cells[:, 1], cells[:, 2]], -1)
