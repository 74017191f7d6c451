"""Positions of padded and packed rows: by naive loops, and alone = in the batch."""

import pytest
import torch

from posenc_lib import (
    TransformerStack,
    document_mask,
    encodings,
    packed_positions,
    padded_positions,
)

REAL = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]]).bool()
DOCUMENTS = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [5, 5, 2, 2, 2, 2, 5], [4, 4, 4, 4, 4, 4, 4]])


def counted_by_hand(real):
    """How many real tokens stand before each real one; None for padding."""
    return [sum(real[:t]) if real[t] else None for t in range(len(real))]


def test_padded_positions_count_the_real_tokens_before():
    wanted = map(counted_by_hand, REAL.tolist())
    for row, positions, real in zip(wanted, padded_positions(REAL), REAL, strict=True):
        assert positions[real].tolist() == [p for p in row if p is not None]
        assert positions.min() == 0


def test_packed_positions_restart_where_the_number_changes():
    for numbers in DOCUMENTS.tolist():
        wanted = []
        for t, number in enumerate(numbers):
            wanted.append(wanted[-1] + 1 if t and number == numbers[t - 1] else 0)
        assert packed_positions(torch.tensor(numbers)).tolist() == wanted
    together = packed_positions(DOCUMENTS)
    assert torch.equal(together, torch.stack([packed_positions(row) for row in DOCUMENTS]))
    assert packed_positions(DOCUMENTS[:, :0]).shape == (3, 0)


def test_the_mask_holds_for_pairs_of_one_document():
    alone, together = document_mask(DOCUMENTS[0]), document_mask(DOCUMENTS)
    assert alone.tolist() == [[a == b for b in DOCUMENTS[0]] for a in DOCUMENTS[0]]
    assert together.shape == (3, 1, 7, 7) and torch.equal(together[0, 0], alone)


@pytest.fixture(
    params=[n for n, entry in encodings().items() if not entry.sees_ahead], scope="module"
)
def stack(request):
    torch.manual_seed(0)
    return TransformerStack(16, 2, 2, encoding=request.param, length=16, causal=True).eval()


@torch.no_grad()
def test_a_padded_text_gets_what_it_gets_alone(stack):
    x = torch.randn(3, 7, 16)
    together = stack(x, positions=padded_positions(REAL), padding=REAL)
    for row, real, out in zip(x, REAL, together, strict=True):
        assert torch.allclose(stack(row[real][None])[0], out[real], atol=1e-5)


@torch.no_grad()
def test_a_packed_document_gets_what_it_gets_alone(stack):
    x = torch.randn(1, 7, 16)
    mask = document_mask(DOCUMENTS[:1])
    together = stack(x, positions=packed_positions(DOCUMENTS[:1]), mask=mask)
    parts = (stack(part) for part in x.split([3, 4], dim=1))
    assert torch.allclose(torch.cat(list(parts), 1), together, atol=1e-5)
