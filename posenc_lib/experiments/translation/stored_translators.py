"""The small translators of the panel of notebook 13 as they were trained once: they ship.

    python -m posenc_lib.experiments.translation.stored_translators    trains and writes them

They translate into German, French and Hungarian. Weights are rounded to bfloat16, the upper half of
a float32, after training: half the bytes in a page, and the same numbers everywhere.

The trap: to round weights and to report what the model did before.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments import shipped_tensors
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.translation.date_models import (
    DatesSettings,
    trained_model,
    untrained_model,
)
from posenc_lib.experiments.translation.date_tokens import held_out
from posenc_lib.experiments.translation.encoder_decoder import EncoderDecoder
from posenc_lib.experiments.translation.translating import exact_match

NAME = "translators"
NAMES = ("none", "sinusoidal", "learned", "t5", "rope")
TRAINED = DatesSettings(
    tasks=("digits",), encodings=NAMES, alone=(), languages=("German", "French", "Hungarian"),
    seeds=(0,), rates={}, dim=32, heads=2, layers=1,
    training=Training(steps=600, batch=64, rate=8e-3),
)  # fmt: skip


@cache
def stored_translator(encoding: str) -> EncoderDecoder:
    """The stored model with this encoding, one layer on each side.

    Raises ValueError for another encoding, OSError where the file is missing or damaged.

    >>> stored_translator("rope").encoder.layers[0].attention.heads
    2
    """
    validation.choice("stored_translator", "encoding", encoding, NAMES)
    model = _untrained(encoding)
    kept = {name: _stored()[f"{encoding} {name}"].float() for name in model.state_dict()}
    model.load_state_dict(kept)
    return model


def stored_settings() -> dict[str, Any]:
    """The settings and versions that made the stored models, and their exact match on the test.

    >>> stored_settings()["settings"]["languages"]
    ['German', 'French', 'Hungarian']
    """
    about = shipped_tensors.about(NAME)
    return {name: about[name] for name in ("settings", "versions", "exact match")}


def write_translators(folder: Path | None = None) -> Path:
    """Train the models and write them: a minute.

    Beside the file stand its checksum, the settings and versions that made it, and the exact match
    of the rounded models on the test dates of all languages.
    """
    kept: dict[str, Tensor] = {}
    right = {}
    for encoding in NAMES:
        model, _ = trained_model(TRAINED, "digits", encoding, TRAINED.seeds[0])
        rounded = {name: t.bfloat16() for name, t in model.state_dict().items()}
        model.load_state_dict({name: t.float() for name, t in rounded.items()})
        found = [exact_match(model, held_out("test", "digits", n)) for n in TRAINED.languages]
        right[encoding] = round(sum(found) / len(found), 4)
        kept |= {f"{encoding} {name}": t.clone() for name, t in rounded.items()}
    made_by = {"settings": asdict(TRAINED), "exact match": right}
    return shipped_tensors.write(NAME, kept, made_by, folder)


def _untrained(encoding: str) -> EncoderDecoder:
    model = untrained_model(TRAINED, "digits", encoding, TRAINED.seeds[0], {})
    assert isinstance(model, EncoderDecoder)
    return model


def _stored() -> dict[str, Tensor]:
    return shipped_tensors.tensors("stored_translator", NAME)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(write_translators())
