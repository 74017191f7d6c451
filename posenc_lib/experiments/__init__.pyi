"""The one list of names of the experiments, and the file each lives in."""

from .parts.transformer import TinyTransformer as TinyTransformer
from .parts.training_settings import Batch as Batch, History as History, Training as Training
from .parts.training import cross_entropy as cross_entropy, seeded as seeded, train as train
from .parts.records import Record as Record, Results as Results
from .parts.kept_runs import keeping_runs as keeping_runs
from .parts.parallel import side_by_side as side_by_side

from .data.measured_series import measured as measured
from .data.series_windows import windows as windows

from .lengths.settings import ExtrapolationSettings as ExtrapolationSettings
from .lengths.train_short import extrapolation as extrapolation
from .lengths.by_position import (
    loss_by_position as loss_by_position,
    window_starts as window_starts,
)
from .lengths.short_models import SHORT as SHORT, short_model as short_model

from .text.word_order import TextOrderSettings as TextOrderSettings, text_order as text_order
from .text.word_budget import (
    OrderBudgetSettings as OrderBudgetSettings,
    order_budget as order_budget,
)

from .pictures.digit_models import DigitsSettings as DigitsSettings, digits as digits
from .pictures.photo_settings import PhotographSettings as PhotographSettings
from .pictures.photo_models import photo as photo
from .pictures.pixel_models import pixels as pixels
from .pictures.pixel_settings import PixelsSettings as PixelsSettings

from .time_series.forecasting import SeriesSettings as SeriesSettings, forecast as forecast
from .time_series.comparison import series as series

from .translation.date_models import DatesSettings as DatesSettings, dates as dates
from .translation.date_tokens import Sides as Sides
from .translation.encoder_decoder import EncoderDecoder as EncoderDecoder

from .own_encoding import compare as compare

from .score_rows import score_row as score_row

from .shipped_results import (
    FULL as FULL,
    full_results as full_results,
    full_settings as full_settings,
    run_full as run_full,
)
