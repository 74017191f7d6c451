"""Live panels. Each explorer is a short declaration over one shared machinery.

- `panel` ties it together; `controls` are the rules of sliders, choices and texts, `tools` what
  every panel can do; `pinned` is the picture to compare with, `saved` what a saved notebook shows
- the page's half: `canvas` sends, `machine.js` holds where a panel stands, `controls.js` and
  `toolbar.js` what a hand moves, `arrange.js` the places, `pane.js` one picture, which
  `heatmap.js`, `curves.js` or `clocks.js` draws; `surface.js` ties it together
- `page`, `page_*.js`: the numbers of each panel, computed in the page without a kernel
- one file for each panel, by its topic
"""

from __future__ import annotations

import sys
from contextlib import suppress

import lazy_loader

from posenc_lib.base.extras import with_extra

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = with_extra("notebooks", __getattr__)

if "google.colab" in sys.modules:  # it shows widgets like ours only when it is told to
    with suppress(Exception):
        sys.modules["google.colab"].output.enable_custom_widget_manager()
