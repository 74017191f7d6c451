"""What of a text stands on a slide: its key sentences. The whole text is in the speaker's notes.

A paragraph of `SHORT` words or fewer stays. Of a longer one a slide shows

- the first sentence, and the next too if the first is only a few words,
- every sentence that asks something, or in which words are bold or emphasised,
- the last one if the paragraph leads on to a formula, a list, a table or code,
- and the last one otherwise, where there is still room for it: there authors conclude.

What tells a reader to run, replace or try something, and what stands in brackets, is left out of
every paragraph; one that says nothing else leaves the slide.
Of the items of a long list, each keeps its first sentence. Formulas, tables and code stay.
"""

import re

SHORT = 40
FEW = 6
"""A first sentence of fewer words than this says too little alone."""
ROOM = 45
"""With so many words on the slide the conclusion of a paragraph is still added."""

KEPT_WHOLE = re.compile(r"\*\*.+?\*\*|`[^`]+`|\$\$.+?\$\$|\$[^$]+\$|\[[^\]]*\]\([^)]*\)", re.DOTALL)
ENDS = re.compile(r"(?<=[.?!:])[\"”)*_]*\s+(?=[\"“(*_]*[A-Z0-9\x00])")
SHORTENED = re.compile(r"\b(?:et al|e\.g|i\.e|cf|vs|Fig|Eq|p|pp|No)\.$")
EMPHASIS = re.compile(r"\*\*|(?<![*\w])\*[^\s*][^*]*\*(?![*\w])")
FOR_READERS = re.compile(
    r"\(|(?:The|This) (?:cell|assert|next cell|code)\b|(?:Then |Now |So )?"
    r"(?:run|replace|put|try|press|type|open|set|change|move|drag|below|here is|click|tap)\b",
    re.IGNORECASE,
)
HANGS = re.compile(r"(?:Then|And|So|But|If so|Is it|Are they|Does it|Do they)\b")
LIST = re.compile(r"^(?:[-*+]|\d+\.) ")
LEADS_ON = ("$$", "|", "- ", "* ", "1. ", "```", "<table")


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph; a formula, code, a link or bold words are never parted."""
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match[0])
        inside = match[0].rstrip("*")
        end = inside[-1] if match[0].startswith("**") and inside[-1] in ".?!" else ""
        return f"\x00{len(held) - 1}\x01{end}"

    def back(part: str) -> str:
        return re.sub(r"\x00(\d+)\x01[.?!]?", lambda match: restored(match), part)

    def restored(match: re.Match[str]) -> str:
        whole = held[int(match[1])]
        bold_end = whole.startswith("**") and whole.rstrip("*")[-1] in ".?!"
        return whole if bold_end else whole + match[0].partition("\x01")[2]

    marked = KEPT_WHOLE.sub(hold, text.strip())
    found: list[str] = []
    begun = 0
    for match in ENDS.finditer(marked):
        part = marked[begun : match.start()] + match[0].rstrip()
        if part.rstrip().endswith(":") or SHORTENED.search(part):
            continue
        found.append(back(part.strip()))
        begun = match.end()
    found.append(back(marked[begun:].strip()))
    return [sentence for sentence in found if sentence]


def words(text: str) -> int:
    """How many words a slide shows of this; a formula is as long as a word or two."""
    plain = re.sub(r"\$\$?.+?\$\$?", " formula ", text, flags=re.DOTALL)
    plain = re.sub(r"<[^>]+>|\]\([^)]*\)", " ", plain)
    return len(re.findall(r"[^\s|]*\w[^\s|]*", plain))


def asks(sentence: str) -> bool:
    """Whether a class has something to answer or to guess."""
    ends = sentence.rstrip('*_ "”)').endswith("?")
    return ends or re.match(r"\**(?:predict|guess)\b", sentence, re.IGNORECASE) is not None


def is_prose(text: str) -> bool:
    """Whether this is a paragraph or a list, not a formula, a table, code or a picture."""
    return not re.match(r"\$\$|\||```|~~~|<|!\[|\[!", text.lstrip())


def key_sentences(text: str, leads_on: bool = False) -> str:
    """What a slide shows of one block of markdown.

    >>> key_sentences("Say it in six plain words. " + "Left out, all of it. " * 20 + "Why? So.")
    'Say it in six plain words. Why? So.'
    """
    if not is_prose(text):
        return text
    if LIST.match(text):
        return _key_items(text) if words(text) > SHORT else text
    # A formula or a table below the first lines of the same block stays with what announces it.
    head, rest = _parted(text)
    if rest:
        return f"{key_sentences(head, True)}\n\n{rest}"
    every = sentences(text)
    told = [n for n, sentence in enumerate(every) if not FOR_READERS.match(sentence)]
    if words(text) <= SHORT:
        return text if leads_on else " ".join(every[n] for n in told)
    kept = set(told[:1])
    if len(told) > 1 and words(every[told[0]]) < FEW:
        kept.add(told[1])
    for n, sentence in enumerate(every):
        if asks(sentence) or EMPHASIS.search(sentence):
            kept |= {n, n - 1} if n and HANGS.match(sentence) and asks(sentence) else {n}
    last = len(every) - 1 if leads_on else max(told, default=0)
    if leads_on or sum(words(every[n]) for n in kept | {last}) <= ROOM:
        kept.add(last)
    if leads_on and last and words(every[last]) < FEW:
        kept.add(last - 1)
    return " ".join(every[n] for n in sorted(kept))


def _parted(text: str) -> tuple[str, str]:
    lines = text.splitlines()
    for n, line in enumerate(lines[1:], 1):
        if line.startswith(LEADS_ON):
            return "\n".join(lines[:n]).rstrip(), "\n".join(lines[n:])
    return text, ""


def _key_items(text: str) -> str:
    items = re.split(r"\n(?=(?:[-*+]|\d+\.) )", text)
    return "\n".join(_key_item(item) for item in items)


def _key_item(item: str) -> str:
    if words(item) <= SHORT // 2 + 5:
        return item
    mark = LIST.match(item)
    assert mark is not None
    first = sentences(item[mark.end() :])[0]
    return mark[0] + first
