"""docs/python.md and its notebook: the code runs, and the notebook is that of its script."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import python_notebook
from tests import samples

DOCS = Path(__file__).parents[2] / "docs"
LARGEST_NOTEBOOK = 400_000

# Runs of a few iterations may end before they have settled.
pytestmark = pytest.mark.filterwarnings("ignore:the optimization did not settle")
SMALL = {r"SIZE, EPOCHS = \d+, \d+": "SIZE, EPOCHS = 48, 3", r"size=\d+": "size=48"}
SMALL |= {r'preset="best"': 'preset="best", stages=(), epochs=9'}
SMALL |= {r"epochs=\d+": "epochs=2", r"torch\.rand\(4, 3, 128, 128\)": "torch.rand(2, 3, 48, 48)"}


def small(code: str) -> str:
    """Code with small images and few iterations."""
    for pattern, text in SMALL.items():
        code = re.sub(pattern, text, code)
    return code.replace("output.image.show()", "output.image.load()")


@pytest.mark.parametrize("page", ["python.md", "../README.md"])
def test_the_code_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    samples.link_those_of_the_docs(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S)
    assert blocks
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(small(block), namespace)
    assert Path("out.jpg").exists()


def test_the_cells_of_the_notebook_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(DOCS)
    monkeypatch.setattr(python_notebook, "CELLS", small(python_notebook.CELLS))
    notebook = python_notebook.make_notebook()
    nbformat.validate(notebook)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/jpeg" in output.get("data", {}) for output in shown) == 5


def test_the_notebook_is_that_of_its_script():
    notebook = nbformat.read(python_notebook.NOTEBOOK, as_version=4)
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    assert cells == list(python_notebook.cells()), "run python docs/tools/python_notebook.py"
    assert python_notebook.NOTEBOOK.stat().st_size < LARGEST_NOTEBOOK
