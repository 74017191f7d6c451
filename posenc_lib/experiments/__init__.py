"""What position does in real work: one tiny Transformer, every encoding, several seeds, controls.

- the parts: `TinyTransformer` (`transformer`), `train` (`training`) and its settings `Training`
  (`recipe`), `side_by_side` (`parallel`), `Results` (`records`)
- the data, without a download: `prose` and its `word_windows`, `sequences`, `digit_images`,
  `measured_series`, cut by `series_windows` and `gaps`, and wrongly by `leaks`
- the experiments: `extrapolation` (`lengths`, `length_settings`, `readings`; place by place in
  `by_position`, in its smallest form in `short_models`), `text_order` (`word_order`) and
  `order_budget` (`word_budget`), both read by `order_readers`, `digits` (`images`; without a
  Transformer in `counting`), `series` (`forecast_comparison`, `forecasting`, `forecast_steps`,
  `baselines`)
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
        "baselines", "by_position", "counting", "digit_images", "forecast_comparison",
        "forecast_steps", "forecasting", "gaps", "images", "leaks", "length_settings", "lengths",
        "measured_series", "order_readers", "parallel", "prose", "readings", "recipe", "records",
        "sequences", "series_windows", "short_models", "stored", "training", "transformer",
        "word_budget", "word_order", "word_windows",
    ],
    submod_attrs={
        "transformer": ["TinyTransformer"],
        "recipe": ["Batch", "History", "Training"],
        "training": ["cross_entropy", "seeded", "train"],
        "records": ["Record", "Results"],
        "parallel": ["side_by_side"],
        "length_settings": ["ExtrapolationSettings"],
        "lengths": ["extrapolation"],
        "by_position": ["loss_by_position", "window_starts"],
        "short_models": ["SHORT", "short_model"],
        "word_order": ["TextOrderSettings", "text_order"],
        "word_budget": ["OrderBudgetSettings", "order_budget"],
        "images": ["DigitsSettings", "digits"],
        "measured_series": ["measured"],
        "series_windows": ["windows"],
        "forecasting": ["SeriesSettings", "forecast"],
        "forecast_comparison": ["series"],
        "stored": ["FULL", "full_results", "full_settings", "run_full"],
    },
)  # fmt: skip
