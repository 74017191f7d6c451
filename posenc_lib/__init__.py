"""posenc_lib: position encodings you can see, move and trust.

Every public name is here, flat, and loaded at first use: `import posenc_lib` alone imports
neither torch nor matplotlib, and the sinusoidal functions need NumPy only. `encodings()` lists
every encoding; one file holds one idea:

- added to the embeddings: `sinusoidal`, `sinusoidal_encoding`, `axial_sinusoidal`, `learned`,
  `axial_learned`, `bert`, `timing`
- applied to queries and keys: `rope`, `rotation`, `rope_layout`, `axial_rope`, `xpos`,
  `position_interpolation`, `ntk`, `yarn`, `llama3`
- added to the scores: `shaw`, `nezha`, `nezha_forms`, `transformer_xl`, `t5`, `alibi`, `kerple`,
  `sandwich`, `fire`, `cope`; what they share: `relative`, `distance`, `distance_rows`,
  `table_relative`
- around them: `doors`, `places`, `registry`, `multihead`, `stack`, `kv_cache`, `masks`, `grid`,
  `randomised`; attention itself: `dot_product`, `fused`, `flex`,
  `ways`
- for the notebooks: `plots`, `explorers`, `checks`, `faults`, `source`, `probe`, `similarity`,
  `spectrum`, `trained`, `toy`, `memory`
- what position does in real work, trained here: `experiments`
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["checks", "experiments", "explorers", "faults", "plots"],
    submod_attrs={
        "sinusoidal": [
            "frequencies", "wavelengths", "sinusoidal_at", "sinusoidal_table",
            "sinusoidal_textbook", "shift_rotation",
        ],
        "sinusoidal_encoding": ["SinusoidalEncoding"],
        "axial_sinusoidal": ["axial_sinusoidal_at", "AxialSinusoidalEncoding"],
        "learned": ["LearnedEncoding"],
        "axial_learned": ["AxialLearnedEncoding"],
        "timing": ["geometric_periods", "timing_signal", "TimingEncoding"],
        "bert": ["BertEmbeddings"],
        "trained": ["minilm_position_table"],
        "relative": [
            "relative_positions", "clip_relative", "relative_index", "lookup_relative",
            "band_mask",
        ],
        "shaw": [
            "shaw_scores", "shaw_scores_naive", "shaw_values", "shaw_values_naive",
            "ShawRelative",
        ],
        "table_relative": ["TableRelative"],
        "transformer_xl": [
            "transformer_xl_scores", "transformer_xl_scores_naive", "TransformerXLRelative",
        ],
        "nezha_forms": ["nezha_rotation", "turn_projections"],
        "randomised": ["randomised_positions"],
        "probe": ["index_probe"],
        "similarity": ["cosine_matrix", "cosine_by_offset"],
        "spectrum": ["wave_spectrum"],
        "memory": ["largest_tensor"],
        "nezha": ["nezha_table", "NezhaRelative"],
        "toy": ["toy_relative"],
        "doors": ["Door", "PositionEncoding", "NoEncoding"],
        "masks": ["causal_mask", "padding_mask"],
        "dot_product": ["attention"],
        "fused": ["attention_output"],
        "ways": ["attention_ways"],
        "kv_cache": ["KeyValueCache"],
        "multihead": ["MultiHeadAttention"],
        "stack": ["TransformerLayer", "TransformerStack"],
        "registry": ["Registry", "RegistryEntry", "encodings", "make_encoding"],
        "distance": ["DistanceBias"],
        "distance_rows": ["toeplitz", "skew"],
        "places": ["Places"],
        "t5": ["t5_bucket", "t5_bucket_textbook", "T5Bias"],
        "alibi": ["alibi_slopes", "AlibiBias"],
        "kerple": ["kerple_log", "kerple_power", "KerpleLogBias", "KerplePowerBias"],
        "sandwich": ["sandwich_by_distance", "SandwichBias"],
        "fire": ["fire_input", "FireBias"],
        "cope": ["cope_positions", "CopeBias"],
        "grid": ["grid_coordinates"],
        "rotation": ["rotate", "rotate_textbook"],
        "rope": ["RotaryEncoding"],
        "rope_layout": ["half_from_interleaved", "change_rope_layout"],
        "xpos": ["XposRotary"],
        "axial_rope": ["AxialRotary"],
        "position_interpolation": ["interpolated_frequencies", "InterpolatedRotary"],
        "ntk": [
            "ntk_base", "ntk_frequencies", "dynamic_ntk_factor", "NtkRotary", "DynamicNtkRotary",
        ],
        "yarn": ["yarn_frequencies", "yarn_magnitude", "YarnRotary"],
        "llama3": ["llama3_frequencies", "Llama3Rotary"],
        "source": ["show_source"],
    },
)  # fmt: skip
