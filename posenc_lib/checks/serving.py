"""Exercises of notebook 15: positions from a padding mask, a packed row, one step of beams."""

from __future__ import annotations

import torch
from torch import Tensor

from posenc_lib.base.batches import document_mask, packed_positions, padded_positions
from posenc_lib.base.masks import causal_mask
from posenc_lib.checks.exercise import Exercise, Mistake


def _masks(*rows: str) -> Tensor:
    """Rows of 0 and 1 as a mask of real tokens."""
    return torch.tensor([[mark == "1" for mark in row] for row in rows])


def _columns(real: Tensor) -> Tensor:
    return torch.arange(real.shape[1]).expand(real.shape)


positions = Exercise(
    name="my_positions",
    solution=padded_positions,
    cases=lambda: [
        (_masks("00111", "11111"),), (_masks("0001", "0111", "1111"),), (_masks("011"),),
        (_masks("11", "01"),),
    ],
    mistakes=(
        Mistake(
            "columns", _columns,
            "You count the columns, padding included: the first real token of a padded row does "
            "not get 0. Count the real tokens only: cumsum of the mask.",
        ),
        Mistake(
            "from one", lambda real: real.cumsum(1),
            "Your first real token gets 1. It is the first: take 1 off.",
        ),
        Mistake(
            "below zero", lambda real: real.cumsum(1) - 1,
            "Real tokens are right, but padding gets -1, which a table of positions has no row "
            "for. Raise it to 0: .clamp(min=0).",
        ),
        Mistake(
            "below zero, by columns",
            lambda real: _columns(real) - (~real).sum(1, keepdim=True),
            "Real tokens are right, but padding gets numbers below 0, which a table of positions "
            "has no row for. Raise them to 0: .clamp(min=0).",
        ),
        Mistake(
            "padding gets one", lambda real: (real.cumsum(1) - 1).masked_fill(~real, 1),
            "Real tokens are right. Padding gets 1, as in older code; here the task asks for 0.",
        ),
        Mistake(
            "along the batch", lambda real: (real.cumsum(0) - 1).clamp(min=0),
            "You add up along the batch. A row is a text of its own: cumsum along axis 1.",
        ),
        Mistake(
            "padding counted", lambda real: (~real).cumsum(1),
            "You count the padding. Count the real tokens: cumsum of the mask itself.",
        ),
        Mistake(
            "from the end", lambda real: (
                (real.flip(1).cumsum(1) - 1).clamp(min=0).flip(1) * real),
            "You count from the end of the text. Positions count from its beginning.",
        ),
        Mistake(
            "first row for all", lambda real: padded_positions(real[:1]).expand(real.shape),
            "All rows get the positions of the first one. Each row has its own padding.",
        ),
        Mistake(
            "real ones only", lambda real: (real.cumsum(1) - 1)[real],
            "You return the real tokens in one long row. Keep (batch, length): padding gets 0.",
        ),
        Mistake(
            "the mask", lambda real: real.long(),
            "That is the mask as numbers. Add it up along the row: cumsum(1), less 1.",
        ),
        Mistake(
            "columns of real tokens", lambda real: torch.where(real, _columns(real), 0),
            "Padding gets 0, but your real tokens still count the columns in front of them. The "
            "first real token gets 0 too: cumsum of the mask, less 1.",
        ),
        Mistake(
            "columns and padding", lambda real: _columns(real) + (~real).sum(1, keepdim=True),
            "You add the number of padding tokens to the columns. Take it off.",
        ),
        Mistake(
            "wrapped", lambda real: (
                (_columns(real) - (~real).sum(1, keepdim=True)) % real.shape[1]),
            "Real tokens are right, but padding wraps round to the largest positions. Raise what "
            "is below 0 to 0: .clamp(min=0) in place of %.",
        ),
        Mistake(
            "through the batch",
            lambda real: (real.flatten().cumsum(0) - 1).view(real.shape).clamp(min=0),
            "Your count runs on from one row into the next. Each row begins at 0: cumsum along "
            "axis 1, without flattening.",
        ),
        Mistake(
            "how many", lambda real: real.sum(1),
            "That is the number of real tokens of each row. One position for each token is asked "
            "for: cumsum in place of sum.",
        ),
    ),
)  # fmt: skip


def _numbered(lengths: list[int]) -> Tensor:
    """0, 0, 0, 1, 1 ...: the document of each token."""
    return torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))


def _packed(lengths: list[int]) -> tuple[Tensor, Tensor]:
    documents = _numbered(lengths)
    total = len(documents)
    return packed_positions(documents), document_mask(documents) & causal_mask(total, total)


