"""Composed grids: the right images under the right headings, and a reason for each gap."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests import fake_results
from tests.unit.grids import center, color, make_grids, solid

from neural_style.images.decode import load_image
from neural_style.report.grid_compose import (
    compose,
    loss_captions,
    page_title,
    read_names,
    transfer_label,
)
from neural_style.report.grid_layout import Tile, measure
from neural_style.report.grid_render import render_grid

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
CAT, DOG = (Tile(Path(f"content/{name}.png"), shape=(60, 40)) for name in ("cat", "dog"))
SEA, SUN = (Tile(Path(f"style/{name}.png"), shape=(60, 40)) for name in ("sea", "sun"))
KEEP = {"size": 64, "fit": "keep"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pages_of(grids, kind, subject):
    """The grid of each page."""
    names = read_names(grids.sweep)
    return [
        compose(grid, path, names) for grid in grids.grids(kind, subject) for path in grid.pages
    ]


def images(row):
    return [tile and str(tile.image) for tile in row.tiles]


def finish(grids, number=2, size=(60, 40)):
    for job in grids.sweep.jobs:
        solid(job.final_output, number, size)


def test_a_content_grid_has_styles_down_and_settings_across():
    solid(Path("content/Café.png"), 1, (60, 40))
    grids = make_grids(["Café"], ["sea", "sun"], settings={"beta": [1, 2]}, image=KEEP)
    (cafe,) = grids.subjects("content")
    finish(grids)
    (grid,) = pages_of(grids, "content", cafe)
    assert grid.title == ("Café",)
    assert grid.columns == ("β\u00a01", "β\u00a02")
    assert [row.heading for row in grid.rows] == ["sea", "sun"]
    assert [row.margin and row.margin.image for row in grid.rows] == [SEA.image, SUN.image]
    assert grid.originals == (Tile(Path("content/Café.png"), shape=(60, 40)),)
    assert images(grid.rows[1]) == [
        f"results/{cafe}/sun/1_{beta}_1/generated_1000.jpg" for beta in (1, 2)
    ]
    assert grid.subtitle == "60 × 40 px  ·  1000 iterations  ·  α\u00a01\u00a0\u00a0\u00a0lr\u00a01"


def test_a_style_grid_has_contents_down_and_settings_across():
    solid(Path("content/dog.png"), 1, (40, 60))
    grids = make_grids(["cat", "dog"], settings={"beta": [1, 2]}, image=KEEP)
    (grid,) = pages_of(grids, "style", "sea")
    assert (grid.title, grid.originals) == (("sea",), (SEA,))
    assert [row.heading for row in grid.rows] == ["cat", "dog"]
    assert [row.margin and row.margin.image for row in grid.rows] == [CAT.image, DOG.image]
    assert images(grid.rows[1]) == [
        f"results/dog/sea/1_{beta}_1/generated_1000.jpg" for beta in (1, 2)
    ]
    assert [row.shape for row in grid.rows] == [(1000, 667), (667, 1000)]


def test_outputs_that_are_all_stretched_are_square():
    grids = make_grids(settings={"beta": [1, 2]}, image={"fit": "stretch"})
    (grid,) = pages_of(grids, "content", "cat")
    assert grid.rows[0].shape == (1000, 1000)


def test_outputs_with_the_dimensions_of_their_content_images_have_those_shapes():
    solid(Path("content/cat.png"), 1, (60, 40))
    own = {"fit": "stretch", "dimensions": "original"}
    (grid,) = pages_of(make_grids(settings={"beta": [1, 2]}, image=own), "content", "cat")
    assert grid.rows[0].shape == (1000, 667)
    (grid,) = pages_of(make_grids(image=own), "epochs", "cat")
    assert grid.rows[0].tiles[0] is not None
    assert grid.rows[0].tiles[0].fit == "", "the start is shown whole, too"


def test_a_grid_of_epochs_has_epochs_across_and_their_losses():
    grids = make_grids(
        settings={"beta": [1, 2]},
        optimization={"epochs": 30, "save_every": 20},
        image={"fit": "crop"},
    )
    first, second = grids.sweep.jobs
    first.folder.mkdir(parents=True)
    lines = [f"{n},0,{n}.5,0,{n}.5" for n in range(31)]
    (first.folder / "losses.csv").write_text("\n".join(["epoch,s,total,content,style", *lines]))
    (grid,) = pages_of(grids, "epochs", "cat")
    assert (grid.title, grid.originals) == (("cat", "sea"), (CAT, SEA))
    assert grid.columns == ("iteration 20", "iteration 30"), "CAT is at the top, not in each row"
    assert [row.heading for row in grid.rows] == ["β\u00a01", "β\u00a02"]
    assert [tile and tile.caption for tile in grid.rows[0].tiles] == [
        (f"minimized {n}",) for n in (20.5, 30.5)
    ]
    assert [tile and tile.caption for tile in grid.rows[1].tiles] == [(), ()]
    assert images(grid.rows[1]) == [
        str(second.folder / f"generated_{epoch}.jpg") for epoch in (20, 30)
    ]


def test_a_grid_of_epochs_begins_with_the_file_that_an_output_starts_from():
    named = {
        "file": {"optimization": {"init": str(SEA.image)}},
        "mixed": {"optimization": {"init_noise": 0.25, "seed": 7}},
    }
    grids = make_grids(settings={"named": named}, optimization={"epochs": 2})
    (grid,) = pages_of(grids, "epochs", "cat")
    file, mixed = (row.tiles[0] for row in grid.rows[1:])
    assert file is not None
    assert file.image == SEA.image
    assert mixed == Tile(None, note="seed 7", mark="25% noise")


def test_a_grid_of_epochs_marks_noise_and_leaves_out_what_is_not_saved():
    named = {"n": {"optimization": {"init": "noise", "seed": 7, "epochs": 3}}}
    grids = make_grids(settings={"named": named}, optimization={"epochs": 2})
    (grid,) = pages_of(grids, "epochs", "cat")
    start, never, last = grid.rows[1].tiles
    assert start == Tile(None, note="seed 7", mark="noise")
    assert never is None
    assert last is not None


def test_a_page_may_have_no_output_of_a_setting_that_saves_few():
    named = {"long": {"optimization": {"epochs": 30}}}
    grids = make_grids(
        settings={"named": named},
        optimization={"epochs": 4, "save_every": 2},
        grids={"tiles_per_page": 6},
    )
    finish(grids)
    pages = pages_of(grids, "epochs", "cat")
    empty = [row.heading for page in pages for row in page.rows if not any(row.tiles)]
    assert empty and "long" not in empty
    tiles = [tile for page in pages for row in page.rows for tile in row.tiles if tile]
    assert len(tiles) == 2 + 15  # without the starts
    for page in pages:
        assert min(render_grid(page, 32).size) > 32


def test_a_grid_of_weights_has_alphas_down_and_betas_across():
    settings = {"alpha": [1, 2], "beta": [10, 20], "learning_rate": [1, 0.5]}
    grids = make_grids(settings=settings)
    fast, slow = pages_of(grids, "weights", "cat")
    for grid, rate in ((fast, "1"), (slow, "0.5")):
        assert (grid.title, grid.originals) == (("cat", "sea"), (CAT, SEA))
        assert grid.columns == ("β\u00a010", "β\u00a020")
        assert [row.heading for row in grid.rows] == ["α\u00a01", "α\u00a02"]
        assert images(grid.rows[1])[0] == f"results/cat/sea/2_10_{rate}/generated_1000.jpg"
        assert grid.subtitle.endswith(f"lr\u00a0{rate}")


def test_a_missing_output_has_the_reason_of_its_job():
    grids = make_grids(settings={"beta": [1, 2, 3]})
    failed, done, _ = grids.sweep.jobs
    failed.log.parent.mkdir(parents=True)
    failed.log.write_text("epoch 3\nstylize: cannot read 'style/sea.png': it is damaged.\n")
    solid(done.final_output, 1)
    reason = "cannot read 'style/sea.png': it is damaged."
    for kind, subject in (("content", "cat"), ("style", "sea")):
        (grid,) = pages_of(grids, kind, subject)
        notes = [tile and tile.note for tile in grid.rows[0].tiles]
        assert notes == [reason, "", "not made yet"]
    grid = pages_of(grids, "epochs", "cat")[0]
    assert {tile.note for tile in grid.rows[0].tiles[1:] if tile} == {reason}


def test_one_setting_makes_pairs():
    solid(Path("content/dog.png"), 1, (40, 60))
    styles = [f"s{number}" for number in range(7)]
    grids = make_grids(["cat", "dog"], styles, image=KEEP)
    (grid,) = pages_of(grids, "content", "dog")
    assert set(grid.columns) == {""}
    assert [row.joined for row in grid.rows] == [True, False] * 2
    originals = [name for row in grid.rows[::2] for name in images(row)]
    made = [tile for row in grid.rows[1::2] for tile in row.tiles]
    assert originals == [*(f"style/{style}.png" for style in styles), None]
    assert [tile and tile.caption for tile in made] == [*((style,) for style in styles), None]
    assert [tile and str(tile.image) for tile in made[:7]] == [
        f"results/dog/{style}/1_1e6_1/generated_1000.jpg" for style in styles
    ]
    assert [row.shape for row in grid.rows] == [(1000, 667), (667, 1000)] * 2
    assert "β" in grid.subtitle


def test_many_settings_of_one_pair_make_lines():
    grids = make_grids(settings={"beta": list(range(1, 21))})
    for kind, subject in (("content", "cat"), ("style", "sea")):
        (grid,) = pages_of(grids, kind, subject)
        assert (grid.title, grid.originals) == (("cat", "sea"), (CAT, SEA))
        assert set(grid.columns) == {""}
        tiles = [tile for row in grid.rows for tile in row.tiles if tile]
        assert [tile.caption for tile in tiles] == [(f"β\u00a0{n}",) for n in range(1, 21)]
        assert 1 < len(grid.rows) < 8


def test_a_single_output_is_beside_its_style_and_below_its_content():
    (grid,) = pages_of(make_grids(), "content", "cat")
    assert grid.columns == ("",)
    assert grid.originals == (CAT,)
    assert (grid.rows[0].heading, len(grid.rows)) == ("sea", 1)
    assert grid.rows[0].margin == Tile(Path("style/sea.png"))


def test_pages_say_which_they_are():
    settings = {"beta": [1, 2, 3]}
    grids = make_grids(styles=["sea", "sun"], settings=settings, grids={"tiles_per_page": 4})
    first, second = pages_of(grids, "content", "cat")
    assert first.subtitle.endswith("page 1 of 2")
    assert second.subtitle.endswith("page 2 of 2")
    assert [row.heading for grid in (first, second) for row in grid.rows] == ["sea", "sun"]


def test_originals_that_cannot_be_read_do_not_stop_a_grid():
    grids = make_grids(styles=["sea", "sun"], image=KEEP)
    finish(grids)
    Path("style/sea.png").write_bytes(b"")
    Path("content/cat.png").write_text("words")
    for kind, subject in (("content", "cat"), ("style", "sea"), ("epochs", "cat")):
        for grid in pages_of(grids, kind, subject):
            assert render_grid(grid, 64).size == measure(grid, 64).size


def run(script, *options):
    return runpy.run_path(str(SCRIPTS / script))["main"](list(options))


def test_the_scripts_write_the_grids_and_bind_them():
    config = {
        "content": "content",
        "style": "style",
        "settings": {"beta": [1, 2]},
        "image": KEEP,
        "grids": {"format": "png", "tile_size": 40, "tiles_per_page": 1},
    }
    grids = make_grids(["cat", "dog"], **config)
    finish(grids)
    text = ("--config", json.dumps(config))
    assert run("grid.py", *text, "--kind", "content", "--of", "cat", "dog") == 0
    paths = [path for name in ("cat", "dog") for path in grids.paths("content", name)]
    assert sorted(path for path in Path("results/grids").rglob("*.*")) == sorted(paths)
    page = load_image(paths[3])
    box = measure(pages_of(grids, "content", "dog")[1], 40).tiles[0][0]
    assert (box.width, box.height) == (40, 27)
    assert page.getpixel(center(box)) == pytest.approx(color(2), abs=2)
    with Image.open(paths[0]) as image:
        assert image.format == "PNG"
    assert run("grids_pdf.py", *text) == 0
    assert grids.pdf.read_bytes().count(b"/Type /Page\n") == 4


def test_the_scripts_explain_mistakes_in_one_sentence(capsys):
    make_grids()
    text = ("--config", json.dumps({"content": "content", "style": "style"}))
    nowhere = ("--config", json.dumps({"content": "nowhere", "style": "style"}))
    assert run("grid.py", *nowhere, "--kind", "content", "--of", "cat") == 1
    assert capsys.readouterr().err.startswith("grid: content: there is no folder or file")
    assert run("grid.py", *text, "--kind", "style", "--of", "cat") == 1
    assert "grid: the sweep has no image 'cat' for a grid of the kind style" in (
        capsys.readouterr().err
    )
    assert run("grids_pdf.py", *text) == 1
    assert capsys.readouterr().err.startswith("grids_pdf: 'results/grids' has no page")
    assert not Path("results").exists()


def test_settings_without_transfer_options_have_no_label(defaults):
    assert transfer_label([defaults, replace(defaults, beta=7.0)]) == ""


def test_transfer_options_are_named(defaults):
    blend = {"images/style/sea.jpg": 0.5, "My Sun.png": 1.0}
    settings = replace(defaults, blend=blend, style_scales=(0.5, 1.0), mask="m.png")
    words = "with sea 0.5 and My Sun 1, style ×0.5 and ×1, masked"
    assert transfer_label([settings]) == words
    assert transfer_label([settings, replace(settings, style_mask="beside")]) == words


def test_options_of_only_some_settings_are_not_named(defaults):
    masked = replace(defaults, mask="beside", style_scales=(2.0,))
    assert transfer_label([masked, replace(masked, mask=None)]) == "style ×2"
    assert transfer_label([masked, defaults]) == ""


def test_the_start_is_shown_where_it_is_not_repeated():
    options = {"optimization": {"epochs": 3}, "image": {"fit": "crop"}}
    (grid,) = pages_of(make_grids(**options), "epochs", "cat")
    start = grid.rows[0].tiles[0]
    assert start is not None
    assert (grid.columns[0], start.image, start.fit) == ("iteration 0", CAT.image, "crop")
    mixed = {"named": {"mixed": {"optimization": {"init_noise": 0.25}}}}
    (grid,) = pages_of(make_grids(optimization={"epochs": 3}, settings=mixed), "epochs", "cat")
    assert [row.tiles[0].mark for row in grid.rows] == ["content image", "25% noise"]
    noise = {"optimization": {"epochs": 3, "init": "noise"}, "settings": {"beta": [1, 2]}}
    (grid,) = pages_of(make_grids(**noise), "epochs", "cat")
    assert grid.columns[0] == "iteration 0"


def test_above_a_single_row_the_original_is_small():
    (one,) = pages_of(make_grids(["cat"], ["sea"], settings={"beta": [1, 2]}), "content", "cat")
    (two,) = pages_of(
        make_grids(["cat"], ["sea", "sun"], settings={"beta": [1, 2]}), "content", "cat"
    )
    low, high = (measure(grid).originals[0].height for grid in (one, two))
    assert low <= high / 2 + 1


def test_captions_have_the_losses_of_an_epoch_without_weights(tmp_path, defaults):
    (job,) = fake_results.make_jobs(["cat.png"], ["sea.png"], [1e6], defaults)
    job = replace(job, root=tmp_path)
    fake_results.finish(job, 1)
    captions = loss_captions(job.folder, [0, 5, 6, 9])
    assert captions == {
        0: ("content 0", "style 499", "minimized 4.99e8"),
        5: ("content 1.67", "style 83.2", "minimized 8.32e7"),
        6: ("content 2", "style 71.3", "minimized 7.13e7"),
    }
    (job.folder / "run.json").unlink()
    assert loss_captions(job.folder, [6]) == {6: ("minimized 7.13e7",)}, "beta is unknown"


def test_pages_have_titles_of_their_own():
    settings = {"alpha": [1, 2], "beta": [1, 2, 3], "learning_rate": [1, 0.5]}
    grids = make_grids(["Café"], ["sea", "神奈川"], settings=settings, grids={"tiles_per_page": 4})
    names = read_names(grids.sweep)
    titles = [
        page_title(grid, path, names)
        for kind in grids.kinds
        for subject in grids.subjects(kind)
        for grid in grids.grids(kind, subject)
        for path in grid.pages
    ]
    assert len(titles) == len(set(titles)) == len(list(grids.all_paths))
    assert titles[0] == "content: Café, page 1"
    assert "weights: Café × sea, lr\u00a00.5, page 2" in titles
