"""Learned grids in another size, window tables and convolutions, beside transformers' own code.

Weights are random and copied from their side to ours, or back; nothing is downloaded.
"""

import torch
from torch.nn.functional import interpolate
from transformers import (
    BeitConfig,
    Data2VecAudioConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    DPTConfig,
    SamVisionConfig,
    SiglipVisionConfig,
    SwinConfig,
    Swinv2Config,
    ViTConfig,
    Wav2Vec2Config,
    YolosConfig,
)
from transformers.models.beit import modeling_beit as beit
from transformers.models.data2vec import modeling_data2vec_audio as data2vec
from transformers.models.dinov2 import modeling_dinov2 as dinov2
from transformers.models.dinov2_with_registers import modeling_dinov2_with_registers as registers
from transformers.models.dpt import modeling_dpt as dpt
from transformers.models.levit import modeling_levit as levit
from transformers.models.sam import modeling_sam as sam
from transformers.models.siglip import modeling_siglip as siglip
from transformers.models.siglip2 import modeling_siglip2 as siglip2
from transformers.models.swin import modeling_swin as swin
from transformers.models.swinv2 import modeling_swinv2 as swinv2
from transformers.models.vit import modeling_vit as vit
from transformers.models.vitdet import modeling_vitdet as vitdet
from transformers.models.wav2vec2 import modeling_wav2vec2 as wav2vec2
from transformers.models.yolos import modeling_yolos as yolos

from posenc_lib import (
    ConditionalEncoding,
    ConvolutionEncoding,
    DecomposedRelative,
    LearnedGridEncoding,
    LevitBias,
    MultiHeadAttention,
    SwinV2Bias,
    WindowBias,
    resize_grid,
    shifted_window_mask,
)
from tests.parity import EQUATION, parity
from tests.reference_grid import convolution_loop, depthwise_loop, resize_loop, window_loop

SIZES = {"hidden_size": 8, "image_size": 20, "patch_size": 4}  # 5 x 5 cells
NEW = [(7, 7), (3, 8), (5, 2)]


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.manual_seed(seed), dtype=dtype)


def flat(table):
    """(1, rows, dim) -> (rows, dim)."""
    return table.detach().reshape(-1, table.shape[-1])


# A learned grid, resized


@parity(
    "learned_grid", reference=EQUATION,
    what="Keys 1981, equation 15 (a = -0.75), cell by cell, the edge repeated", bound=1e-12,
)  # fmt: skip
def resized_equation():
    table = normal(1 + 12, 2, dtype=torch.float64)
    for shape in ((7, 5), (2, 9)):
        grid = table[1:].unflatten(0, (3, 4))
        yield (
            resize_grid(table, (3, 4), shape, prefix=1)[1:],
            resize_loop(grid, shape).flatten(0, 1),
        )


@parity(
    "learned_grid", reference="transformers", what="ViT, DINOv2 and BEiT, interpolate_pos_encoding",
    bound=1e-5,
)  # fmt: skip
def resized_vit():
    for embeddings in (
        vit.ViTEmbeddings(ViTConfig(**SIZES)), dinov2.Dinov2Embeddings(Dinov2Config(**SIZES)),
        beit.BeitEmbeddings(BeitConfig(**SIZES, use_absolute_position_embeddings=True)),
    ):  # fmt: skip
        table = normal(26, 8)
        embeddings.position_embeddings.data = table[None].clone()
        for shape in NEW:
            x, (height, width) = torch.zeros(1, 1 + shape[0] * shape[1], 8), (4 * n for n in shape)
            theirs = embeddings.interpolate_pos_encoding(x, height, width)
            encoding = LearnedGridEncoding(8, (5, 5), prefix=1)
            encoding.weight.data = table
            yield encoding.resized(shape)(x), theirs.detach()


