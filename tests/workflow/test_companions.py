"""Masks and further styles through Snakemake: hostile names, and what a change of one remakes."""

from __future__ import annotations

import json

import pytest
from PIL import Image, ImageOps
from tests.workflow.conftest import SHALLOW, Project, paint

from neural_style.config.inputs import slug

DOG = "-rf: 'dog' \"two\"; touch pwned"
SUN = "--it's a, sun:0.5 $(touch pwned) `touch pwned`.png"
EDGE = "-m: \"'; touch pwned #.png"


@pytest.fixture
def project(tmp_path):
    """Two content images, one with a mask beside it; a style; and images that settings name."""
    project = Project(tmp_path / "project")
    project.add("content", "cat.png", seed=0)
    project.add("content", f"{DOG}.png", seed=1)
    project.add("content", f"{DOG}.mask.png", seed=2)
    project.add("style", "sea.png", seed=3)
    paint(4).save(project.root / SUN)
    paint(5).save(project.root / EDGE)
    named = {
        "beside": {"mask": "beside"},
        "both": {"mask": EDGE, "blend": {SUN: 0.5}},
        "finer": {"style_scales": [2, 1]},
    }
    project.configure(
        {
            "image": {"size": 32},
            "network": SHALLOW,
            "optimization": {"epochs": 2, "precision": "fp32"},
            "settings": {"named": {name: {"transfer": values} for name, values in named.items()}},
        }
    )
    return project


def stylized(outcome):
    outcome.assert_good()
    return [job for job in outcome.jobs if job.startswith("stylize")]


def invert(path):
    """Other pixels in a file."""
    with Image.open(path) as image:
        ImageOps.invert(image).save(path)


def test_files_beside_a_pair_are_read_recorded_and_watched(project):
    dog = slug(DOG)
    made = {
        setting: f"results/{content}/sea/{setting}/run.json"
        for content, setting in ((dog, "beside"), ("cat", "both"))
    }
    outcome = project.snakemake("--", *made.values())
    assert stylized(outcome) == [f"stylize_beside {dog} sea", "stylize_both cat sea"]
    assert not list(project.root.parent.rglob("pwned*")), "a name was run as a command"

    facts = {
        setting: json.loads((project.root / name).read_text(encoding="utf-8"))
        for setting, name in made.items()
    }
    assert facts["beside"]["mask"]["path"] == f"images/content/{DOG}.mask.png"
    assert facts["both"]["mask"]["path"] == facts["both"]["settings"]["mask"] == EDGE
    assert facts["both"]["blend_1"]["path"] == SUN
    assert facts["both"]["settings"]["blend"] == {SUN: 0.5}

    def remade():
        return stylized(project.snakemake("-n", "--", *made.values()))

    (project.root / EDGE).touch()
    invert(project.root / SUN)
    assert remade() == ["stylize_both cat sea"]
    invert(project.root / "images" / "content" / f"{DOG}.mask.png")
    assert remade() == [f"stylize_beside {dog} sea", "stylize_both cat sea"]


def test_what_is_not_there_is_told_before_any_job(project):
    named = {"transfer": {"blend": {"see": 1, "images/style/sea.png": 1}, "mask": "no.png"}}
    project.configure(named)
    project.snakemake("-n").assert_refused(
        "transfer.mask: there is no file 'no.png'",
        "transfer.blend: 'see' is neither the id of a style image nor a file; did you mean sea?",
    )
