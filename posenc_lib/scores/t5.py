"""The relative bias of T5: one trained number for each bucket of distances and each head.

    scores_ij = q_i . k_j + weight[bucket(i - j), head]

Near distances have a bucket each, far ones share. For n = i - j steps into the past, with B buckets
of which the first E = floor(B / 2) are exact:

    bucket(n) = n                                                      n < E
    bucket(n) = min(B - 1, E + floor((B - E) log(n / E) / log(max_distance / E)))   otherwise

The bidirectional form spends half of the buckets on the future.

Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified
Text-to-Text Transformer", section 2.1; the formula is that of the code published with it.

The traps: T5 does not divide q . k by sqrt(head_dim), and never divides the bias. Buckets made
for one direction (`bidirectional=False`) put the whole future into bucket 0. And the logarithm in
floating point misses edges that are whole numbers: with 48 buckets and max_distance 81, causal,
54 steps into the past belong to bucket 40, float32 says 39. Published settings are free of it.
Here the edges are found in whole numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_left

import torch
from jaxtyping import Float, Int64, Integer, Num
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.float64 import moved
from posenc_lib.base.registry_entry import CLIPPED, DISTANCE, RegistryEntry
from posenc_lib.scores.distance_bias import DistanceBias

_ROUND = "A bucket holds whole distances: round real-valued ones first."


def t5_bucket(
    distance: Integer[Tensor, "*shape"],
    *,
    buckets: int = 32,
    max_distance: int = 128,
    bidirectional: bool = True,
) -> Int64[Tensor, "*shape"]:
    """The bucket of each distance key - query, 0 .. buckets - 1.

    The past counts n = -distance. Causal: the future is bucket 0. Bidirectional: the past has
    buckets 0 .. buckets / 2 - 1, the future (n = distance) the same plus buckets / 2. The last
    bucket of a side begins before `max_distance` (at 91 of 128 for the defaults, at 113 if causal);
    all farther distances share it.

    Raises TypeError for distances that are not integers; ValueError for fewer buckets than 2 (4
    and an even number if bidirectional), or a `max_distance` within the exact buckets.

    Source: Raffel et al. 2020, section 2.1, in the form of the published code.

    >>> t5_bucket(torch.tensor([-40, -3, 0, 3, 40]))
    tensor([12,  3,  0, 19, 28])
    >>> t5_bucket(torch.tensor([-40, -3, 0, 3, 40]), bidirectional=False)
    tensor([23,  3,  0,  0,  0])
    """
    buckets, max_distance = _settings("t5_bucket", buckets, max_distance, bidirectional)
    starts = _bucket_starts(buckets // 2 if bidirectional else buckets, max_distance)
    return _bucket("t5_bucket", distance, starts, bidirectional)


def t5_bucket_textbook(
    distance: Integer[Tensor, "*shape"],
    *,
    buckets: int = 32,
    max_distance: int = 128,
    bidirectional: bool = True,
) -> Int64[Tensor, "*shape"]:
    """`t5_bucket` as the formula is published, with logarithms, here in float64.

    The readable reference that `t5_bucket` is tested against; the library never calls it. A
    logarithm that should be whole may come out just below, and the bucket is then one too low: no
    published settings are touched. Raises like `t5_bucket`.

    Source: Raffel et al. 2020, section 2.1, in the form of the published code.

    >>> t5_bucket_textbook(torch.tensor([-40, -3, 0, 3, 40]))
    tensor([12,  3,  0, 19, 28])
    """
    name = "t5_bucket_textbook"
    buckets, max_distance = _settings(name, buckets, max_distance, bidirectional)
    validation.whole(name, "distance", distance, _ROUND)
    distance = distance.long()
    B = buckets // 2 if bidirectional else buckets  # the buckets of one direction
    E = B // 2  # of which so many hold one distance
    n = distance.abs() if bidirectional else (-distance).clamp(min=0)
    far = E + ((B - E) * (n.clamp(min=1) / E).double().log() / math.log(max_distance / E)).floor()
    bucket = torch.where(n < E, n, far.long().clamp(max=B - 1))
    return bucket + B * (distance > 0) if bidirectional else bucket


class T5Bias(DistanceBias):
    """The bias of T5: weight[bucket(key - query), head], added to the scores.

    `weight` is (buckets, heads), trained, shared by all layers (give every layer this one
    object), and starts as N(0, std); T5 itself starts with std = dim ** -0.5. The table of a
    published T5 fits as it is: `bias.load_state_dict({"weight": table})`, where table is
    `...relative_attention_bias.weight`. T5 leaves q . k undivided: multiply its query weights by
    sqrt(head_dim) where attention divides.

    `bidirectional=False` is for causal layers only. All distances
    past the start of the last bucket share it, whatever the length.

    Raises ValueError for heads < 1, std < 0 or settings that `t5_bucket` refuses; TypeError for
    positions that are not integers.

    Source: Raffel et al. 2020, section 2.1.

    >>> bias = T5Bias(heads=2)
    >>> bias.weight.shape, bias.by_distance(torch.arange(-4, 5)).shape
    (torch.Size([32, 2]), torch.Size([2, 9]))
    """

    def __init__(
        self,
        heads: int,
        *,
        buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
        std: float = 0.02,
    ) -> None:
        super().__init__()
        self.heads = validation.size("T5Bias", "heads", heads)
        self.buckets, self.max_distance = _settings("T5Bias", buckets, max_distance, bidirectional)
        self.bidirectional = bidirectional
        self.causal_only = not bidirectional
        std = validation.spread("T5Bias", std)
        self.weight = nn.Parameter(torch.randn(self.buckets, self.heads) * std)
        side = self.buckets // 2 if bidirectional else self.buckets
        self.starts = _bucket_starts(side, self.max_distance)

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """weight[bucket(distance)], the heads first: (heads, distances)."""
        bucket = _bucket("T5Bias", distance, self.starts, self.bidirectional)
        bucket = bucket.to(self.weight.device)
        return self.weight.T.index_select(1, bucket.flatten()).reshape(self.heads, *bucket.shape)

    def extra_repr(self) -> str:
        return (
            f"heads={self.heads}, buckets={self.buckets}, max_distance={self.max_distance}, "
            f"bidirectional={self.bidirectional}"
        )


def _settings(
    function: str, buckets: int, max_distance: int, bidirectional: bool
) -> tuple[int, int]:
    bidirectional = validation.flag(function, "bidirectional", bidirectional)
    buckets = validation.size(function, "buckets", buckets, minimum=4 if bidirectional else 2)
    if bidirectional:
        validation.divides(function, "two directions", 2, "buckets", buckets)
    exact = buckets // 4 if bidirectional else buckets // 2
    remedy = f"The first {exact} distances have a bucket each; the others need room after them."
    max_distance = validation.size(
        function, "max_distance", max_distance, minimum=exact + 1, remedy=remedy
    )
    return buckets, max_distance


def _bucket_starts(buckets: int, max_distance: int) -> tuple[int, ...]:
    """The smallest n of buckets 1, 2 ..., in whole numbers.

    E + k begins where (n / E) ** (B - E) >= (max_distance / E) ** k: no logarithm is needed.
    """
    exact = buckets // 2
    shared = buckets - exact
    starts = [
        bisect_left(
            range(max_distance), max_distance**k * exact ** (shared - k), key=lambda n: n**shared
        )
        for k in range(1, shared)
    ]
    return (*range(1, exact + 1), *starts)


def _bucket(
    function: str, distance: Tensor, starts: tuple[int, ...], bidirectional: bool
) -> Tensor:
    validation.whole(function, "distance", distance, _ROUND)
    distance = distance.long().clamp(min=1 - 2**63)  # its absolute value fits
    edges = moved(torch.tensor(starts), distance.device)
    steps = distance.abs() if bidirectional else (-distance).clamp(min=0)
    bucket = torch.bucketize(steps, edges, right=True)
    return bucket + (len(starts) + 1) * (distance > 0) if bidirectional else bucket


ENTRIES = [
    RegistryEntry(
        name="t5",
        title="T5",
        cls=T5Bias,
        sizes=("heads", "bidirectional"),
        defaults={"buckets": 32},
        parameters="buckets * heads",
        depends_on=DISTANCE,
        longer=CLIPPED,
        source="Raffel et al. 2020, section 2.1",
    ),
]
