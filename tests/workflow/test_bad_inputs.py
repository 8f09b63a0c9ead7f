"""What people get wrong: a sentence that names it, no traceback, and everything else still runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.workflow.conftest import SHALLOW

from neural_style.report.outputs import plots_of

SMALLEST = {
    "image": {"size": 64},
    "network": SHALLOW,
    "optimization": {"epochs": 2, "save_every": 2, "precision": "fp32"},
}


@pytest.mark.slow
@pytest.mark.long
def test_a_broken_style_image_stops_no_other_job_and_is_made_up_for(project):
    project.configure(SMALLEST)
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    torn = project.add("style", "torn.png", seed=2)
    whole = torn.read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    words = project.root / "images" / "style" / "words.jpg"
    words.write_text("This is no picture.\n", encoding="utf-8")

    first = project.snakemake()
    first.assert_refused(
        "stylize: cannot read 'images/style/torn.png': it is truncated or damaged",
        "stylize: cannot read 'images/style/words.jpg': it is not an image",
    )
    good = {
        f"results/cat/sea/1_1e6_1/{name}" for name in ("generated_2.jpg", "losses.csv", "run.json")
    }
    folders = ("style", "epochs/cat")
    pages = {f"{folder}/{name}" for folder in folders for name in ("sea", "torn", "words")}
    grids = {f"results/grids/{page}.jpg" for page in ("content/cat", *pages)}
    plots = plots_of(Path("results"), ["cat"], ["sea", "torn", "words"])
    copies = [f"content/cat/{copy}" for copy in ("keep_64", "thumbnail")]
    copies += [f"style/sea/{copy}" for copy in ("whole", "thumbnail")]
    gallery = [f"results/gallery/originals/{copy}.jpg" for copy in copies]
    gallery += ["results/gallery/thumbnails/cat/sea/1_1e6_1.jpg", "results/gallery/index.html"]
    sheets = {*grids, *plots, *gallery, "results/grids/grids.pdf"}
    assert project.files() == {*good, *sheets, "results/index.tsv"}
    good |= {"results/grids/style/sea.jpg"}  # it shows nothing that is missing
    before = {name: (project.root / name).read_bytes() for name in grids}
    dates = {name: (project.root / name).stat().st_mtime_ns for name in good}

    torn.write_bytes(whole)
    words.unlink()
    project.add("style", "words.png", seed=3)
    second = project.snakemake()
    second.assert_good()
    assert second.jobs == [
        *("gallery", "grid_content cat", "grid_epochs cat", "grid_style torn", "grid_style words"),
        *("grids_pdf", "index", "plots cat"),
        *("stylize_1_1e6_1 cat torn", "stylize_1_1e6_1 cat words", "sweep_plots"),
    ]
    assert {name: (project.root / name).stat().st_mtime_ns for name in good} == dates
    same = {name for name in grids if (project.root / name).read_bytes() == before[name]}
    assert same == {f"results/grids/{page}.jpg" for page in ("style/sea", "epochs/cat/sea")}
    assert project.would_run() == []


def test_every_mistake_in_the_configuration_is_listed(project):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    project.configure(
        {
            "image": {"sise": 64, "fit": "strech"},
            "settings": {"beta": [-1, float("nan")], "alpha": 3},
            "network": {"style_layers": {"conv9_1": 1}},
            "optimization": {"epochs": "ten"},
            "optimisation": {"seed": 1},
        }
    )
    outcome = project.snakemake()
    outcome.assert_refused(
        "optimisation: there is no such key; did you mean optimization?",
        "image.sise: there is no such key; did you mean size?",
        "image.fit: 'strech' is not allowed; did you mean stretch?",
        "settings.beta[0]: -1 is not allowed; give a number from 0",
        "settings.beta[1]: nan is not allowed; give a finite number.",
        "settings.alpha: 3 is not allowed; give a list",
        "optimization.epochs: 'ten' is not allowed; give a whole number",
        "network.style_layers: 'conv9_1' is not allowed; did you mean conv5_1?",
    )
    assert outcome.jobs == []
    assert not project.results.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image: [\n", ["Config file is not valid JSON or YAML"]),
        ("- cat\n", ["Config file must be given as JSON or YAML with keys at top level"]),
        (f"image: {'[' * 5000}{']' * 5000}\n", ["config.yaml is nested too deeply"]),
        ("image: &all {size: *all}\n", ["config.yaml is nested too deeply, or within itself"]),
        ("output: caf\udce9\n", ["config.yaml cannot be read", "save it as UTF-8"]),
        ("2024-02-30: 1\n", ["config.yaml cannot be read: day is out of range", "correct the"]),
        ('output: "\\ud800"\n', ["give text without half of a character pair"]),
        ("content: images/nowhere\n", ["content: there is no folder", "images/nowhere"]),
        ("style: images/empty\n", ["style: ", "images/empty", "contains no image"]),
        ("settings: {named: {A b: {}, a-B: {}}}\n", ["settings.named.a-B: ", "the id a-b"]),
    ],
)
def test_a_configuration_that_cannot_be_followed(project, text, words):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    (project.root / "images" / "empty").mkdir()
    (project.root / "config.yaml").write_text(text, encoding="utf-8", errors="surrogateescape")
    outcome = project.snakemake(config="")
    outcome.assert_refused(*words)
    assert outcome.jobs == []
    assert not project.results.exists()


def test_a_configuration_that_is_a_folder(project):
    (project.root / "config.yaml").mkdir()
    outcome = project.snakemake(config="")
    outcome.assert_refused("config.yaml cannot be read: Is a directory; replace it by a file")


@pytest.mark.slow
def test_files_that_cannot_take_part_are_listed_and_stop_no_other_job(project):
    project.configure(SMALLEST)
    project.add("content", "dog.png", seed=0)
    for name in ("Cat.png", "cat.jpg"):
        project.add("content", name, seed=0)
    (project.root / "images" / "content" / "broken {link}.png").symlink_to("nowhere")
    project.add("style", "sea.png", seed=1)
    outcome = project.snakemake()
    outcome.assert_refused(
        "'images/content/Cat.png' and 'images/content/cat.jpg' would share the id cat; rename",
        "'images/content/broken {link}.png' is a broken link; fix or remove it.",
    )
    assert "refused_files" in outcome.jobs
    assert {"results/grids/content/dog.jpg", "results/grids/grids.pdf"} <= project.files()
    assert any(name.startswith("results/dog/sea/") for name in project.files())
    assert project.would_run() == ["refused_files"]

    for path in (project.root / "images" / "content").iterdir():
        if path.name not in ("dog.png", "cat.jpg"):
            path.unlink()
    jobs = project.would_run()
    assert "refused_files" not in jobs
    assert not any("dog" in job for job in jobs), "the dog was done already"
    assert any("cat" in job for job in jobs), "nothing speaks against the cat any more"


def test_a_target_that_is_not_in_the_sweep(again):
    outcome = again.snakemake("results/cow/sea/long/generated_5.jpg")
    assert outcome.code != 0
    # Snakemake adds a short traceback of its own to whatever an input function says.
    assert "no content image has the id cow; results/index.tsv lists the ids" in outcome.text
    assert outcome.jobs == []


def test_refused_files_in_every_locale_and_without_any(project, tmp_path):
    project.configure(SMALLEST)
    project.add("style", "sea.png", seed=1)
    project.add("content", "dog.png", seed=0)
    outcome = project.snakemake("refused_files")
    outcome.assert_good()
    assert "no file is refused." in outcome.text
    assert not project.files()
    localedef = shutil.which("localedef")
    locale = tmp_path / "en_US.ISO-8859-1"
    made = localedef and subprocess.run([localedef, "-i", "en_US", "-f", "ISO-8859-1", locale])
    if not made or made.returncode > 1:
        pytest.skip("there is no localedef, or it has no sources")
    (project.root / "images" / "content" / "töne.png").symlink_to("nowhere")
    outcome = project.snakemake("refused_files", LOCPATH=str(tmp_path), LC_ALL=locale.name)
    assert outcome.code != 0
    assert "'images/content/töne.png' is a broken link" in outcome.text
    assert "UnicodeEncodeError" not in outcome.text
