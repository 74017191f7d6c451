"""A small network that maps a pixel's place to its colour: what do features of the place bring?

    colour = sigmoid(network(features(row, column))),     three layers of 128 ReLU, squared error

It is trained on half of the pixels of one photograph, all of them at every step. What it paints
elsewhere it had to find out from the places alone.

Source: Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions in Low
Dimensional Domains", section 6.1 (image regression); Mildenhall et al. 2020, "NeRF", equation 4.

The trap: one seed. It draws the weights, the directions and the pixels that are held out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import count, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.embeddings.fourier import random_fourier_features
from posenc_lib.experiments.parts.parallel import side_by_side
from posenc_lib.experiments.parts.records import Record, Results
from posenc_lib.experiments.parts.training import seeded, train
from posenc_lib.experiments.parts.training_settings import Batch
from posenc_lib.experiments.pictures.photo_settings import (
    AXES,
    DRAWN,
    DRAWN_AXES,
    FEATURES,
    HELD_OUT,
    KINDS,
    PIECE_OF,
    RAW,
    RULES,
    SEEN,
    TABLE,
    PhotographSettings,
)
from posenc_lib.experiments.pictures.photograph import (
    SHAPE,
    SIDE,
    TOWER,
    neighbour_mean,
    photograph,
    psnr,
    seen_pixels,
)
from posenc_lib.experiments.pictures.place_features import (
    drawn_directions,
    octave_directions,
    pixel_places,
)


class Painter(nn.Module):
    """A network from places to colours; `paint()` is the picture it has learned.

    `kind` and `setting` are those of `PhotographSettings.trained()`; "steps" and "rate" belong to
    the training and change nothing here. Directions are drawn with `seed`.

    Raises ValueError for an unknown kind or setting.

    Source: Tancik et al. 2020, section 6.1.

    >>> painter = Painter("random features", {"scale": 4.0}, seed=0, width=8, layers=1)
    >>> painter.inputs, painter.paint().shape
    (256, torch.Size([64, 64, 3]))
    """

    fixed: Tensor

    def __init__(
        self, kind: str, setting: Mapping[str, Any], *, seed: int, width: int, layers: int
    ) -> None:
        super().__init__()
        validation.choice("Painter", "kind", kind, KINDS)
        self.table: nn.Parameter | None = None
        if kind == TABLE:
            shape = (1, FEATURES // 8, setting["side"], setting["side"])
            self.table, self.inputs = nn.Parameter(0.1 * torch.randn(shape)), shape[1]
            self.register_buffer("fixed", torch.zeros(0))
        else:
            self.register_buffer("fixed", fixed_features(kind, setting, seed))
            self.inputs = self.fixed.shape[1]
        sizes = [self.inputs, *[width] * layers]
        parts: list[nn.Module] = []
        for before, after in pairwise(sizes):
            parts += [nn.Linear(before, after), nn.ReLU()]
        self.network = nn.Sequential(*parts, nn.Linear(width, 3))

    def features(self) -> Tensor:
        """What the network is told of each pixel, (pixels, inputs)."""
        if self.table is None:
            return self.fixed
        spread = F.interpolate(self.table, SHAPE, mode="bilinear", align_corners=False)
        return spread[0].flatten(1).T

    def forward(self, pixels: Tensor) -> Tensor:
        """The colours of pixels, given by their numbers."""
        return self.network(self.features()[pixels]).sigmoid()

    @torch.no_grad()
    def paint(self) -> Tensor:
        """The whole picture, (64, 64, 3)."""
        return self(torch.arange(SIDE * SIDE)).view(*SHAPE, 3)


def fixed_features(kind: str, setting: Mapping[str, Any], seed: int) -> Tensor:
    """The features of all pixels, (pixels, features), for the kinds that have nothing to learn.

    Raises ValueError for another kind, and like `octave_directions` and `drawn_directions`.

    >>> fixed_features("axis sines", {"octaves": 4}, 0).shape
    torch.Size([4096, 16])
    """
    validation.choice("fixed_features", "kind", kind, (RAW, AXES, DRAWN, DRAWN_AXES))
    places = pixel_places()
    if kind == RAW:
        return places
    if kind == AXES:
        directions = octave_directions(setting["octaves"])
    else:
        features = setting.get("features", FEATURES)
        directions = drawn_directions(
            setting["scale"], features, seed, axes_only=kind == DRAWN_AXES
        )
    if setting.get("turned"):  # by 45 degrees: along the diagonals alone
        directions = directions @ torch.tensor([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2)
    return random_fourier_features(places, directions).repeat(1, setting.get("times", 1))


def trained_painter(
    settings: PhotographSettings,
    kind: str,
    setting: Mapping[str, Any],
    seed: int,
    *,
    piece: str = TOWER,
    painted: dict[int, Tensor] | None = None,
) -> Painter:
    """A network trained on the half of the pixels that `seen_pixels(seed)` shows it.

    `painted`, where it is given, has steps as keys and gets the picture after each of them.

    Raises like `Painter`, `photograph` and `train`.
    """
    painter = seeded(
        lambda: Painter(kind, setting, seed=seed, width=settings.width, layers=settings.layers),
        seed,
    )
    own = {name: setting[name] for name in ("steps", "rate") if name in setting}
    training = replace(settings.training, **own)
    shown = seen_pixels(seed).flatten().nonzero()[:, 0]
    batch = Batch(shown, photograph(piece).flatten(0, 1)[shown])
    steps = count(1)

    def look(model: nn.Module) -> float:
        if painted is not None and (step := next(steps)) in painted:
            painted[step] = painter.paint()
        return 0.0

    train(
        painter, lambda generator, rows: batch,
        training if painted is None else replace(training, every=1),
        seed=seed, loss=F.mse_loss, validate=None if painted is None else look,
    )  # fmt: skip
    return painter


def photo_run(
    settings: PhotographSettings, task: str, kind: str, setting: Mapping[str, Any], seed: int
) -> list[Record]:
    """Train one network, or apply the rule of the neighbours; PSNR where it saw and elsewhere."""
    piece = PIECE_OF.get(task, TOWER)
    seen, truth = seen_pixels(seed), photograph(piece)
    if kind in RULES:
        painted = neighbour_mean(truth, seen, passes=RULES[kind])
        return [Record(task, kind, seed, 0, HELD_OUT, psnr(painted, truth, ~seen), {})]
    painted = trained_painter(settings, kind, setting, seed, piece=piece).paint()
    at = setting.get("steps", settings.training.steps)
    return [
        Record(task, kind, seed, at, SEEN, psnr(painted, truth, seen), dict(setting)),
        Record(task, kind, seed, at, HELD_OUT, psnr(painted, truth, ~seen), dict(setting)),
    ]


def photo(settings: PhotographSettings | None = None, *, jobs: int | None = None) -> Results:
    """PSNR on seen and on held-out pixels, for each kind of features and seed; `at` is the steps.

    Two rules that train nothing stand beside them: the mean of four neighbours, taken once, and
    taken again and again until nothing changes.

    Raises like `side_by_side`.

    Source: Tancik et al. 2020, section 6.1 (the comparison).
    """
    settings = PhotographSettings() if settings is None else settings
    calls = [
        {"settings": settings, "task": task, "kind": kind, "setting": setting, "seed": seed}
        for task in settings.tasks
        for kind, setting in (*settings.trained(task), *((rule, {}) for rule in RULES))
        for seed in settings.seeds
    ]
    return side_by_side(photo_run, calls, jobs=jobs)
