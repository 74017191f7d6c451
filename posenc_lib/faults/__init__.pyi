"""The faults, one file a place."""

from . import (
    absolute as absolute,
    relative as relative,
    biases as biases,
    rotary as rotary,
    masks as masks,
    serving as serving,
    inference as inference,
    conclusions as conclusions,
)
from .address import Address as Address
from .exhibit import Exhibit as Exhibit, exhibits as exhibits
