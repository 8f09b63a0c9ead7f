"""`snakemake docs_images`: the control grids of the documentation, and what is made again."""

from __future__ import annotations

import copy
import shutil
from typing import Any

import pytest
import yaml
from PIL import Image
from tests.workflow.conftest import REPOSITORY, run

DESCRIPTION: dict[str, Any] = {
    "tile_size": 96,
    "settings": {
        "image": {"size": 32, "format": "png"},
        "network": {"style_layers": {"conv1_1": 1}, "content_layers": {"conv1_2": 1}},
        "optimization": {"epochs": 2, "precision": "fp32"},
    },
    "grids": {
        "beta": {
            "content": "images/content/cat.png",
            "style": "images/style/sea.png",
            "tiles": {
                "the style image": {"file": "images/style/sea.png"},
                "1e5": {"beta": 1e5},
                "1e7": {"beta": 1e7},
            },
        },
    },
}
GRID = "docs/pictures/controls/beta.jpg"


@pytest.fixture
def documented(project):
    """A project with one control grid of two outputs."""
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    project.configure({})
    describe(project, DESCRIPTION)
    return project


def describe(project, description):
    path = project.root / "docs" / "controls.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(description, sort_keys=False), encoding="utf-8")


def tiles(project):
    """Folder of each tile → when it was finished."""
    found = (project.results / "docs_images").glob("*/run.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


@pytest.mark.slow
def test_a_grid_is_made_once_and_after_a_change_only_the_tiles_that_it_affects(documented):
    outcome = documented.snakemake("docs_images")
    outcome.assert_good()
    assert outcome.jobs == ["control_grid beta", "docs_images"]
    before = tiles(documented)
    assert len(before) == 2
    with Image.open(documented.root / GRID) as grid:
        grid.load()
        assert grid.width > 3 * 96 and grid.height > 96
    log = (documented.root / "logs/docs_images/beta.log").read_text(encoding="utf-8")
    assert "beta, cat × sea, 1e7: 2 iterations" in log

    assert documented.snakemake("docs_images", "-n").jobs == []
    changed = copy.deepcopy(DESCRIPTION)
    changed["grids"]["beta"]["tiles"]["1e7"] = {"beta": 1e6}
    describe(documented, changed)
    documented.snakemake("docs_images").assert_good()
    after = tiles(documented)
    assert before.items() < after.items() and len(after) == 3


def test_an_invalid_setting_is_one_sentence(documented):
    changed = copy.deepcopy(DESCRIPTION)
    changed["grids"]["beta"]["tiles"]["1e7"] = {"betta": 1e6}
    describe(documented, changed)
    documented.snakemake("docs_images").assert_refused("grid beta: ", "did you mean beta")


def test_the_sweep_does_not_make_them_or_read_their_description(documented):
    (documented.root / "docs" / "controls.yaml").write_text("{[", encoding="utf-8")
    assert not {"docs_images", "control_grid beta"} & set(documented.would_run())


def test_a_copy_of_the_workflow_works_without_the_tools(documented, tmp_path):
    """An installed workflow has no docs/tools: nothing of it may be imported."""
    workflow = tmp_path / "copy"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "workflow", workflow / "workflow", ignore=ignore)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(REPOSITORY / name, workflow)
    command = [
        str(workflow / "Snakefile") if "Snakefile" in word else word
        for word in documented.command("-n")
    ]
    run(command, documented.root).assert_good()
    run([*command, "docs_images"], documented.root).assert_refused("docs_images")
