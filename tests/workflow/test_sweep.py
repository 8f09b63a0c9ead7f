"""One sweep from start to end: the files, what is in them, and how the jobs shared the machine."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json

import pytest
from PIL import Image, PdfParser

CONTENTS = ("cat", "dog")
STYLES = ("sea", "sun")
SNAPSHOTS = {"1_1e5_1": (2, 4), "1_2.5e6_1": (2, 4), "long": (2, 4, 5)}
BETAS = {"1_1e5_1": 1e5, "1_2.5e6_1": 2.5e6, "long": 1e5}
PAIRS = [f"{content}/{style}" for content in CONTENTS for style in STYLES]
JOBS = list(itertools.product(CONTENTS, STYLES, SNAPSHOTS))


def test_makes_these_files_and_no_others(base):
    grids = [
        *(f"content/{name}.jpg" for name in CONTENTS),
        *(f"style/{name}.jpg" for name in STYLES),
        *(f"epochs/{content}/{style}.jpg" for content in CONTENTS for style in STYLES),
        "grids.pdf",
    ]
    expected = {"results/index.tsv", *(f"results/grids/{name}" for name in grids)}
    figures = [f"{kind}/{pair}" for kind in ("losses", "tradeoff") for pair in PAIRS]
    for figure in (*figures, "total", "content", "style"):
        expected |= {f"results/plots/{figure}.png", f"results/plots/{figure}.pdf"}
    originals = "results/gallery/originals"
    expected |= {f"{originals}/content/{name}/keep_64.jpg" for name in CONTENTS}
    expected |= {f"{originals}/style/{name}/whole.jpg" for name in STYLES}
    expected |= {f"{originals}/content/{name}/thumbnail.jpg" for name in CONTENTS}
    expected |= {f"{originals}/style/{name}/thumbnail.jpg" for name in STYLES}
    expected |= {"results/gallery/index.html"}
    for content, style, setting in JOBS:
        folder = f"results/{content}/{style}/{setting}"
        expected |= {f"results/gallery/thumbnails/{content}/{style}/{setting}.jpg"}
        expected |= {f"{folder}/losses.csv", f"{folder}/run.json"}
        expected |= {f"{folder}/generated_{epoch}.jpg" for epoch in SNAPSHOTS[setting]}
    assert base.project.files() == expected


def test_runs_each_job_once(base):
    expected = [f"stylize_{setting} {content} {style}" for content, style, setting in JOBS]
    sheets = [
        *(
            f"{kind} {name}"
            for kind in ("grid_content", "grid_epochs", "plots")
            for name in CONTENTS
        ),
        *(f"grid_style {name}" for name in STYLES),
        *("gallery", "grids_pdf", "sweep_plots"),
    ]
    assert base.outcome.jobs == sorted([*expected, *sheets, "index"])


def test_takes_the_profile_beside_the_snakefile(base):
    assert "profiles/default" in base.outcome.err
    assert base.outcome.most_at_once == 1, "two jobs shared the one GPU"


def test_no_output_waits_for_a_grid(base):
    results = base.project.results
    outputs = [path.stat().st_mtime for path in results.rglob("run.json")]
    grids = [path.stat().st_mtime for path in (results / "grids").rglob("*.jpg")]
    assert max(outputs) < min(grids)


def test_images_are_whole_and_all_different(base):
    digests = set()
    for content, style, setting in JOBS:
        for epoch in SNAPSHOTS[setting]:
            path = base.project.results / content / style / setting / f"generated_{epoch}.jpg"
            with Image.open(path) as picture:
                picture.load()
                assert (picture.format, picture.size, picture.mode) == ("JPEG", (64, 64), "RGB")
                pixels = hashlib.sha256(picture.tobytes()).hexdigest()
            if setting != "long" or epoch == 5:  # until epoch 4 it does what 1_1e5_1 does
                digests.add(pixels)
    assert len(digests) == len(CONTENTS) * len(STYLES) * (2 + 2 + 1)


@pytest.mark.parametrize(("content", "style", "setting"), JOBS)
def test_losses_fall(base, content, style, setting):
    path = base.project.results / content / style / setting / "losses.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    layers = ["content/conv2_1", "style/conv1_1", "style/conv2_1"]
    assert list(rows[0]) == ["epoch", "seconds", "total", "content", "style", *layers]
    assert [int(row["epoch"]) for row in rows] == list(range(SNAPSHOTS[setting][-1] + 1))
    for row in rows:
        parts = sum(float(row[layer]) for layer in layers)
        assert parts == pytest.approx(float(row["total"]), rel=1e-4)
    assert float(rows[-1]["total"]) < float(rows[0]["total"])


@pytest.mark.parametrize(("content", "style", "setting"), JOBS)
def test_run_json_tells_what_was_done(base, content, style, setting):
    folder = base.project.results / content / style / setting
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    settings = facts["settings"]
    assert (settings["alpha"], settings["beta"], settings["learning_rate"]) == (
        1,
        BETAS[setting],
        1,
    )
    assert (settings["size"], settings["epochs"]) == (64, SNAPSHOTS[setting][-1])
    assert (settings["save_every"], settings["precision"]) == (2, "fp32")
    for kind, name in (("content", content), ("style", style)):
        source = base.project.root / "images" / kind / f"{name}.png"
        assert facts[kind]["path"] == f"images/{kind}/{name}.png"
        assert facts[kind]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    picture = folder / facts["output"]["file"]
    assert picture.name == f"generated_{SNAPSHOTS[setting][-1]}.jpg"
    assert facts["output"]["sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()


def test_a_job_gets_every_core(base):
    facts = json.loads((base.project.results / "cat/sea/long/run.json").read_text(encoding="utf-8"))
    if "CPU" not in facts["device"]:
        pytest.skip("the jobs ran on a GPU, whose record names no threads")
    assert facts["device"].endswith("2 threads")


def test_index_names_every_job(base):
    with (base.project.results / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    assert [(row["content"], row["style"], row["setting"]) for row in rows] == JOBS
    assert {row["content_path"] for row in rows} == {
        "images/content/cat.png",
        "images/content/dog.png",
    }
    assert all((base.project.root / row["result"]).is_file() for row in rows)


@pytest.mark.parametrize(
    ("page", "across", "down"),
    [
        ("content/cat", len(SNAPSHOTS), len(STYLES)),
        ("style/sun", len(SNAPSHOTS), len(CONTENTS)),
        # The start is shown once, above the rows.
        ("epochs/dog/sea", len({2, 4, 5}), 1 + len(SNAPSHOTS)),
    ],
)
def test_a_page_has_room_for_every_tile(base, page, across, down):
    with Image.open(base.project.results / "grids" / f"{page}.jpg") as grid:
        grid.load()
        assert (grid.format, grid.mode) == ("JPEG", "RGB")
        assert 256 * across < grid.width < 256 * (across + 2)
        assert 256 * down < grid.height < 320 * (down + 1.3)


def test_the_pdf_has_every_page(base):
    with PdfParser.PdfParser(str(base.project.results / "grids" / "grids.pdf")) as document:
        assert len(document.pages) == len(CONTENTS) + len(STYLES) + len(CONTENTS) * len(STYLES)


def test_logs_hold_what_each_job_said(base):
    log = base.project.logs / "cat" / "sea" / "long.log"
    assert "cat × sea × long: iteration 5/5, total " in log.read_text(encoding="utf-8")
