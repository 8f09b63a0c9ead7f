"""The layout of grids: bounded, well used, and independent of the text."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from tests.unit.grids import HOSTILE, uniform_grid

from neural_style.report.grid_layout import (
    MAX_PIXELS,
    MAX_SIDE,
    Box,
    Grid,
    GridError,
    Layout,
    Row,
    Tile,
    bounding,
    measure,
)

ORIGINAL = Tile(None, shape=(3, 2))


def boxes(layout: Layout) -> list[Box]:
    return [
        *(box for row in layout.tiles for box in row),
        *layout.margins,
        *layout.originals,
    ]


def apart(one: Box, other: Box) -> bool:
    return (
        one.right <= other.left
        or other.right <= one.left
        or one.bottom <= other.top
        or other.bottom <= one.top
    )


@pytest.mark.parametrize("originals", [0, 1, 2])
@pytest.mark.parametrize("name", ["", "a name", "n" * 300])
def test_nothing_overlaps_and_all_is_on_the_page(originals, name):
    for margin, columns in product((None, ORIGINAL), (1, 2, 5)):
        assert_nothing_overlaps(originals, margin, columns, name)


def assert_nothing_overlaps(originals, margin, columns, name):
    shapes = [(1, 1), (3, 2), (2, 3), (9, 1)]
    tile = Tile(None, (name, name))
    rows = tuple(
        Row(name, (tile, *[None] * (columns - 1)), margin, shape, joined=shape == (2, 3))
        for shape in shapes
    )
    given = (ORIGINAL, Tile(None, shape=(1, 2)))[:originals]
    grid = Grid((name,) * 2, (name,) * columns, rows, given, subtitle=name)
    layout = measure(grid, 100)
    places = boxes(layout)
    assert all(apart(one, other) for one, other in combinations(places, 2))
    for box in places:
        assert layout.border <= min(box.left, box.top)
        assert box.right + layout.border <= layout.size[0]
        assert box.bottom + layout.border <= layout.size[1]
    assert [max(row[0].width, row[0].height) for row in layout.tiles] == [100] * 4
    text = layout.typography
    assert all(
        layout.text_left + text.title.width(line) <= layout.size[0] - layout.border
        for line in layout.title
    )


def test_rows_have_the_height_of_their_images_and_columns_one_width():
    rows = (Row("", (Tile(None),), shape=(2, 1)), Row("", (Tile(None),), shape=(1, 2)))
    (wide,), (tall,) = measure(Grid((), ("",), rows), 80).tiles
    assert (wide.width, wide.height) == (80, 40)
    assert (tall.width, tall.height) == (80, 80)


def test_originals_are_level():
    grid = uniform_grid(1, 4, originals=(Tile(None, shape=(3, 2)), Tile(None, shape=(1, 2))))
    wide, tall = measure(grid, 90).originals
    assert (wide.top, wide.height) == (tall.top, tall.height) == (wide.top, 60)
    assert (wide.width, tall.width) == (90, 30)


def test_an_original_is_above_the_margins():
    rows = (Row("", (Tile(None),), margin=ORIGINAL),)
    layout = measure(Grid(("title",), ("",), rows, (Tile(None, shape=(1, 3)),)), 90)
    (above,), (below,) = layout.originals, layout.margins
    assert (above.left, above.width) == (below.left, below.width)
    assert layout.text_left == layout.tiles[0][0].left


@pytest.mark.parametrize("shape", [(4000, 100), (100, 4000)])
def test_tiles_of_very_long_images_keep_room_for_text(shape):
    tile = measure(uniform_grid(1, 1, shape=shape), 90).tiles[0][0]
    assert sorted((tile.width, tile.height)) == ([30, 90])


def test_captions_make_room_for_themselves():
    def pitch(caption: tuple[str, ...]) -> int:
        row = Row("row", (Tile(None, caption), Tile(None)))
        layout = measure(Grid((), ("", ""), (row, row)), 64)
        return (
            layout.tiles[1][0].top - layout.tiles[0][0].top - layout.typography.text.height(caption)
        )

    assert pitch(()) == pitch(("one",)) == pitch(("one", "two", "three"))


def test_a_joined_row_is_closer_to_the_next():
    def distance(closed: bool) -> int:
        row = Row("", (Tile(None),), joined=closed)
        first, second = measure(Grid((), ("",), (row, row)), 100).tiles
        return second[0].top - first[0].bottom

    assert 0 < distance(True) < distance(False)


def test_a_pair_is_named_on_one_line_or_on_two():
    def title(*names: str) -> tuple[str, ...]:
        return measure(Grid(names, ("",) * 3, (Row("", (None,) * 3),)), 128).title

    assert title("cat", "wave") == ("cat × wave",)
    first, second = title("a long name of a content image" * 3, "a long name of a style image")
    assert first.startswith("a long name")
    assert "…" in first
    assert second.startswith("a long name")
    assert title("one name of several words " * 5)[0].startswith("one name of several words")


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_every_label_fits_its_place(name):
    row = Row(name, (Tile(None, (name, name)),) * 2, margin=ORIGINAL)
    for tile_size in (16, 40, 300):
        layout = measure(Grid((name, name), (name, name), (row,), (ORIGINAL,), name), tile_size)
        fonts, box = layout.typography, layout.tiles[0][0]
        for lines, room in [
            (fonts.column_heading(name), box.width),
            (fonts.row_heading(name, box.height), box.height),
            (fonts.caption(row.tiles[0]), box.width),
            (layout.subtitle, layout.size[0] - layout.border - layout.text_left),
        ]:
            assert all(fonts.text.width(line) <= room for line in lines), tile_size
        assert fonts.text.size >= 11, "the labels are too small to read"


@pytest.mark.parametrize(("rows", "columns"), [(1, 120), (120, 1), (60, 60), (12, 8)])
def test_the_page_is_bounded_and_well_used(rows, columns):
    layout = measure(uniform_grid(rows, columns), 400)
    width, height = layout.size
    assert max(width, height) <= MAX_SIDE
    assert width * height <= MAX_PIXELS
    full = max(max(width, height) / MAX_SIDE, width * height / MAX_PIXELS) > 0.9
    assert full or layout.tiles[0][0].width == 400


def test_a_grid_that_cannot_fit_says_so():
    with pytest.raises(GridError, match=r"1 rows and 2000 columns does not fit.*fewer images"):
        measure(uniform_grid(1, 2000))


def test_tiles_too_small_to_see_are_refused():
    with pytest.raises(GridError, match="tiles of 15 px are too small"):
        measure(uniform_grid(1, 1), 15)
    assert measure(uniform_grid(1, 1), 16).tiles[0][0].width == 16


def test_a_grid_is_a_full_rectangle():
    with pytest.raises(GridError, match="'one × two' has rows without a tile for each of its 2"):
        Grid(("one", "two"), ("a", "b"), (Row("row", (Tile(None),)),))
    with pytest.raises(GridError, match="is empty"):
        Grid(("title",), ("a",), ())


@pytest.mark.parametrize(
    ("shapes", "bound"),
    [
        ([], (1, 1)),
        ([(600, 400)], (1000, 667)),
        ([(600, 400), (60, 30)], (1000, 667)),
        ([(600, 400), (40, 80)], (1000, 1000)),
    ],
)
def test_the_bounding_shape_gives_all_the_same_longer_side(shapes, bound):
    assert bounding(shapes) == bound
