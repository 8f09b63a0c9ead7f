"""Total variation: its definition, its gradient, where it acts, and that it takes grain away."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from tests import samples
from tests.unit.random_tensors import random
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.engine.job import run_job
from neural_style.images.fit import load_fitted
from neural_style.images.tensors import to_pil_images, to_tensor
from neural_style.losses.build import make_objective
from neural_style.losses.objective import Objective, TiledObjective
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.losses.terms import EDGE_THRESHOLD, TOTAL_VARIATION_SCALE, TotalVariationTerm
from neural_style.model.vgg import PIXELS, Convolution, Vgg19
from neural_style.model.views import WholeView
from neural_style.model.weights import Weights
from neural_style.optim.loop import Optimization
from neural_style.report.runs import read_run

CPU = torch.device("cpu")
NAME = "smoothness/total_variation"
PLAIN = TotalVariationTerm(1.0)


def loss(pictures: Tensor, term: TotalVariationTerm = PLAIN) -> Tensor:
    return term.loss(term.statistic(WholeView({PIXELS: pictures})))


KINDS = [(1, 1.0), (2, 1.0), (1, 3.0), (2, 3.0), (2, 0.0)]
"""Exponent and factor of chroma."""


def by_hand(image: np.ndarray, exponent: int, chroma: float) -> float:
    """The total variation of an image [3, H, W], pixel by pixel."""
    _, height, width = image.shape
    total = 0.0
    for row in range(height):
        for column in range(width):
            here = image[:, row, column]
            down = image[:, min(row + 1, height - 1), column] - here
            across = image[:, row, min(column + 1, width - 1)] - here
            gray = np.mean(down) ** 2 + np.mean(across) ** 2
            squared = gray + chroma * (np.var(down) + np.var(across))
            smoothed = np.sqrt(EDGE_THRESHOLD**2 + squared) - EDGE_THRESHOLD
            total += squared if exponent == 2 else smoothed
    return total / (height * width)


def test_a_gray_image_has_a_finite_loss_whatever_the_weight_of_chroma():
    gray = random(1, 1, 40, 50, seed=3, dtype=torch.float32).expand(1, 3, 40, 50).clone()
    found = loss(gray.requires_grad_(), TotalVariationTerm(1.0, chroma=1e9))
    assert found.isfinite().all()
    assert torch.autograd.grad(found.sum(), gray)[0].isfinite().all()


@pytest.mark.parametrize(("exponent", "chroma"), KINDS)
def test_it_is_the_sum_over_neighbors(exponent: int, chroma: float):
    pictures = random(2, 3, 5, 7, seed=0)
    first, second = (by_hand(each.numpy(), exponent, chroma) for each in pictures)
    expected = [2 * first, 3 * second]
    term = TotalVariationTerm(torch.tensor([2.0, 3.0]), exponent=exponent, chroma=chroma)
    assert loss(pictures, term).tolist() == pytest.approx(expected)
    assert TotalVariationTerm(1.0).name == NAME


@pytest.mark.parametrize(("exponent", "chroma"), KINDS)
def test_the_gradient_is_that_of_finite_differences(exponent: int, chroma: float):
    where = random(2, 1, 4, 5, seed=1)
    weight = torch.tensor([2.0, 0.5], dtype=torch.float64)
    term = TotalVariationTerm(weight, where, exponent, chroma)
    pictures = random(2, 3, 4, 5, seed=2).mul(0.05)  # differences on both sides of EDGE_THRESHOLD
    assert torch.autograd.gradcheck(lambda x: loss(x, term), pictures.requires_grad_())


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_an_even_image_costs_nothing_and_is_left_alone(level: float):
    image = torch.full((1, 3, 8, 8), level).requires_grad_()
    loss_value = loss(image)
    (gradient,) = torch.autograd.grad(loss_value.sum(), image)
    assert loss_value.tolist() == [0]
    assert (gradient == 0).all()


def test_one_edge_costs_what_a_ramp_of_the_same_height_does_and_grain_costs_more():
    def rows(levels: Tensor) -> float:
        return float(loss(levels.expand(1, 3, 64, 64)))

    step = rows((torch.arange(64) >= 32).double())
    ramp = rows((torch.arange(64) / 2 - 15).double().clamp(0, 1))
    grain = rows((torch.arange(64) % 2 / 4).double())
    assert step == pytest.approx(1 / 64, rel=0.02)
    assert ramp == pytest.approx(step, rel=0.05)
    assert grain > 10 * step


def test_an_edge_of_all_colors_at_once_costs_less_than_three_apart():
    together, apart = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16)
    together[..., 8:] = 1
    for channel, place in enumerate((4, 8, 12)):
        apart[:, channel, :, place:] = 1
    assert float(loss(together)) < 0.7 * float(loss(apart))


@pytest.fixture
def network(random_convolutions: Mapping[str, Convolution], shallow: Settings) -> Vgg19:
    return Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float64)


def test_without_a_weight_there_is_no_term(network: Vgg19, shallow: Settings):
    problem = single_style_problem(
        random(1, 3, 32, 32, seed=3), random(1, 3, 32, 32, seed=4), shallow
    )
    assert NAME not in make_objective(network, [problem]).term_names


def test_weights_are_those_of_each_image(network: Vgg19, shallow: Settings):
    pictures = random(3, 3, 32, 32, seed=5)
    style = random(1, 3, 32, 32, seed=4)
    problems = [
        single_style_problem(image, style, replace(shallow, total_variation=weight))
        for image, weight in zip(pictures.split(1), (0.0, 1.0, 2.5), strict=True)
    ]
    objective = make_objective(network, problems)
    assert objective.term_names[-1] == NAME
    weights = TOTAL_VARIATION_SCALE * torch.tensor([0, 1, 2.5], dtype=torch.float64)
    torch.testing.assert_close(objective.losses_at(pictures)[-1], weights * loss(pictures))
    chosen = {"total_variation_exponent": 2, "total_variation_chroma": 3.0}
    squared = [replace(each, settings=replace(each.settings, **chosen)) for each in problems]
    expected = weights * loss(pictures, TotalVariationTerm(1.0, exponent=2, chroma=3.0))
    found = make_objective(network, squared).losses_at(pictures)[-1]
    torch.testing.assert_close(found, expected)


def masked(shallow: Settings, *masks: Tensor | None) -> TransferProblem:
    style = StyleReference(random(1, 3, 32, 32, seed=4))
    settings = replace(shallow, total_variation=1.0)
    regions = tuple(Region((style,), mask) for mask in masks)
    return TransferProblem(settings, random(1, 3, 32, 32, seed=3), regions)


def test_it_acts_where_a_style_acts(network: Vgg19, shallow: Settings):
    image, mask = random(1, 3, 32, 32, seed=6), torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    mask[..., :16] = 1

    def smoothness(*masks: Tensor | None) -> float:
        return float(make_objective(network, [masked(shallow, *masks)]).losses_at(image)[-1])

    everywhere = smoothness(None)
    left = TOTAL_VARIATION_SCALE * float(loss(image, TotalVariationTerm(1.0, mask)))
    assert 0 < left < everywhere
    assert smoothness(mask) == pytest.approx(left)
    assert smoothness(mask, 1 - mask) == pytest.approx(everywhere)
    assert smoothness(0 * mask) == 0


def test_tiles_add_up_to_the_whole(network: Vgg19):
    pictures = random(2, 3, 61, 50, seed=7)
    terms = [TotalVariationTerm(torch.tensor([1.0, 2.0]), random(2, 1, 61, 50, seed=8))]
    whole, tiled = Objective(network, terms)(pictures), TiledObjective(network, terms, 32)(pictures)
    torch.testing.assert_close(tiled.losses, whole.losses)
    torch.testing.assert_close(tiled.gradient, whole.gradient)


def grain(image: Image.Image) -> float:
    """Mean difference to the median of each pixel's 3×3 neighbors, in levels of luminance."""
    gray = image.convert("L")
    smooth = gray.filter(ImageFilter.MedianFilter(3))
    return float(np.abs(np.asarray(gray, float) - np.asarray(smooth, float)).mean())


