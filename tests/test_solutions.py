"""The folded solutions of the notebooks pass the checks of their exercises."""

import numpy as np
import pytest
import torch

import posenc_lib
from posenc_lib import checks
from tests.tools.solutions import folded_solutions

LIBRARY = ("sinusoidal_at", "relative_positions", "relative_index")
EXERCISES = {  # notebook: the checks it uses, and each solution with its own
    "02_learned_embeddings": ("learned", "my_embeddings embeddings my_extended extended"),
    "03_relative_positions": ("relative", "my_relative matrix my_values values"),
    "04_attention": ("attention", "my_attention dot_product my_causal_mask causal"),
    "05_biases": ("biases", "my_bucket bucket my_slopes slopes"),
    "06_rotary": ("rotary", "my_turn turn my_slowed slowed"),
    "07_longer_than_trained": ("lengths", "my_loss_by_position by_position my_starts starts"),
    "08_text": ("text", "my_pairs pairs my_largest_change blindness"),
    "09_time_series": ("time_series", "my_rows rows my_seasonal seasonal"),
    "10_images": ("images", "my_patches patches my_grid grid"),
    "13_dates": ("translation", "my_right exact my_ceiling ceiling"),
    "14_reading_a_config": ("config", "my_wavelengths wavelengths my_far_layers far_layers"),
    "15_serving": ("serving", "my_positions positions my_packing packing my_beams beams"),
}


@pytest.mark.parametrize("notebook", EXERCISES)
def test_the_folded_solutions_pass_their_checks(notebook):
    known = {name: getattr(posenc_lib, name) for name in LIBRARY} | {"torch": torch, "np": np}
    names, (topic, both) = folded_solutions(f"{notebook}.ipynb", **known), EXERCISES[notebook]
    words = both.split()
    for solution, check in zip(words[::2], words[1::2], strict=True):
        verdict = getattr(getattr(checks, topic), check)(names[solution])
        assert verdict.correct, verdict
