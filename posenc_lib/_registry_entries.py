"""The entries of the registry: data only, one paragraph an encoding, in the order of the doors."""

from __future__ import annotations

from posenc_lib.doors import Door
from posenc_lib.registry import DISTANCE, NOTHING, POSITION, RegistryEntry

_UNSEEN = "yes, with vectors or angles the model has never seen"
_SAME = "yes: the rule goes on"
_NO_CELL = "no: ValueError past the grid"
_CLIPPED = "yes: all distances past the last share one entry"
_ROPE_SIZES = ("head_dim",)
_FACTOR = {"factor": 4.0}

ENTRIES = [
    RegistryEntry(
        name="none", title="no position (NoPE)", class_name="NoEncoding", door=Door.NONE,
        sizes=(), parameters="0", depends_on=NOTHING,
        longer="yes: there is nothing to run out of",
        source="Kazemnejad et al. 2023, section 2",
    ),
    # Door 1
    RegistryEntry(
        name="sinusoidal", title="sinusoidal", class_name="SinusoidalEncoding",
        door=Door.EMBEDDINGS, sizes=("dim",), parameters="0", depends_on=POSITION,
        longer=_UNSEEN, source="Vaswani et al. 2017, section 3.5",
    ),
    RegistryEntry(
        name="sinusoidal_2d", title="sinusoidal 2-D", class_name="AxialSinusoidalEncoding",
        door=Door.EMBEDDINGS, sizes=("dim", "shape"), parameters="0", depends_on=POSITION,
        longer=_NO_CELL, takes_longer=False,
        source="Vaswani et al. 2017, section 3.5, for each axis",
    ),
    RegistryEntry(
        name="learned", title="learned table", class_name="LearnedEncoding",
        door=Door.EMBEDDINGS, sizes=("length", "dim"), parameters="length * dim",
        depends_on=POSITION, longer="no: IndexError past the table", takes_longer=False,
        source="Gehring et al. 2017, section 3.1; Devlin et al. 2018, section 3",
    ),
    RegistryEntry(
        name="learned_2d", title="learned 2-D", class_name="AxialLearnedEncoding",
        door=Door.EMBEDDINGS, sizes=("dim", "shape"),
        parameters="sum(shape) * dim // 2",
        depends_on=POSITION, longer="no: IndexError past the grid", takes_longer=False,
        source="Dosovitskiy et al. 2021, appendix D.4",
    ),
    RegistryEntry(
        name="timing", title="timing signal", class_name="TimingEncoding",
        door=Door.EMBEDDINGS, sizes=("dim",), defaults={"shortest": 4.0, "longest": 4096.0},
        parameters="0", depends_on=POSITION, longer=_UNSEEN,
        source="Vaswani et al. 2018, Tensor2Tensor",
    ),
    # Door 2
    RegistryEntry(
        name="rope", title="RoPE", class_name="RotaryEncoding", door=Door.QUERIES_KEYS,
        sizes=_ROPE_SIZES, parameters="0", depends_on=DISTANCE, longer=_UNSEEN,
        source="Su et al. 2021, equations 14, 15 and 34",
    ),
    RegistryEntry(
        name="rope_half", title="RoPE, half layout", class_name="RotaryEncoding",
        door=Door.QUERIES_KEYS, sizes=_ROPE_SIZES, defaults={"layout": "half"}, parameters="0",
        depends_on=DISTANCE, longer=_UNSEEN, source="Black et al. 2022, GPT-NeoX-20B",
    ),
    RegistryEntry(
        name="rope_2d", title="RoPE 2-D", class_name="AxialRotary", door=Door.QUERIES_KEYS,
        sizes=("head_dim", "shape"), parameters="0",
        depends_on="the differences of row and column", longer=_NO_CELL, takes_longer=False,
        source="Su et al. 2021, equation 34, for each axis",
    ),
    RegistryEntry(
        name="xpos", title="xPos", class_name="XposRotary", door=Door.QUERIES_KEYS,
        sizes=_ROPE_SIZES, parameters="0", depends_on=DISTANCE, causal_only=True,
        longer="yes, to position 18,130 in float32 and 2,266 in float16; then ValueError",
        source="Sun et al. 2022, section 3.2, equation 9 and algorithm 1",
    ),
    RegistryEntry(
        name="rope_pi", title="RoPE + PI", class_name="InterpolatedRotary",
        door=Door.QUERIES_KEYS, sizes=_ROPE_SIZES, defaults=_FACTOR, parameters="0",
        depends_on=DISTANCE, longer="yes: up to factor times the trained length",
        source="Chen et al. 2023, section 2.3, equation 4",
    ),
    RegistryEntry(
        name="rope_ntk", title="RoPE + NTK", class_name="NtkRotary",
        door=Door.QUERIES_KEYS, sizes=_ROPE_SIZES, defaults=_FACTOR, parameters="0",
        depends_on=DISTANCE, longer="yes: up to about factor times the trained length",
        source="Peng et al. 2023, section 3.1",
    ),
    RegistryEntry(
        name="rope_dynamic_ntk", title="RoPE + dynamic NTK", class_name="DynamicNtkRotary",
        door=Door.QUERIES_KEYS, sizes=("head_dim", "trained_length"), parameters="0",
        depends_on="distance and the length of the text",
        longer="yes: the base grows with the text", source="Peng et al. 2023, section 3.3",
    ),
    RegistryEntry(
        name="rope_yarn", title="RoPE + YaRN", class_name="YarnRotary",
        door=Door.QUERIES_KEYS, sizes=("head_dim", "trained_length"), defaults=_FACTOR,
        parameters="0", depends_on=DISTANCE,
        longer="yes: up to factor times the trained length",
        source="Peng et al. 2023, sections 3.2 and 3.4",
    ),
    RegistryEntry(
        name="rope_llama3", title="RoPE, Llama 3", class_name="Llama3Rotary",
        door=Door.QUERIES_KEYS, sizes=("head_dim", "trained_length"), defaults=_FACTOR,
        parameters="0", depends_on=DISTANCE,
        longer="yes: up to factor times the trained length",
        source="Grattafiori et al. 2024, and the released code",
    ),
    # Door 3
    RegistryEntry(
        name="shaw", title="Shaw", class_name="ShawRelative", door=Door.SCORES,
        sizes=_ROPE_SIZES, defaults={"max_distance": 16},
        parameters="2 * (2 * max_distance + 1) * head_dim", depends_on=DISTANCE, longer=_CLIPPED,
        source="Shaw et al. 2018, equations 3 and 4",
    ),
    RegistryEntry(
        name="nezha", title="NEZHA", class_name="NezhaRelative", door=Door.SCORES,
        sizes=_ROPE_SIZES, defaults={"max_distance": 64}, parameters="0", depends_on=DISTANCE,
        longer=_CLIPPED, source="Wei et al. 2019, equations 6 and 7",
    ),
    RegistryEntry(
        name="transformer_xl", title="Transformer-XL", class_name="TransformerXLRelative",
        door=Door.SCORES, sizes=("dim", "heads"), parameters="2 * dim + dim * dim",
        depends_on=DISTANCE, longer=_UNSEEN, source="Dai et al. 2019, section 3.3",
    ),
    RegistryEntry(
        name="t5", title="T5", class_name="T5Bias", door=Door.SCORES,
        sizes=("heads", "bidirectional"), defaults={"buckets": 32}, parameters="buckets * heads",
        depends_on=DISTANCE, longer=_CLIPPED, source="Raffel et al. 2020, section 2.1",
    ),
    RegistryEntry(
        name="alibi", title="ALiBi", class_name="AlibiBias", door=Door.SCORES,
        sizes=("heads", "causal"), parameters="0", depends_on=DISTANCE, longer=_SAME,
        source="Press et al. 2022, section 3",
    ),
    RegistryEntry(
        name="kerple_log", title="KERPLE, log", class_name="KerpleLogBias", door=Door.SCORES,
        sizes=("heads",), parameters="2 * heads", depends_on=DISTANCE, longer=_SAME,
        source="Chi et al. 2022, section 4",
    ),
    RegistryEntry(
        name="kerple_power", title="KERPLE, power", class_name="KerplePowerBias",
        door=Door.SCORES, sizes=("heads",), parameters="2 * heads", depends_on=DISTANCE,
        longer=_SAME, source="Chi et al. 2022, section 4",
    ),
    RegistryEntry(
        name="sandwich", title="Sandwich", class_name="SandwichBias", door=Door.SCORES,
        sizes=("heads",), parameters="0", depends_on=DISTANCE, longer=_SAME,
        source="Chi et al. 2023",
    ),
    RegistryEntry(
        name="fire", title="FIRE", class_name="FireBias", door=Door.SCORES,
        sizes=("heads",), defaults={"hidden": 32},
        parameters="2 * hidden + hidden * heads + heads + 2", causal_only=True,
        depends_on="distance, and past the threshold the position of the query", longer=_SAME,
        source="Li et al. 2023, section 3",
    ),
    RegistryEntry(
        name="cope", title="CoPE", class_name="CopeBias", door=Door.SCORES,
        sizes=_ROPE_SIZES, defaults={"max_position": 64},
        parameters="(max_position + 1) * head_dim",
        depends_on="what stands between query and key", causal_only=True,
        longer="yes: all counts past max_position share one vector",
        source="Golovneva et al. 2024, section 4",
    ),
]  # fmt: skip