def _with_mask(mask):
    """Right positions and another mask, a function of positions and documents."""

    def answer(lengths):
        at, _ = _packed(lengths)
        return at, mask(at, _numbered(lengths))

    return answer


def _with_positions(positions):
    """Another kind of positions, a function of the lengths, and the right mask."""
    return lambda lengths: (positions(lengths), _packed(lengths)[1])


def _causal(at: Tensor, documents: Tensor) -> Tensor:
    return causal_mask(len(at), len(at))


packing = Exercise(
    name="my_packing",
    solution=_packed,
    cases=lambda: [([2, 3],), ([1, 2, 1],), ([4],), ([3, 1, 2],)],
    mistakes=(
        Mistake(
            "counted on", _with_positions(lambda lengths: torch.arange(sum(lengths))),
            "Your positions count on through the row. Each document begins at 0 again.",
        ),
        Mistake(
            "from one", _with_positions(lambda lengths: _packed(lengths)[0] + 1),
            "Your positions begin at 1 in each document. The first token stands at 0.",
        ),
        Mistake(
            "numbers of the documents", _with_positions(_numbered),
            "Those are the numbers of the documents. A position counts tokens within its document.",
        ),
        Mistake(
            "places of the beginnings", _with_positions(
                lambda lengths: torch.arange(sum(lengths)) - _packed(lengths)[0]),
            "That is where each document begins. The position is the place less that.",
        ),
        Mistake(
            "counted down", _with_positions(
                lambda lengths: torch.cat([torch.arange(n).flip(0) for n in lengths])),
            "Your positions count down to the end of each document. Count up from its beginning.",
        ),
        Mistake(
            "causal only", _with_mask(_causal),
            "Your mask is causal and no more: the second document sees the first. Ask besides "
            "whether both tokens belong to one document.",
        ),
        Mistake(
            "documents only", _with_mask(lambda at, documents: documents[:, None] == documents),
            "Your mask keeps the documents apart, but lets a token see later ones of its own. A "
            "decoder must not: no key after the query.",
        ),
        Mistake(
            "causal by position", _with_mask(lambda at, documents: at[:, None] >= at),
            "Your mask compares positions that restart: the first document sees the beginning of "
            "the second, which stands later. Ask for the same document too.",
        ),
        Mistake(
            "turned over", _with_mask(
                lambda at, documents: ((documents[:, None] == documents) & _causal(
                    at, documents)).T),
            "Your mask is turned over: rows are queries, columns are keys, so True stands on and "
            "below the diagonal.",
        ),
        Mistake(
            "the wrong way round", _with_mask(
                lambda at, documents: ~((documents[:, None] == documents) & _causal(
                    at, documents))),
            "Your mask is True where a key is shut out. Here True means that it may be seen, as "
            "in scaled_dot_product_attention.",
        ),
        Mistake(
            "never itself", _with_mask(
                lambda at, documents: (documents[:, None] == documents) & (at[:, None] > at)),
            "Your tokens do not see themselves. The diagonal is True: >=, not >.",
        ),
        Mistake(
            "earlier documents too", _with_mask(
                lambda at, documents: documents[:, None] >= documents),
            "Your mask lets a token see all earlier documents, and later tokens of its own. The "
            "documents must be equal, and the key not later.",
        ),
        Mistake(
            "one too far", _with_mask(
                lambda at, documents: (documents[:, None] == documents) & (
                    at[:, None] + 1 >= at)),
            "Your tokens see the one after them, which is what they are to guess. The diagonal is "
            "the last that may be seen: .tril(), without an offset.",
        ),
        Mistake(
            "equal positions", _with_mask(lambda at, documents: at[:, None] == at),
            "Your mask compares positions with ==. Compare the documents with ==, and the places "
            "with >=.",
        ),
        Mistake(
            "counted on, documents only", lambda lengths: (
                torch.arange(sum(lengths)), document_mask(_numbered(lengths))),
            "Two things: your positions count on through the row, and your mask lets a token see "
            "later ones of its own document.",
        ),
        Mistake(
            "apart, not together", _with_mask(
                lambda at, documents: (documents[:, None] != documents) & _causal(at, documents)),
            "Your mask joins tokens of different documents and parts those of one. Take == for !=.",
        ),
        Mistake(
            "counted on, causal only", lambda lengths: (
                torch.arange(sum(lengths)), causal_mask(sum(lengths), sum(lengths))),
            "Two things: your positions count on through the row, and your mask lets a document "
            "see the ones before it. That is one long text, not several.",
        ),
    ),
)  # fmt: skip


