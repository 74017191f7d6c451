"""Writes posenc_lib/models/FAMILIES.md, the map of the field, from what the comparison found.

The trap: numbers typed by hand. All of this page comes from results.json and denominator.json.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tools.families.denominator import FILE

PAGE = Path(__file__).parents[2] / "posenc_lib" / "models" / "FAMILIES.md"

SECTIONS = [  # heading, which words of a report belong there; the first that fits
    ("Added in each layer to queries and keys, not to values: DETR and its kin",
     r"added to what queries"),
    ("Three axes: M-RoPE", r"M-RoPE"),
    ("Latent attention: one part of a head turned, one key for all heads",
     r"shared by all heads|one key for all|the last \d+ of"),
    ("A bias by distance or by place: T5's buckets, ALiBi, windows, grids, DeBERTa",
     r"T5's bias|ALiBi|offset|DeBERTa|window table|network of"),
    ("Two kinds of layers or more: local and global, with and without position", r"layers? \d"),
    ("RoPE, scaled for longer texts", r"RoPE.*(YaRN|slowed|LongRoPE|short and long)"),
    ("RoPE", r"RoPE(?! in)"),
    ("RoPE in two axes, or with time", r"RoPE in"),
    ("Sinusoids at the start", r"sinusoids"),
    ("A learned table at the start", r"learned table"),
    ("Other", r""),
]  # fmt: skip


def section_of(report: str) -> str:
    """The heading under which a family stands."""
    return next(name for name, words in SECTIONS if re.search(words, report))


def said(report: str) -> str:
    """A report in one cell: its parts in bold, their lines after them."""
    cells, first = [], True
    for line in report.split("\n")[1:]:
        line = line.rstrip()
        if line.startswith("    "):
            cells.append(("; " if not first else " ") + line.strip())
            first = False
        else:
            cells.append(("<br>" if cells else "") + f"**{line.strip()}**:")
            first = True
    return "".join(cells).replace("|", "\\|")


def how(checked: dict[str, Any]) -> str:
    """How a family was checked, in words."""
    done = [f"scores and masks of {checked['scores']} layers"]
    if checked["turned"]:
        done[0] += f" ({checked['turned']} at door 2)"
    if checked["start"]:
        done.append("what is added at the start")
    if checked["frequencies"]:
        done.append("frequencies")
    if checked.get("added"):
        done.append(f"what {checked['added']} of them add to queries and keys")
    if any("unchecked" in part for part in checked["parts"]):
        done.append("sound unchecked")
    return ", ".join(done)


def reason(why: str) -> str:
    """A refusal without its beginning, in one cell."""
    text = re.sub(r"^encoding_from_config: ", "", " ".join(why.split()))
    text = re.sub(r" Of a new family these would have to be known:.*", "", text)
    return text.replace("|", "\\|")[:260]


def bars(results: dict[str, Any], listed: dict[str, Any]) -> list[str]:
    """The four bars, as a table."""
    count = len(listed["counted"])
    states = Counter(one["state"] for one in results.values())
    equal = [one["checked"] for one in results.values() if one["state"] == "equal"]
    turned = [one for one in equal if one["frequencies"] or one["without"]]
    kept = [one for one in equal if one["frequencies"]]
    layers = sum(one["scores"] for one in equal)
    reports = [one["report"] for one in results.values() if one["state"] == "equal"]
    partly = sum("no part of this plan" in one for one in reports)
    given = sum("given" in one for one in results.values() if one["state"] == "equal")
    largest = max((one["largest"] for one in equal), default=0.0)
    return [
        "| bar | found |",
        "|---|---|",
        f"| built, and equal to the family's own model | {states['equal']} of {count}, "
        f"{states['equal'] / count:.1%} |",
        f"| of these, with layers that the report names as no part of the plan | {partly} |",
        f"| of these, looked at with a field that their default configuration lacks | {given} |",
        f"| refused with a reason | {states['refused']} |",
        f"| built, but not to be compared: counted as not built | {states['unchecked']} |",
        f"| built and wrong | {states['differs'] + states['breaks']} |",
        f"| frequencies equal to those of the family's own rotary module | {len(kept)} of "
        f"{len(turned)} that turn; the others keep none, their scores are equal |",
        f"| layout of the pairs right | {len(turned)} of {len(turned)}: another one gives other "
        "scores |",
        f"| largest difference of a score, by the size of the scores | {largest:.1e}, over "
        f"{layers:,} layers |",
    ]


def page(results: dict[str, Any], listed: dict[str, Any]) -> str:
    """The whole page."""
    lines = [
        "# What the models in use do with positions",
        "",
        "Every family of transformers "
        f"{listed['transformers']} whose code uses a position mechanism of text or vision, as "
        "`encoding_from_config` reads its default configuration. `make families` writes this page: "
        "for each family it makes a tiny random model, listens to what goes into its softmax, and "
        "compares that with the plan, masks included. Nothing here is typed by hand.",
        "",
        "Which families count is decided by their sources (`tools/families/denominator.json`): "
        f"{len(listed['counted'])} of {len(listed['counted']) + len(listed['excluded'])} "
        "configuration classes. Two rules of the script came after the first measurement, and "
        "both only took away families, none of which was equal then: what only hears or speaks by "
        "the word of its own models, and what has no mechanism in any class that takes its "
        "configuration.",
        "",
        *bars(results, listed),
        "",
        "Equal means: the same keys are shut out, and where they are seen the scores differ by "
        "less than 0.00001 of their size; the table or wave at the start is among what the model "
        "adds; leaving out what a layer does with positions would move its scores. A model made "
        "of parts is compared part by part, with positions counted from 0, or with random "
        "positions in three axes for M-RoPE. Where a model does more to its queries after the "
        "rotation, they are compared right after it (door 2). What an application does with "
        "positions before it calls the model (how pictures are numbered among words, what is "
        "padded) is not seen here, nor are the windows of pictures that a report only notes "
        "(Qwen2.5-VL): the tiny picture lies in one window. Where a model multiplies its queries "
        "before their product with the keys and a norm or a fused projection stands between, the "
        "scale itself is taken as the plan says. Some default configurations build no model that "
        "runs, or one without attention (sections that do not fit the head, a field that is null): "
        "they are looked at with the field given (`tools/families/settings.py`), and say so.",
        "",
    ]
    groups: dict[str, list[str]] = {name: [] for name, _ in SECTIONS}
    for family, one in sorted(results.items()):
        if one["state"] == "equal":
            lacks = (
                "; its default lacks a field: " + "; ".join(one["given"]) if "given" in one else ""
            )
            row = f"| `{family}` | {said(one['report'])} | {how(one['checked'])}{lacks} |"
            groups[section_of(one["report"])].append(row)
    for name, rows in groups.items():
        if rows:
            lines += [f"## {name}", "", f"{len(rows)} families.", ""]
            lines += ["| family | what it does | checked |", "|---|---|---|", *rows, ""]
    for state, name, before in (
        ("differs", "Built and wrong", "These have to be mended."),
        ("breaks", "An error instead of a refusal", "These have to be mended."),
        ("unchecked", "Built, not compared",
         "The plan is what their code says, and no tiny model could be listened to."),
        ("refused", "Refused", "What the library does not build, and says so."),
    ):  # fmt: skip
        rows = [
            f"| `{family}` | {', '.join(one['mechanisms'])} | {reason(one['why'])} |"
            for family, one in sorted(results.items()) if one["state"] == state
        ]  # fmt: skip
        if rows:
            lines += [f"## {name}", "", f"{len(rows)} families. {before}", ""]
            lines += ["| family | mechanisms in its source | why |", "|---|---|---|", *rows, ""]
    reasons: dict[str, list[str]] = {}
    for family, why in listed["excluded"].items():
        reasons.setdefault(why.split(":")[0], []).append(f"`{family}`")
    lines += ["## Not counted", "", "| why | families |", "|---|---|"]
    lines += [f"| {why} | {', '.join(names)} |" for why, names in sorted(reasons.items())]
    return "\n".join(lines) + "\n"


def write(results: dict[str, Any]) -> None:
    """Write the page."""
    listed = json.loads(FILE.read_text(encoding="utf-8"))
    PAGE.write_text(page(results, listed), encoding="utf-8")
