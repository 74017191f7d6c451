"""M-RoPE and its positions, RoPE of vision models, mixed frequencies, Fourier features.

The references make their angles in float32: position times a frequency that is rounded, so the
bounds are those of `rope.py`.
"""

from types import SimpleNamespace

import torch
from transformers.models.ernie4_5_vl_moe import modeling_ernie4_5_vl_moe as ernie
from transformers.models.ernie4_5_vl_moe.configuration_ernie4_5_vl_moe import (
    Ernie4_5_VLMoeTextConfig,
)
from transformers.models.glm4v import modeling_glm4v as glm4v
from transformers.models.glm4v.configuration_glm4v import Glm4vTextConfig
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen2_5_vl
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2_vl
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLTextConfig
from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen3_vl
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig

from posenc_lib import MultimodalRotary, YarnRotary, multimodal_positions
from tests.parity import parity
from tests.parity.cases.rope import normal

# M-RoPE

SEGMENTS = [5, (6, 4), 3, (2, 3, 5), 4]


def text_config(cls, sections, head_dim=16, base=1e6, **more):
    rope = {"rope_type": "default", "rope_theta": base, "mrope_section": list(sections), **more}
    return cls(
        hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim, rope_parameters=rope
    )


def turned_by(module, rotary, encoding):
    """Queries and keys turned by their rotary module and ours, at places of text and pictures."""
    rows = [multimodal_positions(SEGMENTS, start=start).positions for start in (0, 40)]
    at = torch.stack(rows)  # (batch, length, 3)
    q, k = (normal(2, 2, at.shape[1], encoding.head_dim, seed=seed) for seed in (0, 1))
    cos, sin = rotary(q, at.permute(2, 0, 1))
    theirs = module.apply_rotary_pos_emb(q, k, cos, sin)
    yield encoding.at_query(q, at), theirs[0]
    yield encoding.at_key(k, at), theirs[1]


@parity(
    "mrope", reference="transformers", what="Qwen2-VL, Qwen2VLRotaryEmbedding, text and pictures",
    transformation="positions with their axes last", bound=2e-5,
)  # fmt: skip
def mrope_qwen2_vl():
    for sections in ((2, 3, 3), (4, 2, 2)):
        rotary = qwen2_vl.Qwen2VLRotaryEmbedding(text_config(Qwen2VLTextConfig, sections))
        yield from turned_by(qwen2_vl, rotary, MultimodalRotary(16, sections))


@parity(
    "mrope", reference="transformers", what="Qwen2-VL with YaRN, factor 4",
    transformation="positions with their axes last", bound=2e-5,
)  # fmt: skip
def mrope_yarn():
    more = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    config = text_config(Qwen2VLTextConfig, (2, 3, 3), **more)
    yarn = YarnRotary(16, 4.0, trained_length=64, base=1e6, layout="half", form="code")
    rotary = qwen2_vl.Qwen2VLRotaryEmbedding(config)
    yield from turned_by(qwen2_vl, rotary, MultimodalRotary(16, (2, 3, 3), scaled=yarn))


@parity(
    "mrope", reference="transformers", what="GLM-4.1V: half of the features, interleaved layout",
    transformation="positions with their axes last", bound=2e-5,
)  # fmt: skip
def mrope_glm4v():
    config = text_config(Glm4vTextConfig, (1, 1, 2), base=1e4, partial_rotary_factor=0.5)
    rope = MultimodalRotary(16, (1, 1, 2), base=1e4, layout="interleaved", rotary_dim=8)
    yield from turned_by(glm4v, glm4v.Glm4vTextRotaryEmbedding(config), rope)


@parity(
    "mrope", reference="transformers", what="ERNIE 4.5 VL: rows and columns alternate, time last",
    transformation="positions with their axes last; sections in the order time, height, width",
    bound=2e-5,
)  # fmt: skip
def mrope_ernie():
    config = text_config(Ernie4_5_VLMoeTextConfig, (3, 3, 2), base=5e5)
    rope = MultimodalRotary(16, (2, 3, 3), base=5e5, layout="interleaved", arrangement="time_last")
    yield from turned_by(ernie, ernie.Ernie4_5_VLMoeTextRotaryEmbedding(config), rope)


