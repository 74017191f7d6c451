"""Figures. Each function returns a `TeachingFigure` and never shows it; no pyplot state is used.

One module a notebook, and two figures for all: `plots.heatmap` and `plots.curves`.
"""

from __future__ import annotations

import lazy_loader

from posenc_lib._extras import with_extra

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "doors",
        "sinusoidal",
        "learned",
        "relative",
        "attention",
        "biases",
        "rotary",
        "lengths",
        "text",
        "time_series",
        "images",
        "museum",
    ],
    submod_attrs={
        "basic": ["heatmap", "curves"],
        "views": ["Curves", "Heatmap"],
        "_figure": ["TeachingFigure", "views_figure"],
    },
)
__getattr__ = with_extra("notebooks", __getattr__)
