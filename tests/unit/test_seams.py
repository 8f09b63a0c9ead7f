"""No seams: where two tiles meet, a tiled image is as smooth and as rough as anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from neural_style.config.settings import Settings
from neural_style.losses.problem import single_style_problem
from neural_style.model import layers as tiling
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization

HEIGHT, WIDTH, EDGE = 90, 120, 32
MARGIN = 8
"""Rows and columns at the image's own borders, where the network's padding leaves a frame."""


def tiled_pictures(convolutions: Mapping[str, Convolution], settings: Settings) -> np.ndarray:
    """Images [B, 3, H, W] of content images that are flat, in which every seam would show."""
    network = Vgg19(convolutions, settings.layers).prepare(torch.device("cpu"), torch.float32)
    content = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
    style = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    noisy = replace(settings, tile=EDGE, epochs=10, beta=1e6, init_noise=0.2)
    seeds = [replace(noisy, seed=seed) for seed in range(4)]
    *_, last = Optimization(network, [single_style_problem(content, style, each) for each in seeds])
    return last.images.numpy()


def oddness_of_seams(pictures: np.ndarray) -> float:
    """How many deviations the steps across seams are from those across other lines.

    A step is the mean of |x(p) - x(p - 1)| along a whole row or column of all images.
    """
    oddness = []
    for axis in (2, 3):
        length = pictures.shape[axis]
        others = tuple({0, 1, 2, 3} - {axis})
        lines = np.arange(MARGIN, length - MARGIN)
        steps = np.abs(np.diff(pictures, axis=axis)).mean(axis=others)[lines - 1]
        tiles = tiling.split_into_tiles(HEIGHT, WIDTH, EDGE, ["conv1_1"])
        spans = [tile.rows if axis == 2 else tile.columns for tile in tiles]
        seams = np.isin(lines, [span.start for span in spans])
        inside = steps[~seams]
        oddness.append(abs(steps[seams].mean() - inside.mean()) / inside.std())
    return max(oddness)


def test_a_tiled_image_has_no_seams(
    random_convolutions: Mapping[str, Convolution], shallow: Settings
):
    assert oddness_of_seams(tiled_pictures(random_convolutions, shallow)) < 2


def test_the_detector_finds_the_seams_of_tiles_without_surroundings(
    random_convolutions: Mapping[str, Convolution],
    shallow: Settings,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tiling, "halo", lambda layers: 0)
    assert oddness_of_seams(tiled_pictures(random_convolutions, shallow)) > 3
