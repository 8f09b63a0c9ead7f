"""Losses at several sizes: against the objective of each size, finite differences, and tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from tests.unit.random_tensors import random
from torch import Tensor
from torch.nn import functional

from neural_style.config import sizes
from neural_style.config.settings import Settings
from neural_style.losses.build import StyleTargets, make_objective
from neural_style.losses.objective import Objective, PyramidObjective
from neural_style.losses.problem import Region, StyleReference, TransferProblem
from neural_style.model.vgg import Convolution, Vgg19

HEIGHT, WIDTH = 67, 145
"""Of images that are compared at this size, at 33 × 72, and at 16 × 36 pixels."""

LEVELS = 3


@pytest.fixture(autouse=True)
def reference_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pyramid ends below 71 pixels, so that small images have one."""
    monkeypatch.setattr(sizes, "REFERENCE_SIZE", 50)


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    return replace(shallow, style_loss="wasserstein", size_correction=True, color_histogram=1.0)


@pytest.fixture
def network(random_convolutions: Mapping[str, Convolution], settings: Settings) -> Vgg19:
    network = Vgg19(random_convolutions, settings.layers, "max", "replicate_first")
    return network.prepare(torch.device("cpu"), torch.float64)


def problems_of(settings: Settings) -> list[TransferProblem]:
    """Two images: each with a blend on the left and a part of a style on the right."""
    left = (torch.arange(WIDTH) < 50).double().expand(1, 1, HEIGHT, WIDTH)
    top = (torch.arange(40) < 16).double().reshape(1, 1, 40, 1).expand(1, 1, 40, 50)
    styles = [StyleReference(random(1, 3, 41, 90, seed=seed), 0.5) for seed in (1, 2)]
    small = StyleReference(random(1, 3, 24, 26, seed=3))
    problems = []
    for seed, alpha, beta in ((4, 1.0, 1e5), (5, 3.0, 1e3)):
        guided = StyleReference(random(1, 3, 40, 50, seed=seed + 2), 1.0, top)
        regions = (Region(tuple(styles), left), Region((guided if seed == 4 else small,), 1 - left))
        own = replace(settings, alpha=alpha, beta=beta)
        problems.append(TransferProblem(own, random(1, 3, HEIGHT, WIDTH, seed=seed), regions))
    return problems


