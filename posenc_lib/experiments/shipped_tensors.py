"""Trained numbers that ship: a file of tensors, and beside it what made them.

NAME.safetensors holds the tensors, NAME.json its checksum with the settings and versions of the
run. A file that is not as it was written is refused.

The trap: trained weights and a note beside them that speaks of another run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posenc_lib.base.shipped import whole
from posenc_lib.experiments.shipped_results import current_versions, results_folder

if TYPE_CHECKING:
    from torch import Tensor


@cache
def tensors(function: str, name: str) -> dict[str, Tensor]:
    """The tensors of a file, read once; an OSError of `function` if it is missing or damaged.

    >>> tensors("stored_model", "short_models")["rope plain loss"].shape
    torch.Size([256])
    """
    from safetensors.torch import load

    file = f"{name}.safetensors"
    content = (results_folder() / file).read_bytes()
    return load(whole(function, file, content, about(name)["sha256"]))


def about(name: str) -> dict[str, Any]:
    """What stands beside a file: its checksum, and what made it.

    >>> sorted(about("short_models"))
    ['settings', 'sha256', 'versions']
    """
    return json.loads((results_folder() / f"{name}.json").read_text(encoding="utf-8"))


def write(
    name: str, kept: Mapping[str, Tensor], made_by: Mapping[str, Any], folder: Path | None = None
) -> Path:
    """Write tensors, and beside them their checksum, `made_by` and the versions that are here."""
    from safetensors.torch import save

    folder = folder or results_folder()
    content = save(dict(kept))
    path = folder / f"{name}.safetensors"
    path.write_bytes(content)
    told = {
        "sha256": hashlib.sha256(content).hexdigest(),
        **made_by,
        "versions": current_versions(),
    }
    (folder / f"{name}.json").write_bytes((json.dumps(told, indent=1) + "\n").encode())
    return path
