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


def convolution_loop(x, weight, bias):
    """One clip (length, dim): tap d of a frame reads frame t + d - kernel // 2, zero past the ends.

    `weight` is (dim, dim / groups, kernel); output feature o reads its group's input features.
    """
    dim, group, kernel = weight.shape
    found = torch.zeros_like(x)
    for t in range(len(x)):
        for o in range(dim):
            first = o // group * group
            total = bias[o].clone()
            for d in range(kernel):
                frame = t + d - kernel // 2
                if 0 <= frame < len(x):
                    total += weight[o, :, d] @ x[frame, first : first + group]
            found[t, o] = 0.5 * total * (1 + torch.erf(total / math.sqrt(2)))
    return found


def depthwise_loop(picture, weight, bias):
    """(rows, columns, dim) with one (kernel, kernel) filter a feature, zero past the edges."""
    rows, columns, dim = picture.shape
    kernel = weight.shape[-1]
    found = torch.zeros_like(picture)
    for r in range(rows):
        for c in range(columns):
            total = bias.clone()
            for n in range(kernel):
                for m in range(kernel):
                    y, x = r + n - kernel // 2, c + m - kernel // 2
                    if 0 <= y < rows and 0 <= x < columns:
                        total += weight[:, 0, n, m] * picture[y, x]
            found[r, c] = total
    assert dim == weight.shape[0]
    return found
