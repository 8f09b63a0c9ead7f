"""`snakemake layer_study`: what it makes, and when it is made again."""

from __future__ import annotations

import csv
import os

import pytest
from PIL import Image

FOLDER = "results/layer_study"
STUDY = {
    "style": "sun",
    "size": 48,
    "epochs": 2,
    "content_layers": ["conv2_1", "conv1_1"],
    "style_layers": ["conv1_1", "conv2_1"],
}
CONFIG = {"layer_study": STUDY, "optimization": {"precision": "fp32"}}
PICTURES = {
    *(f"content_{layer}" for layer in ("conv1_1", "conv2_1")),
    *(f"style_{span}" for span in ("conv1_1", "conv1_1-conv2_1")),
    *(
        f"content_{layer}_style_{span}"
        for layer in ("conv1_1", "conv2_1")
        for span in ("conv1_1", "conv1_1-conv2_1")
    ),
}
LEFT = (
    *(".figure.0badcafe.jpg", ".chart.0badcafe.png", ".losses.0badcafe.csv"),
    "images/.content_conv1_1.0badcafe.png",
)
"""What killed jobs may have left half-written."""
EVERYTHING = ["layer_study", "layer_study_figure", "layer_study_images"]


@pytest.fixture
def studied(project):
    """A project whose content image has a name that must not take the study's folder."""
    project.add("content", "layer_study.png", seed=0)
    project.add("style", "sea.png", seed=2)
    project.add("style", "sun.png", seed=3)
    project.configure(CONFIG)
    return project


def would_run(project, config):
    project.configure(config)
    outcome = project.snakemake("layer_study", "-n")
    outcome.assert_good()
    return outcome.jobs


@pytest.mark.slow
def test_it_is_made_once_and_again_only_for_what_it_depends_on(studied):
    (studied.root / FOLDER / "images").mkdir(parents=True)
    for name in LEFT:
        (studied.root / FOLDER / name).write_bytes(b"half")
    outcome = studied.snakemake("layer_study")
    outcome.assert_good()
    assert outcome.jobs == EVERYTHING
    files = ("figure.jpg", "chart.png", "chart.pdf", "losses.csv", "run.json")
    expected = {f"{FOLDER}/{name}" for name in files}
    assert studied.files() == expected | {f"{FOLDER}/images/{name}.png" for name in PICTURES}
    for name in PICTURES:
        with Image.open(studied.root / FOLDER / "images" / f"{name}.png") as picture:
            assert picture.size == (48, 48)
    with Image.open(studied.root / FOLDER / "figure.jpg") as figure:
        figure.load()
        assert figure.width > 3 * 256
    with (studied.root / FOLDER / "losses.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(PICTURES) * 2
    assert {(row["layer"], row["receptive_field"], row["channels"]) for row in rows} == {
        ("conv1_1", "3", "64"),
        ("conv2_1", "10", "128"),
    }
    log = (studied.logs / "layer_study" / "images.log").read_text(encoding="utf-8")
    assert "layer study 8/8, content of conv2_1 × style of conv1_1-conv2_1: iteration 2/2, " in log

    assert would_run(studied, CONFIG) == []
    elsewhere = {"settings": {"beta": [1, 2]}, "image": {"size": 64}}
    assert would_run(studied, {**CONFIG, **elsewhere}) == []
    figure_alone = [name for name in EVERYTHING if name != "layer_study_images"]
    assert would_run(studied, {**CONFIG, "grids": {"tile_size": 64}}) == figure_alone
    assert would_run(studied, {**CONFIG, "layer_study": {**STUDY, "style": "sea"}}) == EVERYTHING
    assert would_run(studied, {**CONFIG, "layer_study": {**STUDY, "beta": 7}}) == EVERYTHING
    for image in ("content/layer_study.png", "style/sun.png"):
        path = studied.root / "images" / image
        before = path.read_bytes()
        path.write_bytes((studied.root / "images" / "style" / "sea.png").read_bytes())
        os.utime(path, (0, 0))  # as if it had been replaced while the job ran
        assert would_run(studied, CONFIG) == EVERYTHING, image
        path.write_bytes(before)


def test_it_is_no_part_of_what_the_pipeline_makes(studied):
    assert not [name for name in studied.would_run() if name.startswith("layer_study")]


def test_without_images_of_a_sweep_it_is_refused_in_one_sentence(studied):
    config = {"content": "nowhere", "bulk": {"content": "images/content", "style": "images/style"}}
    studied.configure({**CONFIG, "layer_study": STUDY, **config})
    studied.snakemake("-n", "layer_study").assert_refused("there is no folder or file 'nowhere'")
    studied.configure({**CONFIG, "layer_study": STUDY})


def test_an_unknown_id_is_refused_with_the_known_ones_and_stops_nothing_else(studied):
    studied.configure({**CONFIG, "layer_study": {**STUDY, "style": "moon"}})
    outcome = studied.snakemake("layer_study")
    assert outcome.code != 0
    sentence = "layer_study.style: there is no style image with the id 'moon'; choose one of sea, "
    assert sentence in outcome.text
    assert "index" in studied.would_run()
