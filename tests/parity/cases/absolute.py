"""Door 1, added to the embeddings: `positional-encodings`, `transformers`, `x-transformers`."""

import math

import torch

from posenc_lib import (
    AxialLearnedEncoding,
    AxialSinusoidalEncoding,
    LearnedEncoding,
    MultiHeadAttention,
    SinusoidalEncoding,
    TimingEncoding,
    sinusoidal_table,
    timing_signal,
)
from tests.parity import EQUATION, parity
from tests.reference import randomise

# The references make angles in float32. Below 64 half a step is 1.9e-6: once for the product, and
# about as much for each rounding of the frequency. Ours come from float64 angles.
SHORT, FLOAT32_ANGLES = 64, 6e-6
TABLE = 2e-7  # both tables are float32, ours by angle addition
SUM = 1e-6  # a sum of a few float32 numbers below 4, in another order
HALVES = "our columns in the order sines, then cosines"


def sines_first(table):
    """Columns 0, 2, 4 .., then 1, 3, 5 ..: from pairs to halves."""
    return torch.cat((table[..., 0::2], table[..., 1::2]), -1)


def ids(low, high, shape, seed=0):
    """Random token ids."""
    return torch.randint(low, high, shape, generator=torch.manual_seed(seed))


def grid_cells(rows, columns, width):
    """The flat cells of the top left corner of a grid `width` cells wide."""
    return (torch.arange(rows)[:, None] * width + torch.arange(columns)).flatten()


@parity("none", reference="torch", what="nn.MultiheadAttention",
        transformation="its in_proj_weight is our three weights, stacked", bound=1e-12)  # fmt: skip
def attention_without_position():
    """Output and weights of a layer, with and without a causal mask, in float64."""
    for causal in (False, True):
        ours = randomise(MultiHeadAttention(16, 4, causal=causal).double(), seed=0)
        theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True, dtype=torch.float64)
        inputs = (ours.to_query, ours.to_key, ours.to_value)
        theirs.load_state_dict(
            {
                "in_proj_weight": torch.cat([layer.weight for layer in inputs]),
                "in_proj_bias": torch.cat([layer.bias for layer in inputs]),
                "out_proj.weight": ours.to_output.weight,
                "out_proj.bias": ours.to_output.bias,
            }
        )
        x = torch.randn(2, 9, 16, dtype=torch.float64, generator=torch.manual_seed(0))
        hidden = torch.ones(9, 9, dtype=torch.bool).triu(1) if causal else None
        expected = theirs(x, x, x, attn_mask=hidden, average_attn_weights=False)
        yield from zip(ours(x), expected, strict=True)


# Sinusoidal


@parity("sinusoidal", reference="positional-encodings", what="PositionalEncoding1D",
        transformation="for an odd dim: ours of dim + 1, last column dropped, since the library "
        "rounds dim up before it makes the frequencies",
        bound=FLOAT32_ANGLES)  # fmt: skip
def positional_encodings_1d():
    """Even dims as they are, odd ones by the library's rule."""
    from positional_encodings.torch_encodings import PositionalEncoding1D

    for dim in (6, 128, 7):
        x = torch.zeros(2, SHORT, dim)
        ours = SinusoidalEncoding(dim + dim % 2)(torch.zeros(2, SHORT, dim + dim % 2))
        yield ours[..., :dim], PositionalEncoding1D(dim)(x)


@parity("sinusoidal", reference="transformers", what="MarianSinusoidalPositionalEmbedding",
        transformation=HALVES, bound=TABLE)  # fmt: skip
def marian():
    """Its table is made in float64, so that positions may be far."""
    from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

    for dim in (8, 9):
        table = torch.from_numpy(sinusoidal_table(3_000, dim))
        yield sines_first(table), MarianSinusoidalPositionalEmbedding(3_000, dim).create_weight()


@parity("sinusoidal", reference="x-transformers", what="ScaledSinusoidalEmbedding",
        transformation=f"{HALVES}, times dim ** -0.5, where its trained scale starts",
        bound=FLOAT32_ANGLES)  # fmt: skip
def x_transformers():
    """Positions from 0, from an offset and in any order."""
    from x_transformers.x_transformers import ScaledSinusoidalEmbedding

    for dim in (8, 64):
        ours, theirs = SinusoidalEncoding(dim), ScaledSinusoidalEmbedding(dim)
        x = torch.zeros(1, 20, dim)
        mixed = ids(0, SHORT, (20,))
        for positions, options in (
            (None, {}), (torch.arange(20) + 30, {"offset": 30}), (mixed, {"pos": mixed})
        ):  # fmt: skip
            yield sines_first(ours(x, positions))[0] * dim**-0.5, theirs(x, **options).detach()


@parity("sinusoidal_2d", reference="positional-encodings",
        what="PositionalEncoding2D, PositionalEncoding3D", bound=FLOAT32_ANGLES)  # fmt: skip