@parity(
    "learned_grid", reference="transformers",
    what="DINOv2 with registers, the embeddings of an image less those without positions",
    transformation="antialias=True; their registers after the class token as registers=2",
    bound=1e-5,
)  # fmt: skip
def resized_registers():
    config = Dinov2WithRegistersConfig(**SIZES, num_register_tokens=2)
    theirs = registers.Dinov2WithRegistersEmbeddings(config).eval()
    encoding = LearnedGridEncoding(8, (5, 5), prefix=1, registers=2)
    for shape in NEW:
        image, found = normal(1, 3, *(4 * n for n in shape)), []
        for table in (normal(1, 26, 8), torch.zeros(1, 26, 8)):
            theirs.position_embeddings.data = table
            found.append(theirs(image).detach())
        encoding.weight.data = flat(normal(1, 26, 8))
        yield encoding.resized(shape, antialias=True)(found[1]), found[0]


@parity(
    "learned_grid", reference="transformers", what="SigLIP, interpolate_pos_encoding",
    bound=1e-5,
)  # fmt: skip
def resized_siglip():
    theirs = siglip.SiglipVisionEmbeddings(SiglipVisionConfig(**SIZES))
    table = theirs.position_embedding.weight.data.copy_(normal(25, 8))
    for shape in NEW:
        x = torch.zeros(1, shape[0] * shape[1], 8)
        expected = theirs.interpolate_pos_encoding(x, *(4 * n for n in shape))
        yield resize_grid(table, (5, 5), shape), flat(expected)


@parity(
    "learned_grid", reference="transformers", what="SigLIP 2, resize_positional_embeddings",
    transformation='method="bilinear", antialias=True; their padding left out', bound=1e-5,
)  # fmt: skip
def resized_siglip2():
    table = normal(25, 8)
    resize = siglip2.Siglip2VisionEmbeddings.resize_positional_embeddings
    for shape in NEW:
        theirs = resize(table.reshape(5, 5, 8), torch.tensor([shape]), max_length=64)
        ours = resize_grid(table, (5, 5), shape, method="bilinear", antialias=True)
        yield ours, theirs[0, : len(ours)]


@parity(
    "learned_grid", reference="transformers", what="DPT, _resize_pos_embed",
    transformation='method="bilinear"', bound=1e-5,
)  # fmt: skip
def resized_dpt():
    theirs, table = dpt.DPTViTEmbeddings(DPTConfig(**SIZES)), normal(26, 8)
    for shape in NEW:
        expected = theirs._resize_pos_embed(table[None], *shape)
        yield resize_grid(table, (5, 5), shape, method="bilinear", prefix=1), flat(expected)


@parity(
    "learned_grid", reference="transformers", what="YOLOS, InterpolateInitialPositionEmbeddings",
    transformation="suffix=3 detection tokens", bound=1e-5,
)  # fmt: skip
def resized_yolos():
    config = YolosConfig(image_size=[20, 12], patch_size=4, num_detection_tokens=3)
    theirs, table = yolos.InterpolateInitialPositionEmbeddings(config), normal(1 + 15 + 3, 8)
    for shape in NEW:
        expected = theirs(table[None], tuple(4 * n for n in shape))
        yield resize_grid(table, (5, 3), shape, prefix=1, suffix=3), flat(expected)


@parity(
    "learned_grid", reference="torch", what="nn.functional.interpolate with scale_factor",
    transformation="offset=0.1, as the released code of DINO and DINOv2 calls it", bound=1e-12,
)  # fmt: skip
def resized_dino():
    table = normal(37 * 37, 4, dtype=torch.float64)
    for shape in ((16, 16), (50, 20)):
        factor = [(n + 0.1) / 37 for n in shape]
        grid = table.T.reshape(1, 4, 37, 37)
        theirs = interpolate(grid, scale_factor=factor, mode="bicubic").flatten(2)[0].T
        yield resize_grid(table, (37, 37), shape, offset=0.1), theirs


# Tables of a window


def bias_of(encoding, cells, dtype=torch.float32, queries=None):
    """(heads, query, key) of tokens 0, 1, 2 ... of a grid, or of some queries among them."""
    keys = torch.arange(cells)
    at = keys if queries is None else queries
    q, k = (torch.zeros(1, encoding.heads, len(n), 4, dtype=dtype) for n in (at, keys))
    return encoding.at_scores(q, k, at, keys)


