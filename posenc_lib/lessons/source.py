"""Show the real code of the library inside a notebook, so that no cell holds a copy of it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any


class Source:
    """Python source that a notebook shows in colour and that prints as itself."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def show_source(*objects: Any, docstring: bool = False) -> Source:
    """The source of functions or classes of the library, headed by the file it stands in.

    The docstring is left out unless asked for; `help(name)` prints it. The output cell holds
    the code itself, so a strict notebook test fails when the library changes under it.

    Raises TypeError for something without Python source, and for no object at all.

    >>> from posenc_lib.scores.distance_bias import DistanceBias
    >>> show_source(DistanceBias.by_pair)
    # posenc_lib/scores/distance_bias.py
    def by_pair(
        self, query_positions: QueryPositions, key_positions: KeyPositions
    ) -> Float[Tensor, "#heads *batch query key"]:
        return self.by_distance(relative_positions(query_positions, key_positions))
    """
    if not objects:
        raise TypeError(
            "show_source: objects = () is not allowed; expected at least one function or class. "
            "Pass the function itself, without calling it."
        )
    return Source("\n\n".join(_one(thing, docstring) for thing in objects))


def _one(thing: Any, docstring: bool) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(thing)).rstrip()
        module = inspect.unwrap(thing).__module__
    except (TypeError, AttributeError, OSError) as error:
        kind = type(thing).__name__
        raise TypeError(
            f"show_source: objects = {kind} is not allowed; expected a function or class that "
            "stands in a file. Pass the function itself, without calling it."
        ) from error
    text = text if docstring else _without_docstrings(text)
    return f"# {module.replace('.', '/')}.py\n{text}"


def _without_docstrings(text: str) -> str:
    """The source without its docstrings; a body that was nothing else becomes `...`."""
    lines = text.splitlines()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    owners = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    owners = [node for node in owners if ast.get_docstring(node, clean=False) is not None]
    for node in sorted(owners, key=lambda node: node.body[0].lineno, reverse=True):
        held = node.body[0]
        first, last, end = held.lineno - 1, held.end_lineno or 0, held.end_col_offset or 0
        before = lines[first].encode()[: held.col_offset].decode()
        after = lines[last - 1].encode()[end:].decode()
        if before.strip() or after.strip():  # it shares its line with other code
            lines[first:last] = [f"{before}...{after}"]
            continue
        if len(node.body) == 1:
            lines[first:last] = [f"{before}..."]
            continue
        if last < len(lines) and not lines[last].strip():
            last += 1  # and the blank line after it
        del lines[first:last]
    return "\n".join(lines)
