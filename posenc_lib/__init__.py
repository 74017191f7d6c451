"""posenc_lib: position encodings you can see, move and trust.

Every public name is here, flat, and loaded at first use: `import posenc_lib` alone imports
neither torch nor matplotlib, and the sinusoidal functions need NumPy only.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["checks", "explorers", "plots"],
    submod_attrs={
        "sinusoidal": [
            "frequencies", "wavelengths", "sinusoidal_at", "sinusoidal_table",
            "sinusoidal_textbook", "shift_rotation",
        ],
        "sinusoidal_encoding": ["SinusoidalEncoding"],
        "learned": ["LearnedEncoding"],
        "bert": ["BertEmbeddings"],
        "trained": ["minilm_position_table"],
        "relative": [
            "relative_positions", "clip_relative", "relative_index", "lookup_relative",
            "band_mask",
        ],
        "shaw": [
            "shaw_scores", "shaw_scores_naive", "shaw_values", "shaw_values_naive",
            "TableRelative", "ShawRelative",
        ],
        "probe": ["index_probe"],
        "similarity": ["cosine_matrix", "cosine_by_offset"],
        "spectrum": ["wave_spectrum"],
        "memory": ["largest_tensor"],
        "nezha": ["nezha_table", "NezhaRelative"],
        "toy": ["toy_relative"],
        "doors": ["Door", "PositionEncoding", "NoEncoding"],
        "masks": ["causal_mask", "padding_mask"],
        "dot_product": ["attention"],
        "multihead": ["MultiHeadAttention"],
        "distance": ["toeplitz", "skew", "DistanceBias"],
        "rope": ["rotate", "RotaryEncoding"],
        "source": ["show_source"],
    },
)  # fmt: skip
