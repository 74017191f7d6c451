"""A notebook for students: the lecturer's, without solutions, answers and outputs."""

import copy

from nbformat import NotebookNode

from tools.handouts.regions import NO_CODE, NO_TEXT, without_regions


def for_student(lecturer: NotebookNode) -> NotebookNode:
    """What is left of a lecturer's notebook when its regions and outputs are gone."""
    result = copy.deepcopy(lecturer)
    for cell in result.cells:
        code = cell.cell_type == "code"
        cell.source = without_regions(cell.source, NO_CODE if code else NO_TEXT)
        if code:
            cell.update(outputs=[], execution_count=None)
    return result
