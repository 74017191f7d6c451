"""Faults of published position code, each beside its mended form and the law that tells them apart.

One file a place: `absolute` (added to the embeddings), `relative` and `biases` (added to the
scores), `rotary` (queries and keys), `masks` (what shuts keys out), `serving` (caches, scalings,
configurations), `inference` (padding, converted weights, pictures), `conclusions` (what is said
about results). Each fault is an `Exhibit`: call it to see what it does, show it to read it beside
its law and its address. `addresses.toml` holds the threads. Notebooks 11 and 15 walk through them.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
