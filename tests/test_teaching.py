"""TEACHING.md names headings and panels that are there, and its plans fit into their time."""

import re

import pytest

from tools.handouts import round_trip, walk
from tools.handouts.believed import anchor
from tools.notebooks import all_notebooks, read

PLANS = walk.plans()


def titles_of_panels(number):
    (path,) = [path for path in all_notebooks() if path.name.startswith(number)]
    outputs = (output for cell in read(path).cells for output in cell.get("outputs", []))
    return "\n".join(output.get("data", {}).get("text/plain", "") for output in outputs)


def test_there_are_the_plans_that_the_page_promises():
    assert [minutes for minutes, _ in PLANS] == [60, 90, 36, 90, 90, 90]


@pytest.mark.parametrize("minutes, steps", PLANS)
def test_a_plan_fits_and_its_panels_are_where_it_says(minutes, steps):
    assert 0.85 * minutes <= sum(step.planned for step in steps) <= minutes
    assert sum(step.minutes() for step in steps) <= 0.95 * minutes
    for step in steps:
        assert step.headings, step.line
        assert step.minutes() <= step.planned + 0.5, step.line
        walked = float(step.line.split("|")[2])
        assert abs(walked - step.minutes()) < 1, "python -m tools.handouts.walk --write"
        if step.panel:
            assert f"{step.panel} with " in titles_of_panels(step.headings[-1][0]), step.panel


def test_every_link_leads_to_a_heading():
    text = walk.TEACHING.read_text(encoding="utf-8")
    links = walk.LINK.findall(text)
    assert len(links) == len(re.findall(r"\.ipynb#", text)) > 60
    for number, name, file, at in links:
        headings = walk.sections(file)
        assert int(number) == int(file)
        assert walk.name_of(file, name) in headings, name
        assert at in map(anchor, headings), at
        assert at == anchor(name) or name.startswith("Exercise ")


def test_the_page_installs_the_nbgrader_that_is_tried_each_night():
    assert f"pip install {round_trip.NBGRADER}\n" in walk.TEACHING.read_text(encoding="utf-8")
