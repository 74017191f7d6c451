"""The folded solutions of a notebook, as functions: what a learner would copy from the page."""

import re
from typing import Any

from tools.notebooks import NOTEBOOKS, read


def folded_solutions(name: str, **imported: Any) -> dict[str, Any]:
    """Every name that the ```python blocks in the solutions of a notebook define."""
    cells = read(NOTEBOOKS / name).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    names = dict(imported)
    folded = re.findall(r"<summary>Solution</summary>(.*?)</details>", prose, flags=re.DOTALL)
    for block in re.findall(r"```python\n(.*?)```", "\n".join(folded), flags=re.DOTALL):
        exec(block, names)
    return names
