"""The color histogram loss: its definition, its gradient, where it acts, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests import samples
from tests.unit.random_tensors import random
from torch import Tensor

from neural_style.config.schema import complete
from neural_style.config.settings import Settings
from neural_style.config.sweep import expand_settings
from neural_style.engine.measures import palette_distance
from neural_style.images.fit import load_fitted
from neural_style.images.tensors import to_pil_images, to_tensor
from neural_style.losses import histogram
from neural_style.losses.build import StyleTargets, make_objective
from neural_style.losses.histogram import (
    BINS,
    DIRECTIONS,
    HISTOGRAM_SCALE,
    ColorAxes,
    HistogramTerm,
    blended_histograms,
    color_histograms,
)
from neural_style.losses.objective import Objective, TiledObjective
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.model.vgg import PIXELS, Convolution, Vgg19
from neural_style.model.views import WholeView
from neural_style.model.weights import Weights
from neural_style.optim.loop import Optimization

CPU = torch.device("cpu")
NAME = "palette/color_histogram"


def even(*color: float) -> Tensor:
    return torch.tensor(color, dtype=torch.float64).view(1, 3, 1, 1).expand(-1, -1, 6, 7)


def histograms(images: Tensor, guide: Tensor | None = None) -> Tensor:
    return color_histograms(images, ColorAxes.like(images), guide)


def loss(images: Tensor, style: Tensor, guide: Tensor | None = None) -> Tensor:
    term = HistogramTerm(1.0, histograms(style), ColorAxes.like(style), guide)
    return term.loss(term.statistic(WholeView({PIXELS: images})))


def by_hand(image: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """The histograms of an image [3, H, W], pixel by pixel."""
    found = np.zeros((len(DIRECTIONS), BINS))
    for each, direction in zip(found, np.array(DIRECTIONS, float), strict=True):
        unit = direction / np.linalg.norm(direction)
        centers = np.linspace(unit[unit < 0].sum(), unit[unit > 0].sum(), BINS)
        for color, share in zip(image.reshape(3, -1).T, guide.ravel(), strict=True):
            near = 1 - abs(centers - unit @ color) / (centers[1] - centers[0])
            each[:] += share * near.clip(min=0)
    return found / guide.sum()


def test_a_color_counts_in_the_two_nearest_bins():
    images, guides = random(2, 3, 5, 7, seed=0), random(2, 1, 5, 7, seed=1)
    for guide in (guides, None):
        parts = torch.ones_like(guides) if guide is None else guides
        pairs = zip(images, parts, strict=True)
        expected = [by_hand(image.numpy(), part.numpy()) for image, part in pairs]
        np.testing.assert_allclose(histograms(images, guide).numpy(), expected, atol=1e-12)
    corners = torch.tensor([[0.0, 1.0]]).expand(3, -1).view(1, 3, 1, 2)
    assert histograms(corners)[0, :4, [0, -1]].flatten().tolist() == pytest.approx([0.5] * 8)


def test_for_two_even_images_it_is_the_mean_distance_along_the_directions():
    unit = np.array(DIRECTIONS) / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
    for one, other in (((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))):
        distances = abs(unit @ (np.array(one) - other))
        found = float(loss(even(*one), even(*other)))
        # A color halfway between two bins loses a quarter of a bin: each half is squared.
        assert found == pytest.approx(distances.mean(), rel=1 / BINS)
    assert loss(even(0.2, 0.5, 0.1), even(0.2, 0.5, 0.1)).tolist() == [0]


def test_only_how_often_each_color_occurs_counts():
    image = random(1, 3, 12, 8, seed=2)
    assert float(loss(image.flip(3).mT, image)) < 1e-25
    assert float(loss(image.repeat(1, 1, 2, 3), image)) < 1e-25
    assert float(loss(image.flip(1), image)) > 1e-4


def test_the_gradient_is_that_of_finite_differences():
    images, style = random(2, 3, 4, 5, seed=3), random(1, 3, 6, 6, seed=4).square()
    for guide in (None, random(2, 1, 4, 5, seed=5)):
        assert torch.autograd.gradcheck(
            lambda x, guide=guide: loss(x, style, guide), images.requires_grad_(), eps=1e-8
        )


def test_colors_beyond_the_range_count_at_its_end_and_nothing_is_infinite():
    beyond = torch.tensor([-0.2, 1.3]).view(1, 1, 1, 2).expand(-1, 3, -1, -1)
    clipped = histograms(beyond.clamp(0, 1))
    torch.testing.assert_close(histograms(beyond)[:, :4], clipped[:, :4])
    white = torch.full((1, 3, 2, 2), 1.02, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(white, torch.zeros_like(white)).sum(), white)
    assert (gradient > 0).all()
    image = random(1, 3, 4, 4, seed=6).float().requires_grad_()
    nowhere = loss(image, torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
    (gradient,) = torch.autograd.grad(nowhere.sum(), image)
    assert nowhere.tolist() == [0] and not gradient.any()


def test_nan_in_one_image_stays_there():
    images = random(2, 3, 4, 4, seed=18)
    expected = histograms(images[1:])
    images[0, 1, 2, 3] = float("nan")
    found = histograms(images)
    assert found[0].isnan().any()
    assert torch.equal(found[1:], expected)


def test_many_pixels_lose_no_digits():
    image = torch.full((1, 3, 2100, 2100), 0.3)
    image[..., :700] = 0.8
    small = histograms(image[..., ::350, ::350].double())
    torch.testing.assert_close(histograms(image).double(), small, atol=1e-6, rtol=1e-5)


def test_a_blend_is_the_weighted_sum_and_a_guide_chooses_pixels():
    one, other = random(1, 3, 5, 6, seed=7), random(1, 3, 8, 4, seed=8)
    guide = (torch.arange(6) < 2).double().expand(1, 1, 5, 6)
    styles = (StyleReference(one, 0.25, guide), StyleReference(other, 0.75))
    expected = 0.25 * histograms(one[..., :2]) + 0.75 * histograms(other)
    torch.testing.assert_close(blended_histograms(styles), expected)


def test_the_histograms_of_a_style_are_computed_once():
    targets, style = StyleTargets(), StyleReference(random(1, 3, 5, 6, seed=7))
    mask = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    first, second = (targets.histograms(Region((style,), each)) for each in (None, mask))
    assert first is second


@pytest.fixture
def network(random_convolutions: Mapping[str, Convolution], shallow: Settings) -> Vgg19:
    return Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float64)


def test_weights_are_those_of_each_image_times_beta(network: Vgg19, shallow: Settings):
    images, style = random(3, 3, 32, 32, seed=9), random(1, 3, 20, 40, seed=10)
    problems = [
        single_style_problem(image, style, replace(shallow, beta=beta, color_histogram=weight))
        for image, beta, weight in zip(images.split(1), (1e3, 1e5, 0), (2.0, 0.5, 1.0), strict=True)
    ]
    objective = make_objective(network, problems)
    assert objective.term_names[-1] == NAME
    weights = HISTOGRAM_SCALE * torch.tensor([2e3, 5e4, 0], dtype=torch.float64)
    torch.testing.assert_close(objective.losses_at(images)[-1], weights * loss(images, style))
    corrected = [
        replace(each, settings=replace(each.settings, size_correction=True)) for each in problems
    ]
    at_any_size = make_objective(network, corrected).losses_at(images)[-1]
    assert torch.equal(at_any_size, objective.losses_at(images)[-1])
    without = [replace(each, settings=shallow) for each in problems]
    assert NAME not in make_objective(network, without).term_names


def test_many_pixels_are_summed_in_parts(monkeypatch: pytest.MonkeyPatch):
    images, guide = random(2, 3, 30, 20, seed=19).requires_grad_(), random(2, 1, 30, 20, seed=20)
    for part in (None, guide):
        whole = histograms(images, part)
        monkeypatch.setattr(histogram, "PIXELS_AT_ONCE_ON_CPU", 150)
        parts = histograms(images, part)
        torch.testing.assert_close(parts, whole)
        weights = random(*whole.shape, seed=21)
        expected, found = (
            torch.autograd.grad((weights * each).sum(), images) for each in (whole, parts)
        )
        torch.testing.assert_close(found, expected)
        monkeypatch.undo()


def test_each_region_has_the_colors_of_its_style(network: Vgg19, shallow: Settings):
    image, mask = random(1, 3, 32, 32, seed=11), torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    mask[..., :8] = 1
    styles = [random(1, 3, 20, 20, seed=12), random(1, 3, 20, 20, seed=13).square()]
    regions = [
        Region((StyleReference(style),), part)
        for style, part in zip(styles, (mask, 1 - mask), strict=True)
    ]
    settings = replace(shallow, color_histogram=1.0)
    problem = TransferProblem(settings, random(1, 3, 32, 32, seed=14), tuple(regions))
    found = make_objective(network, [problem]).losses_at(image)[-1]
    left, right = image[..., :8], image[..., 8:]
    expected = loss(left, styles[0]) / 4 + loss(right, styles[1]) * 3 / 4
    torch.testing.assert_close(found, HISTOGRAM_SCALE * settings.beta * expected)


def test_tiles_add_up_to_the_whole(network: Vgg19):
    images, style = random(2, 3, 61, 50, seed=15), random(2, 3, 40, 40, seed=16).square()
    for guide in (None, random(2, 1, 61, 50, seed=17)):
        terms = [
            HistogramTerm(torch.tensor([1.0, 2.0]), histograms(style), ColorAxes.like(style), guide)
        ]
        whole, tiled = (
            Objective(network, terms)(images),
            TiledObjective(network, terms, 32)(images),
        )
        torch.testing.assert_close(tiled.losses, whole.losses)
        torch.testing.assert_close(tiled.gradient, whole.gradient)


def test_it_brings_the_colors_of_the_output_closer_to_the_style(caffe: Weights):
    config = complete({"image": {"size": 64}, "settings": {"presets": ["best"]}})
    best = replace(expand_settings(config)["best"], epochs=30)
    files = samples.CONTENT["chelsea"], samples.STYLE["woodcut_wave"]
    content, style = (load_fitted(file, 64, "keep") for file in files)
    network = Vgg19(caffe.convolutions, best.layers).prepare(CPU, torch.float32)
    palettes = []
    for weight in (0.0, 1.0):
        settings = replace(best, color_histogram=weight)
        problem = single_style_problem(to_tensor(content), to_tensor(style), settings)
        *_, last = Optimization(network, [problem])
        (output,) = to_pil_images(last.images)
        palettes.append(palette_distance(np.asarray(output), np.asarray(style)))
    assert palettes[1] < 0.6 * palettes[0], palettes
