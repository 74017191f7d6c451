"""Live panels. Each explorer is a short declaration over one shared machinery (`panel`)."""

from __future__ import annotations

import sys
from contextlib import suppress

import lazy_loader

from posenc_lib._extras import with_extra

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "panel": ["Choice", "LogSlider", "Panel", "Slider", "Text", "Toggle"],
        "sinusoidal": ["sinusoidal_explorer"],
        "learned": ["learned_explorer"],
        "relative": ["relative_explorer"],
        "rotary": ["rotary_explorer"],
        "lengths": ["length_explorer"],
        "word_order": ["word_order_explorer"],
        "attention": ["attention_explorer"],
        "playground": ["playground_explorer"],
        "forecast": ["forecast_explorer"],
        "grid": ["grid_explorer"],
        "shuffled": ["shuffle_explorer"],
    },
)
__getattr__ = with_extra("notebooks", __getattr__)

if "google.colab" in sys.modules:  # it shows widgets like ours only when it is told to
    with suppress(Exception):
        sys.modules["google.colab"].output.enable_custom_widget_manager()
