"""The panel of notebook 14: what a model's configuration does with positions, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider, UpTo
from posenc_lib.layers.plan import LayerPlan, PositionPlan
from posenc_lib.models.from_config import encoding_from_config
from posenc_lib.models.published import PUBLISHED
from posenc_lib.models.wavelengths import rotation_of
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.rotary.decoupled import DecoupledRotary

FARTHEST = 2**18
DISTANCES = np.unique(np.geomspace(1, FARTHEST, 361).round())
POWERS = 2.0 ** np.arange(19)
NOTHING = "none"
QUESTION = (
    "Which layers of Gemma 3 carry the far end of a long text, and how do their wavelengths differ "
    "from those of the other layers?"
)


def config_explorer(
    own: Mapping[str, Any] | None = None,
    *,
    question: str | None = None,
    front: Sequence[str] | None = None,
    **settings: object,
) -> Panel:
    """Two models side by side: wavelengths by layer and pair, scores by distance, keys seen.

    The models are those of `posenc_lib.models.published`; `own` adds yours, a name and whatever
    `encoding_from_config` takes: a dictionary, a path, a configuration of transformers. A score
    is that of a query and a key of ones, and has a gap where the layer does not see the key.

    Controls: `model`, `layer` (shown), `other` (a model to compare with, or "none"), `other_layer`,
    `distance` (marked, in positions). `question` and `front` (the controls in sight) stand in the
    head of the panel instead of its own.

    Raises ValueError for a name that is taken, for a model without a rotary layer, for a setting
    out of its range, and like `encoding_from_config`.

    >>> panel = config_explorer(model="gpt-oss-20b", layer=3)
    >>> [view.name for view in panel.views[:2]]
    ['wavelength of each pair', 'wavelength by layer and pair: gpt-oss-20b']
    """
    models = {**_published(), **_own(own or {})}
    ends = {name: len(model["layers"]) - 1 for name, model in models.items()}
    first = next(iter(own), "Gemma 3 12B") if own else "Gemma 3 12B"
    longest = max(ends.values())
    return Panel(
        title="What a configuration says",
        controls=[
            Choice("model", first, list(models)),
            Slider("layer", 0, 0, longest, label="layer shown", upto=UpTo("model", ends=ends)),
            Choice("other", "Llama 3.1 8B", [*models, NOTHING], label="compared with"),
            Slider(
                "other_layer", 0, 0, longest, label="its layer",
                upto=UpTo("other", ends=ends | {NOTHING: 0}), needs=("other", list(models)),
            ),
            LogSlider("distance", 1000.0, 1.0, float(FARTHEST), label="distance (positions)"),
        ],
        compute=lambda **chosen: _views(models, **chosen),
        settings=settings,
        explorer="config_explorer",
        page="config",
        data={"models": {name: _sent(model) for name, model in models.items()},
              "distances": DISTANCES.tobytes(), "powers": POWERS.tolist()},
        question=question or QUESTION,
        front=front or ("model", "layer", "other", "other_layer"),
    )  # fmt: skip


@cache
def _published() -> dict[str, dict[str, Any]]:
    """The models that are stored."""
    return {name: read_plan(config) for name, config in PUBLISHED.items() if _turns(config)}


def _turns(config: Any) -> bool:
    plan = encoding_from_config(config).plan
    return any(rotation_of(encoding) is not None for encoding in plan.encodings)


def _own(own: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    for name, config in own.items():
        if name in PUBLISHED or name == NOTHING:
            raise ValueError(f"config_explorer: the name {name!r} is taken. Choose another.")
        if not _turns(config):
            raise ValueError(
                f"config_explorer: own[{name!r}] has no rotary layer, and wavelengths are those of "
                "RoPE. encoding_from_config(config) says what it has instead."
            )
    return {name: read_plan(config) for name, config in own.items()}


def read_plan(config: Any) -> dict[str, Any]:
    """What the panel draws of a model: its kinds of layers, which layer is of which, its lengths.

    >>> model = read_plan(PUBLISHED["Llama 3.1 8B"])
    >>> len(model["layers"]), len(model["kinds"]), model["trained"]
    (32, 1, 8192)
    """
    positions = encoding_from_config(config)
    plan: PositionPlan = positions.plan
    part = next(name for name, one in positions.parts.items() if one is plan)
    kinds: list[LayerPlan] = []
    layers = []
    for layer in plan:
        if layer not in kinds:
            kinds.append(layer)
        layers.append(kinds.index(layer))
    trained, stated = positions.lengths[part]
    return {
        "layers": layers, "kinds": [_kind(kind) for kind in kinds],
        "trained": trained or stated, "stated": stated,
    }  # fmt: skip


def _kind(layer: LayerPlan) -> dict[str, Any]:
    """Frequencies, the share of features that turn, what they are multiplied by, keys seen."""
    rope = rotation_of(layer.encoding)
    reach = min((n for n in (layer.window, layer.chunk) if n is not None), default=None)
    if rope is None:
        return {"w": np.empty(0), "share": 0.0, "squared": 1.0, "reach": reach}
    whole = layer.encoding if isinstance(layer.encoding, DecoupledRotary) else rope
    return {
        "w": rope.frequencies().numpy(), "share": rope.rotary_dim / whole.head_dim,
        "squared": float(rope.magnitude) ** 2, "reach": reach,
    }  # fmt: skip


def _sent(model: dict[str, Any]) -> dict[str, Any]:
    """The same with its frequencies as bytes."""
    return {**model, "kinds": [kind | {"w": kind["w"].tobytes()} for kind in model["kinds"]]}


def _views(
    models: dict[str, dict[str, Any]],
    model: str,
    layer: int,
    other: str,
    other_layer: int,
    distance: float,
) -> list[View]:
    chosen = models[model]
    shown = {f"{model}, layer {layer}": _at(chosen, layer)}
    if other != NOTHING:
        name = f"{other}, layer {other_layer}"
        shown[name if name not in shown else f"{name} again"] = _at(models[other], other_layer)
    return [
        _wavelengths(chosen, shown),
        _by_layer(model, chosen, layer),
        _scores(chosen, shown, distance),
        _seen(model, chosen, layer),
    ]


def _at(model: dict[str, Any], layer: int) -> dict[str, Any]:
    kind: dict[str, Any] = model["kinds"][model["layers"][layer]]
    return kind


def _wavelengths(chosen: dict[str, Any], shown: dict[str, dict[str, Any]]) -> Curves:
    most = max(2, *(len(kind["w"]) for kind in shown.values()))
    ys = np.full((len(shown) + 1, most), float(chosen["trained"]))
    for row, kind in zip(ys, shown.values(), strict=False):
        row[:] = np.nan
        row[: len(kind["w"])] = _waves(kind["w"])
    names = [name if len(kind["w"]) else f"{name}: no position" for name, kind in shown.items()]
    return Curves(
        "wavelength of each pair", np.arange(most), ys,
        [*names, f"trained length ({chosen['trained']:,})"],
        "pair", "positions for one turn", log_y=True,
        styles=[*range(len(shown)), 2],
    )  # fmt: skip


def _waves(w: Any) -> Any:
    """2 pi / w; none for a pair that stands still."""
    return 2 * np.pi / np.where(w > 0, w, np.nan)


def _by_layer(name: str, chosen: dict[str, Any], layer: int) -> Heatmap:
    most = max(len(kind["w"]) for kind in chosen["kinds"])
    rows = np.full((len(chosen["kinds"]), most), np.nan)
    for row, kind in zip(rows, chosen["kinds"], strict=True):
        row[: len(kind["w"])] = np.log10(_waves(kind["w"]))
    return Heatmap(
        f"wavelength by layer and pair: {name}", rows[chosen["layers"]], "layer", "pair",
        "log10 of the wavelength (positions)", palette="sequential", numbers=False,
        marks=[(layer, None)], picks=("layer", None),
    )  # fmt: skip


def _scores(chosen: dict[str, Any], shown: dict[str, dict[str, Any]], distance: float) -> Curves:
    ends = [(float(chosen["trained"]), "trained length")] if chosen["trained"] < FARTHEST else []
    return Curves(
        "score of equal vectors by distance", DISTANCES,
        np.stack([_score(kind) for kind in shown.values()]), list(shown),
        "query minus key (positions)", "q · k / head_dim", log_x=True,
        marks=[(distance, "distance"), *ends], picks=("distance", None),
    )  # fmt: skip


def _score(kind: dict[str, Any]) -> Any:
    """share * magnitude^2 * (mean cosine of the pairs) + 1 - share; a gap where nothing is seen."""
    found = np.full(len(DISTANCES), 1.0 - kind["share"])
    if len(kind["w"]):
        turned = np.cos(DISTANCES[:, None] * kind["w"]).mean(1)
        found += kind["share"] * kind["squared"] * turned
    if kind["reach"] is not None:
        found[kind["reach"] <= DISTANCES] = np.nan
    return found


def _seen(name: str, chosen: dict[str, Any], layer: int) -> Heatmap:
    """Keys a layer sees; of a chunk what its last token sees."""
    reach = [kind["reach"] or np.inf for kind in chosen["kinds"]]
    rows = np.array([end > POWERS for end in reach], float)[chosen["layers"]]
    return Heatmap(
        f"how far back a layer sees: {name}", rows, "layer", "query minus key",
        "seen (1) or not (0)", (0.0, 1.0), "sequential", numbers=False,
        column_ticks=[f"{int(power):,}" for power in POWERS],
        marks=[(layer, None)], picks=("layer", ("distance", POWERS.tolist())),
    )  # fmt: skip
