"""Live panels. Each explorer is a short declaration over one shared machinery.

- `panel` ties it together; sliders, choices and fields are `controls` (their wires in the page
  `controls.js`), the buttons above them `tools` (`toolbar.js`)
- what is drawn: `canvas` sends it, `canvas.js`, `heatmap.js` and `curves.js` draw it; `pinned` is
  the picture to compare with
- `page`, `page_*.js`: panels that are computed in the page, without a kernel
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
