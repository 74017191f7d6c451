"""The input layer of BERT: three look-ups, one sum, LayerNorm, dropout.

    h = dropout(LayerNorm(word[id] + position[p] + token_type[segment]))

Source: Devlin et al. 2018, "BERT", section 3 and figure 2; the released code for LayerNorm's
epsilon (1e-12) and the N(0, 0.02) start; the port in Hugging Face's transformers for the padding
row (id 0: zero, without gradient).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from posenc_lib.base import validation

_TABLES = ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight")
_NAMES = (*_TABLES, "LayerNorm.weight", "LayerNorm.bias")
_PREFIXES = ("bert.embeddings.", "embeddings.", "")
_ROBERTA = "roberta.embeddings."


class BertEmbeddings(nn.Module):
    """Word + position + token type embeddings, LayerNorm, dropout.

    h = dropout(LayerNorm(word[id] + position[p] + token_type[segment])), (batch, length, dim).

    The parameters carry the names of the Hugging Face checkpoints, so that a published state
    dict loads by name: see `from_huggingface`. Row `padding_idx` of the word table starts at
    zero and gets no gradient.

    Raises ValueError for sizes below 1, an eps outside 1e-37 .. 1e37, which float32 holds, or ids
    of the wrong shape, TypeError for ids that are not integers, IndexError for an id, a position or
    a token type past its table.

    Source: Devlin et al. 2018, "BERT", section 3, figure 2.

    >>> embed = BertEmbeddings(vocab_size=100, dim=8).eval()
    >>> embed(torch.tensor([[2, 5, 3]])).shape
    torch.Size([1, 3, 8])
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        dim: int = 768,
        *,
        length: int = 512,
        token_types: int = 2,
        dropout: float = 0.1,
        eps: float = 1e-12,
        padding_idx: int = 0,
    ) -> None:
        super().__init__()
        sizes = {
            "vocab_size": vocab_size, "dim": dim, "length": length, "token_types": token_types
        }  # fmt: skip
        for argument, value in sizes.items():
            validation.size("BertEmbeddings", argument, value)
        eps = validation.real(
            "BertEmbeddings", "eps", eps, above=0.0,
            at_least=validation.SMALLEST_START, below=validation.LARGEST_START,
        )  # fmt: skip
        padding_idx = validation.size("BertEmbeddings", "padding_idx", padding_idx, minimum=0)
        if padding_idx >= vocab_size:
            raise validation.refuse(
                ValueError, "BertEmbeddings", "padding_idx", padding_idx,
                f"an id below vocab_size = {vocab_size}", "BERT pads with id 0.",
            )  # fmt: skip
        self.length = length
        self.word_embeddings = nn.Embedding(vocab_size, dim, padding_idx=padding_idx)
        self.position_embeddings = nn.Embedding(length, dim)
        self.token_type_embeddings = nn.Embedding(token_types, dim)
        self.LayerNorm = nn.LayerNorm(dim, eps=eps)
        self.dropout = nn.Dropout(validation.probability("BertEmbeddings", "dropout", dropout))
        with torch.no_grad():
            for table in (
                self.word_embeddings, self.position_embeddings, self.token_type_embeddings
            ):  # fmt: skip
                table.weight.normal_(0.0, 0.02)
            self.word_embeddings.weight[padding_idx] = 0.0

    @classmethod
    def from_huggingface(cls, state_dict: Mapping[str, Tensor], **options: Any) -> BertEmbeddings:
        """Build the module from a Hugging Face BERT state dict, its sizes read from the tables.

        Accepts the names of `BertModel`, of `BertForMaskedLM` (prefix "bert.") and of the
        embeddings alone. Entries of other layers are left aside. The module is in training mode
        and in float32: call .eval() and .to(dtype) as you need. BERT only: RoBERTa and its
        relatives use the same names, but count positions from padding_idx + 1. They are told by
        the prefix "roberta.", by a row of zeros in the same place of the word and the position
        table, or by 2 rows more than a power of two beside a single token type.

        Raises ValueError when one of the five tensors is missing or of another size, and for the
        tables of RoBERTa; TypeError for something else than a mapping of names to tensors.

        >>> source = BertEmbeddings(vocab_size=50, dim=4, length=16)
        >>> names = {f"bert.embeddings.{k}": v for k, v in source.state_dict().items()}
        >>> BertEmbeddings.from_huggingface(names).length
        16
        """
        if not isinstance(state_dict, Mapping):
            raise validation.refuse(
                TypeError, "BertEmbeddings.from_huggingface", "state_dict",
                type(state_dict).__name__, "a mapping of names to tensors",
                "Pass model.state_dict() of a BERT model.",
            )  # fmt: skip
        for prefix in _PREFIXES:
            if prefix + _NAMES[0] in state_dict:
                break
        if prefix + _NAMES[0] not in state_dict and _ROBERTA + _NAMES[0] in state_dict:
            raise _roberta(f"names that begin with {_ROBERTA!r}")
        missing = [prefix + name for name in _NAMES if prefix + name not in state_dict]
        if missing:
            raise validation.refuse(
                ValueError, "BertEmbeddings.from_huggingface", "state_dict", missing,
                "a state dict that holds these names", "Pass model.state_dict() of a BERT model.",
            )  # fmt: skip
        for name in _TABLES:
            argument = f"state_dict[{prefix + name!r}]"
            table = state_dict[prefix + name]
            validation.floating("BertEmbeddings.from_huggingface", argument, table, axes="rows dim")
        word, position, token_type = (state_dict[prefix + name] for name in _TABLES)
        for name in _NAMES[1:]:
            argument, value = f"state_dict[{prefix + name!r}]", state_dict[prefix + name]
            axes = "rows dim" if name in _TABLES else "dim"
            validation.floating("BertEmbeddings.from_huggingface", argument, value, axes=axes)
            validation.last_axis(
                "BertEmbeddings.from_huggingface", argument, value, "dim", word.shape[1]
            )
        if sign := _sign_of_roberta(word, position, token_type):
            raise _roberta(sign)
        module = cls(
            word.shape[0], word.shape[1],
            length=position.shape[0], token_types=token_type.shape[0], **options,
        )  # fmt: skip
        module.load_state_dict({name: state_dict[prefix + name] for name in _NAMES})
        return module

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        token_type_ids: Integer[Tensor, "batch length"] | None = None,
        positions: Integer[Tensor, "#batch length"] | Integer[Tensor, " length"] | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """Return the embedded tokens. Token types are 0 and positions 0 .. length - 1 unless
        given."""
        function = "BertEmbeddings"
        validation.tensor(function, "input_ids", input_ids)
        validation.rank(function, "input_ids", input_ids, axes="batch length")
        batch, length = input_ids.shape
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        if positions is None:
            positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        validation.positions(function, "positions", positions, length=length, batch=batch)
        validation.tensor(function, "token_type_ids", token_type_ids)
        if token_type_ids.shape != input_ids.shape:
            raise validation.refuse(
                ValueError, function, "token_type_ids.shape", tuple(token_type_ids.shape),
                f"{tuple(input_ids.shape)}, that of input_ids", "Give one segment id a token.",
            )  # fmt: skip
        lookups = (
            ("input_ids", input_ids, self.word_embeddings, "Use the tokeniser of this model."),
            ("positions", positions, self.position_embeddings, "Cut the input to the table."),
            ("token_type_ids", token_type_ids, self.token_type_embeddings, "BERT has types 0, 1."),
        )
        word, position, token_type = (
            table(validation.indices(function, name, ids, rows=table.num_embeddings, remedy=remedy))
            for name, ids, table, remedy in lookups
        )
        # (batch, length, dim) + (length, dim) or (batch, length, dim) + (batch, length, dim)
        total = word + position + token_type
        embedded: Tensor = self.dropout(self.LayerNorm(total))
        return embedded


