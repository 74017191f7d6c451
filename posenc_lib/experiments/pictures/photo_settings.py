"""What is painted from one photograph: the kinds of features, the controls, the settings.

Source: Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions in Low
Dimensional Domains", section 6.1 (image regression); Mildenhall et al. 2020, "NeRF", equation 4.

The trap: two ways in which features differ, and one comparison. Random features have diagonals,
and there are more of them than axis sines; "diagonals" takes one away at a time. And then a third:
more features make the first layer wider, so a few are handed over many times as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from posenc_lib.base import validation
from posenc_lib.experiments.parts.records import Variant
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.pictures.photograph import BUSHES, LAKE, ROOFS, ROOFS_TURNED, SIDE

SEEN, HELD_OUT = "PSNR in dB, seen", "PSNR in dB, held out"
RAW, AXES, DRAWN, DRAWN_AXES, TABLE = KINDS = (
    "raw coordinates", "axis sines", "random features", "random features on the axes",
    "learned table",
)  # fmt: skip
NEIGHBOURS, SETTLED = "mean of four neighbours", "mean of four neighbours, settled"
RULES = {NEIGHBOURS: 1, SETTLED: 200}  # how often it is taken
FEATURES, FEW = 256, 16
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
RATES = (1e-2, 3e-2, 1e-1, 2e-1)  # besides the one of all
PATIENT = 10  # times the steps
PIECE_OF = {  # tasks on another piece than the tower, named after it
    piece: piece for piece in (LAKE, BUSHES, ROOFS, ROOFS_TURNED)
}
TASKS = ("features", "scales", "rates", "diagonals", *PIECE_OF)


@dataclass(frozen=True)
class PhotographSettings:
    """What is trained on the photograph; the full version unless `small()`.

    Tasks: "features", what kind of them; "scales" of random ones; "rates", does each kind want
    another one; "diagonals", what random features have besides sines along the axes: other
    directions, more of them, and with these a wider first layer ("times": the same features that
    often). On other pieces of the photograph: "lake" and "bushes", the scales once more; "roofs"
    and "roofs, turned", the directions once more.

    Raises ValueError for a task that is not there and sizes below 1.

    >>> PhotographSettings.small().trained("scales")
    (('random features', {'scale': 1.0}), ('random features', {'scale': 8.0}))
    """

    tasks: tuple[str, ...] = TASKS
    scales: tuple[float, ...] = SCALES
    seeds: tuple[int, ...] = (0, 1, 2)
    width: int = 128
    layers: int = 3
    training: Training = field(
        default_factory=lambda: Training(
            steps=320, batch=SIDE * SIDE // 2, rate=3e-3, decay=0.0, betas=(0.9, 0.99)
        )
    )

    def __post_init__(self) -> None:
        for task in self.tasks:
            validation.choice("PhotographSettings", "tasks", task, TASKS)
        for size in ("width", "layers"):
            validation.size("PhotographSettings", size, getattr(self, size))

    @classmethod
    def small(cls) -> PhotographSettings:
        """Two scales, one seed and 60 steps, in two seconds."""
        training = replace(cls().training, steps=60)
        return cls(tasks=("scales",), scales=(1.0, 8.0), seeds=(0,), training=training)

    def trained(self, task: str) -> tuple[Variant, ...]:
        """The kinds of features that a task trains, each with its setting."""
        validation.choice("PhotographSettings.trained", "task", task, TASKS)
        few, ways = {"features": FEW}, (DRAWN, DRAWN_AXES)
        if task == "features":
            return (
                (RAW, {}),
                (RAW, {"steps": PATIENT * self.training.steps}),  # is it only slow?
                *((AXES, {"octaves": octaves}) for octaves in (2, 4, 6, 8)),
                *((TABLE, {"side": side}) for side in (SIDE // 4, SIDE)),
            )
        if task == "scales":
            return tuple((DRAWN, {"scale": scale}) for scale in self.scales)
        if task in (LAKE, BUSHES):
            return tuple((DRAWN, {"scale": scale}) for scale in (0.5, 1.0, 2.0, 4.0))
        if task == "rates":
            kinds: tuple[Variant, ...] = (
                (RAW, {}), (AXES, {"octaves": 4}), (DRAWN, {"scale": 1.0}),
            )  # fmt: skip
            return (
                *((kind, {**setting, "rate": rate}) for kind, setting in kinds for rate in RATES),
                (RAW, {"steps": PATIENT * self.training.steps, "rate": RATES[0]}),
            )
        if task == "diagonals":
            return (
                *((DRAWN_AXES, {"scale": scale}) for scale in (1.0, 2.0, 4.0)),
                *((DRAWN_AXES, {"scale": scale, "turned": True}) for scale in (1.0, 2.0, 4.0)),
                *((kind, {"scale": scale} | few) for kind in ways for scale in (1.0, 2.0)),
                *(
                    (kind, {"scale": scale} | few | {"times": FEATURES // FEW})
                    for kind in ways
                    for scale in (1.0, 2.0)
                ),
            )
        return tuple(
            (kind, {"scale": scale} | turned)
            for kind, turned in ((DRAWN, {}), (DRAWN_AXES, {}), (DRAWN_AXES, {"turned": True}))
            for scale in (1.0, 2.0)
        )
