"""The coherence loss: its definition, its gradient, where it acts, and what it does to strokes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests import samples
from tests.unit.random_tensors import random
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.images.fit import load_fitted
from neural_style.images.tensors import to_tensor
from neural_style.losses.build import StyleTargets, make_objective
from neural_style.losses.coherence import (
    COHERENCE_SCALE,
    FLAT,
    LARGEST_STRENGTH,
    SMALL,
    WINDOW,
    CoherenceTerm,
    strength_of_style,
    stroke_share,
)
from neural_style.losses.objective import Objective, TiledObjective
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.losses.resampling import halve
from neural_style.losses.size_correction import coherence_at
from neural_style.model.vgg import PIXELS, Convolution, Vgg19
from neural_style.model.views import WholeView
from neural_style.model.weights import Weights
from neural_style.optim.loop import Optimization
from neural_style.optim.stage import prepare_stage

CPU = torch.device("cpu")
NAME = "smoothness/coherence"


def loss(images: Tensor, strength: Tensor | None = None, levels: int = 1) -> Tensor:
    strength = torch.ones_like(images[:, :1]) if strength is None else strength
    term = CoherenceTerm(1.0, strength, levels)
    return term.loss(term.statistic(WholeView({PIXELS: images})))


def mean_of_neighbors(tensors: np.ndarray) -> np.ndarray:
    """The mean over the squares of `WINDOW` cells around each of [H, W, 2, 2], within the image."""
    means = np.empty_like(tensors)
    reach = WINDOW // 2
    for row, column in np.ndindex(tensors.shape[:2]):
        rows = slice(max(0, row - reach), row + reach + 1)
        columns = slice(max(0, column - reach), column + reach + 1)
        means[row, column] = tensors[rows, columns].mean(axis=(0, 1))
    return means


def by_hand(image: np.ndarray, cell: int = 1, mask: np.ndarray | None = None) -> float:
    """The coherence loss of an image [3, H, W], square by square, with numpy's eigenvalues."""
    _, height, width = image.shape
    cells = np.zeros((height // cell, width // cell, 2, 2))
    for row, column in np.ndindex(height // cell * cell, width // cell * cell):
        square = image[:, row : row + 2, column : column + 2]
        if square.shape == (3, 2, 2):
            across = (square[:, :, 1] - square[:, :, 0]).mean(axis=1)
            down = (square[:, 1] - square[:, 0]).mean(axis=1)
            gradients = np.stack([across, down])
            share = 1 if mask is None else mask[row, column]
            cells[row // cell, column // cell] += share * gradients @ gradients.T / 3 / cell**2
    total = 0.0
    tensors = mean_of_neighbors(mean_of_neighbors(cells)).reshape(-1, 2, 2)
    for smaller, larger in np.linalg.eigvalsh(tensors):
        along = (smaller + larger + FLAT - math.hypot(larger - smaller, FLAT)) / 2
        total += math.sqrt(SMALL**2 + along) - SMALL
    return total / len(tensors)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_it_is_the_mean_of_the_smaller_eigenvalues(levels: int):
    images, masks = random(2, 3, 17, 22, seed=0), random(2, 1, 17, 22, seed=1)
    cell = 2 ** (levels - 1)
    for mask in (None, masks):
        parts = [None, None] if mask is None else list(mask[:, 0].numpy())
        expected = [
            factor * by_hand(image.numpy(), cell, part)
            for factor, image, part in zip((2, 3), images, parts, strict=True)
        ]
        found = torch.tensor([2, 3]) * loss(images, mask, levels)
        assert found.tolist() == pytest.approx(expected)


def test_the_gradient_is_that_of_finite_differences():
    strength = random(2, 1, 12, 9, seed=2)
    images = random(2, 3, 12, 9, seed=3).mul(0.05)  # on both sides of FLAT
    for levels in (1, 2):
        assert torch.autograd.gradcheck(
            lambda x, levels=levels: loss(x, strength, levels), images.requires_grad_()
        )


def stripes(angle: float, *, beads: float = 0.0) -> Tensor:
    """Stripes of eight pixels in some direction, whose brightness may vary along them."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    across = columns * math.cos(angle) + rows * math.sin(angle)
    along = rows * math.cos(angle) - columns * math.sin(angle)
    waves = (across * (math.tau / 8)).sin() * (1 + beads * (along * (math.tau / 8)).sin())
    return (0.5 + 0.2 * waves).expand(1, 3, -1, -1).double()


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, 1.2, math.pi / 2])
def test_stripes_of_any_direction_cost_hardly_anything_and_beads_do(angle: float):
    even, beaded = float(loss(stripes(angle))), float(loss(stripes(angle, beads=0.5)))
    assert even < beaded / 5, (even, beaded)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_an_even_image_costs_nothing_and_is_left_alone(level: float):
    image = torch.full((1, 3, 16, 16), level).requires_grad_()
    loss_value = loss(image)
    (gradient,) = torch.autograd.grad(loss_value.sum(), image)
    assert loss_value.tolist() == pytest.approx([0], abs=1e-9)
    assert not gradient.any()


@pytest.fixture
def network(random_convolutions: Mapping[str, Convolution], shallow: Settings) -> Vgg19:
    return Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float64)


def losses_at(network: Vgg19, problems: Sequence[TransferProblem], images: Tensor) -> Tensor:
    """The coherence loss of each image, [B]; 0 if there is no such term."""
    objective = make_objective(network, problems)
    losses = dict(zip(objective.term_names, objective.losses_at(images), strict=True))
    return losses.get(NAME, torch.zeros(len(images), dtype=torch.float64))


def test_styles_of_stripes_have_a_larger_share_than_dots():
    even = torch.full((1, 3, 16, 16), 0.4)
    grain = random(1, 3, 64, 64, seed=4)
    assert float(stroke_share(stripes(0.3))) > 0.95
    assert float(stroke_share(even)) == 0
    assert float(stroke_share(grain)) < 0.1
    half = torch.cat([stripes(0.3), grain], dim=3)
    guide = (torch.arange(128) < 60).double().expand(1, 1, 64, 128)
    assert float(stroke_share(half)) < 0.5
    assert float(stroke_share(half, guide)) > 0.9
    shares = {name: float(stroke_share(at_256(name))) for name in samples.STYLE}
    assert shares.pop("pointillist_field") < 0.1
    assert min(shares.values()) > 0.2


def at_256(name: str) -> Tensor:
    return to_tensor(load_fitted(samples.STYLE[name], 256, "keep"))


def test_strokes_beyond_a_share_do_not_count():
    half = torch.cat([stripes(0.3), random(1, 3, 64, 320, seed=4)], dim=3)
    few, many = float(stroke_share(half)), float(stroke_share(stripes(0.3)))
    assert 0 < few < LARGEST_STRENGTH < many
    assert float(strength_of_style(half)) == few
    assert float(strength_of_style(stripes(0.3))) == pytest.approx(LARGEST_STRENGTH)


def test_weights_are_those_of_each_image_and_of_its_style(network: Vgg19, shallow: Settings):
    images = random(3, 3, 32, 32, seed=5)
    styles = [random(1, 3, 32, 32, seed=6), stripes(0.3), stripes(1.2)]
    problems = [
        single_style_problem(image, style, replace(shallow, coherence=weight))
        for image, style, weight in zip(images.split(1), styles, (0.0, 1.0, 2.5), strict=True)
    ]
    strengths = torch.stack(list(map(strength_of_style, styles)))
    weights = COHERENCE_SCALE * torch.tensor([0, 1, 2.5], dtype=torch.float64)
    strength = strengths.view(3, 1, 1, 1).expand(-1, -1, 32, 32)
    torch.testing.assert_close(
        losses_at(network, problems, images), weights * loss(images, strength)
    )
    without = [replace(each, settings=shallow) for each in problems]
    assert NAME not in make_objective(network, without).term_names


def test_it_acts_where_strokes_of_a_style_act(network: Vgg19, shallow: Settings):
    image, mask = random(1, 3, 32, 32, seed=7), torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    mask[..., :16] = 1
    strokes, blend = stripes(0.3), random(1, 3, 32, 32, seed=8)
    content, settings = random(1, 3, 32, 32, seed=9), replace(shallow, coherence=1.0)
    references = (
        (StyleReference(strokes),),
        (StyleReference(strokes, 0.5), StyleReference(blend, 0.5)),
    )

    def coherence(*masks: Tensor | None) -> float:
        regions = tuple(map(Region, references, masks))
        return float(losses_at(network, [TransferProblem(settings, content, regions)], image))

    full, part = float(strength_of_style(strokes)), float(strength_of_style(blend))
    assert 0 < part < full == LARGEST_STRENGTH
    both = full * mask + (full + part) / 2 * (1 - mask)
    for masks, strength in (
        ((None,), full * torch.ones_like(mask)),
        ((mask,), full * mask),
        ((mask, 1 - mask), both),
    ):
        assert coherence(*masks) == pytest.approx(COHERENCE_SCALE * float(loss(image, strength)))


def test_tiles_add_up_to_the_whole(network: Vgg19):
    images, strength = random(2, 3, 61, 50, seed=10), random(2, 1, 61, 50, seed=11)
    for levels in (1, 2, 4):
        terms = [CoherenceTerm(torch.tensor([1.0, 2.0]), strength, levels)]
        whole = Objective(network, terms)(images)
        tiled = TiledObjective(network, terms, 32)(images)
        torch.testing.assert_close(tiled.losses, whole.losses)
        torch.testing.assert_close(tiled.gradient, whole.gradient)


def test_an_image_of_its_own_size_in_a_data_set_has_all_of_its_weight(
    network: Vgg19, shallow: Settings
):
    chosen = {"size": 512, "size_correction": True, "style_loss": "wasserstein", "coherence": 2.0}
    settings = replace(shallow, **chosen, stages=(Stage(256, 1),), epochs=2)
    small = single_style_problem(
        random(1, 3, 48, 64, seed=1), random(1, 3, 32, 32, seed=2), settings
    )
    for stage, weight in zip(settings.all_stages, (2 / 2**6, 2), strict=True):
        objective = prepare_stage(network, [small], StyleTargets(), stage, 0, None, None).objective
        assert objective.terms[-1].name == NAME
        assert float(objective.terms[-1].weight) == pytest.approx(COHERENCE_SCALE * weight)


def test_large_images_have_a_larger_weight_and_larger_neighborhoods(
    network: Vgg19, shallow: Settings
):
    chosen = {"size": 512, "size_correction": True, "style_loss": "wasserstein", "coherence": 2.0}
    settings = replace(shallow, **chosen)
    assert coherence_at(settings, 384, 512, 512) == coherence_at(settings, 96, 128, 128) == 2
    assert coherence_at(settings, 192, 256, 512) == 2 / 64
    assert coherence_at(settings, 2048, 1000, 2048) == 8
    assert coherence_at(replace(settings, size_correction=False), 2048, 1000, 2048) == 2
    weight = COHERENCE_SCALE * 2 * 2
    style = random(1, 3, 64, 64, seed=12)
    # 20 rows are too few for a pyramid, so there is one level.
    for rows, levels, seen in ((20, 1, style), (40, 2, halve(style))):
        images = random(1, 3, rows, 1024, seed=13)
        strength = strength_of_style(seen).expand(1, 1, rows, 1024)
        found = losses_at(network, [single_style_problem(images, style, settings)], images)
        torch.testing.assert_close(found, weight * loss(images, strength, levels))


def test_strokes_of_an_output_are_longer(caffe: Weights, defaults: Settings):
    settings = replace(defaults, size=64, epochs=15, precision="fp32")
    content = to_tensor(load_fitted(samples.CONTENT["chelsea"], 64, "stretch"))
    style = to_tensor(load_fitted(samples.STYLE["swirling_night"], 64, "stretch"))
    network = Vgg19(caffe.convolutions, settings.layers).prepare(CPU, torch.float32)
    shares = []
    for weight in (0.0, 10.0):
        problem = single_style_problem(content, style, replace(settings, coherence=weight))
        *_, last = Optimization(network, [problem])
        shares.append(float(stroke_share(last.images)))
    assert shares[1] > 1.5 * shares[0], shares
