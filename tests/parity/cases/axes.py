"""M-RoPE and its positions, RoPE of vision models, mixed frequencies, Fourier features.

The references make their angles in float32: position times a frequency that is rounded, so the
bounds are those of `rope.py`.
"""

import cmath
from types import SimpleNamespace

import torch
from transformers.models.dinov3_vit import modeling_dinov3_vit as dinov3
from transformers.models.ernie4_5_vl_moe import modeling_ernie4_5_vl_moe as ernie
from transformers.models.ernie4_5_vl_moe.configuration_ernie4_5_vl_moe import (
    Ernie4_5_VLMoeTextConfig,
)
from transformers.models.gemma4 import modeling_gemma4 as gemma4
from transformers.models.glm4v import modeling_glm4v as glm4v
from transformers.models.glm4v.configuration_glm4v import Glm4vTextConfig
from transformers.models.hunyuan_vl import modeling_hunyuan_vl as hunyuan
from transformers.models.kimi_k25 import modeling_kimi_k25 as kimi
from transformers.models.llama4 import modeling_llama4 as llama4
from transformers.models.minimax_m3_vl import modeling_minimax_m3_vl as minimax
from transformers.models.pixtral import modeling_pixtral as pixtral
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen2_5_vl
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2_vl
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLTextConfig
from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen3_vl
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig
from transformers.models.sam import modeling_sam as sam
from transformers.models.sam2_video import modeling_sam2_video as sam2
from transformers.models.step3p7 import modeling_step3p7 as step3
from transformers.models.vjepa2 import modeling_vjepa2 as vjepa2
from transformers.vision_utils import get_vision_position_ids

from posenc_lib import (
    AxialRotary,
    MixedRotary,
    MultimodalRotary,
    RandomFourierEncoding,
    UnpairedAxialRotary,
    UnpairedMultimodalRotary,
    YarnRotary,
    centred_coordinates,
    grid_coordinates,
    merged_cells,
    multimodal_positions,
    random_fourier_features,
)
from tests.parity import EQUATION, parity
from tests.parity.cases.rope import normal

# M-RoPE

SEGMENTS = [5, (6, 4), 3, (2, 3, 5), 4]


def text_config(cls, sections, head_dim=16, base=1e6, length=4096, **more):
    rope = {"rope_type": "default", "rope_theta": base, "mrope_section": list(sections), **more}
    return cls(
        hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim, rope_parameters=rope,
        max_position_embeddings=length,
    )  # fmt: skip


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
    config = text_config(Qwen2VLTextConfig, (2, 3, 3), length=256, **more)
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


# RoPE of vision models: 5 rows of 7 patches, 2 heads

