"""The weights of the style and of the total variation at a size, and where images are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from neural_style.config.settings import Settings
from neural_style.losses.build import make_objective
from neural_style.losses.problem import single_style_problem
from neural_style.losses.size_correction import (
    beta_at,
    pyramid_at,
    style_layers_at_half,
    style_shares,
)
from neural_style.model.vgg import Convolution, Vgg19


@pytest.mark.parametrize("size", [(512, 512), (512, 300), (17, 512)])
def test_at_512_pixels_beta_is_what_it_is(defaults: Settings, size: tuple[int, int]):
    assert beta_at(replace(defaults, beta=1 / 3), *size) == 1 / 3


@pytest.mark.parametrize(
    ("size", "beta"), [((256, 100), 5e4), ((1024, 1024), 2e5), ((300, 2048), 4e5), ((9, 64), 12500)]
)
def test_it_grows_with_the_long_edge(defaults: Settings, size: tuple[int, int], beta: float):
    assert beta_at(replace(defaults, beta=1e5), *size) == beta


def test_it_can_be_left_as_it_is(defaults: Settings):
    assert beta_at(replace(defaults, beta=1e5, size_correction=False), 4096, 4096) == 1e5


def test_the_style_losses_of_each_image_are_those_of_its_corrected_beta(
    random_convolutions: Mapping[str, Convolution], shallow: Settings
):
    network = Vgg19(random_convolutions, shallow.layers).prepare(torch.device("cpu"), torch.float64)
    generator = torch.Generator().manual_seed(0)
    content, style, image = (
        torch.rand(1, 3, 24, 36, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    settings = [replace(shallow, beta=1e3), replace(shallow, beta=1e3, size_correction=True)]
    objective = make_objective(
        network, [single_style_problem(content, style, each) for each in settings]
    )
    plain, corrected = objective.losses_at(image.expand(2, -1, -1, -1)).T
    is_style = torch.tensor([name.startswith("style/") for name in objective.term_names])
    torch.testing.assert_close(corrected[~is_style], plain[~is_style])
    torch.testing.assert_close(corrected[is_style], plain[is_style] * 36 / 512)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((64, 32), []),
        ((724, 300), []),
        ((725, 300), [(362, 150)]),
        ((767, 1024), [(383, 512)]),
        ((1448, 1448), [(724, 724)]),
        ((4096, 3072), [(2048, 1536), (1024, 768), (512, 384)]),
        ((64, 4096), [(32, 2048), (16, 1024)]),
        ((31, 4096), []),
    ],
)
def test_large_images_are_compared_at_smaller_sizes_as_well(
    defaults: Settings, size: tuple[int, int], sizes: list[tuple[int, int]]
):
    wasserstein = replace(defaults, style_loss="wasserstein")
    assert pyramid_at(wasserstein, *size) == [size, *sizes]
    assert pyramid_at(defaults, *size) == [size]
    assert pyramid_at(replace(wasserstein, size_correction=False), *size) == [size]


def test_smaller_sizes_of_a_pyramid_have_deeper_layers_and_more_weight():
    layers = {"relu1_1": 5.0, "conv2_2": 4.0, "conv3_1": 3.0, "relu5_1": 2.0}
    assert style_layers_at_half(layers) == {"conv3_1": 3.0, "relu5_1": 2.0}
    shallow = {"relu1_1": 5.0, "conv2_2": 4.0}
    assert style_layers_at_half(shallow) == shallow
    assert style_shares(1) == [1]
    assert style_shares(3) == pytest.approx([1 / 13, 3 / 13, 9 / 13])
