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
    total_variation_at,
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
    assert style_shares(3) == pytest.approx([4 / 19, 6 / 19, 9 / 19])


@pytest.mark.parametrize(
    ("size", "weight"),
    [((64, 32), 0.5), ((512, 300), 0.5), ((2048, 700), 2), ((300, 4096), 4)],
)
def test_squared_total_variation_grows_above_512_pixels(
    defaults: Settings, size: tuple[int, int], weight: float
):
    squared = replace(defaults, total_variation=0.5, total_variation_exponent=2)
    assert total_variation_at(squared, *size) == weight
    assert total_variation_at(replace(squared, total_variation_exponent=1), *size) == 0.5
    assert total_variation_at(replace(squared, size_correction=False), *size) == 0.5


def test_squared_total_variation_falls_for_a_blurred_enlargement_and_not_for_a_sharp_one(
    random_convolutions: Mapping[str, Convolution], shallow: Settings
):
    """Of a ramp of brightness, and of an edge, at 512 and at 1024 pixels."""
    settings = replace(
        shallow, size_correction=True, total_variation=2.0, total_variation_exponent=2
    )
    network = Vgg19(random_convolutions, settings.layers).prepare(
        torch.device("cpu"), torch.float32
    )

    def loss_of(brightness: torch.Tensor) -> float:
        image = brightness.expand(1, 3, 32, -1).contiguous()
        objective = make_objective(network, [single_style_problem(image, image, settings)])
        losses = dict(zip(objective.term_names, objective.losses_at(image)[:, 0], strict=True))
        return float(losses["smoothness/total_variation"])

    for image_of, factor in (
        (lambda length: torch.linspace(0, 1, length), 0.5),
        (lambda length: (torch.arange(length) < length // 2).float(), 1),
    ):
        small, large = (loss_of(image_of(length)) for length in (512, 1024))
        assert small > 0
        assert large == pytest.approx(factor * small, rel=0.01)
