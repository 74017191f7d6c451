"""The panels, and the file each lives in."""

from .panel import (
    Choice as Choice,
    LogSlider as LogSlider,
    Panel as Panel,
    Slider as Slider,
    Text as Text,
    Toggle as Toggle,
)
from .who import who_explorer as who_explorer
from .sinusoidal import sinusoidal_explorer as sinusoidal_explorer
from .learned import learned_explorer as learned_explorer
from .relative import relative_explorer as relative_explorer
from .rotary import rotary_explorer as rotary_explorer
from .lengths import length_explorer as length_explorer
from .word_order import word_order_explorer as word_order_explorer
from .attention import attention_explorer as attention_explorer
from .playground import playground_explorer as playground_explorer
from .forecast import forecast_explorer as forecast_explorer
from .grid import grid_explorer as grid_explorer
from .shuffled import shuffle_explorer as shuffle_explorer
from .museum import museum_explorer as museum_explorer
from .config import config_explorer as config_explorer
from .dates import dates_explorer as dates_explorer
