"""`snakemake docs_pictures`: the sheets of docs/controls.md, and what of them is made again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from PIL import Image

SHEETS: dict[str, Any] = {
    "tile_size": 96,
    "settings": {
        "image": {"size": 32, "format": "png"},
        "network": {"style_layers": {"conv1_1": 1}, "content_layers": {"conv1_2": 1}},
        "optimization": {"epochs": 2, "precision": "fp32"},
    },
    "sheets": {
        "beta": {
            "content": "images/content/cat.png",
            "style": "images/style/sea.png",
            "tiles": {
                "the painting": {"file": "images/style/sea.png"},
                "1e5": {"beta": 1e5},
                "1e7": {"beta": 1e7},
            },
        },
    },
}
SHEET = "docs/pictures/controls/beta.jpg"


@pytest.fixture
def guide(project):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    project.configure({})
    describe(project, SHEETS)
    return project


def describe(project, sheets):
    path = project.root / "docs" / "controls.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(sheets, sort_keys=False), encoding="utf-8")


def tiles(project):
    """The date of each tile."""
    found = (project.results / "docs_pictures").glob("*/run.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


def test_a_sheet_is_made_once_and_after_a_change_only_the_tiles_that_it_concerns(guide):
    outcome = guide.snakemake("docs_pictures")
    outcome.assert_good()
    assert outcome.jobs == ["control_sheet beta", "docs_pictures"]
    before = tiles(guide)
    assert len(before) == 2
    with Image.open(guide.root / SHEET) as sheet:
        sheet.load()
        assert sheet.width > 3 * 96 and sheet.height > 96
    log = (guide.root / "logs/docs_pictures/beta.log").read_text(encoding="utf-8")
    assert "beta, cat × sea, 1e7: epoch 2/2, " in log

    assert guide.snakemake("docs_pictures", "-n").jobs == []
    changed = copy.deepcopy(SHEETS)
    changed["sheets"]["beta"]["tiles"]["1e7"] = {"beta": 1e6}
    describe(guide, changed)
    guide.snakemake("docs_pictures").assert_good()
    after = tiles(guide)
    assert before.items() < after.items() and len(after) == 3


def test_they_are_no_part_of_what_the_pipeline_makes_and_cost_it_nothing(guide):
    (guide.root / "docs" / "controls.yaml").write_text("{[", encoding="utf-8")
    assert not {"docs_pictures", "control_sheet beta"} & set(guide.would_run())
