"""posenc_lib: position encodings you can see, move and trust.

Every public name is here, flat, and loaded at first use: `import posenc_lib` alone imports
neither torch nor matplotlib, and the sinusoidal functions need NumPy only. `encodings()` lists
every encoding. One file holds one idea, and the rooms follow the doors through which position
enters a Transformer:

- `embeddings`: door 1, added to the embeddings
- `rotary`: door 2, applied to queries and keys
- `scores`: door 3, added to the scores
- `layers`: attention, heads, layers and caches that take any of them
- `laws`: what each of them must obey, and `check_encoding` for one of your own
- `registry`: every encoding by its name
- `convert`: from one form of trained weights to another
- `models`: what the models in use do with positions, read from a config.json
- `base`: what all of these stand on
- `lessons`, `plots`, `explorers`, `checks`, `faults`: for the notebooks; the panels and their
  sliders are `explorers`
- `experiments`: what position does in real work, trained here

`__init__.pyi` is the list of public names, with the file that each lives in.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
