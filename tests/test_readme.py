"""The code of the README runs as it stands there, and its map is right."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


ROW = re.compile(r"^\| \[\d+\. [^\]]+\]\((?:notebooks/)?([^)]+\.ipynb)\) \| .+? \| (\d+) \|", re.M)


def test_both_maps_have_the_minutes_of_each_notebook():
    for path in ("README.md", "notebooks/00_start_here.ipynb"):
        text = (ROOT / path).read_text(encoding="utf-8")
        text = text if path.endswith(".md") else text.replace('    "', "").replace('\\n",', "")
        rows = ROW.findall(text)
        assert len(rows) >= len(list((ROOT / "notebooks").glob("*.ipynb"))) - 1, path
        for name, minutes in rows:
            told = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
            head = "".join(told["cells"][0]["source"])
            assert f"**Time.** {minutes} minutes" in head, (path, name)
