"""Figures. Each function returns a `TeachingFigure` and never shows it; no pyplot state is used.

One module a notebook, and two figures for all: `plots.heatmap` and `plots.curves`.
"""

from __future__ import annotations

import lazy_loader

from posenc_lib.base.extras import with_extra

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = with_extra("notebooks", __getattr__)
