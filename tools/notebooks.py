"""Execute and normalise the notebooks: `python -m tools.notebooks [--check] [paths]`.

The .ipynb files are the source and carry their outputs. Running this twice changes nothing, so a
difference in git is a difference in what a learner sees.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from posenc_lib.explorers.saved import without_picture

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
SECONDS_A_CELL = 120

RESET = """\
import gc
from posenc_lib.explorers.panel import Panel
for panel in [found for found in gc.get_objects() if type(found) is Panel]:
    panel.reset()"""

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# All else in the metadata is left by an editor or a run: timings, widget state, collapsed cells.
CELL_METADATA = ("jupyter", "slideshow", "tags")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # without the version, which would change with the reader's Python
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}


def all_notebooks() -> list[Path]:
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """The notebook, with an id for each cell that has none: nbformat's would be random."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["nbformat_minor"] = 5
    for number, cell in enumerate(content["cells"], start=1):
        cell.setdefault("id", f"cell-{number:02d}")
    return nbformat.reads(json.dumps(content), as_version=4)


def to_text(notebook: NotebookNode) -> str:
    """The one way to write a notebook: sorted keys, indent 1, no escapes, a final newline."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def normalised(notebook: NotebookNode) -> NotebookNode:
    """A copy with the cells, outputs and counts, and nothing that depends on when or where."""
    result = nbformat.v4.new_notebook(metadata=NOTEBOOK_METADATA)
    result.nbformat_minor = 5
    taken: set[str] = set()
    for number, cell in enumerate(notebook.cells, start=1):
        name = cell.get("id") or f"cell-{number:02d}"
        while name in taken:  # another cell has the same
            name = f"cell-{number:02d}-{len(taken)}"
        taken.add(name)
        clean = NotebookNode(
            id=name,
            cell_type=cell.cell_type,
            metadata={key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata},
            source=cell.source.rstrip("\n"),
        )
        if "attachments" in cell:
            clean.attachments = cell.attachments
        if cell.cell_type == "code":
            clean.execution_count = cell.execution_count
            clean.outputs = _normalised_outputs(cell.outputs)
        result.cells.append(clean)
    return result


def _normalised_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for output in map(NotebookNode, outputs):
        if output.output_type == "stream":
            # how a kernel cuts a stream into messages is chance
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
                continue
        elif "data" in output:
            data = {kind: value for kind, value in output.data.items() if kind != WIDGET_VIEW}
            if not data:
                continue
            if isinstance(data.get("text/html"), str):
                data["text/html"] = without_picture(data["text/html"])
            for kind in data:
                if kind.startswith("image/") and isinstance(data[kind], str):
                    data[kind] = data[kind].strip()
            about = {k: value for k, value in output.metadata.items() if k in data and value}
            output.update(data=data, metadata=about)
            output.pop("transient", None)
        kept.append(output)
    return kept


def execute(path: Path, *, widgets: bool = False) -> NotebookNode:
    """Run a notebook in its own folder with this interpreter; an error names the cell.

    `widgets` keeps the state of every widget, which only a page without a kernel needs. Panels
    are reset in the end: in such a page they stand below the code that makes them, not below the
    cell that moved them last.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    os.environ["TQDM_DISABLE"] = "1"  # bars show how long a machine took, which is no output
    notebook = read(path)
    if widgets:
        notebook.cells.append(nbformat.v4.new_code_cell(RESET))
    started = [0]
    client = NotebookClient(
        notebook,
        kernel_manager_class=_kernel_manager(),
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        timeout=SECONDS_A_CELL,
        record_timing=False,
        store_widget_state=widgets,
        coalesce_streams=True,
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
    )
    try:
        client.execute()
    except (CellExecutionError, TimeoutError) as problem:
        raise SystemExit(f"{path.name}, cell {started[-1] + 1}: {problem}") from None
    if widgets:
        notebook.cells.pop()
    return notebook


def _kernel_manager() -> type:
    """Starts the Python that runs this, whatever kernels the machine has."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class ThisPython(AsyncKernelManager):
        kernel_spec = KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    return ThisPython


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="run nothing; fail if not normalised")
    parser.add_argument(
        "--compare", action="store_true", help="run, write nothing; fail if any byte would change"
    )
    parser.add_argument("paths", nargs="*", type=Path, help="default: notebooks/*.ipynb")
    options = parser.parse_args(arguments)
    paths = options.paths or all_notebooks()
    looking, changed = options.check or options.compare, 0
    for path in paths:
        notebook = read(path) if options.check else execute(path)
        after = to_text(normalised(notebook))
        if after == path.read_text(encoding="utf-8"):
            print(f"{path.name}: unchanged")
            continue
        changed += 1
        print(f"{path.name}: {'would change; run `make notebooks`' if looking else 'written'}")
        if not looking:
            path.write_text(after, encoding="utf-8", newline="\n")
    return 1 if not paths or (changed and looking) else 0


if __name__ == "__main__":
    sys.exit(main())
