"""Fixed random numbers that Python and the page make alike, from a name and a place in a table.

Entry (row, column) of a table depends on the table's name and on its own place, and on nothing
else: a larger table keeps all numbers of a smaller one. `page_drawn.js` does the same.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Threefry-2x32 with 20
rounds); Box and Muller 1958, "A note on the generation of random normal deviates".
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, UInt32

WORD, TABLE = 0, 1
"""Words and tables of the same name get other numbers."""

TURNS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA


def threefry(
    key: tuple[int, int], first: UInt32[np.ndarray, "..."], second: UInt32[np.ndarray, "..."]
) -> tuple[UInt32[np.ndarray, "..."], UInt32[np.ndarray, "..."]]:
    """Two random words for each pair of counters.

    >>> zero = np.zeros(1, np.uint32)
    >>> [hex(word[0]) for word in threefry((0, 0), zero, zero)]
    ['0x6b200159', '0x99ba4efe']
    """
    keys = [np.array(word, np.uint32) for word in (*key, key[0] ^ key[1] ^ PARITY)]
    first, second = first + keys[0], second + keys[1]
    for at in range(20):
        turn = TURNS[at % 8]
        first = first + second
        second = first ^ ((second << np.uint32(turn)) | (second >> np.uint32(32 - turn)))
        if at % 4 == 3:
            block = at // 4 + 1
            first = first + keys[block % 3]
            second = second + keys[(block + 1) % 3] + np.uint32(block)
    return first, second


def normal(
    name: str, rows: int, columns: int, *, kind: int = TABLE
) -> Float64[np.ndarray, "{rows} {columns}"]:
    """A table of N(0, 1) numbers, the same for ever: do not write to it.

    >>> bool((normal("keys", 2, 3) == normal("keys", 4, 8)[:2, :3]).all())
    True
    """
    return _normal(zlib.crc32(name.encode()), rows, columns, kind)


@lru_cache(maxsize=512)
def _normal(seed: int, rows: int, columns: int, kind: int) -> np.ndarray:
    pairs = (columns + 1) // 2
    row, pair = (at.astype(np.uint32) for at in np.indices((rows, pairs)))
    first, second = threefry((seed, kind), row, pair)
    radius = np.sqrt(-2 * np.log((first + 0.5) / 2**32))
    angle = 2 * np.pi * (second / 2**32)
    made = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    made = made.reshape(rows, 2 * pairs)[:, :columns]
    made.flags.writeable = False
    return made
