"""The faults, one file a place."""

from . import (
    absolute as absolute,
    relative as relative,
    biases as biases,
    rotary as rotary,
    serving as serving,
    conclusions as conclusions,
)
from .exhibit import Exhibit as Exhibit, exhibits as exhibits
