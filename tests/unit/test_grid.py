"""Grids: every picture in its place, whatever the pictures, the names and the numbers."""

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from neural_style.comparisons import content_grid, setting_label
from neural_style.grid import render_grid
from neural_style.images import load_image, save_image
from neural_style.index import IndexRow
from neural_style.layout import MAX_PIXELS, MAX_SIDE, Grid, GridError, Layout, Row, Tile, measure

SCRIPT = Path(__file__).parents[2] / "workflow" / "scripts" / "grid.py"
PAPER = (251, 250, 248)
HOSTILE = {
    "long": "n" * 300,
    "newline": "two\nlines",
    "chinese": "神奈川沖浪裏",
    "emoji": "🌊🎨",
    "bidi": "a\u202eb",
    "undecodable": "caf\udce9",
    "empty": "",
}


def colour(number: int) -> tuple[int, int, int]:
    return (40 * number % 256, 255 - 37 * number % 256, 91 * number % 256)


def solid(path: Path, number: int, size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour(number)).save(path)
    return path


def uniform_grid(rows: int, columns: int, picture: Path | None = None, **other: Any) -> Grid:
    row = Row("row", (Tile(picture),) * columns)
    return Grid("title", ("column",) * columns, (row,) * rows, **other)


def darkest(image: Image.Image) -> int:
    return next(value for value, count in enumerate(image.convert("L").histogram()) if count)


def centre_of(layout: Layout, row: int, column: int) -> tuple[int, int]:
    left, top = layout.corner_of(row, column)
    return left + layout.tile[0] // 2, top + layout.tile[1] // 2


