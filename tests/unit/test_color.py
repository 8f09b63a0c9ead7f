"""Moving the colors of one image to those of another: mean, covariance, and what has neither."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from neural_style.images.tensors import MIN_COLOR_STD, luminance, match_color


def painted(*deviations: float, mean: float = 0.5, seed: int = 0) -> Tensor:
    """An image whose channels hang together, so narrow about its mean that nothing is clipped."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(3, 3, generator=generator)
    noise = torch.randn(1, 3, 48, 40, generator=generator).clamp(-2, 2)
    scaled = noise * torch.tensor(deviations).view(1, 3, 1, 1)
    return mean + torch.einsum("cd,bdhw->bchw", torch.linalg.qr(mixing).Q, scaled)


def moments(image: Tensor) -> tuple[Tensor, Tensor]:
    pixels = image.flatten(start_dim=2)[0].double()
    return pixels.mean(dim=1), torch.cov(pixels, correction=0)


def gray(level: float) -> Tensor:
    return torch.full((1, 3, 16, 24), level)


def test_mean_and_covariance_become_those_of_the_target():
    style, content = painted(0.1, 0.04, 0.02), painted(0.05, 0.06, 0.03, mean=0.4, seed=1)
    moved = match_color(style, content)
    assert moved.shape == style.shape
    for actual, expected in zip(moments(moved), moments(content), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)


def test_the_map_of_an_image_to_its_own_colors_is_the_identity():
    image = painted(0.1, 0.04, 0.02)
    torch.testing.assert_close(match_color(image, image), image, rtol=0, atol=1e-6)


def test_brightness_alone_takes_mean_and_deviation():
    style, content = luminance(painted(0.1, 0.1, 0.1)), luminance(painted(0.05, 0.05, 0.05))
    moved = match_color(style, content)
    assert float(moved.mean()) == pytest.approx(float(content.mean()), abs=1e-6)
    assert float(moved.std()) == pytest.approx(float(content.std()), rel=1e-3)


def test_colors_out_of_range_are_clipped():
    moved = match_color(painted(0.1, 0.04, 0.02), painted(0.3, 0.3, 0.3, mean=0.9, seed=1))
    assert moved.max() == 1
    assert moved.min() >= 0


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_one_colored_images_give_numbers_in_range(level: float):
    colorful = painted(0.1, 0.04, 0.02)
    for image, target in [(gray(level), colorful), (colorful, gray(level)), (gray(level),) * 2]:
        moved = match_color(image, target)
        assert moved.isfinite().all()
        assert moved.min() >= 0
        assert moved.max() <= 1
        wanted = moments(target)[0]
        torch.testing.assert_close(moments(moved)[0], wanted, rtol=0, atol=1e-6)


def test_a_gray_content_image_makes_the_style_gray():
    shades = painted(0.1, 0.1, 0.1)[:, :1].expand(-1, 3, -1, -1)
    moved = match_color(painted(0.1, 0.04, 0.02, seed=2), shades)
    assert float((moved - moved.mean(dim=1, keepdim=True)).abs().max()) < 1e-5


def test_the_noise_of_a_gray_style_does_not_become_color():
    shades = painted(0.1, 0.1, 0.1)[:, :1].expand(-1, 3, -1, -1)
    speckles = torch.randn(shades.shape, generator=torch.Generator().manual_seed(4))
    speckled = shades + 0.1 * MIN_COLOR_STD * speckles
    moved = match_color(speckled, painted(0.2, 0.2, 0.2, seed=3))
    colors = moved - moved.mean(dim=1, keepdim=True)
    assert float(colors.std()) < 0.2 * 0.2


def test_luminance_of_gray_is_the_gray_itself():
    torch.testing.assert_close(luminance(gray(0.3)), gray(0.3)[:, :1])
