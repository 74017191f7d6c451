"""What position does in real work: one tiny Transformer, every encoding, several seeds, controls.

- `parts`: the Transformer, its training, the records of what was measured
- `data`: without a download: prose and its windows, drawn sequences, digits, measured
  series, dates in five languages
- `lengths`: `extrapolation`, trained short and tested long
- `text`: `text_order` and `order_budget`, whether and how soon a reader learns word order
- `pictures`: `digits`, with one coordinate, with two, with none; `photo`, painted from places;
  `pixels`, digits drawn one after the other
- `time_series`: `series`, forecasts beside simple rules
- `translation`: `dates`, from English into languages with another order, by encoder-decoders
- `own_encoding`: `compare`, your own encoding beside the stored results
- `score_rows`: the rows of the scoreboard, measured; for your own encoding too
- `choice_numbers`: what was measured of encodings, for a guide to them
- `shipped_results`: reads the full results in `results/`; `python -m posenc_lib.experiments`
  trains them again
- `shipped_tensors`: reads and writes the trained numbers beside them

Each experiment is a function of its settings; `Settings.small()` is the version that a notebook
really trains, in a few seconds. `__init__.pyi` is the list of names, with their files.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
