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
from posenc_lib.checks.exercise import Exercise, Judged, Mistake
from posenc_lib.embeddings.sinusoidal import sinusoidal_table
from posenc_lib.faults.absolute import added_to_the_batch, sees_order
from posenc_lib.faults.rotary import mixed_layouts
from posenc_lib.rotary.rotation import rotate


@dataclass(frozen=True)
class Implementation:
    """A function with a name to read in messages."""

    name: str
    function: Callable[..., Tensor]
    lesson: str = ""  # for a law that lets this fault through; none for what is right

    def __call__(self, *arguments: Tensor) -> Tensor:
        return self.function(*arguments)

    def __repr__(self) -> str:
        return f"<{self.name}>"


class LawExercise(Exercise):
    """An exercise whose answer is a law: what it says to each implementation is told by name."""

    def explain(self, judged: Judged, n: int) -> str:
        name = judged.cases[n][0].name
        asserted = [one for one in judged.given if isinstance(one.error, AssertionError)]
        if all(one.nothing for one in judged.given):
            return judged.nothing_returned()
        if asserted or len(judged.ran) < len(judged.cases):
            if not asserted and any(one.error for one in judged.given):
                return judged.broken_case()
            return (
                f'Your law does not answer for "{name}": it has to return True or False on every '
                "way. In place of an assert, return what the assert asks for."
            )
        if any(part.ndim for one in judged.given for part in one.parts):
            return (
                "Your law returns many answers at once. Make one True or False of them: .all(), or "
                "torch.equal and torch.allclose, which compare whole tensors."
            )
        if judged.wrong_kind():
            return judged.wrong_kind()
        known = [mistake.hint for mistake in self.mistakes if judged.alike(mistake)]
        if known:
            return known[0]
        said = [bool(one.parts[0]) for one in judged.given]
        makers = [case[0] for case in judged.cases]
        if all(yes == bool(maker.lesson) for yes, maker in zip(said, makers, strict=True)):
            return "Your law is turned round: return True where all is well, False for a fault."
        refused = [m for yes, m in zip(said, makers, strict=True) if not yes and not m.lesson]
        through = [m for yes, m in zip(said, makers, strict=True) if yes and m.lesson]
        if refused:
            return (
                f'Your law refuses what is right: "{refused[0].name}". Does it ask for more than '
                "the two things that must hold, or compare floats too exactly (atol=1e-3)?"
                + (f' And it lets through "{through[0].name}": {through[0].lesson}'
                   if through else "")
            )  # fmt: skip
        return " ".join(f'Your law lets through "{m.name}": {m.lesson}' for m in through)


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
        (
            Implementation(
                "added to the batch", added_to_the_batch.fault,
                "each sentence gets one vector for all its positions. Ask that the positions of "
                "one row differ, and that the rows of the batch are alike.",
            ),
        ),
        (
            Implementation(
                "one vector for all", lambda x: _rows(x, torch.tensor([3])),
                "positions must differ from each other, within one row.",
            ),
        ),
        (
            Implementation(
                "each sentence counts from its own row", _own_count,
                "the same position must get the same vector in every row of the batch. Compare "
                "the batch rows.",
            ),
        ),
        (
            Implementation(
                "starts again after 4", lambda x: _rows(x, torch.arange(x.shape[1]) % 4),
                "positions 0 and 4 get the same vector. Take more than 4 positions, and compare "
                "all pairs: unique(dim=0) counts.",
            ),
        ),
    ]  # fmt: skip


def _on_zeros(encode: Callable[[Tensor], Tensor]) -> Tensor:
    return encode(torch.zeros(3, 10, 32))


def _rows_alike(p: Tensor) -> bool:
    return torch.equal(p[0], p[1]) and torch.equal(p[0], p[2])


def _all_places_differ(p: Tensor) -> bool:
    return len(p[0].unique(dim=0)) == p.shape[1]


order_law = LawExercise(
    name="my_law",
    solution=sees_order,
    cases=_encoders,
    mistakes=(
        Mistake(
            "shape only", lambda encode: _on_zeros(encode).shape == (3, 10, 32),
            "Your law lets every fault through, as a test of the shape would. Look at what was "
            "added: batch rows must be alike, and all positions of a row must differ.",
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
            "Your law refuses everything, what is right as well. Does it ask that all vectors of "
            "the batch differ? Two sentences share their positions: compare within one row. Or is "
            "there a comparison that never holds?",
        ),
        Mistake(
            "sinusoid only", lambda encode: torch.allclose(
                _on_zeros(encode)[0], torch.from_numpy(sinusoidal_table(10, 32)), atol=1e-4)
            and _rows_alike(_on_zeros(encode)),
            "Your law accepts the sinusoid alone. Other tables are right as well: ask only that "
            "batch rows are alike and positions differ.",
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
    moved = "the same distance elsewhere must give the same score. Move query and key together."
    return [
        (Implementation("neighbours, right", _turn),),
        (Implementation("halves, right", lambda x, at: _turn(x, at, "half")),),
        (Implementation("mixed layouts", mixed_layouts.fault, moved),),
        (
            Implementation(
                "not turned at all", lambda x, at: x,
                "nothing changes when everything is moved, and nothing ever will. Ask also for two "
                "distances with different scores.",
            ),
        ),
        (Implementation("the sinusoid added", _rows, moved),),
        (
            Implementation(
                "turned by the square of the place", lambda x, at: _turn(x, at**2),
                f"norms are kept there, but {moved}",
            ),
        ),
        (
            Implementation(
                "stops turning at 20", lambda x, at: _turn(x, at.clamp(max=20)),
                "near the start it is right. Move query and key far, by 100 say.",
            ),
        ),
    ]  # fmt: skip


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


distance_law = LawExercise(
    name="my_distance_law",
    solution=lambda turn: _same_after_move(turn, 100) and _differs(turn),
    cases=_turners,
    mistakes=(
        Mistake(
            "shape only", lambda turn: turn(torch.ones(3, 8), torch.arange(3)).shape == (3, 8),
            "Your law lets every fault through, as a test of the shape would. Compare the scores "
            "of a query and a key, and ask for both: the same when moved together, different for "
            "another distance.",
        ),
        Mistake(
            "norms only", _norms,
            "Your law holds for every rotation, by the square of the place too, and for not "
            "turning at all: norms are kept there, and so are scores at distance 0. Compare the "
            "scores of a query and a key at a distance, moved together.",
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
            "Your law asks that something changes with the position, and not that the same "
            "distance "
            "elsewhere gives the same score. Move query and key together.",
        ),
        Mistake(
            "never", lambda turn: False,
            "Your law refuses everything, what is right as well. Scores are float32: compare them "
            "with atol=1e-3. And is there a comparison that never holds?",
        ),
    ),
)  # fmt: skip
