"""Naive references of grids: one cell, one pair or one tap at a time, for reading."""

import math

import torch


def cubic(d, a=-0.75):
    """Keys 1981, equation 15, for any a."""
    d = abs(d)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def resize_loop(grid, shape, a=-0.75):
    """(rows, columns, dim) read at the centres of new cells, from 4 x 4 neighbours each."""
    rows, columns = grid.shape[:2]
    new = torch.zeros(*shape, grid.shape[2], dtype=grid.dtype)
    for r in range(shape[0]):
        for c in range(shape[1]):
            y = (r + 0.5) * rows / shape[0] - 0.5
            x = (c + 0.5) * columns / shape[1] - 0.5
            for n in range(math.floor(y) - 1, math.floor(y) + 3):
                for m in range(math.floor(x) - 1, math.floor(x) + 3):
                    cell = grid[min(max(n, 0), rows - 1), min(max(m, 0), columns - 1)]
                    new[r, c] += cubic(y - n, a) * cubic(x - m, a) * cell
    return new


def window_loop(weight, shape):
    """Liu et al. 2021, equation 4: (heads, cells, cells), the table read by query minus key."""
    rows, columns = shape
    cells = [(r, c) for r in range(rows) for c in range(columns)]
    bias = torch.zeros(weight.shape[1], len(cells), len(cells), dtype=weight.dtype)
    for i, (r, c) in enumerate(cells):
        for j, (n, m) in enumerate(cells):
            bias[:, i, j] = weight[(r - n + rows - 1) * (2 * columns - 1) + c - m + columns - 1]
    return bias
