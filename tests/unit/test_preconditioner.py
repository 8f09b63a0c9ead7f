"""The preconditioner: symmetric, positive, the stronger the lower a frequency."""

from __future__ import annotations

import math

import pytest
import torch

from neural_style.optim.optimizers import (
    color_preconditioner,
    frequency_change_of_variables,
    frequency_preconditioner,
)

SHAPES = [(8, 8), (7, 12), (9, 5)]


def as_matrix(shape: tuple[int, int], exponent: float) -> torch.Tensor:
    height, width = shape
    pixels = height * width
    basis = torch.eye(pixels, dtype=torch.float64).view(pixels, height, width)
    return frequency_preconditioner(basis, exponent)(basis).view(pixels, pixels)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_symmetric_and_positive_definite(shape):
    matrix = as_matrix(shape, exponent=0.8)
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wave_is_scaled_by_its_frequency(shape):
    height, width = shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for down, across in [(0, 0), (1, 0), (0, 1), (2, 2)]:
        wave = torch.cos(2 * math.pi * (y.double() * down / height + x * across / width))
        frequency = math.hypot(down / height, across / width) + 1 / max(shape)
        expected = wave * frequency**-0.8
        torch.testing.assert_close(frequency_preconditioner(wave, 0.8)(wave), expected)


def test_without_a_exponent_it_is_the_identity():
    pictures = torch.rand(2, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(frequency_preconditioner(pictures, 0)(pictures), pictures)


def test_each_image_of_a_batch_is_mapped_on_its_own():
    pictures = torch.rand(2, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    mapped = frequency_preconditioner(pictures)(pictures)
    assert mapped.shape == pictures.shape
    for picture, expected in zip(pictures.split(1), mapped.split(1), strict=True):
        assert frequency_preconditioner(picture)(picture).equal(expected)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (33, 21)])
def test_noise_as_images_keeps_its_power_and_gets_its_inverse_hessian_by_halves(
    height: int, width: int
):
    noise = torch.randn(16, 1, height, width, generator=torch.Generator().manual_seed(0))
    half = frequency_change_of_variables(noise)
    shaped = half(noise)
    assert float(shaped.square().mean()) == pytest.approx(1, rel=0.05)
    twice, whole = half(shaped), frequency_preconditioner(noise)(noise)
    factor = float((twice * whole).sum() / whole.square().sum())
    torch.testing.assert_close(twice, factor * whole, rtol=1e-4, atol=1e-4)


def test_colors_are_mapped_symmetrically_and_gray_most():
    like = torch.zeros(1, 3, 4, 6, dtype=torch.float64)
    basis = torch.eye(like.numel(), dtype=torch.float64).view(-1, 3, 4, 6)
    matrix = color_preconditioner(basis)(basis).view(like.numel(), like.numel())
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > 0
    wave = torch.cos(torch.arange(6) * math.pi / 3).double().expand(1, 1, 4, 6)
    gains = []
    for color in ((1, 1, 1), (1, 0, -1), (1, -2, 1)):
        image = wave * torch.tensor(color).double().view(1, 3, 1, 1)
        gain = color_preconditioner(image)(image) / frequency_preconditioner(image)(image)
        gains.append(float(gain.nanmean()))
        torch.testing.assert_close(
            color_preconditioner(image)(image), gains[-1] * frequency_preconditioner(image)(image)
        )
    assert gains == pytest.approx([2.09, 0.61, 0.30])
    assert sum(gains) == pytest.approx(3)


def test_luminance_alone_is_mapped_by_its_frequencies():
    gray = torch.rand(2, 1, 6, 10, generator=torch.Generator().manual_seed(0))
    assert color_preconditioner(gray)(gray).equal(frequency_preconditioner(gray)(gray))
