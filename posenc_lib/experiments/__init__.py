"""What position does in real work: one tiny Transformer, every encoding, several seeds, controls.

- the parts: `TinyTransformer` (`transformer`), `train` and its settings `Training` (`training`),
  `side_by_side` (`parallel`), `Results` (`records`)
- the data: `prose`, `sequences`, `measured_series` and its `series_windows`, without a download
- the experiments: `extrapolation` (`lengths`), `text_order` (`word_order`), `digits` (`images`),
  `series` (`forecasting`, with its `baselines`)
- the full results that ship: `full_results` (`stored`); `python -m posenc_lib.experiments` trains
  them again

Each experiment is a function of its settings; `Settings.small()` is the version that a notebook
really trains, in a few seconds.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "baselines", "forecasting", "images", "lengths", "measured_series", "parallel", "prose",
        "records", "sequences", "series_windows", "stored", "training", "transformer",
        "word_order",
    ],
    submod_attrs={
        "transformer": ["TinyTransformer"],
        "training": ["Batch", "History", "Training", "cross_entropy", "seeded", "train"],
        "records": ["Record", "Results"],
        "parallel": ["side_by_side"],
        "lengths": ["ExtrapolationSettings", "extrapolation"],
        "word_order": ["TextOrderSettings", "text_order"],
        "images": ["DigitsSettings", "digits"],
        "measured_series": ["measured"],
        "series_windows": ["windows"],
        "forecasting": ["SeriesSettings", "forecast", "series"],
        "stored": ["FULL", "full_results", "full_settings", "run_full"],
    },
)  # fmt: skip
