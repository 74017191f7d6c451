"""What a lecturer has and a student has not: regions between two marks, as nbgrader writes them.

Both kinds of notebook come from the same text. nbgrader's `generate_assignment` takes the regions
out in the same way, with the words of `CONFIG`; without these it refuses the folded answers, and
releases nothing.
"""

import re

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
NO_CODE = "..."
NO_TEXT = "*(The lecturer's notebook has the answer here.)*"
CONFIG = f"""\
# For nbgrader: lay this file into the folder of your course, beside `source`.
c = get_config()  # noqa: F821

# What stands for a solution, in code and in text. Answers in the text are not graded by hand.
c.ClearSolutions.code_stub = {{"python": "{NO_CODE}"}}
c.ClearSolutions.text_stub = "{NO_TEXT}"
c.ClearSolutions.enforce_metadata = False

# Some cells train a model.
c.Execute.timeout = 600
"""

FOLDED = re.compile(r"<details><summary>(?:Answer|Solution)</summary>.*?</details>", re.DOTALL)
REGION = re.compile(rf"^( *)[^\n]*{BEGIN}.*?{END}[^\n]*$", re.DOTALL | re.MULTILINE)


def marked(code: str, indent: str = "") -> str:
    """A region of code.

    >>> print(marked("return 2"))
    ### BEGIN SOLUTION
    return 2
    ### END SOLUTION
    """
    lines = [BEGIN, *code.splitlines(), END]
    return "\n".join(f"{indent}{line}" if line else "" for line in lines)


def with_folds_marked(text: str) -> str:
    """Prose whose folded answers and solutions are regions; a hint stays as it is."""
    return FOLDED.sub(lambda fold: f"<!-- {BEGIN} -->\n{fold[0]}\n<!-- {END} -->", text)


def without_regions(text: str, stands_for_it: str) -> str:
    """What a student gets.

    >>> print(without_regions("def f():\\n" + marked("return 2", "    "), "..."))
    def f():
        ...
    """
    return REGION.sub(lambda region: region[1] + stands_for_it, text)
