"""Grids of real runs: pages, matrices, reasons of failures, and names that look like others."""

from __future__ import annotations

import pytest
import yaml
from PIL import PdfParser

from neural_style.config.schema import complete
from neural_style.config.sweep import plan_sweep
from neural_style.images.encode import save_image
from neural_style.report.grid_compose import compose, read_names
from neural_style.report.grid_render import render_grid
from neural_style.report.outputs import sweep_grids

SMALLEST = {"image": {"size": 32}, "optimization": {"epochs": 1, "precision": "fp32"}}


@pytest.mark.slow
def test_a_sweep_of_both_weights_on_pages_of_two(project):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    project.configure(
        {
            **SMALLEST,
            "settings": {"alpha": [1, 10], "beta": [1e5, 1e6]},
            "grids": {"tiles_per_page": 2, "tile_size": 64, "format": "png"},
        }
    )
    project.snakemake().assert_good()
    counts = {"content/cat": 2, "style/sea": 2, "epochs/cat/sea": 4, "weights/cat/sea": 2}
    pages = {
        f"results/grids/{name}{number}.png"
        for name, count in counts.items()
        for number in ("", *(f"+{number}" for number in range(2, count + 1)))
    }
    made = {name for name in project.files() if name.startswith("results/grids/")}
    assert made == {*pages, "results/grids/grids.pdf"}
    with PdfParser.PdfParser(str(project.results / "grids" / "grids.pdf")) as document:
        assert len(document.pages) == len(pages)
    assert project.would_run() == []

    # A page of its own is found by its name, and one beta more concerns every grid.
    (project.results / "grids" / "weights" / "cat" / "sea+2.png").unlink()
    assert project.would_run() == ["grid_weights cat", "grids_pdf"]
    again = {**SMALLEST, "settings": {"alpha": [1, 10], "beta": [1e5, 1e6, 1e7]}}
    project.configure(again)
    kinds = ("content cat", "epochs cat", "style sea", "weights cat")
    assert project.would_run() == sorted(
        [
            *(f"grid_{kind}" for kind in kinds),
            *("gallery", "grids_pdf", "index", "plots cat", "sweep_plots"),
            *("stylize_1_1e7_1 cat sea", "stylize_10_1e7_1 cat sea"),
        ]
    )


@pytest.mark.slow
def test_a_job_that_failed_is_marked_with_its_reason(project, monkeypatch):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    absent = {"deep": {"network": {"weights": "images/absent.pth"}}}
    project.configure({**SMALLEST, "settings": {"named": absent}})
    (project.root / "images" / "absent.pth").write_bytes(b"no network")
    outcome = project.snakemake()
    assert outcome.code != 0
    monkeypatch.chdir(project.root)
    config = complete(yaml.safe_load((project.root / "config.yaml").read_text()))
    grids = sweep_grids(plan_sweep(config), config)
    names = read_names(grids.sweep)
    for kind, subject in (("content", "cat"), ("style", "sea"), ("epochs", "cat")):
        (sweep_grid,) = grids.grids(kind, subject)
        (path,) = sweep_grid.pages
        grid = compose(sweep_grid, path, names)
        notes = {tile.note for row in grid.rows for tile in row.tiles if tile}
        (reason,) = notes - {""}
        assert "images/absent.pth" in reason
        assert f"stylize: {reason}" in outcome.text
        save_image(render_grid(grid, 256), project.root / "expected.jpg", 90)
        assert path.read_bytes() == (project.root / "expected.jpg").read_bytes(), path
        assert path.stat().st_mtime == 0, "the rule would not make it again"


def test_names_that_a_style_image_and_a_setting_share_with_content_images(project):
    project.add("content", "cat.png", seed=0)
    project.add("style", "generated_1.png", seed=1)
    project.configure({**SMALLEST, "settings": {"named": {"cat": {}, "epochs": {}}}})
    jobs = project.would_run()
    assert "grid_epochs cat" in jobs
    assert "stylize_cat cat generated_1" in jobs
