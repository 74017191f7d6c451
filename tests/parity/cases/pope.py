"""Polar coordinates: lengths from the content, angles from the position."""

import math

import torch

from posenc_lib import MultiHeadAttention, PolarEncoding
from tests.parity import EQUATION, parity
from tests.reference import randomise, tokens


@parity(
    "pope", reference=EQUATION, what="Gopalakrishnan et al. 2025, section 3, as a sum of cosines",
    transformation="none", bound=1e-12,
)  # fmt: skip
def a_sum_of_cosines():
    """Weights of a layer, near and far, against the sum over features of each pair."""
    dim, heads, length = 12, 2, 6
    for start, base, shifted in ((0, 10000.0, True), (5000, 500.0, True), (3, 10.0, False)):
        encoding = PolarEncoding(dim // heads, heads, base=base, shifted=shifted)
        layer = MultiHeadAttention(dim, heads, encoding=encoding, causal=True)
        layer, x = randomise(layer, seed=1).double(), tokens(1, length, dim)
        q, k = (layer._split(to(x))[0] for to in (layer.to_query, layer.to_key))
        q, k = q.exp().log1p(), k.exp().log1p()
        scores = torch.full((heads, length, length), -torch.inf, dtype=torch.float64)
        for h in range(heads):
            for i in range(length):
                for j in range(i + 1):
                    total = 0.0
                    for c in range(dim // heads):
                        shift = min(0.0, float(encoding.shift[h, c])) if shifted else 0.0
                        angle = (j - i) * base ** (-c / (dim // heads)) + shift
                        total = total + q[h, i, c] * k[h, j, c] * math.cos(angle)
                    scores[h, i, j] = total / math.sqrt(dim // heads)
        yield layer(x, positions=start + torch.arange(length))[1][0], scores.softmax(-1)
