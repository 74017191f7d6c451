"""What is kept as a golden snapshot: every panel at some settings, every figure at a typical call.

`test_golden.py` asks that each option of each control and both ends of each slider are among the
settings, and every function that returns a figure among the calls.
"""

from dataclasses import replace
from functools import cache, partial
from operator import attrgetter

import numpy as np
import torch

import posenc_lib as lib
from posenc_lib import encodings, experiments, explorers, plots
from posenc_lib.experiments import DigitsSettings, Training, full_results
from posenc_lib.experiments.data.digit_images import split_digits
from posenc_lib.experiments.lengths.train_short import trained_model as length_model
from posenc_lib.experiments.parts.training_settings import History, Look
from posenc_lib.experiments.pictures.digit_models import trained_model as image_model
from posenc_lib.experiments.pictures.photograph import photograph, seen_pixels
from posenc_lib.experiments.pictures.stored_pictures import stored_digits
from posenc_lib.experiments.text import word_order
from posenc_lib.experiments.text.order_readers import ORDERS
from posenc_lib.experiments.time_series import baselines
from posenc_lib.experiments.time_series.forecast_steps import Forecast
from posenc_lib.experiments.translation.stored_translators import NAMES
from posenc_lib.explorers import lengths
from posenc_lib.explorers.grid import FORMULAS, LEARNED
from posenc_lib.explorers.museum_servers import FIXED
from posenc_lib.explorers.museum_servers import LABELS as SERVERS
from posenc_lib.models.published import PUBLISHED

HARDLY = Training(steps=1, rate=1e-9)  # trained numbers differ between machines, drawn ones do not
READERS = ("none", "alibi", "t5", "rope", "sinusoidal", "learned")
TABLE = np.random.default_rng(0).normal(size=(12, 6))
NOISE = np.random.default_rng(0).normal(0.0, 0.02, (512, 384))


@cache
def readers() -> dict:
    """Untrained models for the panel of sentences."""
    plan = word_order.TextOrderSettings(layers=1)
    return {name: word_order.untrained_model(plan, "reversed", name, 0) for name in READERS}


@cache
def digit_models(task: str) -> dict:
    """Models for the panel of shuffled digits."""
    plan = DigitsSettings(layers=1, dim=16, training=HARDLY)
    return {name: image_model(plan, task, name, 0)[0] for name in ("none", "sinusoidal_2d")}


@cache
def short(encoding: str):
    """The model behind the panel of lengths."""
    return length_model(replace(lengths.SHORT, drawn=HARDLY), "sum", encoding, seed=0)


def moved(make, settings: dict):
    """A panel that was moved to these settings."""
    panel = make()
    panel.set(**settings)
    return panel


