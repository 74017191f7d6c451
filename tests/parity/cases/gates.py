"""Biases that are made of gates on the layer's input."""

import torch

from posenc_lib import ForgettingBias, MultiHeadAttention
from tests.parity import EQUATION, parity
from tests.reference import randomise, tokens


@parity(
    "forgetting", reference=EQUATION, what="Lin et al. 2025, section 3",
    transformation="none", bound=1e-12,
)  # fmt: skip
def gates_multiplied_one_by_one():
    """A whole layer against products of gates, which weigh the exponentials of the scores."""
    dim, heads, length = 16, 2, 11
    layer = MultiHeadAttention(dim, heads, encoding=ForgettingBias(dim, heads), causal=True)
    layer, x = randomise(layer, seed=4).double(), tokens(2, length, dim)
    q, k, v = (layer._split(to(x)) for to in (layer.to_query, layer.to_key, layer.to_value))
    encoding, mixed = layer.encoding, torch.zeros_like(v)
    for b in range(2):
        for h in range(heads):
            gates = (x[b] @ encoding.weight[h] + encoding.bias[h]).sigmoid()
            for i in range(length):
                kept, shares = 1.0, [0.0] * (i + 1)
                for j in range(i, -1, -1):
                    shares[j] = kept * (q[b, h, i] @ k[b, h, j] / 8**0.5).exp()
                    kept = kept * gates[j]
                shares = torch.stack(shares)
                mixed[b, h, i] = shares @ v[b, h, : i + 1] / shares.sum()
    yield layer(x)[0], layer.to_output(layer._merge(mixed))
