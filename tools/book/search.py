"""Search in Chinese, which is written without spaces.

Words cannot be cut out without a dictionary, so each character is looked up, and each two in a
row: a word that is searched for is in a page where all its pairs are.
"""

import re

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

HAN = r"[\u3400-\u9fff]"
SPLIT = """
var splitQuery = (query) =>
  query
    .match(/HAN+|(?:(?!HAN)[\\p{Letter}\\p{Number}_])+/gu)
    ?.flatMap((piece) =>
      /^HAN{2}/.test(piece) ? [...piece].slice(1).map((_, k) => piece.slice(k, k + 2)) : [piece],
    ) ?? [];
"""


class SearchChinese(SearchEnglish):
    """In the place of Sphinx's own, which without a dictionary finds Latin words alone.

    >>> SearchChinese({}).split("RoPE 编码器")
    ['RoPE', '编', '码', '器', '编码', '码器']
    """

    lang = "zh"  # the language's name stays English, by which the program names its stemmer
    js_splitter_code = SPLIT.replace("HAN", HAN)

    def split(self, input: str) -> list[str]:
        pieces = re.findall(rf"{HAN}+|(?:(?!{HAN})\w)+", input)
        pairs = (p[k : k + 2] for p in pieces if re.match(HAN, p) for k in range(len(p) - 1))
        return [part for p in pieces for part in (p if re.match(HAN, p) else [p])] + [*pairs]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_search_language(SearchChinese)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
