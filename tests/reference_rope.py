"""Naive references for rotary encodings: one pair at a time, from the papers, in float64."""

import math

import torch


def rope_loop(x, positions, *, base=10000.0, layout="interleaved", rotary_dim=None):
    """Su et al. 2021, equation 34, for one (length, head_dim) slab."""
    length, head_dim = x.shape
    d = head_dim if rotary_dim is None else rotary_dim
    out = x.double().clone()
    for row in range(length):
        for i in range(d // 2):
            a, b = (2 * i, 2 * i + 1) if layout == "interleaved" else (i, i + d // 2)
            angle = float(positions[row]) * base ** (-2 * i / d)
            first, second = float(x[row, a]), float(x[row, b])
            out[row, a] = first * math.cos(angle) - second * math.sin(angle)
            out[row, b] = second * math.cos(angle) + first * math.sin(angle)
    return out


def xpos_loop(query, key, query_positions, key_positions, *, scale_base=512.0, gamma=0.4):
    """Scores of Sun et al. 2022, algorithm 1, with the exponent divided by scale_base."""
    d = query.shape[-1]
    scores = torch.zeros(len(query), len(key), dtype=torch.float64)
    turned = rope_loop(query, query_positions), rope_loop(key, key_positions)
    for i, m in enumerate(query_positions):
        for j, n in enumerate(key_positions):
            for pair in range(d // 2):
                zeta = (pair / (d / 2) + gamma) / (1 + gamma)
                for feature in (2 * pair, 2 * pair + 1):
                    q = float(turned[0][i, feature]) * zeta ** (float(m) / scale_base)
                    k = float(turned[1][j, feature]) * zeta ** (-float(n) / scale_base)
                    scores[i, j] += q * k
    return scores


def axial_rope_loop(x, rows, columns, *, base=100.0):
    """RoPE of the first half of the features by the row, of the second by the column."""
    half = x.shape[-1] // 2
    by_row = rope_loop(x[:, :half], rows, base=base)
    by_column = rope_loop(x[:, half:], columns, base=base)
    return torch.cat((by_row, by_column), -1)