def _sign_of_roberta(word: Tensor, position: Tensor, token_type: Tensor) -> str | None:
    """What shows that positions are counted from padding_idx + 1; None for BERT.

    Both tables were made with padding_idx then, so both keep that row at zero, and two rows stand
    before the first place.
    """
    rows = position.shape[0]
    if rows >= 514 and (rows - 2).bit_count() == 1 and token_type.shape[0] == 1:
        return f"a position table of {rows} = {rows - 2} + 2 rows beside one token type"
    if not (validation.readable(word) and validation.readable(position)):
        return None
    unused = (position == 0).all(1).nonzero().flatten().tolist()
    if len(unused) != 1 or unused[0] >= word.shape[0] or bool(word[unused[0]].any()):
        return None
    return f"a row {unused[0]} of zeros in both the word and the position table"


def _roberta(sign: str) -> Exception:
    """The error for the weights of RoBERTa."""
    return validation.refuse(
        ValueError, "BertEmbeddings.from_huggingface", "state_dict", sign,
        "the tables of BERT, whose positions count from 0",
        "These are the tables of RoBERTa, which counts from padding_idx + 1: here every token "
        "would get the row of another place. Cut the first padding_idx + 1 rows (2 in the "
        "published models) off the position table, and pass the tensors under BERT's names with "
        "padding_idx=1 and the eps of the model, 1e-5.",
    )  # fmt: skip
