"""Sinusoids with one half before the other: Whisper, Marian, MusicGen, Pegasus-X.

The references make their angles in float32, so the bound is that of the last angle.
"""

import torch
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding
from transformers.models.musicgen.modeling_musicgen import MusicgenSinusoidalPositionalEmbedding
from transformers.models.pegasus_x.modeling_pegasus_x import PegasusXSinusoidalPositionalEmbedding
from transformers.models.whisper.modeling_whisper import sinusoids
from transformers.models.xglm.modeling_xglm import XGLMSinusoidalPositionalEmbedding

from posenc_lib import SplitSinusoidalEncoding
from tests.parity import parity

LENGTH, DIMS = 60, (8, 64)


def table(dim, **options):
    zeros = torch.zeros(1, LENGTH, dim)
    return SplitSinusoidalEncoding(dim, **options).at_embeddings(zeros, torch.arange(LENGTH))[0]


@parity("sinusoidal_split", reference="transformers", what="Whisper, sinusoids", bound=1e-5)
def split_whisper():
    for dim in DIMS:
        yield table(dim), sinusoids(LENGTH, dim)


@parity(
    "sinusoidal_split", reference="transformers", what="Pegasus-X, its sinusoidal embedding",
    bound=1e-5,
)  # fmt: skip
def split_pegasus_x():
    for dim in DIMS:
        theirs = PegasusXSinusoidalPositionalEmbedding(dim)(torch.zeros(1, LENGTH, dim))
        yield table(dim), theirs[0]


@parity(
    "sinusoidal_split", reference="transformers", what="Marian, its sinusoidal embedding",
    bound=1e-5,
)  # fmt: skip
def split_marian():
    for dim in DIMS:
        theirs = MarianSinusoidalPositionalEmbedding(LENGTH, dim).create_weight()
        yield table(dim, spacing="paper"), theirs


@parity(
    "sinusoidal_split", reference="transformers", what="MusicGen, its sinusoidal embedding",
    bound=1e-5,
)  # fmt: skip
def split_musicgen():
    for dim in DIMS:
        theirs = MusicgenSinusoidalPositionalEmbedding.get_embedding(LENGTH, dim)
        yield table(dim, order="cos_sin"), theirs


@parity(
    "sinusoidal_split", reference="transformers", what="XGLM, its sinusoidal embedding",
    transformation="positions begin at 2", bound=1e-5,
)  # fmt: skip
def split_xglm():
    for dim in (8, 9):  # an odd one ends on a zero
        theirs = XGLMSinusoidalPositionalEmbedding.get_embedding(LENGTH + 2, dim)[2:]
        yield table(dim, first=2), theirs
