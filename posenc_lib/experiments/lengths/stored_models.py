"""The models of `short_models` as they were trained once, and what they read: they ship.

    python -m posenc_lib.experiments.lengths.stored_models    trains them and writes the files

The panel of notebook 07 shows these, so that it is there at once and says the same everywhere. The
notebook trains one of them itself, to show that it trains.

The trap: trained numbers that differ in the last digits from one processor to the next, and a text
that quotes them.
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
from posenc_lib.experiments.lengths.by_position import READINGS
from posenc_lib.experiments.lengths.looks import Numbers, numbers_of
from posenc_lib.experiments.lengths.short_models import SHORT, USUAL_T5, short_model
from posenc_lib.experiments.lengths.train_short import SCALED, scaled_model, untrained_model
from posenc_lib.experiments.parts.transformer import TinyTransformer

NAME = "short_models"
FAR_BUCKETS = "t5_usual"  # T5 with its published buckets, for the pitfall of the notebook
ENCODINGS = (*SHORT.trained, *SCALED)


@cache
def stored_model(encoding: str) -> TinyTransformer:
    """The stored model with this encoding; for a scaling that of RoPE, with its angles made for the
    longest row; "t5_usual" for T5 with its published buckets.

    Raises ValueError for another encoding, OSError where the file is missing or damaged.

    >>> stored_model("rope").layers[0].attention.heads
    4
    """
    validation.choice("stored_model", "encoding", encoding, (*ENCODINGS, FAR_BUCKETS))
    if encoding in SCALED:
        return _scaled(stored_model("rope"), encoding)
    name, options = (encoding, None) if encoding != FAR_BUCKETS else ("t5", USUAL_T5)
    model = untrained_model(SHORT, "sum", name, seed=0, options=options)
    kept = {name: _stored()[f"{encoding} {name}"] for name in model.state_dict()}
    model.load_state_dict(kept)
    return model.eval()


@cache
def stored_numbers(encoding: str, reading: str) -> Numbers:
    """What the stored model made of the longest test rows in one of the readings.

    Raises ValueError for another encoding or reading, OSError as `stored_model`.

    >>> stored_numbers("t5", "sliding").loss.shape
    torch.Size([256])
    """
    validation.choice("stored_numbers", "encoding", encoding, ENCODINGS)
    validation.choice("stored_numbers", "reading", reading, tuple(READINGS))
    return Numbers(*(_stored()[f"{encoding} {reading} {name}"] for name in Numbers._fields))


def stored_settings() -> dict[str, Any]:
    """The settings and versions that made the stored models.

    >>> stored_settings()["settings"]["length"]
    32
    """
    about = shipped_tensors.about(NAME)
    return {name: about[name] for name in ("settings", "versions")}


def write_models(folder: Path | None = None) -> Path:
    """Train the models and write them, with what they read: half a minute.

    Beside the file stand its checksum and the settings and versions that made it.
    """
    kept: dict[str, Tensor] = {}
    usual = short_model("t5", **USUAL_T5).state_dict()
    kept |= {f"{FAR_BUCKETS} {name}": t.clone() for name, t in usual.items()}
    for encoding in ENCODINGS:
        if encoding in SCALED:
            model = _scaled(short_model("rope"), encoding)
        else:
            model = short_model(encoding)
            kept |= {f"{encoding} {name}": t.clone() for name, t in model.state_dict().items()}
        for reading in READINGS:
            found = numbers_of(model, encoding, reading)._asdict()
            kept |= {f"{encoding} {reading} {name}": t.contiguous() for name, t in found.items()}
    return shipped_tensors.write(NAME, kept, {"settings": asdict(SHORT)}, folder)


def _scaled(model: TinyTransformer, encoding: str) -> TinyTransformer:
    return scaled_model(model, SHORT, encoding, float(max(SHORT.length_multiples)))


def _stored() -> dict[str, Tensor]:
    return shipped_tensors.tensors("stored_model", NAME)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(write_models())
