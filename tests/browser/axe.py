"""axe-core, fetched by npm and pinned by its hash: what of a page is hard to read or to hit."""

import tarfile
from functools import cache

from playwright.sync_api import Page

from tools.pages import npm

VERSION = "4.10.3"
INTEGRITY = (
    "sha512-Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7"
    "xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="
)
RULES = ["color-contrast", "link-in-text-block", "target-size"]
RUN = """async rules => (await axe.run(document, { runOnly: rules })).violations.flatMap(
  ({ id, nodes }) => nodes.map(node => [id, node.html.slice(0, 120), node.failureSummary])
)"""


@cache
def script() -> str:
    archive = npm.fetch("axe-core", VERSION, INTEGRITY)
    with tarfile.open(archive) as package:
        return package.extractfile("package/axe.min.js").read().decode("utf-8")


def violations(page: Page) -> list[list[str]]:
    """Each as rule, element and reason."""
    page.evaluate(script())
    return page.evaluate(RUN, RULES)
