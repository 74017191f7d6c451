"""A temperature that grows with the position: queries far into a text are made longer.

    q_p  ->  m(p) q_p,    m(p) = 1 + slope ln(1 + floor((p + first) / L))

p is the query's position, L the trained length, in which m stays 1. A softmax over more keys gives
each of them less; scores that grow as the logarithm of their number keep it as sharp as it was.
Llama 4 does so in its layers without position (slope 0.1, L = 8,192, first = 1), Ministral 3
beside RoPE in every layer (first = 0).

Source: Nakanishi 2025, "Scalable-Softmax Is Superior for Attention", section 3 (scores times the
logarithm of the number of keys); the form with a floor is that of the code released with Llama 4
(`attn_temperature_tuning`) and with Ministral 3 (`llama_4_scaling_beta`).

The traps: it tells no order, since a query multiplies all of its scores alike. And the two models
count differently: for Llama 4 the step comes at position L - 1, for Ministral 3 at L.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    Positions,
    QueryPositions,
    check_heads_first,
    check_prepared,
)
from posenc_lib.base.float64 import in_float64
from posenc_lib.base.places import Places
from posenc_lib.base.precision import wide
from posenc_lib.base.registry_entry import RegistryEntry


class Temperatures(NamedTuple):
    """What is prepared: m of each position, (*batch, 1, length, 1); for keys only how many."""

    factor: Tensor


class QueryTemperature(PositionEncoding):
    """Door 2 for queries alone: m(p) q_p with m(p) = 1 + slope ln(1 + floor((p + first) / L)).

    L is `trained_length` (`floor_scale` of Llama 4, `original_max_position_embeddings` of
    Ministral 3), `slope` their `attn_scale` and `llama_4_scaling_beta`, `first` 1 and 0. Keys pass
    unchanged. Beside a rotation: `Combined(rope, temperature)`.

    Raises ValueError for trained_length < 1, slope < 0, first < 0 and positions below -first, whose
    logarithm there is none of; TypeError for lengths that are not integers.

    Source: Nakanishi 2025, section 3; the code released with Llama 4 and with Ministral 3.

    >>> import torch
    >>> warm = QueryTemperature(trained_length=4, slope=1.0)
    >>> warm.factors(torch.tensor([0, 2, 3, 7])).round(decimals=4)
    tensor([1.0000, 1.0000, 1.6931, 2.0986], dtype=torch.float64)
    """

    door = Door.QUERIES_KEYS
    keeps_turned_keys = True  # keys are not touched
    tells_order = False

    def __init__(self, trained_length: int, *, slope: float = 0.1, first: int = 1) -> None:
        super().__init__()
        name = "QueryTemperature"
        self.trained_length = validation.size(name, "trained_length", trained_length)
        self.slope = validation.real(name, "slope", slope, at_least=0.0)
        self.first = validation.size(name, "first", first, minimum=0)

    def factors(self, positions: Positions) -> Float64[Tensor, "*batch length"]:
        """m of each position, float64."""
        at = in_float64(positions, "QueryTemperature")
        look = at.numel() and at.device.type == "cpu" and validation.readable(at)
        if look and (low := float(at.min())) < -self.first:
            raise validation.refuse(
                ValueError, "QueryTemperature", "positions", low,
                f"positions from {-self.first}", "Count the tokens of a text from 0.",
            )  # fmt: skip
        steps = ((at + self.first) / self.trained_length).floor()
        return 1.0 + self.slope * torch.log1p(steps)

    def _made(self, positions: Positions, dtype: torch.dtype) -> Temperatures:
        factor = self.factors(positions)[..., None, :, None].to(dtype)  # an axis for the heads
        return Temperatures(factor.to(positions.device))

    def prepare(self, places: Places) -> tuple[Any, Any, None]:
        """m of each query, once for all layers and heads; of keys only how many there are."""
        query = self._made(places.query, places.dtype)
        if places.new is places.query:
            return query, query, None
        return query, Temperatures(query.factor.new_ones(places.new.shape[-1], 1)), None

    def at_query(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        positions: QueryPositions | Temperatures,
    ) -> Float[Tensor, "batch heads query head_dim"]:
        """Door 2: m(p) q_p, rounded once."""
        self._check(query, positions, "query")
        if not isinstance(positions, Temperatures):
            positions = self._made(positions, wide(query))
        return (query * positions.factor).to(query.dtype)

    def at_key(
        self,
        key: Float[Tensor, "batch heads key head_dim"],
        positions: KeyPositions | Temperatures,
    ) -> Float[Tensor, "batch heads key head_dim"]:
        """Door 2: the keys as they are."""
        self._check(key, positions, "key")
        return key

    def _check(self, x: Tensor, positions: Tensor | Temperatures, argument: str) -> None:
        name = "QueryTemperature"
        validation.floating(name, argument, x, axes="batch heads length head_dim")
        if not isinstance(positions, Temperatures):
            check_heads_first(name, argument, x, positions)
            validation.positions(name, "positions", positions, length=x.shape[-2], batch=x.shape[0])
            return
        shape = positions.factor.shape
        rows = shape[0] if len(shape) == 4 else None
        check_prepared(name, argument, x.shape[-2], shape[-2], x.shape[0], rows)

    def extra_repr(self) -> str:
        return f"trained_length={self.trained_length}, slope={self.slope:g}, first={self.first}"


ENTRIES = [
    RegistryEntry(
        name="query_temperature",
        title="temperature by position",
        cls=QueryTemperature,
        sizes=("trained_length",),
        parameters="0",
        depends_on="the position of the query",
        longer="yes: it is made for longer texts",
        on_panels=False,
        source="Nakanishi 2025, section 3, and the code released with Llama 4",
    ),
]
