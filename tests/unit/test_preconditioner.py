"""The preconditioner: symmetric, positive, stronger for low frequencies, and other for chroma."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from neural_style.optim.optimizers import (
    color_preconditioner,
    frequency_change_of_variables,
    frequency_preconditioner,
)

SHAPES = [(1, 8, 8), (3, 7, 12), (3, 9, 5)]
GRAY, CHROMA = (1.0, 1.0, 1.0), (1.0, -2.0, 1.0)


def filtered(images: Tensor, chroma_exponent: float = 0.8) -> Tensor:
    return frequency_preconditioner(images, chroma_exponent)(images)


def mapped_by_color(images: Tensor) -> Tensor:
    return color_preconditioner(images, 0.5)(images)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("preconditioned", [lambda x: filtered(x, 1.2), mapped_by_color])
def test_it_is_symmetric_and_positive_definite(
    shape: tuple[int, int, int], preconditioned: Callable[[Tensor], Tensor]
):
    numbers = math.prod(shape)
    basis = torch.eye(numbers, dtype=torch.float64).view(numbers, *shape)
    matrix = preconditioned(basis).view(numbers, numbers)
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize(
    ("color", "exponent"), [(GRAY, 0.8), (CHROMA, 1.2), ((0.0, 1.0, -1.0), 1.2)]
)
def test_a_wave_is_scaled_by_its_frequency_and_color(
    shape: tuple[int, int, int], color: tuple[float, float, float], exponent: float
):
    _, height, width = shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    smallest = 1 / max(shape)
    for down, across in [(0, 0), (1, 0), (0, 1), (2, 2)]:
        phase = y.double() * down / height + x.double() * across / width
        wave = torch.cos(2 * math.pi * phase)
        image = wave * torch.tensor(color).double().view(3, 1, 1)
        frequency = math.hypot(down / height, across / width) + smallest
        factor = smallest**-0.8 * (frequency / smallest) ** -exponent
        torch.testing.assert_close(filtered(image, 1.2), factor * image)


def test_each_image_of_a_batch_is_mapped_on_its_own():
    pictures = torch.rand(2, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    mapped = filtered(pictures)
    assert mapped.shape == pictures.shape
    for picture, expected in zip(pictures.split(1), mapped.split(1), strict=True):
        torch.testing.assert_close(filtered(picture), expected)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (33, 21)])
def test_noise_as_images_keeps_its_power_and_gets_its_inverse_hessian_by_halves(
    height: int, width: int
):
    noise = torch.randn(16, 1, height, width, generator=torch.Generator().manual_seed(0))
    half = frequency_change_of_variables(noise)
    shaped = half(noise)
    assert float(shaped.square().mean()) == pytest.approx(1, rel=0.05)
    twice, whole = half(shaped), filtered(noise)
    factor = float((twice * whole).sum() / whole.square().sum())
    torch.testing.assert_close(twice, factor * whole, rtol=1e-4, atol=1e-4)


def test_the_colors_of_natural_images_are_mapped_by_how_much_they_vary():
    noise = torch.randn(1, 1, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for color, gain in {GRAY: 2.09, (1.0, 0.0, -1.0): 0.61, CHROMA: 0.30}.items():
        image = noise * torch.tensor(color).double().view(1, 3, 1, 1)
        torch.testing.assert_close(mapped_by_color(image), gain * filtered(image, 0.5))


def test_gray_images_with_one_and_three_channels_are_mapped_alike():
    gray = torch.rand(2, 1, 6, 10, generator=torch.Generator().manual_seed(0))
    expected = filtered(gray, 1.2).expand(-1, 3, -1, -1)
    torch.testing.assert_close(filtered(gray.expand(-1, 3, -1, -1), 1.2), expected)
    assert mapped_by_color(gray).equal(filtered(gray))