def job(content: str, style: str, setting: str, result: Path, **other: Any) -> IndexRow:
    row = IndexRow(
        content=content,
        style=style,
        setting=setting,
        content_path=Path("images/content") / f"{content}.png",
        style_path=Path("images/style") / f"{style}.png",
        alpha=1.0,
        beta=1e6,
        learning_rate=1.0,
        epochs=1000,
        result=result,
    )
    return replace(row, **other)


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (32, 32)])
def test_every_picture_is_in_its_place(tmp_path, size):
    def tile(number: int) -> Tile:
        return Tile(solid(tmp_path / f"{number}.png", number, size))

    rows = tuple(
        Row(f"row {i}", tuple(tile(3 * i + j) for j in range(3)), margin=tile(6 + i))
        for i in range(2)
    )
    grid = Grid("title", ("a", "b", "c"), rows, corner=tile(8), shape=size)
    layout, image = measure(grid, 64), render_grid(grid, 64)
    assert image.size == layout.size
    assert max(layout.tile) == 64
    for i in range(2):
        for j in range(3):
            left, top = layout.corner_of(i, j)
            right, bottom = left + layout.tile[0] - 1, top + layout.tile[1] - 1
            for point in [(left, top), (right, bottom), centre_of(layout, i, j)]:
                assert image.getpixel(point) == colour(3 * i + j), (i, j, point)
            assert image.getpixel((right + 1, bottom)) == PAPER
        margin = (layout.margin + layout.tile[0] // 2, centre_of(layout, i, 0)[1])
        assert image.getpixel(margin) == colour(6 + i)
    assert image.getpixel((layout.margin, layout.top)) == colour(8)


@pytest.mark.parametrize("size", [(90, 30), (30, 90), (400, 1), (1, 400)])
def test_a_picture_of_another_shape_is_whole_and_centred(tmp_path, size):
    grid = uniform_grid(1, 1, solid(tmp_path / "a.png", 3, size), shape=(1, 1))
    layout, image = measure(grid, 80), render_grid(grid, 80)
    left, top = layout.corner_of(0, 0)
    tile = image.crop((left, top, left + 80, top + 80))
    pixels = {(x, y) for x in range(80) for y in range(80) if tile.getpixel((x, y)) == colour(3)}
    across, down = sorted(x for x, _ in pixels), sorted(y for _, y in pixels)
    wide, tall = across[-1] - across[0] + 1, down[-1] - down[0] + 1
    assert (wide, tall) == tuple(max(1, round(side * 80 / max(size))) for side in size)
    assert len(pixels) == wide * tall, "the picture has holes or faded edges"
    assert across[0] + across[-1] == pytest.approx(79, abs=1)
    assert down[0] + down[-1] == pytest.approx(79, abs=1)


@pytest.mark.parametrize("shape", [(4000, 100), (100, 4000)])
def test_tiles_of_very_long_pictures_keep_room_for_text(shape):
    assert sorted(measure(uniform_grid(1, 1, shape=shape), 90).tile) == [30, 90]


def test_missing_and_damaged_pictures_get_a_placeholder(tmp_path):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff no picture")
    pictures = [None, tmp_path / "absent.jpg", damaged, tmp_path, tmp_path / ("n" * 300)]
    tiles = (*map(Tile, pictures), Tile(solid(tmp_path / "whole.png", 2)))
    grid = Grid("", ("",) * 6, (Row("", tiles),), shape=(4, 3))
    layout, image = measure(grid, 128), render_grid(grid, 128)
    for column in range(5):
        left, top = layout.corner_of(0, column)
        assert image.getpixel((left + 3, top + 3)) != PAPER, "no placeholder is visible"
        tile = image.crop((left, top, left + layout.tile[0], top + layout.tile[1]))
        assert darkest(tile) < 80, "the placeholder says nothing"
    assert image.getpixel(centre_of(layout, 0, 5)) == colour(2)


def test_a_note_replaces_the_reason(tmp_path):
    def placeholder(tile: Tile) -> bytes:
        return render_grid(Grid("", ("",), (Row("", (tile,)),)), 128).tobytes()

    absent = tmp_path / "absent.png"
    assert placeholder(Tile(absent, note="stopped")) == placeholder(Tile(None, note="stopped"))
    assert placeholder(Tile(absent, note="stopped")) != placeholder(Tile(absent))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_do_not_move_the_pictures(tmp_path, name):
    picture = solid(tmp_path / "a.png", 5)
    row = Row(name, (Tile(picture, name), Tile(None, name, name)), margin=Tile(picture, name))
    grid = Grid(name, (name, name), (row, row), corner=Tile(picture, name), subtitle=name)
    layout, image = measure(grid, 64), render_grid(grid, 64)
    assert image.size == layout.size
    assert image.getpixel(centre_of(layout, 1, 0)) == colour(5)


def test_captions_make_room_for_themselves(tmp_path):
    picture = solid(tmp_path / "a.png", 1, (30, 30))
    bare = measure(uniform_grid(2, 1, picture), 64)
    row = Row("row", (Tile(picture, "epoch 100"),))
    grid = Grid("title", ("column",), (row, row))
    layout, image = measure(grid, 64), render_grid(grid, 64)
    assert layout.pitch[1] == bare.pitch[1] + layout.lettering.text.line_height
    left, top = layout.corner_of(0, 0)
    below = image.crop((left, top + 64, left + 64, layout.corner_of(1, 0)[1]))
    assert darkest(below) < 180, "the caption is not below its picture"


def test_a_grid_without_words_and_originals_is_pictures_alone(tmp_path):
    picture = solid(tmp_path / "a.png", 1, (30, 30))
    grid = Grid("", ("", ""), (Row("", (Tile(picture),) * 2),))
    layout = measure(grid, 48)
    assert layout.size == (2 * 48 + 5 * layout.gap, 48 + 4 * layout.gap)
    used = {pixel for _, pixel in render_grid(grid, 48).getcolors() or []}
    assert used == {PAPER, colour(1)}


def test_the_title_of_one_tile_stays_on_the_canvas(tmp_path):
    picture = Tile(solid(tmp_path / "a.png", 1))
    row = Row("a style", (picture,), margin=picture)
    grid = Grid("A long title that is wider than one tile", ("column",), (row,), corner=picture)
    image = render_grid(grid, 64)
    gap = measure(grid, 64).gap
    edge = image.crop((image.width - gap, 0, image.width, image.height))
    assert edge.getcolors() == [(gap * image.height, PAPER)]


@pytest.mark.parametrize(("rows", "columns"), [(1, 120), (120, 1), (60, 60), (12, 8)])
def test_the_canvas_is_bounded_and_well_used(rows, columns):
    layout = measure(uniform_grid(rows, columns), 400)
    width, height = layout.size
    assert max(width, height) <= MAX_SIDE
    assert width * height <= MAX_PIXELS
    full = max(max(width, height) / MAX_SIDE, width * height / MAX_PIXELS) > 0.9
    assert full or layout.tile == (400, 400)


def test_a_grid_that_cannot_fit_says_so():
    with pytest.raises(GridError, match=r"1 rows and 2000 columns does not fit.*fewer pictures"):
        measure(uniform_grid(1, 2000))


def test_tiles_too_small_to_see_are_refused():
    with pytest.raises(GridError, match="tiles of 15 px are too small"):
        measure(uniform_grid(1, 1), 15)
    assert measure(uniform_grid(1, 1), 16).tile == (16, 16)


def test_a_grid_is_a_full_rectangle():
    with pytest.raises(GridError, match="without a tile for each of its 2 columns"):
        Grid("title", ("a", "b"), (Row("row", (Tile(None),)),))
    with pytest.raises(GridError, match="is empty"):
        Grid("title", ("a",), ())


def test_equal_grids_have_equal_bytes(tmp_path):
    grid = uniform_grid(2, 2, solid(tmp_path / "a.png", 4), subtitle="α × β", shape=(4, 3))
    for name in ("one.jpg", "two.jpg"):
        save_image(render_grid(grid, 64), tmp_path / name, quality=90)
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()


def test_content_grid_has_styles_down_and_settings_across(tmp_path):
    original = solid(tmp_path / "in" / "Café.png", 1, (80, 60))
    jobs = [
        job("cat", style, setting, tmp_path / style / f"{setting}.png", content_path=original)
        for style in ("wave", "night")
        for setting in ("strong", "1_1e6_1")
    ]
    result = solid(jobs[1].result, 2, (64, 48))
    grid = content_grid([job("dog", "sea", "odd", tmp_path), *jobs], "cat")
    assert grid.title == "Café"
    assert grid.columns == ("strong", "α\u00a01   β\u00a01e6   lr\u00a01")
    assert [row.heading for row in grid.rows] == ["wave", "night"]
    assert [row.margin for row in grid.rows] == [
        Tile(Path("images/style/wave.png")),
        Tile(Path("images/style/night.png")),
    ]
    assert grid.corner == Tile(original)
    assert grid.rows[0].tiles == (Tile(jobs[0].result), Tile(result))
    assert grid.subtitle == "64 × 48 px  ·  1000 epochs"
    assert grid.shape == (64, 48)


def test_content_grid_marks_the_jobs_that_the_index_lacks(tmp_path):
    jobs = [job("cat", "wave", "a", tmp_path / "1"), job("cat", "night", "b", tmp_path / "2")]
    grid = content_grid(jobs, "cat")
    assert grid.rows[0].tiles == (Tile(tmp_path / "1"), Tile(None, note="not in the index"))
    assert grid.rows[1].tiles == (Tile(None, note="not in the index"), Tile(tmp_path / "2"))
    assert render_grid(grid, 64).size == measure(grid, 64).size


def test_without_results_the_content_decides_the_shape(tmp_path):
    original = solid(tmp_path / "cat.png", 1, (80, 20))
    jobs = [
        job("cat", "wave", f"s{epochs}", tmp_path / "absent", content_path=original, epochs=epochs)
        for epochs in (300, 1000, 500)
    ]
    grid = content_grid(jobs, "cat")
    assert grid.shape == (80, 20)
    assert grid.subtitle == "300–1000 epochs"


@pytest.mark.parametrize("name", ["神奈川沖浪裏", "two\nlines", "caf\udce9", " "])
def test_a_name_that_cannot_be_drawn_gives_way_to_the_id(name):
    rows = [job("cat", "wave", "a", Path("absent"), style_path=Path(name + ".jpg"))]
    assert content_grid(rows, "cat").rows[0].heading == "wave"


def test_files_of_the_same_name_are_told_apart_by_their_ids():
    rows = [
        job("cat", style, "a", Path("absent"), style_path=Path(folder) / "wave.jpg")
        for style, folder in (("wave-1", "japan"), ("wave-2", "france"))
    ]
    assert [row.heading for row in content_grid(rows, "cat").rows] == ["wave-1", "wave-2"]


def test_an_unknown_content_is_named_with_those_that_exist():
    rows = [job(f"c{number}", "wave", "a", Path("absent")) for number in range(7)]
    with pytest.raises(GridError, match=r"'dog'; choose one of c0, c1, c2, c3, c4 and others\.$"):
        content_grid(rows, "dog")


@pytest.mark.parametrize(
    ("setting", "label"),
    [
        ("1_1e6_1", "α\u00a01   β\u00a01e6   lr\u00a01"),
        ("1.0_1000000_1", "α\u00a01.0   β\u00a01000000   lr\u00a01"),
        ("2_1e6_1", "2_1e6_1"),  # a name that looks like other numbers than the job's
        ("1_1e6", "1_1e6"),
        ("bold_colours_here", "bold_colours_here"),
    ],
)
def test_settings_are_headed_by_their_numbers_or_their_name(setting, label):
    assert setting_label(job("cat", "wave", setting, Path("absent"))) == label


def run_script(*options: object) -> int:
    main = runpy.run_path(str(SCRIPT))["main"]
    return main([str(option) for option in options])


def configuration(content: Path, style: Path) -> str:
    """What Snakemake hands to the script."""
    return json.dumps({"content": str(content), "style": str(style)})


def test_the_script_writes_a_sheet_for_each_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/cat", "in/dog", "style/wave"):
        solid(Path(f"{name}.png"), 1)
    result = Path("results/cat/wave/1_1e6_1/generated_1000.jpg")
    save_image(load_image(solid(Path("result.png"), 2)), result)
    options = ("--config", configuration(Path("in"), Path("style")), "--tile-size", 64)
    assert run_script(*options, "--output", "grids", "--content", "cat", "dog") == 0
    facts = {"content_path": Path("in/cat.png"), "style_path": Path("style/wave.png")}
    layout = measure(content_grid([job("cat", "wave", "1_1e6_1", result, **facts)], "cat"), 64)
    cat, dog = (load_image(Path(f"grids/{name}.jpg")) for name in ("cat", "dog"))
    assert cat.size == layout.size
    assert cat.getpixel(centre_of(layout, 0, 0)) == pytest.approx(colour(2), abs=3)
    assert dog.getpixel(centre_of(layout, 0, 0)) != pytest.approx(colour(2), abs=30)


def test_the_script_explains_a_mistake_in_one_sentence(tmp_path, capsys):
    config = configuration(tmp_path / "none", tmp_path)
    assert run_script("--config", config, "--content", "cat", "--output", tmp_path) == 1
    assert capsys.readouterr().err.startswith("grid: content: there is no folder or file")
    assert not list(tmp_path.iterdir())
