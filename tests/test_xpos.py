"""Laws of xPos: RoPE that fades with the distance, and the range that its factors need."""

import math

import pytest
import torch

from posenc_lib import RotaryEncoding, XposRotary
from tests.test_rope import both_layouts, normal


def scores(xpos, q, k, query_positions, key_positions):
    return xpos.at_query(q, query_positions) @ xpos.at_key(k, key_positions).mT


def test_values_by_hand():
    """d = 4: zeta = 0.4 / 1.4 and 0.9 / 1.4; one scale_base back, a pair has faded by zeta."""
    xpos = XposRotary(4)
    torch.testing.assert_close(xpos.zetas(), torch.tensor([2 / 7, 9 / 14]).double())
    positions = torch.tensor([0, 512, 1024])
    q = torch.zeros(1, 1, 3, 4).double()
    q[..., 0] = 1.0  # only the fast pair
    norms = xpos.at_query(q, positions).norm(dim=-1).flatten()
    torch.testing.assert_close(norms, torch.tensor([1.0, 2 / 7, 4 / 49]).double())
    norms = xpos.at_key(q, positions).norm(dim=-1).flatten()
    torch.testing.assert_close(norms, torch.tensor([1.0, 3.5, 12.25]).double())


@both_layouts
@pytest.mark.parametrize("rotary_dim", [None, 4])
def test_each_pair_is_rope_times_its_factor(layout, rotary_dim):
    options = {"layout": layout, "rotary_dim": rotary_dim}
    xpos, rope = XposRotary(8, **options), RotaryEncoding(8, **options)
    x, positions = normal(2, 3, 5, 8), torch.tensor([[0, 1, 700, 3, 4], [0, 0, 0, 1, 2]])
    ratio = xpos.at_key(x, positions) / rope.at_key(x, positions)
    d = rope.rotary_dim
    for feature in range(8):
        pair = feature // 2 if layout == "interleaved" else feature % (d // 2)
        zeta = (pair / (d / 2) + 0.4) / 1.4 if feature < d else 1.0
        expected = (zeta ** (-positions.double() / 512))[:, None].expand(2, 3, 5)
        torch.testing.assert_close(ratio[..., feature], expected)


@pytest.mark.parametrize(
    ("dtype", "reach"),
    [
        (torch.float16, 2266),
        (torch.bfloat16, 18129),
        (torch.float32, 18130),
        (torch.float64, 145042),
    ],
)
def test_its_reach_and_one_step_beyond(dtype, reach):
    """Factors take half of the exponents: 1 / sqrt(max) .. sqrt(max)."""
    xpos = XposRotary(4)
    largest = torch.finfo(dtype).max
    expected = 512 * math.log(math.sqrt(largest)) / math.log(3.5)
    assert xpos.reach(dtype) == math.floor(expected) == reach
    x = torch.ones(1, 1, 2, 4, dtype=dtype)
    for far in (torch.tensor([-reach, reach]), torch.tensor([reach, 0])):
        for found in (xpos.at_query(x, far), xpos.at_key(x, far)):
            assert torch.isfinite(found).all()
            assert found.any(-1).all()
    with pytest.raises(ValueError, match=f"XposRotary: positions = .*{reach}.*subtract one number"):
        xpos.at_query(x, torch.tensor([0, reach + 1]))
    with pytest.raises(ValueError, match="XposRotary: positions"):
        xpos.at_key(x, torch.tensor([-reach - 1, 0]))