@parity(
    "swin", reference=EQUATION, what="Liu et al. 2021, equation 4, pair by pair", bound=1e-12,
)  # fmt: skip
def swin_equation():
    for shape in ((3, 4), (1, 5)):
        bias = WindowBias(2, shape).double()
        yield bias_of(bias, shape[0] * shape[1], torch.float64), window_loop(bias.weight, shape)


@parity("swin", reference="transformers", what="Swin, SwinRelativePositionBias", bound=0.0)
def swin_window():
    for shape in ((7, 7), (3, 4)):
        theirs = swin.SwinRelativePositionBias(3, shape)
        theirs.relative_position_bias_table.data = normal(
            *theirs.relative_position_bias_table.shape
        )
        bias = WindowBias(3, shape)
        bias.load_state_dict({"weight": theirs.relative_position_bias_table})
        yield bias_of(bias, shape[0] * shape[1]), theirs()[0]


@parity(
    "swin", reference="transformers", what="Swin, a whole SwinLayer's attention in shifted windows",
    transformation="their 0 and -100 as True and False", bound=1e-5,
)  # fmt: skip
def swin_shifted():
    config = SwinConfig(window_size=4, attn_implementation="eager")
    layer = swin.SwinLayer(config, 16, (8, 12), 2, shift_size=2)
    added = layer.get_attn_mask(8, 12, torch.float32, torch.device("cpu"))
    mask = shifted_window_mask((8, 12), (4, 4), (2, 2))
    yield mask.float(), (added == 0).float()
    theirs = swin.SwinAttention(config, 16, 2, 4)
    theirs.relative_position_bias.relative_position_bias_table.data = normal(49, 2)
    ours = MultiHeadAttention(16, 2, encoding=WindowBias(2, (4, 4)))
    copy_attention(theirs, ours)
    ours.encoding.weight.data = theirs.relative_position_bias.relative_position_bias_table.data
    x = normal(6, 16, 16)
    yield ours(x, mask=mask[:, None])[0], theirs(x, attention_mask=added)[0]


def copy_attention(theirs, ours):
    """Their four projections into our layer."""
    for name, part in (("q", "query"), ("k", "key"), ("v", "value"), ("o", "output")):
        source, target = getattr(theirs, f"{name}_proj"), getattr(ours, f"to_{part}")
        target.weight.data = source.weight.data
        target.bias.data = (
            torch.zeros_like(target.bias) if source.bias is None else source.bias.data
        )


@parity(
    "beit", reference="transformers", what="BEiT, BeitRelativePositionBias, at three sizes",
    transformation='resized with method="bilinear", as it does', bound=1e-5,
)  # fmt: skip
def beit_window():
    theirs = beit.BeitRelativePositionBias(BeitConfig(**SIZES))
    table = theirs.relative_position_bias_table.data
    theirs.relative_position_bias_table.data = normal(*table.shape)
    bias = WindowBias(table.shape[1], (5, 5), prefix=1)
    bias.load_state_dict({"weight": theirs.relative_position_bias_table})
    for shape in ((5, 5), (7, 7), (3, 8)):
        resized = bias.resized(shape, method="bilinear")
        yield bias_of(resized, 1 + shape[0] * shape[1]), theirs(shape)[0]


@parity(
    "beit", reference="transformers", what="BEiT, the output of BeitAttention with its bias",
    bound=1e-5,
)  # fmt: skip
def beit_attention():
    config = BeitConfig(**SIZES, num_attention_heads=2, attn_implementation="eager")
    theirs, bias = beit.BeitAttention(config), beit.BeitRelativePositionBias(config)
    bias.relative_position_bias_table.data = normal(84, 2)
    ours = MultiHeadAttention(8, 2, encoding=WindowBias(2, (5, 5), prefix=1))
    copy_attention(theirs, ours)
    ours.encoding.weight.data = bias.relative_position_bias_table.data
    x = normal(2, 26, 8)
    yield ours(x)[0], theirs(x, attention_mask=bias((5, 5)))[0]


