"""Naive references for the tests: plain double loops, written from the papers, for reading."""

import math

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from posenc_lib import Door, PositionEncoding


def sinusoidal_loop(positions, dim, base=10000.0):
    """PE(p, 2i) = sin(p / base^(2i/dim)), PE(p, 2i+1) = cos(same), one number at a time."""
    table = np.empty((len(positions), dim))
    for row, p in enumerate(positions):
        for column in range(dim):
            i = column // 2
            angle = p / base ** (2 * i / dim)
            table[row, column] = math.sin(angle) if column % 2 == 0 else math.cos(angle)
    return table


def usual_float32_table(length, dim):
    """The code found everywhere: frequencies, angles and sines all in float32."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    frequency = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
    table = torch.zeros(length, dim)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    return table.numpy()


def relative_loop(query_positions, key_positions, clip=math.inf):
    """R[i][j] = max(-clip, min(clip, key j - query i)), as nested lists."""
    return [[max(-clip, min(clip, k - q)) for k in key_positions] for q in query_positions]


def shaw_attention_loop(query, key, value, key_table, value_table, max_distance):
    """Shaw et al. 2018, equations 3 and 4, for one head: (query, dim), (key, dim), (key, dim)."""
    output = torch.zeros(len(query), value.shape[1], dtype=value.dtype)
    weights = torch.zeros(len(query), len(key), dtype=value.dtype)
    for i in range(len(query)):
        scores = []
        for j in range(len(key)):
            row = max(-max_distance, min(max_distance, j - i)) + max_distance
            scores.append(query[i] @ (key[j] + key_table[row]) / math.sqrt(query.shape[1]))
        weights[i] = torch.stack(scores).softmax(0)
        for j in range(len(key)):
            row = max(-max_distance, min(max_distance, j - i)) + max_distance
            output[i] += weights[i, j] * (value[j] + value_table[row])
    return output, weights


class RotaryInTwentyLines(PositionEncoding):
    """RoPE (Su et al. 2021), written as a learner would: door 2, interleaved pairs."""

    door = Door.QUERIES_KEYS

    def turn(self, x, positions):
        head_dim = x.shape[-1]
        pair = torch.arange(0, head_dim, 2, dtype=torch.float64, device=x.device)
        angle = positions.double()[..., None] * 10000.0 ** (-pair / head_dim)
        angle = angle.unsqueeze(-3)  # a heads axis
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)

    def at_query(self, query, positions):
        return self.turn(query, positions)

    def at_key(self, key, positions):
        return self.turn(key, positions)


def randomise(module: nn.Module, seed: int) -> nn.Module:
    """Give every parameter, biases and tables too, a value of a size that matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return module


def tokens(batch=2, length=7, dim=16, seed=0, dtype=torch.float64):
    """Random input (batch, length, dim), the same for the same seed."""
    return torch.randn(batch, length, dim, generator=torch.manual_seed(seed), dtype=dtype)


def of_input(encoding, x):
    """What door 3 gets besides queries, keys and positions, if the encoding needs the input."""
    return {"from_input": encoding.from_input(x)} if encoding.needs_input else {}


class LargestStorage(TorchDispatchMode):
    """Records the most elements that any tensor holds in memory; views count what they view."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                held = tensor.untyped_storage().nbytes() // tensor.element_size()
                self.elements = max(self.elements, held)
        return result
