"""The grids of a sweep: every output is on one page of each kind, and no two pages share a name."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from tests.unit.grids import make_grids

from neural_style.config.inputs import RESERVED
from neural_style.report.outputs import longest_side, split

SIZES = [(1, 1), (1, 7), (7, 1), (1, 61), (130, 1), (4, 3), (13, 2), (2, 13), (17, 23), (3, 100)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 12, 60, 1000])
def test_pages_hold_every_tile_once_and_no_more_than_allowed(most):
    for rows, columns in SIZES:
        assert_pages_hold_every_tile_once(rows, columns, most)


def assert_pages_hold_every_tile_once(rows, columns, most):
    windows = split(rows, columns, most)
    seen = [cell for window in windows for cell in product(window.rows, window.columns)]
    assert sorted(seen) == list(product(range(rows), range(columns)))
    assert all(1 <= len(w.rows) * len(w.columns) <= most for w in windows)
    if 1 not in (rows, columns):
        assert all(max(len(w.rows), len(w.columns)) <= longest_side(most) for w in windows)
    for side in ("rows", "columns"):
        lengths = {len(getattr(window, side)) for window in windows}
        assert max(lengths) - min(lengths) <= 1, "a page is much smaller than another"


@pytest.mark.parametrize(
    ("rows", "columns", "most", "pages"),
    [(4, 3, 60, 1), (5, 11, 60, 1), (6, 11, 60, 2), (1, 60, 60, 1), (61, 1, 60, 2), (2, 17, 60, 2)],
)
def test_no_more_pages_than_needed(rows, columns, most, pages):
    assert len(split(rows, columns, most)) == pages


def test_files_are_named_by_ids_and_further_pages_by_a_number():
    grids = make_grids(
        ["cat", "dog"], ["sea"], settings={"beta": [1, 2, 3]}, grids={"tiles_per_page": 2}
    )
    assert list(map(str, grids.all_paths)) == [
        *(f"results/grids/content/{n}.jpg" for n in ("cat", "cat+2", "dog", "dog+2")),
        *(f"results/grids/style/{n}.jpg" for n in ("sea", "sea+2", "sea+3", "sea+4")),
        *(f"results/grids/epochs/cat/sea{n}.jpg" for n in ("", *(f"+{k}" for k in range(2, 19)))),
        *(f"results/grids/epochs/dog/sea{n}.jpg" for n in ("", *(f"+{k}" for k in range(2, 19)))),
    ]


def test_no_page_has_the_name_of_another():
    names = ["cat", "cat+2", "cat_2", "cat.2", "cat-2", "cat.jpg", "generated_2", "2"]
    settings = {"alpha": [1, 2], "beta": [1, 2]}
    grids = make_grids(names, names, settings=settings, grids={"tiles_per_page": 1})
    paths = [*grids.all_paths, grids.pdf]
    assert len(paths) == len(set(paths))
    assert not set(paths) & {parent for path in paths for parent in path.parents}
    assert not any("+" in name for name in (*grids.sweep.contents, *grids.sweep.styles))
    assert grids.folder.name in RESERVED


def test_a_wildcard_stands_for_any_image():
    grids = make_grids(grids={"format": "png"})
    assert grids.paths("content", "{content}") == [Path("results/grids/content/{content}.png")]
    assert grids.paths("epochs", "{content}") == [Path("results/grids/epochs/{content}/sea.png")]


def test_pages_and_files_agree():
    settings = {"alpha": [1, 2], "beta": [1, 2, 3], "learning_rate": [1, 0.5]}
    grids = make_grids(
        ["cat", "dog"], ["sea", "sun"], settings=settings, grids={"tiles_per_page": 4}
    )
    for kind in grids.kinds:
        for subject in grids.subjects(kind):
            made = list(grids.grids(kind, subject))
            assert [p for grid in made for p in grid.pages] == grids.paths(kind, subject)
            shown = {job.folder for grid in made for job in grid.jobs}
            assert shown == {job.folder for job in grids.jobs(kind, subject)}
            for grid in made:
                windows = grid.pages.values()
                cells = sum(len(w.rows) * len(w.columns) for w in windows)
                assert cells == sum(map(len, grid.cells))


def test_content_and_style_grids_show_the_last_outputs():
    grids = make_grids(["cat", "dog"], ["sea", "sun"], settings={"beta": [1, 2]})
    (content,), (style,) = grids.grids("content", "dog"), grids.grids("style", "sun")
    assert [[str(c.job.folder) for c in row if c] for row in content.cells] == [
        [f"results/dog/{style}/1_{beta}_1" for beta in (1, 2)] for style in ("sea", "sun")
    ]
    assert [[str(c.job.folder) for c in row if c] for row in style.cells] == [
        [f"results/{content}/sun/1_{beta}_1" for beta in (1, 2)] for content in ("cat", "dog")
    ]
    assert {cell.epoch for row in content.cells for cell in row if cell} == {1000}
    assert grids.inputs("content", "dog") == [
        Path(f"results/dog/{style}/1_{beta}_1/generated_1000.jpg")
        for style in ("sea", "sun")
        for beta in (1, 2)
    ]


def test_grids_of_epochs_show_the_start_and_every_saved_epoch_of_every_setting():
    named = {"short": {"optimization": {"epochs": 250}}}
    grids = make_grids(
        settings={"named": named},
        optimization={"epochs": 400},
    )
    (grid,) = grids.grids("epochs", "cat")
    shown = [[cell.epoch if cell else None for cell in row] for row in grid.cells]
    assert shown == [[0, 100, 200, None, 300, 400], [0, 100, 200, 250, None, None]]
    files = {str(path) for path in grids.inputs("epochs", "cat")}
    folders = ("results/cat/sea/1_1e6_1", "results/cat/sea/short")
    assert files == {
        *(f"{folders[0]}/generated_{epoch}.jpg" for epoch in (100, 200, 300, 400)),
        *(f"{folders[1]}/generated_{epoch}.jpg" for epoch in (100, 200, 250)),
        *(f"{folder}/losses.csv" for folder in folders),
    }


@pytest.mark.parametrize(
    ("settings", "has"),
    [
        ({"alpha": [1, 2], "beta": [1, 2]}, True),
        ({"alpha": [1, 2]}, False),
        ({"beta": [1, 2], "learning_rate": [1, 2]}, False),
        ({"named": {"a": {"alpha": 2}, "b": {"beta": 2}}}, False),
    ],
)
def test_grids_of_weights_are_made_where_alpha_and_beta_are_swept(settings, has):
    assert ("weights" in make_grids(settings=settings).kinds) is has


def test_a_grid_of_weights_for_each_learning_rate_without_the_named_settings():
    settings = {
        "alpha": [1, 2],
        "beta": [10, 20, 30],
        "learning_rate": [1, 0.5],
        "named": {"bold": {"beta": 99}},
    }
    grids = make_grids(settings=settings)
    tables = list(grids.grids("weights", "cat"))
    shown = [
        [[cell.job.setting for cell in row if cell] for row in table.cells] for table in tables
    ]
    assert shown == [
        [[f"{alpha}_{beta}_{rate}" for beta in (10, 20, 30)] for alpha in (1, 2)]
        for rate in ("1", "0.5")
    ]
    assert [str(path) for table in tables for path in table.pages] == [
        "results/grids/weights/cat/sea.jpg",
        "results/grids/weights/cat/sea+2.jpg",
    ]
    assert len(grids.inputs("weights", "cat")) == 12
