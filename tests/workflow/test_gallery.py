"""The gallery of real sweeps: whole, of a sweep with failed jobs, and made up for."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from neural_style.report.gallery_page import embed

SHARED = ("index.tsv", "grids", "plots", "gallery")
"""Below `results`, what shows several images."""


def data_of(project):
    page = (project.results / "gallery" / "index.html").read_text(encoding="utf-8")
    text = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert embed(json.loads(text)) == text
    return json.loads(text)


def test_a_sweep_ends_in_a_gallery_of_all_its_images(base):
    data = data_of(base.project)
    assert len(data["outputs"]) == 2 * 2 * 3
    folder = base.project.results / "gallery"
    for picture in data["outputs"]:
        setting = data["settings"][picture["setting"]]
        facts = json.loads((folder / picture["folder"] / "run.json").read_text(encoding="utf-8"))
        assert picture["losses"][0] == float(f"{facts['saved_losses']['total']:.5g}")
        assert (folder / picture["thumbnail"]).is_file()
        assert all(
            (folder / picture["folder"] / each["file"]).is_file() for each in setting["snapshots"]
        )
        assert None not in picture["curve"]


def test_its_command_makes_the_same_image_again(again):
    data = data_of(again)
    picture = data["outputs"][0]
    words = [
        data["contents"][picture["content"]]["option"],
        data["styles"][picture["style"]]["option"],
        picture["option"],
        *data["settings"][picture["setting"]]["options"],
    ]
    arguments = shlex.split(" ".join(words))
    command = [sys.executable, "-m", "neural_style", *arguments, "--threads=2"]
    subprocess.run(command, cwd=again.root, check=True)
    made = again.root / picture["option"].removeprefix("--output=")
    first = again.results / "gallery" / picture["folder"] / "generated_4.jpg"
    assert made.read_bytes() == first.read_bytes()


@pytest.mark.slow
def test_a_failed_job_leaves_a_gallery_that_is_made_up_for_without_half_files(again, base):
    torn = again.add("style", "torn.png", seed=7)
    whole = torn.read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    again.configure(
        {
            **base.config,
            "content": ["images/content/cat.png"],
            "settings": {"beta": [1e5]},
            "grids": {"time_lapse": 32},
        },
    )
    page = again.results / "gallery" / "index.html"
    leave_half_files(again)

    outcome = again.snakemake()
    outcome.assert_refused("stylize: cannot read 'images/style/torn.png'")
    assert "gallery" not in outcome.jobs
    data = data_of(again)
    reasons = [picture.get("missing") for picture in data["outputs"]]
    assert len(reasons) == 3
    assert sum("torn.png" in (reason or "") for reason in reasons) == 1
    assert page.stat().st_mtime == 0, "the next run could take it for finished"
    films = [picture.get("time_lapse") for picture in data_of(again)["outputs"]]
    assert sum((page.parent / film).is_file() for film in films if film) == 2

    again.query("--report", "report.html").assert_good()  # of what is finished

    torn.write_bytes(whole)
    second = again.snakemake()
    second.assert_good()
    assert "gallery" in second.jobs
    assert all("time_lapse" in picture for picture in data_of(again)["outputs"])
    assert not any("missing" in picture for picture in data_of(again)["outputs"])
    assert again.would_run() == []
    assert list(again.results.rglob(".*")) == [], "what killed jobs had left is still there"


def leave_half_files(project):
    """As jobs of grids, plots, and gallery that were killed, beside all that is made again."""
    others = {"dog", "dog.jpg", "1_2.5e6_1.jpg", "long.jpg"}  # not in this sweep: not made again
    left = set()
    for path in list(project.results.rglob("*")):
        name = path.relative_to(project.results)
        if path.is_file() and name.parts[0] in SHARED and others.isdisjoint(name.parts):
            path.with_name(f".{path.stem}.0badcafe{path.suffix}").write_bytes(b"half")
            left.add(name.parent.as_posix())
    grids = {"grids", "grids/content", "grids/style", "grids/epochs/cat"}
    assert left >= {".", "gallery", "plots", *grids}, left
