"""A position table that a real model learned, shipped with the library.

The 512 x 384 table of all-MiniLM-L6-v2 (BERT form, Apache-2.0), stored as float16. Where it
comes from, its licence and its checksum: `posenc_lib/data/README.md`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float32

from posenc_lib.base.shipped import shipped

MINILM_FILE = "minilm_positions.safetensors"
MINILM_SHA256 = "be933b71ea02d8090fe0317ff6dba97e0405cf13aea7d7b50bcf1831a45b52b8"
MINILM_KEY = "embeddings.position_embeddings.weight"


def minilm_position_table() -> Float32[np.ndarray, "512 384"]:
    """The trained position table of all-MiniLM-L6-v2, shape (512, 384), float32.

    Stored rounded to float16; a fresh copy at each call. No network is used.

    Raises OSError when the file on disk is not the one that was published (checksum).

    Source: sentence-transformers/all-MiniLM-L6-v2, after Wang et al. 2020, "MiniLM".

    >>> minilm_position_table().shape
    (512, 384)
    """
    return _read().copy()


@cache
def _read() -> np.ndarray:
    from safetensors.numpy import load

    content = shipped("minilm_position_table", MINILM_FILE, MINILM_SHA256)
    return load(content)[MINILM_KEY].astype(np.float32)