def halved(problem: TransferProblem) -> TransferProblem:
    """Computed by slices, with the styles of fewer than 32 pixels as they are."""

    def half(image: Tensor | None) -> Tensor | None:
        if image is None:
            return None
        height, width = (length // 2 * 2 for length in image.shape[2:])
        image = image[..., :height, :width]
        return (
            image[..., ::2, ::2] + image[..., 1::2, ::2] + image[..., ::2, 1::2]
            + image[..., 1::2, 1::2]
        ) / 4  # fmt: skip

    def half_style(style: StyleReference) -> StyleReference:
        if min(style.image.shape[2:]) < 32:
            return style
        return replace(style, image=half(style.image), guide=half(style.guide))

    regions = tuple(
        Region(tuple(map(half_style, region.styles)), half(region.mask))
        for region in problem.regions
    )
    return replace(problem, content=half(problem.content), regions=regions)


def without_pyramid(problems: Sequence[TransferProblem]) -> list[TransferProblem]:
    return [
        replace(each, settings=replace(each.settings, size_correction=False)) for each in problems
    ]


def expected_losses(network: Vgg19, problems: Sequence[TransferProblem], images: Tensor) -> Tensor:
    """Content and colors at the smallest size, shallow layers at the largest, and conv3_1 at all.

    Each size has three times as much of the style as its double. Poolings take the mean at all
    sizes but the smallest, and all layers repeat the border.
    """
    problems = without_pyramid(problems)
    convolutions = {
        name: Convolution(network.get_buffer(f"{name}_weight"), network.get_buffer(f"{name}_bias"))
        for name in network.convolutions
    }
    other = Vgg19(convolutions, network.layers, "average", "replicate")
    losses = []
    for level in range(LEVELS):
        if level:
            problems = [halved(each) for each in problems]
            images = functional.interpolate(
                images[..., : images.shape[2] // 2 * 2, : images.shape[3] // 2 * 2],
                scale_factor=0.5,
                mode="area",
            )
        objective = make_objective(network if level == LEVELS - 1 else other, problems)
        losses.append(objective.losses_at(images))
    chosen = {
        "content/conv2_2": losses[-1],
        "style/conv1_1": losses[0] / 13,
        "style/conv2_1": losses[0] / 13,
        "style/conv3_1": (losses[0] + 3 * losses[1] + 9 * losses[2]) / 13,
        "palette/color_histogram": losses[-1],
    }
    names = objective.term_names
    return torch.stack([chosen[name][place] for place, name in enumerate(names)])


def test_the_losses_are_those_at_each_size(network: Vgg19, settings: Settings):
    problems, images = problems_of(settings), random(2, 3, HEIGHT, WIDTH, seed=9)
    objective = make_objective(network, problems)
    expected = expected_losses(network, problems, images)
    torch.testing.assert_close(objective.losses_at(images), expected)
    torch.testing.assert_close(objective(images).losses, expected)


def test_the_losses_have_the_order_that_they_have_at_one_size(network: Vgg19, settings: Settings):
    backwards = dict(reversed([*settings.style_layers.items()]))
    for layers in (settings.style_layers, backwards):
        problems = problems_of(
            replace(settings, style_layers=layers, coherence=1.0, total_variation=1.0)
        )
        at_one_size = make_objective(network, without_pyramid(problems))
        assert len(at_one_size.term_names) == len(layers) + 4
        assert make_objective(network, problems).term_names == at_one_size.term_names


def test_the_gradient_is_that_of_finite_differences(network: Vgg19, settings: Settings):
    objective = make_objective(network, problems_of(settings))
    images, direction = (random(2, 3, HEIGHT, WIDTH, seed=seed) for seed in (9, 10))
    evaluation, step = objective(images), 1e-6
    after, before = (
        objective.losses_at(images + sign * step * direction).sum(dim=0) for sign in (1, -1)
    )
    slopes = (evaluation.gradient * direction).sum(dim=(1, 2, 3))
    # Rectifiers, poolings, and bins have kinks, and some are between the two points.
    torch.testing.assert_close(slopes, (after - before) / (2 * step), rtol=1e-3, atol=0)
    assert not evaluation.gradient.requires_grad and not evaluation.losses.requires_grad


def test_tiles_change_nothing(network: Vgg19, settings: Settings):
    problems, images = problems_of(settings), random(2, 3, HEIGHT, WIDTH, seed=9)
    tiled = [replace(each, settings=replace(each.settings, tile=64)) for each in problems]
    found, expected = (make_objective(network, each)(images) for each in (tiled, problems))
    torch.testing.assert_close(found.losses, expected.losses)
    torch.testing.assert_close(found.gradient, expected.gradient)


def test_each_image_of_a_batch_has_the_losses_that_it_has_alone(network: Vgg19, settings: Settings):
    problems, images = problems_of(settings), random(2, 3, HEIGHT, WIDTH, seed=9)
    together = make_objective(network, problems)(images)
    for place, problem in enumerate(problems):
        alone = make_objective(network, [problem])(images[place : place + 1])
        torch.testing.assert_close(together.losses[:, place : place + 1], alone.losses)
        torch.testing.assert_close(together.gradient[place : place + 1], alone.gradient)


def test_the_statistics_of_a_style_are_computed_once_at_each_size(
    network: Vgg19, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    targets, computed = StyleTargets(), []
    compute = targets._compute_statistics  # the cache holds this very function

    def counting(seen: Vgg19, image: Tensor, *others: object) -> dict[str, Tensor]:
        computed.append((seen is network, *image.shape[2:]))
        return compute(seen, image, *others)

    monkeypatch.setattr(targets, "_cached_statistics", counting)
    style = StyleReference(random(1, 3, 80, 90, seed=1))
    for seed in (2, 3):
        content = random(1, 3, HEIGHT, WIDTH, seed=seed)
        make_objective(network, [TransferProblem(settings, content, (Region((style,)),))], targets)
    assert computed == [(False, 80, 90), (False, 40, 45), (True, 20, 22)]


def test_small_images_and_gram_matrices_are_compared_at_one_size(
    network: Vgg19, settings: Settings
):
    large, small = random(1, 3, 32, 71, seed=1), random(1, 3, 32, 70, seed=1)
    gram = replace(settings, style_loss="gram")
    for content, own, kind in (
        (large, settings, PyramidObjective),
        (small, settings, Objective),
        (large, gram, Objective),
        (large, replace(settings, size_correction=False), Objective),
    ):
        problem = TransferProblem(own, content, (Region((StyleReference(small),)),))
        assert type(make_objective(network, [problem])) is kind
