"""The one list of public names: what `posenc_lib` hands out, and the file each lives in."""

from . import (
    checks as checks,
    experiments as experiments,
    explorers as explorers,
    faults as faults,
    plots as plots,
)

# what everything stands on
from .base.doors import Door as Door, PositionEncoding as PositionEncoding
from .base.no_encoding import NoEncoding as NoEncoding
from .base.combined import Combined as Combined
from .base.registry_entry import RegistryEntry as RegistryEntry
from .base.places import Places as Places
from .base.masks import causal_mask as causal_mask, padding_mask as padding_mask
from .base.relative import (
    relative_positions as relative_positions,
    clip_relative as clip_relative,
    relative_index as relative_index,
    lookup_relative as lookup_relative,
    band_mask as band_mask,
)
from .base.distance_rows import toeplitz as toeplitz, skew as skew
from .base.grid import (
    grid_coordinates as grid_coordinates,
    centred_coordinates as centred_coordinates,
    merged_cells as merged_cells,
)
from .base.randomised import randomised_positions as randomised_positions
from .base.batches import (
    padded_positions as padded_positions,
    packed_positions as packed_positions,
    document_mask as document_mask,
)

# door 1: added to the embeddings
from .embeddings.sinusoidal import (
    frequencies as frequencies,
    wavelengths as wavelengths,
    sinusoidal_at as sinusoidal_at,
    sinusoidal_table as sinusoidal_table,
    sinusoidal_textbook as sinusoidal_textbook,
    shift_rotation as shift_rotation,
)
from .embeddings.sinusoidal_encoding import SinusoidalEncoding as SinusoidalEncoding
from .embeddings.split_sinusoidal import SplitSinusoidalEncoding as SplitSinusoidalEncoding
from .embeddings.axial_sinusoidal import (
    axial_sinusoidal_at as axial_sinusoidal_at,
    AxialSinusoidalEncoding as AxialSinusoidalEncoding,
)
from .embeddings.learned import LearnedEncoding as LearnedEncoding
from .embeddings.resize_grid import resize_grid as resize_grid, resize_weights as resize_weights
from .embeddings.learned_grid import LearnedGridEncoding as LearnedGridEncoding
from .embeddings.axial_learned import AxialLearnedEncoding as AxialLearnedEncoding
from .embeddings.fourier import (
    random_fourier_features as random_fourier_features,
    RandomFourierEncoding as RandomFourierEncoding,
)
from .embeddings.timing import (
    geometric_periods as geometric_periods,
    timing_signal as timing_signal,
    TimingEncoding as TimingEncoding,
)
from .embeddings.bert import BertEmbeddings as BertEmbeddings
from .embeddings.minilm_table import minilm_position_table as minilm_position_table
from .embeddings.convolution import ConvolutionEncoding as ConvolutionEncoding
from .embeddings.conditional import ConditionalEncoding as ConditionalEncoding

# door 2: applied to queries and keys
from .rotary.rotation import rotate as rotate, rotate_textbook as rotate_textbook
from .rotary.rope import RotaryEncoding as RotaryEncoding
from .rotary.axial_rope import AxialRotary as AxialRotary
from .rotary.mixed_rope import MixedRotary as MixedRotary
from .rotary.mrope import MultimodalRotary as MultimodalRotary
from .rotary.multimodal_positions import multimodal_positions as multimodal_positions
from .rotary.unpaired_rope import (
    UnpairedAxialRotary as UnpairedAxialRotary,
    UnpairedMultimodalRotary as UnpairedMultimodalRotary,
)
from .rotary.xpos import XposRotary as XposRotary
from .rotary.pope import PolarEncoding as PolarEncoding
from .rotary.position_interpolation import (
    interpolated_frequencies as interpolated_frequencies,
    InterpolatedRotary as InterpolatedRotary,
)
from .rotary.ntk import (
    ntk_base as ntk_base,
    ntk_frequencies as ntk_frequencies,
    dynamic_ntk_factor as dynamic_ntk_factor,
    NtkRotary as NtkRotary,
    DynamicNtkRotary as DynamicNtkRotary,
)
from .rotary.yarn import (
    yarn_frequencies as yarn_frequencies,
    yarn_magnitude as yarn_magnitude,
    YarnRotary as YarnRotary,
)
from .rotary.llama3 import llama3_frequencies as llama3_frequencies, Llama3Rotary as Llama3Rotary
from .rotary.longrope import (
    longrope_frequencies as longrope_frequencies,
    longrope_magnitude as longrope_magnitude,
    LongRotary as LongRotary,
)
from .rotary.temperature import QueryTemperature as QueryTemperature
from .rotary.decoupled import DecoupledRotary as DecoupledRotary
from .rotary.partial import PartialRotary as PartialRotary

