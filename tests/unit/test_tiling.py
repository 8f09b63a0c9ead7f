"""How a picture is divided into tiles."""

from __future__ import annotations

import numpy as np
import pytest

from neural_style.model.layers import LAYERS, receptive_field, stride
from neural_style.model.tiles import (
    EDGE,
    GRID,
    LARGEST_WHOLE,
    Tile,
    largest_seen,
    tile_edge,
    tiles_of,
)

SIZES = [(64, 64), (97, 150), (100, 33), (31, 200), (241, 255), (12, 90)]
EDGES = [32, 48, 96]
LAYER_SETS = [["conv1_1"], ["conv3_1", "conv2_2"], ["conv5_1"]]


def every_division() -> list[tuple[int, int, int, list[str]]]:
    return [(*size, edge, layers) for size in SIZES for edge in EDGES for layers in LAYER_SETS]


@pytest.mark.parametrize(("height", "width", "edge", "layers"), every_division())
def test_every_feature_of_every_layer_belongs_to_one_tile(
    height: int, width: int, edge: int, layers: list[str]
):
    for layer in layers:
        step = stride(layer)
        owners = np.zeros((height // step, width // step), dtype=int)
        for tile in tiles_of(height, width, edge, layers):
            owners[tile.rows.own(step), tile.columns.own(step)] += 1
        assert (owners == 1).all()


@pytest.mark.parametrize(("height", "width", "edge", "layers"), every_division())
def test_a_tile_sees_all_that_its_features_see(
    height: int, width: int, edge: int, layers: list[str]
):
    """A feature i of stride s sees from i·s - m on, m = (r - s)/2, as far as there is a picture."""
    for tile in tiles_of(height, width, edge, layers):
        for layer in layers:
            step, field = stride(layer), receptive_field(layer)
            margin = (field - step) // 2
            for side in (tile.rows, tile.columns):
                own = side.own(step)
                assert side.seen_from <= max(0, own.start * step - margin)
                end = min(own.stop, side.length // step)
                assert side.seen_to >= min(side.length, end * step + margin)


@pytest.mark.parametrize(("height", "width", "edge", "layers"), every_division())
def test_tiles_lie_on_the_grid_of_the_poolings_and_are_no_longer_than_asked(
    height: int, width: int, edge: int, layers: list[str]
):
    for tile in tiles_of(height, width, edge, layers):
        for side in (tile.rows, tile.columns):
            assert side.start % GRID == side.seen_from % GRID == 0
            assert side.stop == side.length or side.stop % GRID == 0
            assert side.seen_to == side.length or side.seen_to % GRID == 0
            assert 0 < side.stop - side.start < edge + GRID
            assert side.stop - side.start >= min(GRID, side.length)


def test_the_own_features_are_found_among_those_that_the_network_makes():
    for tile in tiles_of(97, 150, 32, LAYERS):
        for layer in LAYERS:
            step = stride(layer)
            for side in (tile.rows, tile.columns):
                features = np.arange(side.length // step)
                made = features[side.seen_from // step : side.seen_to // step]
                assert (made[side.own_of_seen(step)] == features[side.own(step)]).all()


def test_one_more_feature_is_there_except_at_the_end_of_the_picture():
    first, second = (tile.columns for tile in tiles_of(32, 64, 32, ["conv2_1"]))
    assert first.own_of_seen(2, more=1) == slice(0, 17)
    assert second.own_of_seen(2, more=1) == second.own_of_seen(2)


@pytest.mark.parametrize(
    ("asked", "height", "width", "edge"),
    [
        (None, 512, LARGEST_WHOLE, None),
        (None, LARGEST_WHOLE + 1, 40, EDGE),
        (64, 64, 64, None),
        (64, 65, 40, 64),
        (2048, 4096, 1000, 2048),
    ],
)
def test_the_edge_is_that_asked_for_or_follows_from_the_size(
    asked: int | None, height: int, width: int, edge: int | None
):
    assert tile_edge(asked, height, width) == edge


def test_the_largest_tile_is_that_in_the_middle():
    """Of 1024 pixels, 70 that conv5_1 sees beyond a tile, in whole cells, on both sides."""
    assert largest_seen(4096, 4096, 1024, ["conv5_1", "conv1_1"]) == (1024 + 2 * 80) ** 2
    assert largest_seen(2048, 2048, 1024, ["conv5_1", "conv1_1"]) == (1024 + 80) ** 2


def test_tiles_are_about_equal():
    def area(tile: Tile) -> int:
        sides = (tile.rows, tile.columns)
        return (sides[0].stop - sides[0].start) * (sides[1].stop - sides[1].start)

    areas = [area(tile) for tile in tiles_of(1100, 1100, 1024, ["conv1_1"])]
    assert max(areas) < 1.1 * min(areas)
