"""Pooling, padding, start, optimizer and smoothness as named settings of one sweep."""

from __future__ import annotations

import json

import pytest
from tests.workflow.conftest import Project, paint

from neural_style.io import sha256

pytestmark = pytest.mark.slow

SMALL = {
    "image": {"size": 32, "format": "png"},
    "optimization": {"epochs": 2, "save_every": 2, "precision": "fp32"},
    "network": {
        "content_layers": {"conv4_2": 0, "conv2_1": 1},
        "style_layers": {"conv1_1": 1, "conv2_1": 1, "conv3_1": 0, "conv4_1": 0, "conv5_1": 0},
    },
}
NAMED = {
    "soft": {"network": {"pooling": "average"}},
    "open": {"network": {"padding": "reflect"}},
    "sketch": {"optimization": {"init": "my sketch's.png", "init_noise": 0.25}},
    "adam": {"optimization": {"optimizer": "adam"}},
    "calm": {"transfer": {"total_variation": 5}},
}
SETTINGS = ("1_1e6_1", *NAMED)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A content image in the style of a style image, in six ways."""
    project = Project(tmp_path_factory.mktemp("searching") / "project")
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    paint(2).save(project.root / "my sketch's.png")
    project.configure({**SMALL, "settings": {"named": NAMED}})
    outcome = project.snakemake("all")
    outcome.assert_good()
    return project


def facts_of(project, setting):
    folder = project.results / "cat" / "sea" / setting
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def test_each_setting_makes_another_image(sweep):
    assert len({facts_of(sweep, each)["output"]["sha256"] for each in SETTINGS}) == len(SETTINGS)


def test_the_record_names_the_start_and_what_is_smooth(sweep):
    sketch = facts_of(sweep, "sketch")["init"]
    assert sketch["path"] == "my sketch's.png"
    assert sketch["sha256"] == sha256(sweep.root / sketch["path"])
    assert "init" not in facts_of(sweep, "adam")
    losses = facts_of(sweep, "calm")["saved_losses"]
    assert losses["total"] == pytest.approx(sum(losses["parts"].values()))
    assert losses["total"] > losses["content"] + losses["style"]


def test_another_sketch_makes_its_own_image_again(sweep):
    assert sweep.snakemake("all", "-n").jobs == []
    paint(3).save(sweep.root / "my sketch's.png")
    outcome = sweep.snakemake("all")
    outcome.assert_good()
    made = [job for job in outcome.jobs if job.startswith("stylize")]
    assert made == ["stylize_sketch cat sea"]


def test_a_start_that_is_not_there_is_told_before_anything_begins(sweep):
    (sweep.root / "my sketch's.png").rename(sweep.root / "moved.png")
    outcome = sweep.snakemake("all")
    outcome.assert_refused('optimization.init: "my sketch\'s.png" is neither recolored nor content')
