"""The measures of an output: each against a plain computation or a known value."""

from __future__ import annotations

import math
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import sqrtm

from neural_style.engine import measures
from neural_style.engine.measures import (
    UNSEEN_LAYERS,
    measure,
    median_residual,
    palette_distance,
    shared_edges,
    squared_distances,
    unseen_style,
)
from neural_style.model.vgg import Convolution, Vgg19, extract_features

RANDOM = np.random.default_rng(3)


def even(color, shape=(24, 30)):
    return np.full((*shape, 3), color, np.uint8)


def noisy(amplitude, shape=(40, 50), seed=0):
    noise = np.random.default_rng(seed).integers(-amplitude, amplitude + 1, (*shape, 3))
    return (128 + noise).astype(np.uint8)


@pytest.fixture(scope="module")
def network(random_convolutions):
    return Vgg19(random_convolutions, UNSEEN_LAYERS)


def blocks(shape, seed):
    """An image of squares of random colors, whose features vary."""
    rows, columns = shape
    colors = np.random.default_rng(seed).integers(0, 256, (rows // 8, columns // 8, 3))
    return colors.repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)


def test_the_palette_distance_of_two_colors_is_that_along_a_mean_direction():
    # The mean of |cos| over the sphere is 1/2.
    assert palette_distance(even((10, 20, 30)), even((10, 20, 90))) == pytest.approx(30, rel=0.1)
    assert palette_distance(even((7, 8, 9)), even((7, 8, 9))) == 0


def test_the_palette_distance_does_not_see_where_colors_are_or_how_many_pixels_there_are():
    image = RANDOM.integers(0, 256, (30, 40, 3)).astype(np.uint8)
    shuffled = RANDOM.permutation(image.reshape(-1, 3)).reshape(40, 30, 3)
    assert palette_distance(image, shuffled) == 0
    assert palette_distance(image, image.repeat(2, axis=0).repeat(2, axis=1)) < 0.1


def test_the_median_residual_is_that_of_a_plain_median():
    plane = RANDOM.normal(0, 20, (9, 12)).astype(np.float32)
    padded = np.pad(plane, 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    expected = np.abs(plane - np.median(windows, axis=(2, 3))).mean()
    assert median_residual(plane) == pytest.approx(expected, rel=1e-5)


def test_a_ramp_has_no_residual_and_an_edge_keeps_it_small():
    ramp = np.tile(np.arange(20, dtype=np.float32), (10, 1))
    assert median_residual(ramp) < 0.2
    step = np.where(ramp < 10, 0, 100).astype(np.float32)
    assert median_residual(step) == 0


def test_edges_are_those_of_the_luma_and_survive_another_contrast():
    blocks = RANDOM.integers(0, 256, (6, 8)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    others = RANDOM.integers(0, 256, (6, 8)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    assert shared_edges(blocks, blocks) == pytest.approx(1)
    assert shared_edges(blocks, 200 - 0.3 * blocks) == pytest.approx(1, abs=1e-4)
    assert shared_edges(blocks, others) < 0.8
    assert shared_edges(blocks, np.zeros_like(blocks)) == 0


def test_speckle_sees_color_alone_and_grain_the_luma_alone(network):
    style = noisy(20, seed=1)
    gray = noisy(60)[:, :, :1].repeat(3, axis=2)
    of_gray = measure(gray, even((0, 0, 0), (40, 50)), style, network)
    assert of_gray.speckle < 0.01 < 1 < of_gray.grain
    red = np.zeros((40, 50, 3))
    red[:, :, 0] = 60 * np.random.default_rng(5).choice([-1, 1], (40, 50))
    # Green takes back what red adds to the luma.
    red[:, :, 1] = -red[:, :, 0] * 0.299 / 0.587
    colored = (128 + red).round().astype(np.uint8)
    of_color = measure(colored, even((0, 0, 0), (40, 50)), style, network)
    assert of_color.grain < 0.1 < 1 < of_color.speckle


def test_noise_counts_in_units_of_the_style(network):
    content, style = even((0, 0, 0), (40, 50)), noisy(10, seed=2)
    made = [measure(noisy(amplitude), content, style, network) for amplitude in (5, 10, 20)]
    levels = [each.speckle for each in made]
    assert levels[1] == pytest.approx(1, rel=0.1)
    assert all(after == pytest.approx(2 * before, rel=0.2) for before, after in pairwise(levels))


def test_an_even_style_gives_finite_measures(network):
    found = measure(noisy(20), even((1, 2, 3), (40, 50)), even((9, 9, 9)), network)
    assert np.isfinite([*asdict(found).values()]).all()


def test_the_smallest_images_can_be_measured(network):
    found = measure(even(3, (1, 2)), even(3, (1, 2)), even(3, (1, 1)), network)
    assert found.palette == pytest.approx(0, abs=1e-9)
    assert found.unseen_style == pytest.approx(0, abs=1e-6)


def test_an_output_and_a_content_image_of_two_sizes_are_refused(network):
    with pytest.raises(ValueError, match="differ"):
        measure(even(0, (4, 5)), even(0, (5, 4)), even(0), network)


def test_the_distance_of_gaussians_is_that_of_their_formula():
    rng = np.random.default_rng(4)
    one, other = ((rng.normal(size=9), np.cov(rng.normal(size=(9, 40)))) for _ in range(2))
    root = sqrtm(other[1])
    common = sqrtm(root @ one[1] @ root).real
    expected = np.sum((one[0] - other[0]) ** 2) + np.trace(one[1] + other[1] - 2 * common)
    assert squared_distances([one, other], other) == pytest.approx([expected, 0], abs=1e-9)


def test_the_unseen_style_is_0_at_the_style_and_1_at_the_content(network):
    content, style = blocks((48, 64), 1), blocks((48, 64), 2)
    assert unseen_style(style, content, style, network) == pytest.approx(0, abs=1e-6)
    assert unseen_style(content, content, style, network) == pytest.approx(1)
    nearly = style // 8 * 8
    assert 0 < (unseen_style(nearly, content, style, network) or 0) < 0.5


def test_large_outputs_and_styles_are_seen_at_512_pixels(network, monkeypatch):
    seen = []

    def noted(network, images):
        seen.append(tuple(images.shape[2:]))
        return extract_features(network, images)

    monkeypatch.setattr(measures, "LARGEST_EDGE", 64)
    monkeypatch.setattr(measures, "extract_features", noted)
    made, content, style = (blocks((96, 128), seed) for seed in (1, 2, 3))
    for scaled in (style, style[:48, :64], style.repeat(3, axis=0)):
        unseen_style(made, content, scaled, network)
    assert seen == [*[(48, 64)] * 5, (24, 32), *[(48, 64)] * 2, (64, 28)]


def test_weights_that_give_no_numbers_give_no_unseen_style(random_convolutions):
    made, content, style = (blocks((48, 64), seed) for seed in (1, 2, 3))
    for factor, expected in ((0.0, 0), (math.nan, None)):
        convolutions = {
            name: Convolution(*(factor * each for each in convolution))
            for name, convolution in random_convolutions.items()
        }
        network = Vgg19(convolutions, UNSEEN_LAYERS)
        assert unseen_style(made, content, style, network) == expected
