"""Right answers of other kinds are accepted: NumPy, torch, lists, loops, other parameter names."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from posenc_lib import checks


def by_loops(L, d):
    wave = [math.sin, math.cos]
    return [[wave[j % 2](p / 10000 ** (2 * (j // 2) / d)) for j in range(d)] for p in range(L)]


def by_complex_numbers(v, k):
    z = (v[1::2] + 1j * v[::2]) * np.exp(1j * k * 10000.0 ** (-np.arange(0, len(v), 2) / len(v)))
    return np.stack([z.imag, z.real], 1).ravel()


def interpolated(t, n):
    at = np.linspace(0, len(t) - 1, n)
    return np.stack(
        [np.interp(at, np.arange(len(t)), t[:, j].numpy()) for j in range(t.shape[1])], 1
    )


def einsum(q, k, v, b):
    a = torch.softmax(torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.size(-1)) + b, -1)
    return [a @ v, a]


def one_bucket(n, B, M):
    n, E = int(n), B // 2
    shared = E + math.floor((B - E) * math.log(max(n, 1) / E) / math.log(M / E))
    return n if n < E else min(B - 1, shared)


def turned(x, p):
    angle = p[:, None] * 10000 ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    pairs = torch.view_as_complex(x.reshape(len(x), -1, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(1)


def float32_rows(v, end, h, z):
    t = torch.tensor(v[:end], dtype=torch.float32).unfold(0, h + z, 1)
    return t[:, :h], t[:, h:], (t[:, h:] - t[:, h - 1 : h]).std(correction=0)


def counted(mask):
    return [[max(0, sum(row[: t + 1]) - 1) for t in range(len(row))] for row in mask.int().tolist()]


def blocks(lengths):
    squares = [torch.ones(n, n) for n in lengths]
    return [np.concatenate([np.arange(n) for n in lengths]), torch.block_diag(*squares).tril() > 0]


RIGHT = [
    (checks.start.angles, lambda k: [2 * math.pi * i / k for i in range(k)]),
    (checks.sinusoidal.table, by_loops),
    (checks.sinusoidal.shift, by_complex_numbers),
    (checks.learned.embeddings, lambda w, p, t, e: torch.nn.LayerNorm(w.shape[-1], e)(w + p + t)),
    (checks.learned.extended, interpolated),
    (checks.relative.matrix, lambda q, k, o: [[j - i - o for j in range(k)] for i in range(q)]),
    (checks.relative.rows, lambda r, K: np.clip(r.numpy() + K, 0, 2 * K)),
    (checks.attention.dot_product, einsum),
    (checks.attention.causal, lambda q, k: np.tril(np.ones((q, k), bool), k - q)),
    (checks.biases.bucket, np.vectorize(one_bucket)),
    (checks.rotary.turn, turned),
    (checks.rotary.slowed, lambda d, s: (1e4 * s ** (d / (d - 2))) ** (-np.arange(0, d, 2) / d)),
    (checks.lengths.starts, lambda L, n: [max(0, (2 * i // n - 1) * (n // 2)) for i in range(L)]),
    (checks.text.pairs, lambda w: [np.vstack([w, w.flip(1)]), [0] * len(w) + [1] * len(w)]),
    (checks.text.blindness, lambda m, x, o: max(float((m(x[:, a]) - m(x)).abs().max()) for a in o)),
    (checks.time_series.rows, float32_rows),
    (checks.time_series.seasonal, lambda t, v, x, s: [v[(q - t) % s == 0][-1] for q in x]),
    (checks.pictures.features, lambda p, b: np.hstack([f(2 * np.pi * p.numpy() @ b.numpy().T)
                                                       for f in (np.sin, np.cos)])),
    (checks.pictures.bits, lambda s, g: F.nll_loss(s.log(), g) / math.log(2)),
    (checks.config.wavelengths, lambda b, d, s: 2 * np.pi * s * b ** (np.arange(d / 2) * 2 / d)),
    (checks.config.far_layers, lambda n, e, w, d: list(range(n) if d < w else range(e - 1, n, e))),
    (checks.serving.positions, counted),
    (checks.serving.packing, blocks),
    (checks.serving.beams, lambda s: np.divmod((-s).ravel().argsort()[: len(s)], s.shape[1])),
    (checks.images.patches, lambda im, s: F.unfold(im[None, None], s, stride=s)[0].T),
]  # fmt: skip


@pytest.mark.parametrize("exercise, answer", RIGHT, ids=[exercise.name for exercise, _ in RIGHT])
def test_a_right_answer_of_another_kind_is_accepted(exercise, answer):
    verdict = exercise(answer)
    assert verdict.correct, verdict
