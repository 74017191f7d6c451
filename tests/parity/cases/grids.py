"""Learned grids in another size, window tables and convolutions, beside transformers' own code.

Weights are random and copied from their side to ours, or back; nothing is downloaded.
"""

import torch
from torch.nn.functional import interpolate
from transformers import (
    BeitConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    DPTConfig,
    SiglipVisionConfig,
    ViTConfig,
    YolosConfig,
)
from transformers.models.beit import modeling_beit as beit
from transformers.models.dinov2 import modeling_dinov2 as dinov2
from transformers.models.dinov2_with_registers import modeling_dinov2_with_registers as registers
from transformers.models.dpt import modeling_dpt as dpt
from transformers.models.siglip import modeling_siglip as siglip
from transformers.models.siglip2 import modeling_siglip2 as siglip2
from transformers.models.vit import modeling_vit as vit
from transformers.models.yolos import modeling_yolos as yolos

from posenc_lib import LearnedGridEncoding, resize_grid
from tests.parity import EQUATION, parity
from tests.reference_grid import resize_loop

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