ATTENDED = (  # a law goes through all encodings, a picture of each kind is enough
    "none", "sinusoidal", "learned_2d", "timing", "rope", "rope_2d", "xpos", "rope_dynamic_ntk",
    "shaw", "transformer_xl", "t5", "alibi", "fire", "cope",
)  # fmt: skip
FORMS = ("clipped", "band", "Shaw", "NEZHA", "T5", "T5 causal", "ALiBi", "ALiBi causal")
SCALED = {"none": "half", "pi": "half", "ntk": "interleaved", "yarn": "half", "llama3": "half"}
WIDE = {"length": 128, "dim": 256, "heads": 8, "head": 7}
MODELS = [name for name in PUBLISHED if name != "BLOOM"]  # which has no wavelengths
PANELS = {  # how each is made, and the settings to look at besides the first ones
    "sinusoidal": (explorers.sinusoidal_explorer, [
        {"dim": 2, "length": 2, "base": 2.0, "position": 0},
        {"dim": 8, "length": 20, "base": 100.0, "start": 5},
        {"dim": 512, "length": 512, "base": 1e6, "start": 100_000, "position": 511},
    ]),
    "learned": (partial(explorers.learned_explorer, TABLE, reference=0, length=8), [
        {"length": 2, "dim": 1}, {"start": 4, "reference": 11},
        {"table": "sinusoidal", "reference": 11},
        {"table": "random start", "length": 2, "start": 10},
        {"table": "trained MiniLM", "length": 12, "dim": 4},
    ]),
    "config": (explorers.config_explorer, [
        *({"model": name, "other": other} for name, other in zip(MODELS, [*MODELS[1:], "none"],
                                                                 strict=True)),
        {"model": "DeepSeek-V3", "layer": 60, "other": "DeepSeek-V3", "other_layer": 60,
         "distance": 1.0},
        {"model": "Llama 4 Scout", "layer": 3, "other": MODELS[0], "distance": 262_144.0},
    ]),
    "relative": (explorers.relative_explorer, [
        *({"form": form, "length": 9, "queries": 6, "offset": 2, "clip": 3, "dim": 8, "head": head}
          for head, form in enumerate(FORMS)),
        {"form": "Shaw", "same_query": False, "dim": 128}, {"form": "clipped", "clip": 0},
        {"form": "NEZHA", "same_query": False, "dim": 2, "clip": 64},
        {"form": "T5", "length": 128, "queries": 128, "offset": 128, "query": 127, "key": 127},
        {"form": "band", "length": 1, "queries": 1, "offset": 100, "clip": 1},
    ]),
    "rotary": (explorers.rotary_explorer, [
        *({"scaling": scaling, "pair_layout": layout, "head_dim": 8, "pair": 2, "length": 20,
           "start": 3, "trained": 64} for scaling, layout in SCALED.items()),
        {"head_dim": 4, "length": 2, "base": 2.0, "pair": 0, "scaling": "pi", "factor": 1,
         "trained": 16, "position": 0, "distance": 0},
        {"head_dim": 128, "length": 512, "start": 100_000, "base": 1e6, "pair": 63,
         "scaling": "yarn", "factor": 32, "trained": 8192, "position": 511, "distance": 511},
    ]),
    "lengths": (partial(explorers.length_explorer, length=64), [
        *({"encoding": name, "reading": ("window", "plain", "sliding")[n % 3], "head": n % 4}
          for n, name in enumerate(lengths.titles())),
        {"length": 256, "encoding": "t5", "reading": "sliding"},
    ]),
    "word_order": (lambda: explorers.word_order_explorer(models=readers()), [
        *({"encoding": name, "shown": ORDERS[n % 4], "head": n % 4, "first": 7 * (n == 1),
           "second": 5 - n, "seed": 99 * (n == 2)} for n, name in enumerate(READERS)),
        {"second": 7, "sentence": "The zebra of the name is an object here"},
    ]),
    "attention": (explorers.attention_explorer, [
        *({"encoding": name, "length": 6, "head": n % 2,
           "mask": "causal" if encodings()[name].causal_only else ("none", "window")[n % 2]}
          for n, name in enumerate(ATTENDED)),
        {**WIDE, "scale": 20.0, "mask": "causal", "encoding": "alibi", "query": 127},
        {"length": 2, "dim": 32, "heads": 1, "scale": 0.1, "query": 0,
         "sentence": "a_rather_long_token b"}, {"heads": 4},
    ]),
    "playground": (explorers.playground_explorer, [
        {"first": "alibi", "second": "t5", "mask": "causal", "length": 6, "distance": 5},
        {"first": "fire", "second": "cope", "mask": "causal", "length": 6, "distance": 5,
         "repeated": False},
        {"first": "none", "second": "none", **WIDE, "distance": 127},
        {"length": 2, "dim": 32, "heads": 1, "distance": 1, "one_scale": True}, {"heads": 4},
    ]),
    "dates": (explorers.dates_explorer, [
        *({"encoding": name, "language": ("German", "French", "Hungarian")[n % 3],
           "place": (0, 5, 12, 23, 2)[n], "head": ("mean", "0", "1")[n % 3]}
          for n, name in enumerate(NAMES)),
        {"sentence": "the 3rd of May, 1999", "place": 0}, {"sentence": "2 7"},
    ]),
    "who": (explorers.who_explorer, [
        {"sentence": "the old dog bites the man", "head": 1}, {"sentence": "man bites"},
        *({"position": True, "encoding": name} for name in ("learned", "alibi", "t5", "rope")),
        {"position": True, "sentence": "A small bird sees the young big cat"},
    ]),
    "museum": (explorers.museum_explorer, [
        {"mask": ("none", "causal", "window")[n % 3], "length": (2, 128, 9, 64)[n % 4], "query": 1,
         "slope": 2.0 ** -(n + 1)} for n in range(8)
    ] + [{"length": 128, "query": 127}, {"query": 0}] + [
        {"exhibit": name, "length": length} for name in SERVERS
        for length in ((12,) if name in FIXED else (2, 24, 128))
    ]),
    "forecast": (explorers.forecast_explorer, [
        {"encoding": "sinusoidal", "origin": 0, "gaps": True}, {"series": "sp500", "origin": 969},
        {"encoding": "calendar", "baseline": "ridge", "gaps": True},
        {"encoding": "sinusoidal, by time", "series": "co2", "baseline": "seasonal naive",
         "origin": 56},
    ]),
    "own grid": (partial(explorers.grid_explorer, TABLE, shape=(3, 4), row=1), [
        *({"encoding": name, "row": 2 * (n % 2), "column": 3 * (n % 2), "base": (2.0, 1e5)[n % 2]}
          for n, name in enumerate((*FORMULAS, LEARNED))),
    ]),
    "grid": (explorers.grid_explorer, [
        *({"encoding": name, "rows": 4, "columns": 6, "row": 3, "column": 1} for name in FORMULAS),
        {"rows": 2, "columns": 2, "row": 0, "column": 0}, {"base": 2.0},
        {"rows": 24, "columns": 24, "row": 23, "column": 23, "base": 1e5, "encoding": FORMULAS[1]},
    ]),
    "picture": (explorers.picture_explorer, [
        {"features": "raw", "step": 10.0}, {"scale": 0.5, "step": 320.0}, {"scale": 16.0},
    ]),
    "shuffled": (lambda: explorers.shuffle_explorer(digit_models("patches")), [
        {"image": 0, "moved": 16}, {"image": 359, "moved": 4},
    ]),
}  # fmt: skip


