"""The panel of notebook 10 that shuffles a digit: what do models with and without places say?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch

from posenc_lib.experiments.data.digit_images import image_tokens, partly_shuffled, split_digits
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.pictures.digit_models import DigitsSettings, accuracy, trained_model
from posenc_lib.explorers.panel import Panel, Slider
from posenc_lib.plots.views import Curves, Heatmap, View

SEED, STEPS = 0, 8
SIDES: dict[int | None, int] = {1: 1, 4: 2}  # features of a token to its side


def shuffle_explorer(
    models: Mapping[str, TinyTransformer] | None = None, **settings: object
) -> Panel:
    """A test digit, some of its tokens moved, and what each model makes of it.

    `models` are trained ones by name (`experiments.images.trained_model`), all for pixels or all
    for patches; two small ones for patches are trained unless given. Controls: `image` (of the
    test digits), `moved` (tokens that change places among themselves).

    Raises ValueError for no models, and for models of different tokens; TypeError for other
    models; both for a setting out of range.

    >>> panel = shuffle_explorer(moved=0)
    >>> panel.views[0].values.shape, panel.views[1].x.tolist()[-1]
    ((8, 8), 9.0)
    """
    readers = _small() if models is None else dict(models)
    side = _side(readers)
    images, labels = split_digits("test")
    tokens = image_tokens(images, side)
    number = tokens.shape[1]
    counts = list(range(0, number + 1, number // STEPS))
    mixed = {count: partly_shuffled(tokens, count, SEED) for count in counts}
    right = torch.tensor(
        [[accuracy(model, mixed[n], labels) for n in counts] for model in readers.values()]
    )

    @torch.no_grad()
    def compute(image: int, moved: int) -> list[View]:
        seen = mixed[moved][image : image + 1]
        shares = torch.stack([model(seen)[0].softmax(-1) for model in readers.values()])
        now = right[:, counts.index(moved)]
        told = ", ".join(f"{name} {share:.0%}" for name, share in zip(readers, now, strict=True))
        return [
            Heatmap(
                f"image {image}, a {labels[image]}: {moved} of {number} tokens moved",
                picture(seen, side), "row (pixels)", "column (pixels)", "grey value", (0, 1),
                "sequential", square=True, numbers=False,
            ),
            Curves(
                "what each model says", torch.arange(10), shares, list(readers), "digit",
                "probability", (-0.02, 1.02),
            ),
            Curves(
                f"right with {moved} moved: {told}", torch.tensor(counts), right,
                list(readers), "moved (tokens)", "share of the test images right", (0, 1.02),
            ),
        ]  # fmt: skip

    return Panel(
        title="A shuffled digit",
        controls=[
            Slider("image", 0, 0, len(labels) - 1, label="test image"),
            Slider("moved", 0, 0, number, step=number // STEPS, label="tokens moved"),
        ],
        compute=compute,
        settings=settings,
        explorer="shuffle_explorer",
    )


def picture(tokens: torch.Tensor, side: int) -> torch.Tensor:
    """Tokens (1, tokens, side * side) of a square image, put together again.

    >>> picture(torch.arange(4.0).view(1, 1, 4), 2)
    tensor([[0., 1.],
            [2., 3.]])
    """
    across = round(tokens.shape[1] ** 0.5)
    squares = tokens[0].view(across, across, side, side)  # row, column, row and column inside
    return squares.permute(0, 2, 1, 3).reshape(across * side, across * side)


@lru_cache(maxsize=1)
def _small() -> dict[str, TinyTransformer]:
    settings = DigitsSettings.small()
    names = {"none": "none", "2-D sinusoidal": "sinusoidal_2d"}
    return {n: trained_model(settings, "patches", name, 0)[0] for n, name in names.items()}


def _side(models: Mapping[str, TinyTransformer]) -> int:
    if not models:
        raise ValueError("shuffle_explorer: models is empty. Pass at least one, by its name.")
    for name, model in models.items():
        if not isinstance(model, TinyTransformer):
            raise TypeError(
                f"shuffle_explorer: models[{name!r}] is a {type(model).__name__}; it must be a "
                "TinyTransformer. Train one with experiments.images.trained_model."
            )
    features = {model.features for model in models.values()}
    if len(features) > 1 or not features <= set(SIDES):
        raise ValueError(
            f"shuffle_explorer: the models read tokens of {sorted(map(str, features))} numbers; "
            "all must read pixels (1 number) or all patches (4). Train them on one task."
        )
    return SIDES[features.pop()]
