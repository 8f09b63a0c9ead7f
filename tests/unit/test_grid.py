"""Drawn grids: every image in its place, and a reason where there is none."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops
from tests.unit.grids import HOSTILE, PAPER, center, color, crop, darkest, solid, uniform_grid

from neural_style.images.encode import save_image
from neural_style.report.grid_layout import Grid, Row, Tile, measure
from neural_style.report.grid_render import render_grid


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (32, 32)])
def test_every_image_is_in_its_place(tmp_path, size):
    def tile(number: int) -> Tile:
        return Tile(solid(tmp_path / f"{number}.png", number, size), shape=size)

    rows = tuple(
        Row(f"row {i}", tuple(tile(3 * i + j) for j in range(3)), margin=tile(6 + i))
        for i in range(2)
    )
    grid = Grid(("title",), ("a", "b", "c"), rows, (tile(8),), shape=size)
    layout, image = measure(grid, 64), render_grid(grid, 64)
    assert image.size == layout.size
    for i in range(2):
        for j in range(3):
            box = layout.tiles[i][j]
            assert max(box.width, box.height) == 64
            corners = [(box.left, box.top), (box.right - 1, box.bottom - 1)]
            for point in [*corners, center(box)]:
                assert image.getpixel(point) == color(3 * i + j), (i, j, point)
            assert image.getpixel((box.right, box.bottom)) == PAPER
        assert image.getpixel(center(layout.margins[i])) == color(6 + i)
    assert image.getpixel(center(layout.originals[0])) == color(8)


@pytest.mark.parametrize("size", [(90, 30), (30, 90), (400, 1), (1, 400)])
def test_an_image_of_another_shape_is_whole_and_centered(tmp_path, size):
    grid = uniform_grid(1, 1, solid(tmp_path / "a.png", 3, size), shape=(1, 1))
    tile = crop(render_grid(grid, 80), measure(grid, 80).tiles[0][0])
    pixels = {(x, y) for x in range(80) for y in range(80) if tile.getpixel((x, y)) == color(3)}
    across, down = sorted(x for x, _ in pixels), sorted(y for _, y in pixels)
    wide, tall = across[-1] - across[0] + 1, down[-1] - down[0] + 1
    assert (wide, tall) == tuple(max(1, round(side * 80 / max(size))) for side in size)
    assert len(pixels) == wide * tall, "the image has holes or faded edges"
    assert across[0] + across[-1] == pytest.approx(79, abs=1)
    assert down[0] + down[-1] == pytest.approx(79, abs=1)


def test_joined_rows_align_towards_each_other(tmp_path):
    rows = tuple(
        Row("", (Tile(solid(tmp_path / f"{n}.png", n, (80, 20)), ("name",) * n),), joined=not n)
        for n in range(2)
    )
    grid = Grid((), ("",), rows)
    image, ((above,), (below,)) = render_grid(grid, 80), measure(grid, 80).tiles
    for number, rows_of_pixels in [
        (0, range(above.bottom - 20, above.bottom)),
        (1, range(below.top, below.top + 20)),
    ]:
        for y in (rows_of_pixels[0], rows_of_pixels[-1]):
            assert image.getpixel((above.left + 5, y)) == color(number)
    caption = image.crop((below.left, below.top + 20, below.right, below.top + 50))
    assert darkest(caption) < 180, "the caption is not below its image"


def test_the_start_is_fitted_as_the_job_fits_it(tmp_path):
    path = tmp_path / "half.png"
    image = Image.new("RGB", (80, 40), "red")
    image.paste("blue", (0, 0, 20, 40))
    image.save(path)

    def tile(fit: str) -> Image.Image:
        grid = Grid((), ("",), (Row("", (Tile(path, fit=fit),)),))
        return crop(render_grid(grid, 64), measure(grid, 64).tiles[0][0])

    assert tile("").getpixel((4, 2)) == PAPER
    assert tile("stretch").getpixel((4, 2)) == (0, 0, 255)
    assert tile("stretch").getpixel((60, 2)) == (255, 0, 0)
    assert tile("crop").getpixel((4, 2)) == (255, 0, 0)
    assert tile("pad").getpixel((4, 2)) == (0, 0, 255)


def test_an_empty_place_stays_empty(tmp_path):
    tile = Tile(solid(tmp_path / "a.png", 1))
    grid = Grid((), ("", ""), (Row("", (tile, None)),))
    image, layout = render_grid(grid, 64), measure(grid, 64)
    assert crop(image, layout.tiles[0][1]).getcolors() == [(64 * 64, PAPER)]


def test_missing_and_damaged_images_get_a_placeholder(tmp_path):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff no image")
    images = [None, tmp_path / "absent.jpg", damaged, tmp_path, tmp_path / ("n" * 300)]
    tiles = (*map(Tile, images), Tile(solid(tmp_path / "whole.png", 2)))
    grid = Grid((), ("",) * 6, (Row("", tiles),), shape=(4, 3))
    layout, image = measure(grid, 128), render_grid(grid, 128)
    for box in layout.tiles[0][:5]:
        assert image.getpixel((box.left + 3, box.top + 3)) != PAPER, "no placeholder is visible"
        assert darkest(crop(image, box)) < 80, "the placeholder says nothing"
    assert image.getpixel(center(layout.tiles[0][5])) == color(2)


def placeholder(tile: Tile, size: int = 128) -> Image.Image:
    return render_grid(Grid((), ("",), (Row("", (tile,)),)), size)


def test_a_note_replaces_the_reason_and_a_mark_the_word(tmp_path):
    absent = tmp_path / "absent.png"
    stopped = placeholder(Tile(None, note="stopped"))
    assert placeholder(Tile(absent, note="stopped")) == stopped
    assert placeholder(Tile(absent)) != stopped
    assert placeholder(Tile(None, note="stopped", mark="noise")) != stopped


def test_a_long_reason_fills_the_tile_and_no_more(tmp_path):
    bare = placeholder(Tile(None), 160)
    long = placeholder(Tile(None, note="it is truncated or damaged; " * 40), 160)
    (box,) = measure(Grid((), ("",), (Row("", (None,)),)), 160).tiles[0]
    left, top, right, bottom = ImageChops.difference(bare, long).getbbox() or (0, 0, 0, 0)
    assert box.left < left < right < box.right
    assert box.top < top < bottom < box.bottom
    assert bottom - top > 0.7 * box.height, "there was room for more of the reason"


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_do_not_move_the_images(tmp_path, name):
    path = solid(tmp_path / "a.png", 5)
    tiles = (Tile(path, (name,)), Tile(None, (name,), name))
    row = Row(name, tiles, margin=Tile(path, (name,)))
    grid = Grid((name, name), (name, name), (row, row), (Tile(path),) * 2, name)
    layout, image = measure(grid, 64), render_grid(grid, 64)
    assert image.size == layout.size
    assert image.getpixel(center(layout.tiles[1][0])) == color(5)


def test_a_grid_without_text_and_originals_is_only_images(tmp_path):
    image = solid(tmp_path / "a.png", 1, (30, 30))
    grid = Grid((), ("", ""), (Row("", (Tile(image),) * 2),))
    layout = measure(grid, 48)
    assert layout.size == (2 * 48 + 5 * layout.gap, 48 + 4 * layout.gap)
    used = {pixel for _, pixel in render_grid(grid, 48).getcolors() or []}
    assert used == {PAPER, color(1)}


def test_equal_grids_have_equal_bytes(tmp_path):
    grid = uniform_grid(2, 2, solid(tmp_path / "a.png", 4), subtitle="α × β", shape=(4, 3))
    for name in ("one.jpg", "two.jpg"):
        save_image(render_grid(grid, 64), tmp_path / name, quality=90)
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()
