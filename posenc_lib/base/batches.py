"""Positions and masks of rows that are filled up, or that hold several documents.

    padded:  p_t = max(0, m_0 + ... + m_t - 1)         m_t = 1 for a real token, 0 for padding
    packed:  p_t = t - (the place where the document of token t begins)

A position counts the tokens of its own text that stand before it, wherever in the row the text
lies. Then a text gets the same answer alone and in any batch, whatever its encoding.

Source: `transformers` counts the padded ones in its generation code
(`_prepare_position_ids_for_generation`); Krell et al. 2021, "Efficient Sequence Packing without
Cross-contamination", for packed rows: a mask per document and positions that restart.

The traps: an encoding that knows distances only (RoPE, ALiBi) forgives positions that count the
padding too, as long as *all* are counted so; it does not forgive a prompt counted in one way and
its continuation in another. And positions that restart say nothing about who may be seen: under a
causal mask by position, the first document sees the beginning of the second.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int64, Integer
from torch import Tensor

from posenc_lib.base import validation


def padded_positions(padding: Bool[Tensor, "batch length"]) -> Int64[Tensor, "batch length"]:
    """max(0, m_0 + ... + m_t - 1): the number of real tokens before each real one.

    `padding` is (batch, length), True for a real token, wherever the padding stands. In front of
    the first real token the position is 0; later padding repeats the position before it. Neither
    matters, since the same mask shuts those tokens out.

    Raises TypeError for a mask that is not boolean, ValueError for other axes.

    Source: `_prepare_position_ids_for_generation` of `transformers`.

    >>> padded_positions(torch.tensor([[False, False, True, True], [True, True, True, True]]))
    tensor([[0, 0, 0, 1],
            [0, 1, 2, 3]])
    """
    validation.boolean("padded_positions", "padding", padding)
    validation.rank("padded_positions", "padding", padding, axes="batch length")
    return (padding.cumsum(-1) - 1).clamp(min=0)


def packed_positions(
    documents: Integer[Tensor, "*batch length"],
) -> Int64[Tensor, "*batch length"]:
    """t - (the place where its document begins): positions that restart with each document.

    `documents` numbers the document of each token, (length,) or (batch, length). A document is a
    run of equal numbers; their size does not matter.

    Raises TypeError for numbers that are not whole, ValueError for a tensor without axes.

    Source: Krell et al. 2021.

    >>> packed_positions(torch.tensor([0, 0, 0, 1, 1, 2]))
    tensor([0, 1, 2, 0, 1, 0])
    """
    _check("packed_positions", documents)
    at = torch.arange(documents.shape[-1], device=documents.device).expand(documents.shape)
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[..., 1:] = documents[..., 1:] != documents[..., :-1]
    return at - at.where(begins, 0).cummax(-1).values if at.numel() else at.clone()


def document_mask(
    documents: Integer[Tensor, "*batch length"],
) -> Bool[Tensor, "length length"] | Bool[Tensor, "batch 1 length length"]:
    """True where query and key belong to one document: a mask for `MultiHeadAttention`.

    (length, length), or (batch, 1, length, length) with an axis for the heads.

    `documents` are those of `packed_positions`. A causal layer shuts out the future besides.

    Raises TypeError for numbers that are not whole, ValueError for a tensor without axes.

    Source: Krell et al. 2021.

    >>> document_mask(torch.tensor([0, 0, 1])).int()
    tensor([[1, 1, 0],
            [1, 1, 0],
            [0, 0, 1]], dtype=torch.int32)
    """
    _check("document_mask", documents)
    same = documents[..., :, None] == documents[..., None, :]
    return same.unsqueeze(1) if same.ndim == 3 else same


def _check(function: str, documents: Tensor) -> None:
    """Whole numbers, (length,) or (batch, length)."""
    validation.whole(function, "documents", documents, "Number the documents: 0, 0, 0, 1, 1 ...")
    if documents.ndim not in (1, 2):
        raise validation.refuse(
            ValueError, function, "documents.shape", tuple(documents.shape),
            "(length,) or (batch, length)", "One row of numbers for each row of tokens.",
        )  # fmt: skip
