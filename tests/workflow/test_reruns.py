"""What a second run makes: all that a change concerns, and nothing else."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import yaml
from PIL import Image

import neural_style
from neural_style.report.outputs import plots_of

GRIDS = [
    *("grid_content cat", "grid_content dog", "grid_style sea", "grid_style sun"),
    *("grid_epochs cat", "grid_epochs dog", "grids_pdf"),
]
SHEETS = [*GRIDS, "gallery", "plots cat", "plots dog", "sweep_plots"]
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
    assert outcome.jobs == sorted([*SHEETS, "index", *jobs_of("1_7_1")])


def test_another_beta(base, again):
    settings = {**base.config["settings"], "beta": [1e5, 3e6]}
    again.configure(changed(base, settings=settings))
    assert again.would_run() == sorted([*SHEETS, "index", *jobs_of("1_3e6_1")])


def test_another_value_in_a_named_setting(base, again):
    settings = {**base.config["settings"], "named": {"long": {"optimization": {"epochs": 6}}}}
    again.configure(changed(base, settings=settings))
    assert again.would_run() == sorted([*SHEETS, "index", *jobs_of("long")])


def test_a_value_that_concerns_every_setting(base, again):
    again.configure(changed(base, image={"size": 64, "quality": 80}))
    assert again.would_run() == sorted([*SHEETS, "index", *STYLIZE])


def test_another_size_and_type_of_the_sheets(base, again):
    again.configure(changed(base, grids={"tile_size": 100}))
    assert again.would_run() == sorted(GRIDS)
    again.configure(changed(base, grids={"format": "png"}))
    assert again.would_run() == sorted(GRIDS)


def test_a_default_that_is_spelt_out(base, again):
    again.configure(changed(base, network={"content_layers": {"conv4_2": 1}}))
    assert [job for job in again.would_run() if job.startswith("stylize")] == []


def test_how_often_jobs_save_their_state(base, again):
    again.configure(changed(base, jobs={"checkpoint_every": 7}))
    assert again.would_run() == []


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


def test_other_pixels_in_a_photograph(again):
    path = again.root / "images" / "content" / "cat.png"
    with Image.open(path) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    of_cat = [job for job in STYLIZE if " cat " in job]
    sheets = [job for job in SHEETS if "dog" not in job]
    assert again.would_run() == sorted([*sheets, "index", *of_cat])


def test_one_more_photograph(again):
    again.add("content", "owl.png", seed=9)
    of_owl = [f"stylize_{setting} owl {style}" for setting in SETTINGS for style in ("sea", "sun")]
    of_all = ("grid_style sea", "grid_style sun", "grids_pdf", "index", "sweep_plots")
    mine = ("gallery", "grid_content owl", "grid_epochs owl", "plots owl")
    assert again.would_run() == sorted([*mine, *of_all, *of_owl])


def test_one_painting_fewer(again):
    (again.root / "images" / "style" / "sun.png").unlink()
    sheets = [job for job in SHEETS if "style" not in job]
    assert again.would_run() == sorted([*sheets, "index"])


def engine(folder: Path, addition: str) -> dict[str, str]:
    """The variables under which Snakemake sees a copy of the library with a changed module."""
    package = Path(neural_style.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    changed = Path(shutil.copytree(package, folder / "neural_style", ignore=ignore))
    with (changed / "optimizer" / "lbfgs.py").open("a", encoding="utf-8") as file:
        file.write(addition)
    return {"PYTHONPATH": str(folder)}


def test_another_engine(again, tmp_path):
    outcome = again.snakemake("-n", **engine(tmp_path / "library", "\nHISTORY = 3\n"))
    assert outcome.jobs == sorted([*SHEETS, *STYLIZE])


def test_another_comment_in_the_engine(again, tmp_path):
    outcome = again.snakemake("-n", **engine(tmp_path / "library", "\n# A thought.\n"))
    outcome.assert_good()
    assert outcome.jobs == []
