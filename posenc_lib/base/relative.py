"""Relative positions: how far each key stands from each query.

    R[i, j] = (position of key j) - (position of query i)

Always key minus query: negative means the past. Shape (query, key).

Source: Shaw et al. 2018, "Self-Attention with Relative Position Representations",
section 3.2 (clipping).

The traps: `arange(n) - arange(m)` without an extra axis is a vector of zeros, or an error;
and i - j in code under text that says j - i turns past into future.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Integer, Shaped
from torch import Tensor

from posenc_lib.base import validation


def _as_positions(function: str, argument: str, value: int | Tensor, start: int) -> Tensor:
    """A length becomes start .. start + length - 1; a tensor of positions stays what it is."""
    if isinstance(value, Tensor):
        validation.positions(function, argument, value, length=value.shape[-1] if value.ndim else 1)
        wide = value.dtype == torch.int64 or value.is_floating_point()  # the rest becomes int64
        if wide and value.numel() and validation.readable(value):
            for extreme in value.detach().aminmax():
                _in_range(function, argument, extreme.item(), value.dtype)
        return value if value.is_floating_point() else value.long()  # uint8 would wrap
    length = validation.size(
        function, argument, value, remedy="Pass a length or a position tensor."
    )
    return torch.arange(start, start + length)


def _in_range(
    function: str, argument: str, position: float, dtype: torch.dtype = torch.int64
) -> None:
    """Refuse a position whose difference from another one might wrap, or be infinite."""
    largest = torch.finfo(dtype).max / 2 if dtype.is_floating_point else 2**62
    if abs(position) > largest:
        limit = f"{largest:g}" if dtype.is_floating_point else "2**62"
        raise validation.refuse(
            ValueError, function, argument, position, f"positions from -{limit} to {limit}",
            f"Count from a nearer place: {dtype} has to hold the distance of two positions.",
        )  # fmt: skip


def whole64(distance: Tensor) -> Tensor:
    """Whole distances as int64, in which a sign fits; uint8 would wrap. Real ones as they are."""
    return distance if distance.is_floating_point() else distance.long()


def relative_positions(
    queries: int | Shaped[Tensor, "*#batch query"],
    keys: int | Shaped[Tensor, "*#batch key"],
    *,
    offset: int = 0,
    clip: int | None = None,
) -> Shaped[Tensor, "*#batch query key"]:
    """The matrix key position minus query position, shape (query, key).

    int64 for lengths and whole positions, the float dtype for real ones such as timestamps.

    `queries` and `keys` are lengths or tensors of positions, (length,) or (batch, length).
    With lengths, key j stands at j and query i at i + offset: when decoding with a cache of m
    keys, the newest of n queries has offset m - n. `clip` limits the distances to [-clip, clip].

    Raises TypeError or ValueError for sizes that are not integers of at least 1, for a negative
    `clip`, for positions so far out that a distance might wrap, 2**62, or be infinite, and for an
    `offset` beside a tensor of query positions, which already says where the queries stand.

    Source: Shaw et al. 2018, section 3.2.

    >>> relative_positions(2, 3)
    tensor([[ 0,  1,  2],
            [-1,  0,  1]])
    """
    offset = validation.integer("relative_positions", "offset", offset)
    _in_range("relative_positions", "offset", offset)
    if offset and isinstance(queries, Tensor):
        raise validation.refuse(
            ValueError, "relative_positions", "offset", offset,
            "0 when queries is a tensor of positions", "Add the offset to the positions.",
        )  # fmt: skip
    query_positions = _as_positions("relative_positions", "queries", queries, offset)
    key_positions = _as_positions("relative_positions", "keys", keys, 0)
    if isinstance(queries, Tensor) != isinstance(keys, Tensor):  # one length: same device
        device = (query_positions if isinstance(queries, Tensor) else key_positions).device
        query_positions, key_positions = query_positions.to(device), key_positions.to(device)
    if key_positions.ndim == query_positions.ndim == 2 and 1 not in (
        query_positions.shape[0],
        key_positions.shape[0],
    ):
        batch = query_positions.shape[0]
        length = key_positions.shape[-1]
        validation.positions(
            "relative_positions", "keys", key_positions, length=length, batch=batch
        )
    relative = key_positions[..., None, :] - query_positions[..., :, None]
    if clip is None:
        return relative
    clip = validation.size("relative_positions", "clip", clip, minimum=0)
    return clip_relative(relative, clip)


def clip_relative(
    relative: Shaped[Tensor, "*batch query key"], max_distance: int
) -> Shaped[Tensor, "*batch query key"]:
    """Limit the distances to [-max_distance, max_distance].

    Raises ValueError for a negative `max_distance`.

    Source: Shaw et al. 2018, section 3.2: clip(x, k) = max(-k, min(k, x)).

    >>> clip_relative(torch.tensor([[-3, 0, 5]]), 2)
    tensor([[-2,  0,  2]])
    """
    _distances("clip_relative", relative)
    max_distance = validation.size("clip_relative", "max_distance", max_distance, minimum=0)
    return whole64(relative).clamp(-max_distance, max_distance)


def relative_index(
    relative: Integer[Tensor, "*batch query key"], max_distance: int
) -> Integer[Tensor, "*batch query key"]:
    """The table row of each distance: clipped to [-K, K], then shifted by K into 0 .. 2K.

    Raises TypeError for distances that are not integers, ValueError for a negative K.

    Source: Shaw et al. 2018, section 3.2 (2k + 1 unique edge labels).

    >>> relative_index(torch.tensor([[-3, 0, 5]]), 2)
    tensor([[0, 2, 4]])
    """
    max_distance = validation.size("relative_index", "max_distance", max_distance, minimum=0)
    return rows_of("relative_index", relative, max_distance)


def _distances(function: str, relative: Tensor) -> None:
    """Refuse what is not a tensor of finite numbers."""
    validation.distances(function, "relative", relative)


def rows_of(function: str, relative: Tensor, max_distance: int) -> Tensor:
    """The table row of each distance, clip(distance, -K, K) + K, for a checked K."""
    _distances(function, relative)
    if relative.is_floating_point():
        raise validation.refuse(
            TypeError, function, "relative.dtype", relative.dtype, "an integer dtype",
            "A table has whole rows: round real-valued distances first.",
        )  # fmt: skip
    rows = relative.long().clamp(-max_distance, max_distance)
    return rows.add_(max_distance)  # in place: at length 2,048 a second copy costs as much again


def lookup_relative(
    table: Float[Tensor, "rows dim"], relative: Integer[Tensor, "*batch query key"]
) -> Float[Tensor, "*batch query key dim"]:
    """The vector of each distance, from a table whose row r stands for distance r - K.

    The table has 2K + 1 rows; distances beyond K take the outermost row. The result has shape
    (query, key, dim): it grows with the square of the length.

    Raises ValueError for an even number of rows, TypeError for distances that are not integers.

    Source: Shaw et al. 2018, section 3.2, equations for a^K_ij and a^V_ij.

    >>> table = torch.tensor([[-1.0], [0.0], [1.0]])
    >>> lookup_relative(table, relative_positions(2, 3))[..., 0]
    tensor([[ 0.,  1.,  1.],
            [-1.,  0.,  1.]])
    """
    validation.floating("lookup_relative", "table", table, axes="rows dim")
    return table[table_rows("lookup_relative", table, relative)]


def table_rows(
    function: str, table: Float[Tensor, "rows dim"], relative: Integer[Tensor, "*shape"]
) -> Integer[Tensor, "*shape"]:
    """The row of each distance in a table of 2K + 1 rows; an even number is a ValueError."""
    rows = table.shape[0]
    if rows % 2 == 0:
        raise validation.refuse(
            ValueError, function, "table.shape[0]", rows, "an odd number 2K + 1",
            "One row for each distance -K .. K, with 0 in the middle.",
        )  # fmt: skip
    return rows_of(function, relative, rows // 2)


def band_mask(
    relative: Shaped[Tensor, "*batch query key"], *, before: int | None, after: int | None
) -> Bool[Tensor, "*batch query key"]:
    """True where a key stands at most `before` in the past and `after` in the future.

    None means no limit on that side: `before=None, after=0` is the causal mask, and
    `before=w, after=w` the sliding window of local attention.

    Raises ValueError for negative limits.

    Source: Beltagy et al. 2020, "Longformer", section 3.1 (sliding window).

    >>> band_mask(relative_positions(3, 3), before=1, after=0).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [0, 1, 1]], dtype=torch.int32)
    """
    _distances("band_mask", relative)
    if before is not None:
        before = validation.size("band_mask", "before", before, minimum=0)
    if after is not None:
        after = validation.size("band_mask", "after", after, minimum=0)
    return band(relative, before, after)


def band(relative: Tensor, before: int | None, after: int | None) -> Tensor:
    """`band_mask` of checked input."""
    relative = whole64(relative)  # uint8 would wrap at the limit -before
    allowed = torch.ones_like(relative, dtype=torch.bool)
    if before is not None:
        allowed = allowed & (relative >= -before)
    if after is not None:
        allowed = allowed & (relative <= after)
    return allowed
