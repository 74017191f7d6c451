"""Live panels. Each explorer is a short declaration over one shared machinery (`panel`)."""

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
