"""How an image is divided into tiles."""

from __future__ import annotations

import numpy as np
import pytest

from neural_style.model.layers import (
    LAYERS,
    MAX_PIXELS,
    MAX_STRIDE,
    Tile,
    largest_tile_pixels,
    receptive_field,
    split_into_tiles,
    stride,
    tile_size,
)

SIZES = [(64, 64), (97, 150), (100, 33), (31, 200), (241, 255), (12, 90)]
EDGES = [32, 48, 96]
LAYER_SETS = [["conv1_1"], ["conv3_1", "conv2_2"], ["conv5_1"]]


divisions = pytest.mark.parametrize(
    ("height", "width", "edge"), [(*size, edge) for size in SIZES for edge in EDGES]
)


@divisions
def test_every_feature_of_every_layer_belongs_to_one_tile(height: int, width: int, edge: int):
    for layers in LAYER_SETS:
        for layer in layers:
            step = stride(layer)
            owners = np.zeros((height // step, width // step), dtype=int)
            for tile in split_into_tiles(height, width, edge, layers):
                owners[tile.rows.within_image(step), tile.columns.within_image(step)] += 1
            assert (owners == 1).all(), layer


@divisions
def test_tiles_see_enough_and_lie_on_the_grid_of_the_poolings(height: int, width: int, edge: int):
    """A feature i of stride s sees from i·s - m on, m = (r - s)/2, as far as there is an image."""
    for layers in LAYER_SETS:
        for tile in split_into_tiles(height, width, edge, layers):
            for side in (tile.rows, tile.columns):
                assert side.start % MAX_STRIDE == side.input_start % MAX_STRIDE == 0
                assert side.stop == side.length or side.stop % MAX_STRIDE == 0
                assert side.input_stop == side.length or side.input_stop % MAX_STRIDE == 0
                assert min(MAX_STRIDE, side.length) <= side.stop - side.start < edge + MAX_STRIDE
                for layer in layers:
                    step, field = stride(layer), receptive_field(layer)
                    margin = (field - step) // 2
                    own = side.within_image(step)
                    assert side.input_start <= max(0, own.start * step - margin), layer
                    end = min(own.stop, side.length // step)
                    assert side.input_stop >= min(side.length, end * step + margin), layer


def test_the_own_features_are_found_among_those_that_the_network_makes():
    for tile in split_into_tiles(97, 150, 32, LAYERS):
        for layer in LAYERS:
            step = stride(layer)
            for side in (tile.rows, tile.columns):
                features = np.arange(side.length // step)
                made = features[side.input_start // step : side.input_stop // step]
                assert (made[side.within_input(step)] == features[side.within_image(step)]).all()


def test_one_more_feature_is_there_except_at_the_end_of_the_image():
    first, second = (tile.columns for tile in split_into_tiles(32, 64, 32, ["conv2_1"]))
    assert first.within_input(2, extra=1) == slice(0, 17)
    assert second.within_input(2, extra=1) == second.within_input(2)


@pytest.mark.parametrize(
    ("asked", "height", "width", "edge"),
    [
        (None, 1536, 1536, None),
        (None, 1152, 2048, None),
        (None, 1537, 1536, 1520),  # four tiles of 849 × 848 pixels
        (None, 1536, 2048, 2032),  # two of 1104 × 1536
        (None, 3072, 4096, 1520),  # nine of up to 1536 × 1184
        (64, 64, 64, None),
        (64, 65, 40, 64),
        (2048, 4096, 1000, 2048),
    ],
)
def test_the_edge_is_that_requested_or_follows_from_the_pixels(
    asked: int | None, height: int, width: int, edge: int | None
):
    assert tile_size(asked, height, width, ["conv5_1"]) == edge


@pytest.mark.parametrize("layers", LAYER_SETS)
@pytest.mark.parametrize("size", [(1537, 1536), (3072, 4096), (200, 40_000), (9000, 9000)])
def test_tiles_are_the_largest_with_so_many_pixels(size: tuple[int, int], layers: list[str]):
    edge = tile_size(None, *size, layers)
    assert edge is not None
    inputs = [tile.input_pixels for tile in split_into_tiles(*size, edge, layers)]
    assert max(inputs) == largest_tile_pixels(*size, edge, layers) <= MAX_PIXELS
    assert max(size) <= edge + MAX_STRIDE or (
        largest_tile_pixels(*size, edge + MAX_STRIDE, layers) > MAX_PIXELS
    )


def test_the_largest_tile_is_that_in_the_middle():
    """Of 1024 pixels, 70 that conv5_1 sees beyond a tile, in whole cells, on both sides."""
    assert largest_tile_pixels(4096, 4096, 1024, ["conv5_1", "conv1_1"]) == (1024 + 2 * 80) ** 2
    assert largest_tile_pixels(2048, 2048, 1024, ["conv5_1", "conv1_1"]) == (1024 + 80) ** 2


def test_tiles_are_about_equal():
    def area(tile: Tile) -> int:
        sides = (tile.rows, tile.columns)
        return (sides[0].stop - sides[0].start) * (sides[1].stop - sides[1].start)

    areas = [area(tile) for tile in split_into_tiles(1100, 1100, 1024, ["conv1_1"])]
    assert max(areas) < 1.1 * min(areas)
