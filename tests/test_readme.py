"""The code of the README runs as it stands there."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_examples_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 5
    scope, shapes = {}, []
    exec(blocks[3], {})  # stands on its own
    capsys.readouterr()
    for block in blocks:
        exec(block, scope)
        shapes.append(tuple(scope["y"].shape))
    assert shapes == [(2, 8, 10, 64)] * 4 + [(1, 1, 64)]
    assert len(scope["caches"][0]) == 5
    assert scope["output"].shape == (2, 10, 64) and scope["weights"].shape == (2, 4, 10, 10)
    assert len(capsys.readouterr().out.splitlines()) == len(scope["encodings"]())