def test_grain_is_less_at_a_high_style_weight(caffe: Weights, defaults: Settings):
    styles = dict.fromkeys(("conv1_1", "conv2_1", "conv3_1"), 1.0)
    settings = replace(defaults, beta=1e7, epochs=15, precision="fp32", style_layers=styles)
    settings = replace(settings, content_layers={"conv3_1": 1.0})
    content = to_tensor(load_fitted(samples.CONTENT["chelsea"], 64, "stretch"))
    style = to_tensor(load_fitted(samples.STYLE["woodcut_wave"], 64, "stretch"))
    network = Vgg19(caffe.convolutions, settings.layers).prepare(CPU, torch.float32)
    grains = []
    for weight in (0.0, 100.0):
        problem = single_style_problem(content, style, replace(settings, total_variation=weight))
        *_, last = Optimization(network, [problem])
        grains.append(grain(to_pil_images(last.images)[0]))
    assert grains[1] < 0.5 * grains[0], grains


def test_it_is_a_part_of_the_total_in_all_records(tmp_path: Path, shallow: Settings):
    settings = replace(shallow, total_variation=3.0)
    paths = (samples.CONTENT["chelsea"], samples.CONTENT["coffee"])
    for progress in run_job(*paths, tmp_path, settings, CPU):
        assert progress.term_names[-1] == NAME
    with (tmp_path / "losses.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        parts = [float(value) for name, value in row.items() if "/" in name]
        assert float(row["total"]) == pytest.approx(sum(parts), rel=1e-4)
        assert float(row["total"]) > float(row["content"]) + float(row["style"])
    run = read_run(tmp_path)
    with Image.open(run.output) as output:
        saved = to_tensor(output)
    unweighted = run.saved[NAME] / run.term_factors[NAME]
    assert unweighted == pytest.approx(float(loss(saved)), rel=1e-3)