ROWS, COLUMNS, HEADS = 5, 7, 2
CELLS = torch.arange(ROWS * COLUMNS)
AT = torch.stack([CELLS // COLUMNS, CELLS % COLUMNS], -1)


def vision_config(head_dim=16, base=10_000.0, **more):
    """What the rotary modules read of a configuration, and no more."""
    return SimpleNamespace(
        hidden_size=HEADS * head_dim, num_attention_heads=HEADS, head_dim=head_dim,
        rope_parameters={"rope_type": "axial", "rope_theta": base}, **more,
    )  # fmt: skip


def vectors(length=ROWS * COLUMNS, head_dim=16):
    return [normal(1, HEADS, length, head_dim, seed=seed) for seed in (0, 1)]


def both_turned(rope, theirs, q, k, positions=CELLS):
    yield rope.at_query(q, positions), theirs[0]
    yield rope.at_key(k, positions), theirs[1]


def flat(apply, q, k, cos, sin):
    """Through a function that takes (length, heads, head_dim) without a batch."""
    turned = apply(*(x[0].transpose(0, 1) for x in (q, k)), cos, sin)
    return [x.transpose(0, 1)[None] for x in turned]


@parity(
    "rope_2d", reference="transformers",
    what="GLM-4V's and Qwen3-VL's vision tower, patches in merged order",
    transformation='layout="half", base 10,000, positions from merged_cells; axes heads and '
    "length swapped", bound=1e-5,
)  # fmt: skip
def rope_2d_merged():
    q, k = vectors(4 * 6)
    at = get_vision_position_ids(torch.tensor([[1, 4, 6]]), 2)
    rope = AxialRotary(16, (4, 6), base=10_000.0, layout="half")
    for module, cls in (
        (glm4v, glm4v.Glm4vVisionRotaryEmbedding),
        (qwen3_vl, qwen3_vl.Qwen3VLVisionRotaryEmbedding),
    ):
        cos, sin = cls(vision_config(num_heads=HEADS))(q, at)
        theirs = flat(module.apply_rotary_pos_emb_vision, q, k, cos, sin)
        yield from both_turned(rope, theirs, q, k, merged_cells((4, 6), 2))


@parity(
    "rope_2d_dealt", reference="transformers", what="Pixtral, PixtralVisionRotaryEmbedding",
    bound=1e-5,
)  # fmt: skip
def rope_2d_pixtral():
    for head_dim in (16, 64):
        q, k = vectors(head_dim=head_dim)
        cos, sin = pixtral.PixtralVisionRotaryEmbedding(vision_config(head_dim))(q, AT)
        theirs = pixtral.apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=0)
        shape = (ROWS, COLUMNS)
        rope = AxialRotary(head_dim, shape, base=10_000.0, layout="half", spectrum="dealt")
        yield from both_turned(rope, theirs, q, k)


@parity(
    "rope_2d_centred", reference="transformers",
    what="DINOv3, DINOv3ViTRopePositionEmbedding, with a class token and 4 registers",
    transformation="none; once more with coordinates 2 pi centred_coordinates", bound=2e-5,
)  # fmt: skip
def rope_2d_dinov3():
    config = vision_config(rope_theta=100.0, image_size=64, patch_size=4)
    module = dinov3.DINOv3ViTRopePositionEmbedding(config).eval()
    q, k = vectors(5 + len(CELLS))
    cos, sin = module(torch.zeros(1, 3, ROWS * 4, COLUMNS * 4))
    theirs = dinov3.apply_rotary_pos_emb(q, k, cos, sin)
    shape = (ROWS, COLUMNS)
    rope = AxialRotary(16, shape, layout="half", prefix=5, cells_at="centred")
    yield from both_turned(rope, theirs, q, k, torch.arange(5 + len(CELLS)))
    plain = AxialRotary(16, shape, layout="half", prefix=5)
    yield from both_turned(plain, theirs, q, k, 2 * torch.pi * centred_coordinates(shape))


@parity(
    "rope_2d", reference="transformers",
    what="Llama 4, Llama4VisionRotaryEmbedding: class token last, cells from one",
    transformation='base 10,000, suffix=1, cells_at="from_one", axis_order=(1, 0)', bound=1e-5,
)  # fmt: skip
def rope_2d_llama4():
    config = vision_config(image_size=24, patch_size=4)
    q, k = vectors(37)
    theirs = llama4.vision_apply_rotary_emb(
        q.transpose(1, 2), k.transpose(1, 2), llama4.Llama4VisionRotaryEmbedding(config)(q)
    )
    rope = AxialRotary(16, (6, 6), base=10_000.0, suffix=1, cells_at="from_one", axis_order=(1, 0))
    yield from both_turned(rope, [x.transpose(1, 2) for x in theirs], q, k, torch.arange(37))


@parity(
    "rope_2d", reference="transformers",
    what="SAM 2, apply_rotary_pos_emb_2d: keys of 3 frames, and 4 tokens that stay unturned",
    transformation="base 10,000, axis_order=(1, 0); keys at the cells of each frame, suffix=4",
    bound=1e-5,
)  # fmt: skip
def rope_2d_sam2():
    config = vision_config(
        memory_attention_hidden_size=32, memory_attention_downsample_rate=1,
        memory_attention_num_attention_heads=HEADS,
    )  # fmt: skip
    q, _ = vectors()
    k = normal(1, HEADS, 3 * len(CELLS) + 4, 16, seed=2)
    cos, sin = sam2.Sam2VideoVisionRotaryEmbedding(config)(q, AT.flip(-1))
    theirs = sam2.apply_rotary_pos_emb_2d(
        q, k, cos[None], sin[None], num_k_exclude_rope=4, repeat_freqs_k=True
    )
    rope = AxialRotary(16, (ROWS, COLUMNS), base=10_000.0, axis_order=(1, 0), suffix=4)
    pointers = len(CELLS) + torch.arange(4)
    yield rope.at_query(q, CELLS), theirs[0]
    yield rope.at_key(k, torch.cat([CELLS.repeat(3), pointers])), theirs[1]


@parity(
    "rope_2d", reference="transformers",
    what="SAM 2's module at the cells of a global layer of SAM 3, scaled to those of a window",
    transformation="base 10,000, axis_order=(1, 0), scale = window / columns", bound=1e-5,
)  # fmt: skip
def rope_2d_sam3():
    config = vision_config(
        memory_attention_hidden_size=32, memory_attention_downsample_rate=1,
        memory_attention_num_attention_heads=HEADS,
    )  # fmt: skip
    cells = torch.arange(36)
    at = torch.stack([cells % 6, cells // 6], -1) * (4 / 6)
    q, k = vectors(36)
    cos, sin = sam2.Sam2VideoVisionRotaryEmbedding(config)(q, at)
    rope = AxialRotary(16, (6, 6), base=10_000.0, axis_order=(1, 0), scale=4 / 6)
    theirs = sam2.apply_rotary_pos_emb_2d(q, k, cos[None], sin[None])
    yield from both_turned(rope, theirs, q, k, torch.arange(36))


@parity(
    "rope_2d", reference="transformers", what="Kimi K2.5 and Step 3.7, vision towers",
    transformation='base 10,000, layout="half", axis_order=(1, 0), arrangement="alternating" for '
    "Kimi; axes heads and length swapped", bound=1e-5,
)  # fmt: skip
def rope_2d_kimi():
    q, k = vectors()
    for module, cls, arrangement in (
        (kimi, kimi.Kimi_K25VisionRotaryEmbedding, "alternating"),
        (step3, step3.Step3p7VisionRotaryEmbedding, "axes"),
    ):
        cos, sin = cls(vision_config())(q, AT)
        apply = getattr(module, "apply_rotary_pos_emb_vision", kimi.apply_rotary_pos_emb_vision)
        rope = AxialRotary(
            16, (ROWS, COLUMNS), base=10_000.0, layout="half", axis_order=(1, 0),
            arrangement=arrangement,
        )  # fmt: skip
        yield from both_turned(rope, flat(apply, q, k, cos, sin), q, k)


@parity(
    "rope_2d", reference="transformers",
    what="Gemma 4, Gemma4VisionRotaryEmbedding and apply_multidimensional_rope",
    transformation='layout="half_each", axis_order=(1, 0); axes heads and length swapped',
    bound=1e-5,
)  # fmt: skip
def rope_2d_gemma4():
    q, k = vectors()
    at = AT.flip(-1)[None]  # (x, y), as its image processor makes them
    cos, sin = gemma4.Gemma4VisionRotaryEmbedding(vision_config(base=100.0))(q, at)
    theirs = [
        gemma4.apply_multidimensional_rope(
            x.transpose(1, 2), cos, sin, at, unsqueeze_dim=2
        ).transpose(1, 2)
        for x in (q, k)
    ]
    rope = AxialRotary(16, (ROWS, COLUMNS), layout="half_each", axis_order=(1, 0))
    yield from both_turned(rope, theirs, q, k)


@parity(
    "rope_2d", reference="transformers",
    what="MiniMax M3 VL: frames, rows and columns in 12 of 16 features",
    transformation='base 10,000, layout="half", rotary_dim=12, axes heads and length swapped',
    bound=1e-5,
)  # fmt: skip
def rope_2d_minimax():
    shape, cells = (2, 3, 4), torch.arange(24)
    q, k = vectors(24)
    rotary = minimax.MiniMaxM3VLVisionRotaryEmbedding(vision_config())
    cos, sin = rotary(q, grid_coordinates(cells, shape))
    theirs = flat(minimax.apply_rotary_pos_emb_vision, q, k, cos, sin)
    rope = AxialRotary(16, shape, base=10_000.0, layout="half", rotary_dim=12)
    yield from both_turned(rope, theirs, q, k, cells)


# What is no rotation


@parity(
    "rope_2d_unpaired", reference="transformers",
    what="V-JEPA 2, rotate_queries_or_keys: frames, rows and columns in 12 of 16 features",
    transformation="their three calls side by side", bound=1e-5,
)  # fmt: skip
def rope_2d_vjepa2():
    shape, cells = (2, 3, 4), torch.arange(24)
    x, at = vectors(24)[0], grid_coordinates(cells, shape)
    parts = [
        vjepa2.rotate_queries_or_keys(x[..., 4 * axis : 4 * axis + 4], at[:, axis])
        for axis in range(3)
    ]
    rope = UnpairedAxialRotary(16, shape, rotary_dim=12)
    yield rope.at_query(x, cells), torch.cat([*parts, x[..., 12:]], -1)


@parity(
    "mrope_unpaired", reference="transformers",
    what="HunYuan VL, HunYuanVLRotaryEmbedding, four axes",
    transformation="positions with their axes last", bound=2e-5,
)  # fmt: skip
def mrope_hunyuan():
    for sections in ((2, 2, 2, 2), (1, 3, 2, 2)):
        config = text_config(SimpleNamespace, sections, base=1e4)
        rope = UnpairedMultimodalRotary(16, sections, base=1e4)
        at = torch.randint(0, 50, (2, 9, 4), generator=torch.manual_seed(0))
        q, k = (normal(2, 2, 9, 16, seed=seed) for seed in (0, 1))
        cos, sin = hunyuan.HunYuanVLRotaryEmbedding(config)(q, at.permute(2, 0, 1))
        yield from both_turned(rope, hunyuan.apply_rotary_pos_emb(q, k, cos, sin), q, k, at)


# Trained frequency vectors


@parity(
    "rope_mixed", reference=EQUATION,
    what="Heo et al. 2024, equation 9: each pair turned by x w_x + y w_y, as a loop", bound=1e-12,
)  # fmt: skip
def rope_mixed_equation():
    torch.manual_seed(0)
    rope = MixedRotary(16, HEADS, (ROWS, COLUMNS)).double()
    x = normal(1, HEADS, len(CELLS), 16, dtype=torch.float64)
    expected = torch.empty_like(x)
    for head in range(HEADS):
        for cell, (row, column) in enumerate(AT.tolist()):
            for i, (by_row, by_column) in enumerate(rope.mixed[head].tolist()):
                pair = x[0, head, cell, 2 * i : 2 * i + 2].tolist()
                turned = complex(*pair) * cmath.exp(1j * (row * by_row + column * by_column))
                expected[0, head, cell, 2 * i] = turned.real
                expected[0, head, cell, 2 * i + 1] = turned.imag
    yield rope.at_query(x, CELLS), expected


# Fourier features


@parity(
    "fourier_2d", reference="transformers",
    what="SAM, SamPositionalEmbedding: the grid of a picture, and points",
    transformation="their matrix transposed and their places, (x, y), flipped", bound=1e-5,
)  # fmt: skip
def fourier_sam():
    torch.manual_seed(0)
    theirs = sam.SamPositionalEmbedding(SimpleNamespace(scale=2.0, num_pos_feats=16))
    encode = RandomFourierEncoding(32, (ROWS, COLUMNS))
    encode.directions.copy_(theirs.positional_embedding.detach().T.flip(-1))
    centres = (AT + 0.5) / torch.tensor([ROWS, COLUMNS])
    grid = theirs(centres.flip(-1)).detach()
    yield encode(torch.zeros(1, len(CELLS), 32))[0], grid
    points = torch.rand(1, 1, 6, 2) * 64
    expected = theirs(points, input_shape=(64, 64)).detach()
    found = random_fourier_features(points.flip(-1) / 32 - 1, encode.directions)
    yield found, expected
