"""The panel of notebook 10 that shuffles a digit: what do models with and without places say?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posenc_lib.experiments.data.digit_images import image_tokens, partly_shuffled, split_digits
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.pictures.digit_models import DigitsSettings, accuracy, trained_model
from posenc_lib.explorers.panel import Panel, Slider
from posenc_lib.explorers.transformer import exported, precise, runs_in_page
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import on_panels

SEED, STEPS = 0, 8
IMAGE = 10
"""The test digit at first: a 6 that the models of notebook 10 read, until 16 tokens have moved."""
SIDES: dict[int | None, int] = {1: 1, 4: 2}  # features of a token to its side
GREYS = 16  # the images hold whole numbers of sixteenths
QUESTION = (
    "Move tokens until a model that knows places is wrong. What does one without places say "
    "meanwhile?"
)


def shuffle_explorer(
    models: Mapping[str, TinyTransformer] | None = None,
    *,
    question: str | None = None,
    front: Sequence[str] | None = None,
    **settings: object,
) -> Panel:
    """A test digit, some of its tokens moved, and what each model makes of it.

    The shuffled digit, the digit as it was, the probability that each model gives to each of the
    ten digits, and the share of all test images that it gets right.

    `models` are trained ones by name (`experiments.images.trained_model`), all for pixels or all
    for patches; two small ones for patches are trained unless given. Controls: `image` (of the
    test digits), `moved` (tokens that change places among themselves). `question` and `front` (the
    controls in sight) stand in the head of the panel instead of its own.

    Raises ValueError for no models, and for models of different tokens; TypeError for other
    models; both for a setting out of range.

    >>> panel = shuffle_explorer(moved=0)
    >>> panel.views[0].values.shape, panel.views[2].values.shape
    ((8, 8), (2, 10))
    """
    given = _small() if models is None else dict(models)
    side = _side(given)
    images, labels = split_digits("test")
    tokens = image_tokens(images, side)
    number = tokens.shape[1]
    counts = list(range(0, number + 1, number // STEPS))
    mixed = {count: partly_shuffled(tokens, count, SEED) for count in counts}
    right = torch.tensor(
        [[accuracy(model, mixed[n], labels) for n in counts] for model in given.values()]
    )
    readers = [precise(model) for model in given.values()]
    known = {name: entry.title for name, entry in on_panels().items()} | {"none": "none"}
    titles = [known.get(name, name) for name in given]

    @torch.no_grad()
    def compute(image: int, moved: int) -> list[View]:
        seen, digit = mixed[moved][image : image + 1], int(labels[image])
        shares = torch.stack([model(seen.double())[0].softmax(-1) for model in readers])
        said = shares.argmax(-1).tolist()
        guesses = [f"{title}: {guess}" for title, guess in zip(titles, said, strict=True)]
        pictures = {
            f"image {image}, a {digit}: {moved} of {number} tokens moved": seen,
            f"image {image} as it was": tokens[image : image + 1],
        }
        return [
            *(
                Heatmap(
                    name, picture(shown, side), "row (pixels)", "column (pixels)", "grey value",
                    (0, 1), "sequential", square=True, numbers=False,
                )
                for name, shown in pictures.items()
            ),
            Heatmap(
                f"what each model says of this {digit}", shares, "model: its guess", "digit",
                "probability", (0, 1), "sequential", row_ticks=guesses, marks=[(None, digit)],
            ),
            Curves(
                f"all test images, {moved} moved", torch.tensor(counts), right,
                titles, "moved (tokens)", "share of the test images right",
                (0, 1.02), marks=[(moved, f"{moved} moved")], picks=("moved", None),
            ),
        ]  # fmt: skip

    def data() -> dict[str, Any]:
        """What the page takes from the library: see `page_shuffle.js`."""
        places = torch.arange(number).view(1, -1, 1).expand(len(tokens), -1, 1)
        orders = torch.stack([partly_shuffled(places, count, SEED) for count in counts])
        return {
            "models": [exported(model, torch.arange(number)) for model in given.values()],
            "titles": titles,
            "images": _small_numbers(images * GREYS),
            "labels": _small_numbers(labels),
            "greys": GREYS,
            "side": side,
            "counts": counts,
            "orders": _small_numbers(orders),
            "right": right.numpy().astype(np.float32).tobytes(),
        }

    live = all(runs_in_page(model, torch.arange(number)) for model in given.values())
    return Panel(
        title="A shuffled digit",
        controls=[
            Slider("image", IMAGE, 0, len(labels) - 1, label="test image"),
            Slider("moved", 0, 0, number, step=number // STEPS, label="tokens moved"),
        ],
        compute=compute,
        settings=settings,
        explorer="shuffle_explorer",
        own=() if models is None else range(len(labels)),  # whatever the image, they are yours
        page="shuffle" if live else None,
        data=data() if live else None,
        question=question or QUESTION,
        front=front or ("moved", "image"),
    )


def _small_numbers(values: Tensor) -> bytes:
    return values.round().to(torch.uint8).numpy().tobytes()


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
    names = ("none", "sinusoidal_2d")
    return {name: trained_model(settings, "patches", name, 0)[0] for name in names}


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