@parity(
    "levit", reference="transformers",
    what="LeViT, LevitAttention and LevitAttentionSubsample, get_attention_biases",
    transformation="the queries of a shrinking layer at every second cell of the keys' grid",
    bound=0.0,
)  # fmt: skip
def levit_biases():
    for theirs, stride in (
        (levit.LevitAttention(8, 4, 2, 2, 5), 1),
        (levit.LevitAttentionSubsample(8, 8, 4, 2, 2, 2, 5, 3), 2),
    ):
        theirs.attention_biases.data = normal(*theirs.attention_biases.shape)
        bias = LevitBias(2, (5, 5))
        bias.load_state_dict({"weight": theirs.attention_biases})
        every = torch.arange(25).reshape(5, 5)[::stride, ::stride].flatten()
        yield bias_of(bias, 25, queries=every), theirs.get_attention_biases(torch.device("cpu"))


@parity(
    "swin_v2", reference="transformers",
    what="Swin V2, the bias in Swinv2SelfAttention, with and without a pretrained window",
    transformation="read off the attention weights of zero queries, up to a constant a row",
    bound=1e-5,
)  # fmt: skip
def swin_v2_bias():
    for window, trained in ((4, 0), (6, 4)):
        config = Swinv2Config()
        theirs = swinv2.Swinv2SelfAttention(config, 16, 2, window, [trained, trained])
        theirs.query.weight.data.zero_()
        theirs.query.bias.data.zero_()
        mlp = theirs.continuous_position_bias_mlp
        for seed, part in enumerate((mlp[0].weight, mlp[0].bias, mlp[2].weight)):
            part.data = normal(*part.shape, seed=seed) * 0.3
        weights = theirs(normal(1, window**2, 16), output_attentions=True)[1].detach()
        shape = (trained, trained) if trained else None
        bias = SwinV2Bias(2, (window, window), trained_shape=shape)
        bias.load_state_dict({f"inner.{n}": p for n, p in mlp[0].named_parameters()}
                             | {"outer.weight": mlp[2].weight})  # fmt: skip
        yield bias_of(bias, window**2).softmax(-1), weights[0]


@parity(
    "mvit_v2", reference="transformers",
    what="SAM, get_decomposed_rel_pos, as trained and for another size",
    transformation="resized where the size is another; their pooled keys are the last cells of "
    "their blocks", bound=5e-5,
)  # fmt: skip
def decomposed_sam():
    config = SamVisionConfig(hidden_size=16, num_attention_heads=2, image_size=24, patch_size=4)
    theirs = sam.SamVisionAttention(config, 0)
    theirs.rel_pos_h.data, theirs.rel_pos_w.data = normal(11, 8), normal(11, 8, seed=1)
    ours = DecomposedRelative(8, (6, 6))
    ours.load_state_dict({"axes.0": theirs.rel_pos_h, "axes.1": theirs.rel_pos_w})
    for (rows, columns), pooled in (((6, 6), 1), ((4, 9), 1), ((6, 6), 2), ((8, 4), 2)):
        query = normal(2, rows * columns, 8)  # one head, (batch, query, head_dim)
        cells = torch.arange(rows * columns).reshape(rows, columns)
        keys = cells[pooled - 1 :: pooled, pooled - 1 :: pooled]
        expected = theirs.get_decomposed_rel_pos(
            query, theirs.rel_pos_h, theirs.rel_pos_w, (rows, columns), tuple(keys.shape)
        ).reshape(2, 1, rows * columns, -1)
        key = torch.zeros(2, 1, keys.numel(), 8)
        grid = ours.resized((rows, columns))
        yield grid.at_scores(query[:, None], key, cells.flatten(), keys.flatten()), expected