# door 3: added to the scores
from .scores.distance_bias import DistanceBias as DistanceBias
from .scores.table_relative import TableRelative as TableRelative
from .scores.shaw import (
    shaw_scores as shaw_scores,
    shaw_scores_naive as shaw_scores_naive,
    shaw_values as shaw_values,
    shaw_values_naive as shaw_values_naive,
    ShawRelative as ShawRelative,
)
from .scores.nezha import nezha_table as nezha_table, NezhaRelative as NezhaRelative
from .scores.transformer_xl import (
    transformer_xl_scores as transformer_xl_scores,
    transformer_xl_scores_naive as transformer_xl_scores_naive,
    TransformerXLRelative as TransformerXLRelative,
)
from .scores.t5 import (
    t5_bucket as t5_bucket,
    t5_bucket_textbook as t5_bucket_textbook,
    T5Bias as T5Bias,
)
from .scores.alibi import alibi_slopes as alibi_slopes, AlibiBias as AlibiBias
from .scores.kerple import (
    kerple_log as kerple_log,
    kerple_power as kerple_power,
    KerpleLogBias as KerpleLogBias,
    KerplePowerBias as KerplePowerBias,
)
from .scores.sandwich import (
    sandwich_by_distance as sandwich_by_distance,
    SandwichBias as SandwichBias,
)
from .scores.fire import fire_input as fire_input, FireBias as FireBias
from .scores.cope import cope_positions as cope_positions, CopeBias as CopeBias
from .scores.forgetting import (
    forgetting_bias as forgetting_bias,
    ForgettingBias as ForgettingBias,
)
from .scores.deberta import deberta_bucket as deberta_bucket, DebertaRelative as DebertaRelative
from .scores.window_bias import WindowBias as WindowBias
from .scores.swin_v2 import SwinV2Bias as SwinV2Bias
from .scores.decomposed import DecomposedRelative as DecomposedRelative
from .scores.levit import LevitBias as LevitBias
from .scores.shifted_windows import shifted_window_mask as shifted_window_mask

# every encoding by name
from .registry import (
    Registry as Registry,
    encodings as encodings,
    make_encoding as make_encoding,
    register_encoding as register_encoding,
    unregister_encoding as unregister_encoding,
)

# attention, heads, layers, caches
from .layers.dot_product import attention as attention
from .layers.fused import attention_output as attention_output
from .layers.attention_ways import attention_ways as attention_ways
from .layers.kv_cache import KeyValueCache as KeyValueCache
from .layers.multihead import MultiHeadAttention as MultiHeadAttention
from .layers.latent import LatentAttention as LatentAttention
from .layers.plan import LayerPlan as LayerPlan, PositionPlan as PositionPlan
from .layers.stack import TransformerLayer as TransformerLayer, TransformerStack as TransformerStack

# which laws an encoding obeys
from .laws.check import LawReport as LawReport, check_encoding as check_encoding

# from one form of trained weights to another
from .convert.nezha_forms import (
    nezha_rotation as nezha_rotation,
    turn_projections as turn_projections,
)
from .convert.rope_layout import (
    half_from_interleaved as half_from_interleaved,
    change_rope_layout as change_rope_layout,
)

# what the models in use do with positions
from .models.from_config import encoding_from_config as encoding_from_config
from .models.model_positions import ModelPositions as ModelPositions

# for the notebooks
from .lessons.position_probe import index_probe as index_probe
from .lessons.similarity import cosine_matrix as cosine_matrix, cosine_by_offset as cosine_by_offset
from .lessons.spectrum import wave_spectrum as wave_spectrum
from .lessons.memory import largest_tensor as largest_tensor
from .lessons.toy_relative import toy_relative as toy_relative
from .lessons.source import show_source as show_source
from .lessons.answer import answer as answer
from .lessons.reader import trained_reader as trained_reader
from .lessons.scoreboard import scoreboard as scoreboard

__version__: str
