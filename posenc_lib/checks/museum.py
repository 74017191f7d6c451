"""Exercises of notebook 11: write a law. It is judged on implementations, good ones and faulty.

The answer is a test: it gets a function and returns True where the law holds. A law that lets a
fault through, or refuses something right, is told which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from posenc_lib.base.angles import frequencies64
from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.embeddings.sinusoidal import sinusoidal_table
from posenc_lib.faults.absolute import added_to_the_batch, sees_order
from posenc_lib.faults.rotary import mixed_layouts
from posenc_lib.rotary.rotation import rotate


@dataclass(frozen=True)
class Implementation:
    """A function with a name to read in messages."""

    name: str
    function: Callable[..., Tensor]

    def __call__(self, *arguments: Tensor) -> Tensor:
        return self.function(*arguments)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _rows(x: Tensor, places: Tensor) -> Tensor:
    """x plus the sinusoidal row of each place; places is (length,) or (batch, length)."""
    return x + torch.from_numpy(sinusoidal_table(400, x.shape[-1]))[places]


def _random_table(x: Tensor) -> Tensor:
    table = torch.randn(400, x.shape[-1], generator=torch.Generator().manual_seed(0))
    return x + table[: x.shape[1]]


def _own_count(x: Tensor) -> Tensor:
    """Row b of the batch starts at position b."""
    return _rows(x, torch.arange(x.shape[0])[:, None] + torch.arange(x.shape[1]))


def _encoders() -> list[tuple]:
    return [
        (Implementation("sinusoidal, right", lambda x: _rows(x, torch.arange(x.shape[1]))),),
        (Implementation("random table, right", _random_table),),
        (Implementation("added to the batch", added_to_the_batch.fault),),
        (Implementation("one vector for all", lambda x: _rows(x, torch.tensor([3]))),),
        (Implementation("each sentence counts from its own row", _own_count),),
        (Implementation("starts again after 4", lambda x: _rows(x, torch.arange(x.shape[1]) % 4)),),
    ]


def _on_zeros(encode: Callable[[Tensor], Tensor]) -> Tensor:
    return encode(torch.zeros(3, 10, 32))


def _rows_alike(p: Tensor) -> bool:
    return torch.equal(p[0], p[1]) and torch.equal(p[0], p[2])


def _all_places_differ(p: Tensor) -> bool:
    return len(p[0].unique(dim=0)) == p.shape[1]


order_law = Exercise(
    name="my_law",
    solution=sees_order,
    cases=_encoders,
    mistakes=(
        Mistake(
            "shape only", lambda encode: _on_zeros(encode).shape == (3, 10, 32),
            "Your law lets every fault through: all of them return the right shape. Look at what "
            "was added.",
        ),
        Mistake(
            "places only", lambda encode: _all_places_differ(_on_zeros(encode)),
            "Your law lets through the one in which each sentence counts from its own row. "
            "Compare the batch rows too: the same position gets the same vector.",
        ),
        Mistake(
            "rows only", lambda encode: _rows_alike(_on_zeros(encode)),
            "Your law lets through one vector for all. Batch rows must be alike, and positions "
            "must differ.",
        ),
        Mistake(
            "all vectors differ",
            lambda encode: len(_on_zeros(encode).flatten(0, 1).unique(dim=0)) == 30,
            "Your law refuses what is right. Two sentences share their positions, so not all "
            "vectors of the batch differ: compare within one row.",
        ),
        Mistake(
            "two places",
            lambda encode: _rows_alike(_on_zeros(encode))
            and not torch.equal(*_on_zeros(encode)[0, :2]),
            "Your law lets through the one that starts again after 4 positions. Compare all "
            "pairs of positions, not two neighbours: unique(dim=0) counts.",
        ),
    ),
)  # fmt: skip


def _angles(positions: Tensor, dim: int) -> Tensor:
    return torch.outer(positions.double(), frequencies64(dim, 10000.0))


def _turn(x: Tensor, positions: Tensor, layout: str = "interleaved") -> Tensor:
    return rotate(x, _angles(positions, x.shape[-1]), layout=layout)


def _turners() -> list[tuple]:
    return [
        (Implementation("neighbours, right", _turn),),
        (Implementation("halves, right", lambda x, at: _turn(x, at, "half")),),
        (Implementation("mixed layouts", mixed_layouts.fault),),
        (Implementation("not turned at all", lambda x, at: x),),
        (Implementation("the sinusoid added", _rows),),
        (Implementation("turned by the square of the place", lambda x, at: _turn(x, at**2)),),
        (Implementation("stops turning at 20", lambda x, at: _turn(x, at.clamp(max=20))),),
    ]


def _score(turn: Callable[[Tensor, Tensor], Tensor], i: int, j: int) -> Tensor:
    """The score of one fixed query at i and one fixed key at j."""
    query, key = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(1))
    return (turn(query, torch.tensor([i])) * turn(key, torch.tensor([j]))).sum()


def _same_after_move(turn: Callable[[Tensor, Tensor], Tensor], by: int) -> bool:
    return all(
        torch.allclose(_score(turn, i, j), _score(turn, i + by, j + by), atol=1e-3)
        for i, j in ((0, 0), (0, 3), (5, 1))
    )


def _differs(turn: Callable[[Tensor, Tensor], Tensor]) -> bool:
    return not torch.allclose(_score(turn, 0, 0), _score(turn, 0, 3), atol=1e-3)


def _norms(turn: Callable[[Tensor, Tensor], Tensor]) -> bool:
    x = torch.randn(30, 8, generator=torch.Generator().manual_seed(2))
    return torch.allclose(turn(x, torch.arange(30)).norm(dim=-1), x.norm(dim=-1), atol=1e-3)


distance_law = Exercise(
    name="my_distance_law",
    solution=lambda turn: _same_after_move(turn, 100) and _differs(turn),
    cases=_turners,
    mistakes=(
        Mistake(
            "shape only", lambda turn: turn(torch.ones(3, 8), torch.arange(3)).shape == (3, 8),
            "Your law lets every fault through: all of them return the right shape.",
        ),
        Mistake(
            "norms only", _norms,
            "Norms are kept by every rotation, also by the square of the place, and by not turning "
            "at all. Compare scores: move query and key together.",
        ),
        Mistake(
            "moved only", lambda turn: _same_after_move(turn, 100),
            "Your law lets through what does not turn at all: nothing changes when everything is "
            "moved, and nothing ever will. Ask also for two distances with different scores.",
        ),
        Mistake(
            "near only", lambda turn: _same_after_move(turn, 3) and _differs(turn),
            "Your law lets through the one that stops turning at 20. Move query and key far, by "
            "100 say.",
        ),
        Mistake(
            "differs only", _differs,
            "Different distances give different scores, but you do not ask whether the same "
            "distance elsewhere gives the same score.",
        ),
    ),
)  # fmt: skip