@parity(
    "mvit_v2", reference="transformers", what="ViTDet, add_decomposed_relative_positions",
    bound=1e-5,
)  # fmt: skip
def decomposed_vitdet():
    ours = DecomposedRelative(8, (3, 5), std=1.0)
    query, cells = normal(2, 15, 8), torch.arange(15)
    expected = vitdet.add_decomposed_relative_positions(
        torch.zeros(2, 15, 15), query, *ours.axes, (3, 5), (3, 5)
    )
    yield ours.at_scores(query[:, None], query[:, None], cells, cells)[:, 0], expected


# Convolutions


@parity(
    "wav2vec2", reference=EQUATION,
    what="Baevski et al. 2020, section 2: a convolution tap by tap, then gelu, added", bound=1e-12,
)  # fmt: skip
def convolution_equation():
    for kernel in (4, 5):
        encode = ConvolutionEncoding(6, kernel=kernel, groups=2).double()
        encode.bias[0].data = normal(6, dtype=torch.float64)
        x = normal(1, 7, 6, dtype=torch.float64)
        weight = encode.weights(torch.float64)[0]
        yield encode(x)[0], x[0] + convolution_loop(x[0], weight, encode.bias[0])


@parity(
    "wav2vec2", reference="transformers", what="wav2vec 2.0, Wav2Vec2PositionalConvEmbedding",
    transformation="x + theirs; their three tensors under our names", bound=1e-5,
)  # fmt: skip
def convolution_wav2vec2():
    for kernel in (128, 9):
        config = Wav2Vec2Config(
            hidden_size=32, num_attention_heads=4, num_conv_pos_embeddings=kernel
        )
        theirs = wav2vec2.Wav2Vec2PositionalConvEmbedding(config)
        for seed, part in enumerate(theirs.parameters()):
            part.data = normal(*part.shape, seed=seed) * 0.1
        ours, at = ConvolutionEncoding(32, kernel=kernel), "conv.parametrizations.weight.original"
        state = theirs.state_dict()
        ours.load_state_dict(
            {"magnitude.0": state[at + "0"], "direction.0": state[at + "1"],
             "bias.0": state["conv.bias"]}
        )  # fmt: skip
        x = normal(2, 60, 32)
        yield ours(x), x + theirs(x)


@parity(
    "wav2vec2", reference="transformers",
    what="data2vec audio, Data2VecAudioPositionalConvEmbedding, five in a row",
    transformation='form="data2vec", layers=5, kernel=19; x + theirs', bound=1e-5,
)  # fmt: skip
def convolution_data2vec():
    config = Data2VecAudioConfig(hidden_size=32, num_attention_heads=4)
    theirs = data2vec.Data2VecAudioPositionalConvEmbedding(config)
    ours = ConvolutionEncoding(32, kernel=19, layers=5, form="data2vec")
    for n, layer in enumerate(theirs.layers):
        ours.direction[n].data, ours.bias[n].data = layer.conv.weight.data, layer.conv.bias.data
    x = normal(2, 60, 32)
    yield ours(x), x + theirs(x)


@parity(
    "cpvt", reference=EQUATION,
    what="Chu et al. 2021, section 3.3: a depthwise filter cell by cell, added", bound=1e-12,
)  # fmt: skip
def conditional_equation():
    for shape, kernel in (((3, 4), 3), ((2, 5), 5)):
        encode = ConditionalEncoding(6, shape, kernel=kernel, prefix=1).double()
        x = normal(1, 1 + shape[0] * shape[1], 6, dtype=torch.float64)
        found = depthwise_loop(x[0, 1:].unflatten(0, shape), encode.weight, encode.bias)
        yield encode(x)[0, 1:], x[0, 1:] + found.flatten(0, 1)


@parity(
    "cpvt", reference="torch", what="nn.Conv2d with groups=dim and padding=1, added to its input",
    bound=1e-5,
)  # fmt: skip
def conditional_torch():
    theirs, ours = torch.nn.Conv2d(8, 8, 3, padding=1, groups=8), ConditionalEncoding(8, (4, 6))
    ours.load_state_dict(theirs.state_dict())
    x = normal(2, 24, 8)
    picture = x.transpose(1, 2).unflatten(-1, (4, 6))
    yield ours(x), (theirs(picture) + picture).flatten(2).transpose(1, 2)