def layers() -> dict:
    """One layer of each kind."""
    kinds = {"none": None, "sinusoidal": lib.SinusoidalEncoding(16), "T5": lib.T5Bias(2, std=1.0)}
    kinds |= {"Shaw": lib.ShawRelative(8, 3, std=1.0), "ALiBi": lib.AlibiBias(2, causal=False)}
    return {name: lib.MultiHeadAttention(16, 2, encoding=e).eval() for name, e in kinds.items()}


@cache
def rows(name: str):
    """The windows of the test part of a series."""
    history, horizon = (32, 5) if name == "sp500" else (36, 12)
    series = experiments.measured(name)
    return experiments.windows(series, "test", history=history, horizon=horizon)


TABLES = {"trained": lib.minilm_position_table(), "sinusoidal": lib.sinusoidal_table(512, 384)}
SOME = (0, 4, 8, 12)
MAPS = {"a": np.diag([0.5, 0.3, 0.2]) + 0.2 * np.eye(3, k=1), "b": np.full((3, 3), 1 / 3)}
LEARNT = np.r_[np.ones(4), 0, 0, 0.25, 0], np.r_[np.ones(4), np.full(4, 0.04)]
REORDERED = {"reversed": [3, 2, 1, 0], "shuffled": [2, 0, 1, 3]}
LOOKS = History((Look(1, 2.0, 3.0), Look(5, 1.0, 2.5)), 5, False)
PLAIN = (  # called without an argument
    "doors.three_doors biases.penalties biases.staircase rotary.decay rotary.wavelengths "
    "time_series.three_series museum.half_precision museum.shifts serving.packed serving.slowed"
)
RESULTS = {
    "extrapolation": "lengths.losses lengths.tasks lengths.readings", "text_order":
    "text.accuracies", "order_budget": "text.budget",
    "photo": "pictures.scales", "pixels": "pictures.bits",
    "series": "time_series.stored_errors time_series.against_last_value",
}  # fmt: skip
FIGURES = {name: lambda name=name: attrgetter(name)(plots)() for name in PLAIN.split()} | {
    name: lambda name=name, which=which: attrgetter(name)(plots)(full_results(which))
    for which, names in RESULTS.items() for name in names.split()
} | {
    "heatmap": lambda: plots.heatmap([[0.0, 1.0]], "position", "dimension", "value", title="two"),
    "curves": lambda: plots.curves([1, 9], [[0.0, 1.0]], ["line"], "place", "value", log_x=True),
    "views_figure": lambda: explorers.sinusoidal_explorer().figure(),
    "sinusoidal.hands": lambda: plots.sinusoidal.hands([3, 8], 64, SOME),
    "sinusoidal.table_and_waves": lambda: plots.sinusoidal.table_and_waves(100, 64, SOME),
    "sinusoidal.binary_counter": lambda: plots.sinusoidal.binary_counter(4),
    "sinusoidal.similarity_curves": lambda: plots.sinusoidal.similarity_curves([64, 512]),
    "sinusoidal.precision": lambda: plots.sinusoidal.precision([10, 1000, 10**6], 64),
    "learned.lookup": lambda: plots.learned.lookup(TABLE[:4, :3], [2, 0, 2]),
    "learned.training": lambda: plots.learned.training(*LEARNT, trained=4),
    "learned.norms": lambda: plots.learned.norms(TABLES["trained"]),
    "learned.similarity": lambda: plots.learned.similarity(TABLES, rows=(64, 192)),
    "learned.spectrum": lambda: plots.learned.spectrum(TABLES | {"random": NOISE}),
    "relative.forms": lambda: plots.relative.forms(4, 7, clip=2),
    "relative.memory": lambda: plots.relative.memory(longest=512, measured_to=64),
    "relative.invariance": lambda: plots.relative.invariance(layers(), x(), [0, 5, 40]),
    "attention.weight_maps": lambda: plots.attention.weight_maps(MAPS, "xyz", twins=(0, 2)),
    "attention.two_orders": lambda: plots.attention.two_orders(
        {"a": (MAPS["a"], MAPS["b"])}, "xyz", "zyx"
    ),
    "biases.slopes": lambda: plots.biases.slopes([8, 12]),
    "biases.reversal": lambda: plots.biases.reversal(layers(), x()),
    "rotary.same_angle": lambda: plots.rotary.same_angle([(0, 2), (5, 7), (5, 3)]),
    "rotary.layouts": lambda: plots.rotary.layouts(8),
    "rotary.ceiling": lambda: plots.rotary.ceiling([4.0, 0.5, 2.0], [40.0, 30.0, 20.0]),
    "lengths.by_place": lambda: plots.lengths.by_place(
        {"rope": torch.rand(2, 256), "t5": 9 * torch.rand(2, 40)}
    ),
    "lengths.trained_biases": lambda: plots.lengths.trained_biases(
        {"mine": lib.T5Bias(2, bidirectional=False, std=1.0)}, 5
    ),
    "text.distances": lambda: plots.text.distances(["our", "old", "dog", "bites"], REORDERED),
    "time_series.training": lambda: plots.time_series.training(LOOKS),
    "time_series.forecasts": lambda: plots.time_series.forecasts(
        {"seasonal": baselines.seasonal_naive(rows("co2"), 12)}, rows("co2"), 40, "ppm"
    ),
    "time_series.hugging": lambda: plots.time_series.hugging(
        Forecast(baselines.last_value(rows("sp500")), rows("sp500"))
    ),
    "pictures.half_shown": lambda: plots.pictures.half_shown(photograph(), seen_pixels(0)),
    "pictures.paintings": lambda: plots.pictures.paintings(
        {"all": photograph(), "none": 0 * photograph()}, ["a tower", "black"]
    ),
    "pictures.digits": lambda: plots.pictures.digits(
        {name: stored_digits(name)[:6] for name in ("none", "rope_2d")}
    ),
    "images.cut": lambda: plots.images.cut(split_digits("train")[0][7]),
    "images.maps": lambda: plots.images.maps(
        {name: explorers.grid_explorer(encoding=name).views[0].values for name in FORMULAS}, (3, 7)
    ),
    "images.learned_map": lambda: plots.images.learned_map(
        NOISE[:64], split_digits("train")[0].mean(0).numpy(), (3, 7)
    ),
    "translation.exact_matches": lambda: plots.translation.exact_matches(
        full_results("dates").where(task="digits"), (0.286, 0.051)
    ),
    "translation.cross_maps": lambda: plots.translation.cross_maps(
        {"German": (torch.rand(3, 4), ["1", ".", "Mai"], ["May", "1", ",", "2"]),
         "French": (torch.rand(2, 2), ["1", "mai"], ["May", "1"])}
    ),
    "images.results": lambda: plots.images.results(
        full_results("digits"), {"pixels": 0.28, "patches": 0.59}
    ),
}  # fmt: skip
x = partial(torch.randn, 4, 6, 16)


def drawn(name: str):
    """A figure from the same draws, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return FIGURES[name]()


CASES = {
    topic: {
        ", ".join(f"{name}={value}" for name, value in settings.items()) or "at first":
        partial(moved, make, settings) for settings in ({}, *others)
    }
    for topic, (make, others) in PANELS.items()
} | {"figures": {name: partial(drawn, name) for name in sorted(FIGURES)}}  # fmt: skip
