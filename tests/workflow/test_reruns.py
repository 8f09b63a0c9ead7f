"""What a second run makes: all that a change concerns, and nothing else."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

import neural_style
from neural_style.config.settings import ENGINE_VERSION
from neural_style.report.outputs import plots_of

GRIDS = [
    *("grid_content cat", "grid_content dog", "grid_style sea", "grid_style sun"),
    *("grid_epochs cat", "grid_epochs dog", "grids_pdf"),
]
COLLECTING = [*GRIDS, "gallery", "plots cat", "plots dog", "sweep_plots"]
PAIRS = ("cat sea", "cat sun", "dog sea", "dog sun")
SETTINGS = ("1_1e5_1", "1_2.5e6_1", "long")
STYLIZE = [f"stylize_{setting} {pair}" for setting in SETTINGS for pair in PAIRS]


def jobs_of(setting):
    return [f"stylize_{setting} {pair}" for pair in PAIRS]


def changed(base, **sections):
    """The configuration of the sweep with some sections replaced."""
    return {**copy.deepcopy(base.config), **sections}


def test_nothing_changed(again):
    outcome = again.snakemake()
    outcome.assert_good()
    assert "Nothing to be done" in outcome.text
    assert outcome.jobs == []


def test_a_configuration_that_snakemake_finds_by_itself(again):
    outcome = again.snakemake("-n", config="")
    outcome.assert_good()
    assert outcome.jobs == []


def test_a_configuration_on_top_of_the_folders_own(base, again):
    """As `snakemake --configfile demo.yaml` beside a config.yaml: what it names, wins."""
    (again.root / "more.yaml").write_text(
        yaml.safe_dump({"settings": {"beta": [1e5, 7]}}), encoding="utf-8"
    )
    outcome = again.snakemake("-n", config="more.yaml")
    assert outcome.jobs == sorted([*COLLECTING, "index", *jobs_of("1_7_1")])


def test_another_beta(base, again):
    settings = {**base.config["settings"], "beta": [1e5, 3e6]}
    again.configure(changed(base, settings=settings))
    assert again.would_run() == sorted([*COLLECTING, "index", *jobs_of("1_3e6_1")])


def test_another_value_in_a_named_setting(base, again):
    settings = {**base.config["settings"], "named": {"long": {"optimization": {"epochs": 6}}}}
    again.configure(changed(base, settings=settings))
    assert again.would_run() == sorted([*COLLECTING, "index", *jobs_of("long")])


def test_a_value_that_concerns_every_setting(base, again):
    again.configure(changed(base, image={"size": 64, "quality": 80}))
    assert again.would_run() == sorted([*COLLECTING, "index", *STYLIZE])


def test_another_size_and_type_of_the_grids(base, again):
    again.configure(changed(base, grids={"tile_size": 100}))
    assert again.would_run() == sorted(GRIDS)
    again.configure(changed(base, grids={"format": "png"}))
    assert again.would_run() == sorted(GRIDS)


def test_a_default_that_is_spelt_out(base, again):
    again.configure(changed(base, network={**base.config["network"], "pooling": "max"}))
    assert [job for job in again.would_run() if job.startswith("stylize")] == []


def test_how_often_jobs_save_their_state(base, again):
    again.configure(changed(base, jobs={"checkpoint_every": 7}))
    assert again.would_run() == []


@pytest.mark.slow
def test_a_lost_snapshot_is_remade_by_its_own_job(again):
    before = {name: (again.root / name).stat().st_mtime_ns for name in again.files()}
    lost = again.results / "dog" / "sun" / "long" / "generated_2.jpg"
    pixels = lost.read_bytes()
    lost.unlink()
    outcome = again.snakemake()
    outcome.assert_good()
    assert outcome.jobs == [
        *("gallery", "grid_content dog", "grid_epochs dog", "grid_style sun", "grids_pdf"),
        *("plots dog", "stylize_long dog sun", "sweep_plots"),
    ]
    assert lost.read_bytes() == pixels
    after = {name: (again.root / name).stat().st_mtime_ns for name in again.files()}
    assert after.keys() == before.keys()
    remade = {name for name in after if after[name] != before[name]}
    folder = "results/dog/sun/long"
    assert remade == {
        *(f"results/grids/{name}.jpg" for name in ("content/dog", "style/sun")),
        *(f"results/grids/epochs/dog/{style}.jpg" for style in ("sea", "sun")),
        *("results/grids/grids.pdf", "results/gallery/index.html"),
        "results/gallery/thumbnails/dog/sun/long.jpg",
        *plots_of(Path("results"), ["dog"], ["sea", "sun"]),
        *(f"{folder}/generated_{epoch}.jpg" for epoch in (2, 4, 5)),
        *(f"{folder}/{name}" for name in ("losses.csv", "run.json")),
    }


def test_touched_images_are_the_same_images(again):
    for path in (again.root / "images").rglob("*.png"):
        path.touch()
    assert again.would_run() == []


def test_an_image_whose_name_changes_but_not_its_id(again):
    cat = again.root / "images" / "content" / "cat.png"
    cat.rename(cat.with_name("CAT.png"))
    jobs = set(again.would_run())
    assert {"plots cat", "sweep_plots", "gallery", "index"} <= jobs, jobs
    assert not any(job.startswith("stylize") for job in jobs), jobs


def test_other_pixels_and_dates_of_another_time(again):
    """A file that was replaced while its job ran is older than the outputs."""
    path = again.root / "images" / "content" / "cat.png"
    with Image.open(path) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    os.utime(path, (0, 0))
    of_cat = [job for job in STYLIZE if " cat " in job]
    collecting = [job for job in COLLECTING if "dog" not in job]
    assert again.would_run() == sorted([*collecting, *of_cat])
    for file in ("images/content/cat.png", "images/style/sea.png", "config.yaml"):
        os.utime(again.root / file, (3e9, 3e9))  # in the year 2065
    output = "results/cat/sea/1_1e5_1/generated_4.jpg"
    outcome = again.snakemake(output)
    outcome.assert_good()
    assert outcome.jobs == ["stylize_1_1e5_1 cat sea"]
    assert "'images/content/cat.png' has changed" in outcome.text
    shutil.rmtree(again.root / ".snakemake" / "metadata")
    assert again.query("-n", output).jobs == []
    path.write_bytes((again.root / "images" / "content" / "dog.png").read_bytes())
    os.utime(path, (0, 0))
    assert again.query("-n", output).jobs == ["stylize_1_1e5_1 cat sea"]


QUERIES = [
    *("-n", "--summary", "--detailed-summary", "--dag", "--rulegraph", "--filegraph", "--d3dag"),
    *("--list", "--list-rules", "--list-changes input", "--list-changes params"),
    *("--list-changes code", "--lint", "--delete-all-output -n", "--cleanup-shadow"),
    *("--touch", "--cleanup-metadata results/index.tsv", "--unlock", "--archive a.tar.gz"),
]


@pytest.mark.slow
def test_snakemake_answers_without_a_number_of_cores(again):
    path = again.root / "images" / "content" / "cat.png"
    with Image.open(path) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    for question in QUERIES:
        outcome = again.query(*question.split())
        assert outcome.code == 0, f"{question}\n{outcome.text}"
    again.query("--delete-all-output").assert_good()
    assert again.files() == set()
    assert not (again.results / "gallery").exists()


def test_one_more_content_image(again):
    again.add("content", "owl.png", seed=9)
    of_owl = [f"stylize_{setting} owl {style}" for setting in SETTINGS for style in ("sea", "sun")]
    of_all = ("grid_style sea", "grid_style sun", "grids_pdf", "index", "sweep_plots")
    mine = ("gallery", "grid_content owl", "grid_epochs owl", "plots owl")
    assert again.would_run() == sorted([*mine, *of_all, *of_owl])


def test_one_style_image_fewer(again):
    (again.root / "images" / "style" / "sun.png").unlink()
    collecting = [job for job in COLLECTING if "style" not in job]
    assert again.would_run() == sorted([*collecting, "index"])


def library(folder: Path, module: str, old: str, new: str) -> dict[str, str]:
    """The variables under which Snakemake sees a copy of the library with another text in it."""
    package = Path(neural_style.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    changed = Path(shutil.copytree(package, folder / "neural_style", ignore=ignore)) / module
    text = changed.read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new), encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def test_a_raised_engine_version(again, tmp_path):
    old, new = f"ENGINE_VERSION = {ENGINE_VERSION}\n", f"ENGINE_VERSION = {ENGINE_VERSION + 1}\n"
    outcome = again.snakemake("-n", **library(tmp_path, "config/settings.py", old, new))
    assert outcome.jobs == sorted([*COLLECTING, *STYLIZE])


def test_other_code_with_the_same_engine_version(again, tmp_path):
    changed = library(tmp_path, "optim/lbfgs.py", "import torch\n", "import torch\n\nUNUSED = 3\n")
    outcome = again.snakemake("-n", **changed)
    outcome.assert_good()
    assert outcome.jobs == []
