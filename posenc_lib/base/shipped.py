"""Data files that ship with the library, read whole and compared with their checksum."""

from __future__ import annotations

import hashlib
from importlib.resources import files


def shipped(function: str, file: str, sha256: str) -> bytes:
    """The content of a file of `posenc_lib/data`; an OSError of `function` if it is damaged."""
    content = files("posenc_lib").joinpath("data", file).read_bytes()
    return whole(function, file, content, sha256)


def whole(function: str, file: str, content: bytes, sha256: str) -> bytes:
    """The same content; an OSError of `function` if it has another checksum."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise OSError(
            f"{function}: {file} has sha256 {found}, expected {sha256}. "
            "The file is damaged: install posenc_lib again."
        )
    return content