def positional_encodings_grid():
    """Grids of two and three axes whose number divides the dim into pairs."""
    from positional_encodings.torch_encodings import PositionalEncoding2D, PositionalEncoding3D

    for module, shape, dim in (
        (PositionalEncoding2D, (5, 9), 8), (PositionalEncoding2D, (SHORT, 3), 64),
        (PositionalEncoding3D, (3, 4, 5), 12),
    ):  # fmt: skip
        expected = module(dim)(torch.zeros(1, *shape, dim)).flatten(1, -2)
        yield AxialSinusoidalEncoding(dim, shape)(torch.zeros_like(expected)), expected


@parity("sinusoidal_2d", reference="transformers", what="DetrSinePositionEmbedding",
        transformation="our cells start at row 1, column 1", bound=FLOAT32_ANGLES)  # fmt: skip
def detr_sine():
    """DETR counts rows and columns from 1 and puts the row first."""
    from transformers.models.detr.modeling_detr import DetrSinePositionEmbedding

    rows, columns = 6, 11
    for dim in (8, 64):
        theirs = DetrSinePositionEmbedding(dim // 2)
        expected = theirs((2, dim, rows, columns), "cpu", torch.float32)
        cells = grid_cells(rows + 1, columns + 1, width=columns + 1).unflatten(0, (rows + 1, -1))
        ours = AxialSinusoidalEncoding(dim, (rows + 1, columns + 1))
        x = torch.zeros(2, rows * columns, dim)
        yield ours(x, cells[1:, 1:].flatten()), expected.flatten(2).mT


# Learned


@parity("learned", reference="transformers", what="GPT2Model, its first hidden state",
        transformation="our table is wpe, our input wte of the tokens", bound=SUM)  # fmt: skip
def gpt2():
    """Positions counted and positions given."""
    from transformers import GPT2Config, GPT2Model

    config = GPT2Config(
        vocab_size=50, n_positions=32, n_embd=16, n_layer=1, n_head=2,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = randomise(GPT2Model(config).eval(), seed=0)
    ours = LearnedEncoding.from_table(model.wpe.weight)
    tokens = ids(0, 50, (2, 20))
    for positions in (None, ids(0, 32, (2, 20), seed=1)):
        hidden = model(tokens, position_ids=positions, output_hidden_states=True).hidden_states
        yield ours(model.wte(tokens), positions), hidden[0]


@parity("learned", reference="transformers", what="BertEmbeddings",
        transformation="token types added and LayerNorm applied on our side, as BERT does",
        bound=SUM)  # fmt: skip
def bert():
    """The position table inside the input layer of BERT."""
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertEmbeddings

    config = BertConfig(vocab_size=50, hidden_size=16, max_position_embeddings=32)
    theirs = randomise(BertEmbeddings(config).eval(), seed=0)
    ours = LearnedEncoding.from_table(theirs.position_embeddings.weight)
    tokens, types = ids(0, 50, (2, 20)), ids(0, 2, (2, 20))
    words = theirs.word_embeddings(tokens) + theirs.token_type_embeddings(types)
    yield theirs.LayerNorm(ours(words)), theirs(tokens, token_type_ids=types)


@parity("learned", reference="transformers", what="RobertaEmbeddings",
        transformation="our positions are padding_idx + 1, + 2 .. for the tokens and padding_idx "
        "for the padding; token types and LayerNorm as in BERT",
        bound=SUM)  # fmt: skip
def roberta():
    """A batch with padding on the left and on the right."""
    from transformers import RobertaConfig
    from transformers.models.roberta.modeling_roberta import RobertaEmbeddings

    padding = 1
    config = RobertaConfig(vocab_size=50, hidden_size=16, max_position_embeddings=32)
    theirs = randomise(RobertaEmbeddings(config).eval(), seed=0)
    ours = LearnedEncoding.from_table(theirs.position_embeddings.weight)
    tokens = ids(2, 50, (2, 9))
    tokens[0, :3] = tokens[1, 5:] = padding
    counted = [[padding] * 3 + list(range(2, 8)), list(range(2, 7)) + [padding] * 4]
    words = theirs.word_embeddings(tokens) + theirs.token_type_embeddings.weight[0]
    yield theirs.LayerNorm(ours(words, torch.tensor(counted))), theirs(tokens)


@parity("learned", reference="transformers", what="BartLearnedPositionalEmbedding",
        transformation="our positions are 2 higher: its first two rows are never used",
        bound=0.0)  # fmt: skip
def bart():
    """From the start and after seven tokens of a cache."""
    from transformers.models.bart.modeling_bart import BartLearnedPositionalEmbedding

    theirs = randomise(BartLearnedPositionalEmbedding(32, 16), seed=0)
    ours, x = LearnedEncoding.from_table(theirs.weight), torch.zeros(2, 9, 16)
    for past in (0, 7):
        found = ours(x, torch.arange(9) + past + 2)
        yield found, theirs(x[..., 0], past_key_values_length=past)


@parity("learned_2d", reference="transformers", what="DetrLearnedPositionEmbedding",
        transformation="our halves swapped: it puts the column before the row",
        bound=0.0)  # fmt: skip
def detr_learned():
    """A picture of 6 x 11 cells in the corner of its 50 x 50 tables."""
    from transformers.models.detr.modeling_detr import DetrLearnedPositionEmbedding

    theirs, ours = DetrLearnedPositionEmbedding(8), AxialLearnedEncoding(16, (50, 50))
    theirs, rows, columns = randomise(theirs, seed=0), 6, 11
    weights = [theirs.row_embeddings.weight, theirs.column_embeddings.weight]
    ours.load_state_dict({f"tables.{axis}": weight for axis, weight in enumerate(weights)})
    expected = theirs((2, 3, rows, columns), "cpu", torch.float32).flatten(2).mT
    found = ours(torch.zeros_like(expected), grid_cells(rows, columns, width=50))
    yield torch.cat(found.chunk(2, -1)[::-1], -1), expected


@parity("learned_2d", reference="transformers", what="Reformer's AxialPositionEmbeddings",
        bound=0.0)  # fmt: skip
def reformer():
    """A sequence folded into 4 rows of 8; the row comes first, as here."""
    from transformers import ReformerConfig
    from transformers.models.reformer.modeling_reformer import AxialPositionEmbeddings

    config = ReformerConfig(
        hidden_size=16, axial_pos_shape=(4, 8), axial_pos_embds_dim=(8, 8), hidden_dropout_prob=0.0
    )
    theirs = randomise(AxialPositionEmbeddings(config).eval(), seed=0)
    ours = AxialLearnedEncoding(16, (4, 8))
    tables = {f"tables.{axis}": w.reshape(-1, 8) for axis, w in enumerate(theirs.weights)}
    ours.load_state_dict(tables)
    for positions in (torch.arange(32), ids(0, 32, (12,))):
        x = torch.zeros(1, len(positions), 16)
        yield ours(x, positions), theirs(positions[None])


# Timing signals

TAU = 2 * math.pi
TIMESCALES = "our periods are 2 pi times its timescales, 1 to 10,000"


@parity("timing", reference="transformers", what="TimesFmPositionalEmbedding",
        transformation=f"{TIMESCALES}; {HALVES}", bound=FLOAT32_ANGLES)  # fmt: skip
def timesfm():
    """The timing signal of a model for time series; right there for a shortest timescale of 1."""
    from transformers import TimesFmConfig
    from transformers.models.timesfm.modeling_timesfm import TimesFmPositionalEmbedding

    for dim in (8, 64):
        theirs = TimesFmPositionalEmbedding(
            TimesFmConfig(hidden_size=dim, min_timescale=1, max_timescale=10_000)
        )
        ours = TimingEncoding(dim, shortest=TAU, longest=TAU * 10_000)
        times = SHORT * torch.rand(2, 20, generator=torch.manual_seed(0))
        for moments in (times, torch.arange(20).expand(2, 20)):
            found = ours(torch.zeros(2, 20, dim), moments)
            yield sines_first(found), theirs(position=moments.float())


@parity("timing", reference="transformers", what="Speech2TextSinusoidalPositionalEmbedding",
        transformation=f"{TIMESCALES}; {HALVES}; its weights, row by row, without the offset of 2 "
        "and the empty row for padding",
        bound=FLOAT32_ANGLES)  # fmt: skip
def tensor2tensor_port():
    """What fairseq took over from Tensor2Tensor: the base itself ends the geometric row."""
    from transformers.models.speech_to_text import modeling_speech_to_text as port

    for dim in (8, 64):
        expected = port.Speech2TextSinusoidalPositionalEmbedding.get_embedding(SHORT, dim)
        ours = TimingEncoding(dim, shortest=TAU, longest=TAU * 10_000)
        found = ours(torch.zeros(1, SHORT, dim), torch.arange(SHORT))
        yield sines_first(found)[0], expected


@parity("timing", reference=EQUATION, what="sin and cos of 2 pi t / P", bound=4e-15)
def unix_seconds():
    """Days, weeks and years at Unix scale, the turns counted in whole numbers."""
    periods = [60, 86_400, 604_800, 31_556_952]
    times = [0, 1_763_000_000, 1_763_000_001, 1_763_086_400, -1_763_000_000]
    angles = [[TAU * ((t % p) / p) for p in periods] for t in times]
    expected = [[f(a) for a in row for f in (math.sin, math.cos)] for row in angles]
    found = timing_signal(torch.tensor(times), periods, dtype=torch.float64)
    yield found, torch.tensor(expected, dtype=torch.float64)
