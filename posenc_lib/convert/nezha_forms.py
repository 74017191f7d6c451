"""The rotation between the two forms of NEZHA: its paper and its published code.

The paper encodes the distance, PE(j - i); the code looks up PE(j - i + K). Moving a sinusoidal
vector by K positions is one rotation R, whatever the position: PE(j - i + K) = R PE(j - i).
With a_ij = PE(j - i), which is R^T PE(j - i + K):

    q_i . (k_j + a_ij)            = (R q_i) . (R k_j + R a_ij)
    sum_j alpha_ij (v_j + a_ij)   = R^T sum_j alpha_ij (R v_j + R a_ij)

So the paper's model with W_q, W_k, W_v, W_o is the code's model with R W_q, R W_k, R W_v and
W_o R^T, head by head: two parametrisations of one model class.

Source: Wei et al. 2019, "NEZHA", equations 6 and 7 (the two forms); Vaswani et al. 2017, section
3.5 (the rotation). The map is derived here.

The trap: loading weights trained with one form into the other without turning them. Every
shape fits and the outputs are wrong.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.embeddings.sinusoidal import shift_rotation
from posenc_lib.layers.multihead import MultiHeadAttention


def nezha_rotation(
    max_distance: int, head_dim: int, *, base: float = 10000.0
) -> Float64[Tensor, "{head_dim} {head_dim}"]:
    """The matrix R with PE(d + K) = R PE(d) at every distance d, for K = max_distance.

    Pair i is turned by the angle K * w_i. Orthogonal, (head_dim, head_dim), float64; its
    transpose turns back.

    Raises ValueError for max_distance < 0, an odd head_dim (its last sine has no partner to
    turn with) or base <= 1.

    Source: Vaswani et al. 2017, section 3.5; Wei et al. 2019, equations 6 and 7.

    >>> nezha_rotation(0, 2)
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64)
    """
    max_distance = validation.size("nezha_rotation", "max_distance", max_distance, minimum=0)
    head_dim = validation.size("nezha_rotation", "head_dim", head_dim)
    base = validation.real("nezha_rotation", "base", base, above=1.0)
    if head_dim % 2:
        raise validation.refuse(
            ValueError, "nezha_rotation", "head_dim", head_dim, "an even integer",
            "The last sine of an odd head_dim has no partner, so no rotation exists.",
        )  # fmt: skip
    return torch.from_numpy(shift_rotation(max_distance, head_dim, base=base))


def turn_projections(
    layer: MultiHeadAttention, rotation: Float[Tensor, "head_dim head_dim"]
) -> MultiHeadAttention:
    """A copy of the layer with R W_q, R W_k, R W_v and W_o R^T in each head; biases turn too.

    A layer trained with `form="paper"` becomes one for `form="code"`; with the transpose of R it
    goes the other way. Give the copy the encoding of the other form. Weights are turned in
    float64 and rounded once, to their own dtype.

    Raises ValueError for a rotation of another size than (head_dim, head_dim), TypeError for a
    layer that is not a `MultiHeadAttention`.

    Source: derived in this file from Wei et al. 2019, equations 6 and 7.

    >>> from posenc_lib import NezhaRelative
    >>> paper = MultiHeadAttention(8, 2, encoding=NezhaRelative(4, 6, form="paper")).double()
    >>> code = turn_projections(paper, nezha_rotation(6, 4))
    >>> code.encoding = NezhaRelative(4, 6, form="code")
    >>> x = torch.randn(1, 5, 8).double()
    >>> torch.allclose(code(x)[0], paper(x)[0], rtol=0, atol=1e-14)
    True
    """
    if not isinstance(layer, MultiHeadAttention):
        raise validation.refuse(
            TypeError, "turn_projections", "layer", type(layer).__name__, "a MultiHeadAttention",
            "It needs to_query, to_key, to_value, to_output and a number of heads.",
        )  # fmt: skip
    validation.floating("turn_projections", "rotation", rotation, axes="head_dim head_dim")
    for axis in (0, 1):
        if rotation.shape[axis] != layer.head_dim:
            raise validation.refuse(
                ValueError, "turn_projections", f"rotation.shape[{axis}]", rotation.shape[axis],
                f"head_dim = {layer.head_dim}", "Make it with nezha_rotation(K, head_dim).",
            )  # fmt: skip
    turned = copy.deepcopy(layer)
    every_head = torch.block_diag(*[rotation.detach().double()] * layer.heads)  # (dim, dim)
    with torch.no_grad():
        for projection in (turned.to_query, turned.to_key, turned.to_value):
            for parameter in projection.parameters():  # weight (dim, dim), bias (dim,)
                parameter.copy_(every_head.to(parameter.device) @ parameter.double())
        weight = turned.to_output.weight
        weight.copy_(weight.double() @ every_head.T.to(weight.device))
    return turned