def _chosen(scores: Tensor) -> tuple[Tensor, Tensor]:
    beams, words = scores.shape
    best = scores.flatten().topk(beams).indices
    return best // words, best % words


def _from_flat(split, best=None):
    """(rows, tokens) of other places in the flat scores, or split in another way."""

    def answer(scores):
        beams, words = scores.shape
        flat = scores.flatten()
        found = flat.topk(beams).indices if best is None else best(flat, beams)
        return split(found, beams, words)

    return answer


def _row_and_token(found: Tensor, beams: int, words: int) -> tuple[Tensor, Tensor]:
    return found // words, found % words


def _scores() -> list[tuple]:
    generator = torch.Generator().manual_seed(6)
    made = [torch.randn(shape, generator=generator) for shape in ((2, 4), (3, 5), (2, 3), (4, 6))]
    made[0][1] += 3.0  # both continuations come from the second beam
    return [(scores.log_softmax(-1) + scores.mean(-1, keepdim=True),) for scores in made]


beams = Exercise(
    name="my_beams",
    solution=_chosen,
    cases=_scores,
    mistakes=(
        Mistake(
            "each its own", lambda scores: (torch.arange(len(scores)), scores.argmax(1)),
            "Each beam goes on with its own best word. The best continuations may all come from "
            "one beam: compare the scores of all beams, scores.flatten().",
        ),
        Mistake(
            "row and word swapped",
            _from_flat(lambda found, beams, words: (found % words, found // words)),
            "Row and token are swapped: found // words is the row, found % words the token.",
        ),
        Mistake(
            "divided by the beams",
            _from_flat(lambda found, beams, words: (found // beams, found % beams)),
            "You divide by the number of beams. A row of the flat scores is as long as the "
            "vocabulary: divide by scores.shape[1].",
        ),
        Mistake(
            "the worst",
            _from_flat(_row_and_token, lambda flat, n: flat.topk(n, largest=False).indices),
            "Those are the worst continuations. Scores are log-probabilities: larger is better.",
        ),
        Mistake(
            "worst first",
            _from_flat(_row_and_token, lambda flat, n: flat.topk(n).indices.flip(0)),
            "The right ones, the best last. Put the best first, as topk does.",
        ),
        Mistake(
            "in order of rows",
            _from_flat(_row_and_token, lambda flat, n: flat.topk(n).indices.sort().values),
            "The right ones, in the order of the rows. Put the best first, as topk does.",
        ),
        Mistake(
            "scores in place of rows", lambda scores: (
                scores.flatten().topk(len(scores)).values,
                scores.flatten().topk(len(scores)).indices % scores.shape[1]),
            "Your rows are the scores themselves. Take .indices of topk, and // the vocabulary.",
        ),
        Mistake(
            "rows counted up", lambda scores: (torch.arange(len(scores)), _chosen(scores)[1]),
            "The tokens are right, but the rows are 0, 1, 2 ...: say which beam each one "
            "continues, or the cache goes on with the wrong text.",
        ),
        Mistake(
            "flat", _from_flat(lambda found, beams, words: (found, found)),
            "Those are places in the flat scores. // and % by the vocabulary make row and token.",
        ),
        Mistake(
            "each beam sums to one", lambda scores: _chosen(scores.softmax(-1)),
            "Your softmax gives each beam the same sum, which forgets how good the beams "
            "themselves are. The scores can be compared as they are.",
        ),
        Mistake(
            "best beam only", lambda scores: (
                scores.amax(1).argmax().expand(len(scores)),
                scores[scores.amax(1).argmax()].topk(len(scores)).indices),
            "You go on from the best beam only. Another beam may have one of the best "
            "continuations: flatten the scores of all.",
        ),
        Mistake(
            "words and their scores", lambda scores: (
                scores.max(1).indices, scores.max(1).values),
            "Those are the best word of each beam, and its score. Return rows first, then words, "
            "and choose among all beams: scores.flatten().",
        ),
        Mistake(
            "best of each word", lambda scores: (
                scores.max(0).indices[: len(scores)],
                scores.max(0).values.topk(len(scores)).indices),
            "You take the best beam for each word. Two words of one beam may be best: flatten.",
        ),
        Mistake(
            "rows ranked by their best", lambda scores: (
                scores.amax(1).argsort(descending=True),
                scores.argmax(1)[scores.amax(1).argsort(descending=True)]),
            "You rank the beams, each with its one best word. A beam may have two of the best "
            "continuations, and another none: flatten the scores first.",
        ),
    ),
)  # fmt: skip