@parity(
    "mrope_interleaved", reference="transformers",
    what="Qwen3-VL, Qwen3VLTextRotaryEmbedding, text and pictures",
    transformation="positions with their axes last", bound=2e-5,
)  # fmt: skip
def mrope_qwen3_vl():
    for head_dim, sections in ((16, (4, 2, 2)), (128, (24, 20, 20))):
        config = text_config(Qwen3VLTextConfig, sections, head_dim=head_dim, base=5e6)
        rope = MultimodalRotary(head_dim, sections, base=5e6, arrangement="interleaved")
        yield from turned_by(qwen3_vl, qwen3_vl.Qwen3VLTextRotaryEmbedding(config), rope)


# Positions of text, pictures and video: the reference reads token types and patch grids


def their_positions(model, segments, seconds=None):
    """`get_rope_index` of a model without weights; text 0, picture 1, video 2."""
    vision = SimpleNamespace(spatial_merge_size=2, tokens_per_second=3)
    shell = SimpleNamespace(config=SimpleNamespace(vision_config=vision))
    shell.get_vision_position_ids = model.get_vision_position_ids.__get__(shell)
    types, images, videos = [], [], []
    for segment in segments:
        if isinstance(segment, int):
            types += [0] * segment
            continue
        frames, rows, columns = segment if len(segment) == 3 else (1, *segment)
        kind = 1 if len(segment) == 2 else 2
        (images if kind == 1 else videos).append([frames, 2 * rows, 2 * columns])
        types += [kind] * (frames * rows * columns)
    types = torch.tensor([types])
    grids = [torch.tensor(grid) if grid else None for grid in (images, videos)]
    more = {} if seconds is None else {"second_per_grid_ts": torch.tensor(seconds)}
    found, delta = model.get_rope_index(shell, types, types, *grids, **more)
    return found[:, 0].T, int(delta) + types.shape[1]


def both_positions(segments, theirs):
    found = multimodal_positions(segments, after="sides").positions
    yield found, theirs[0]
    largest = int(found.max()) + 1  # where decoding goes on
    yield torch.tensor([largest, 0]), torch.tensor([theirs[1], 0])


@parity(
    "mrope", reference="transformers",
    what="Qwen2-VL and GLM-4.1V, get_rope_index: text, pictures, video, and the next position",
    transformation='after="sides"; patch grids divided by the merge size', bound=0.0,
)  # fmt: skip
def positions_qwen2_vl():
    for segments in (SEGMENTS, [(2, 2), 1, (3, 1), 1], [4, (6, 2, 3), 2]):
        yield from both_positions(segments, their_positions(qwen2_vl.Qwen2VLModel, segments))
    pictures = [5, (6, 4), 3, (3, 5), 4]
    yield from both_positions(pictures, their_positions(glm4v.Glm4vModel, pictures))


@parity(
    "mrope", reference="transformers",
    what="Qwen2.5-VL, get_rope_index: 3 positions a second, frames of 1 and 0.5 seconds",
    transformation='after="sides"; patch grids divided by the merge size', bound=0.0,
)  # fmt: skip
def positions_qwen2_5_vl():
    plain = [4, (3, 2, 3), 2, (4, 2, 2), 5, (2, 2), 1]
    timed = [4, (3, 2, 3, 3.0), 2, (4, 2, 2, 1.5), 5, (2, 2), 1]
    theirs = their_positions(qwen2_5_vl.Qwen2_5_VLModel, plain, seconds=[1.0, 0.5])
    yield from both_positions(timed, theirs)


@parity(
    "mrope_interleaved", reference="transformers",
    what="Qwen3-VL, get_rope_index: a video as frames with time stamps between them",
    transformation="patch grids divided by the merge size", bound=0.0,
)  # fmt: skip
def positions_qwen3_vl():
    segments = [3, (2, 4), 2, (1, 2, 3), 4, (1, 2, 3), 5]
    yield from both_positions(segments, their_positions(qwen3_vl.Qwen3VLModel, segments))
