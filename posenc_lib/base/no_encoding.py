"""No position at all: what a Transformer knows of order without any encoding.

The trap: believing that it knows nothing. Behind a causal mask each token sees a different number
of others, and a trained decoder can count them.

Source: Kazemnejad et al. 2023, "The Impact of Positional Encoding on Length Generalization in
Transformers", section 2.
"""

from __future__ import annotations

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.registry_entry import NOTHING, RegistryEntry


class NoEncoding(PositionEncoding):
    """No position at all (NoPE). Only a causal mask can then tell order.

    Source: Kazemnejad et al. 2023, "The Impact of Positional Encoding on Length
    Generalization in Transformers", section 2.

    >>> NoEncoding().door.value
    'no position'
    """


ENTRIES = [
    RegistryEntry(
        name="none",
        title="no position (NoPE)",
        cls=NoEncoding,
        sizes=(),
        parameters="0",
        depends_on=NOTHING,
        longer="yes: there is nothing to run out of",
        source="Kazemnejad et al. 2023, section 2",
    ),
]
