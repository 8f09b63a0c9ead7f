"""The objective of several styles in one image: blends, regions, guides, and their batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from tests.unit.random_tensors import random
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.losses.build import find_style_loss, make_objective
from neural_style.losses.objective import Evaluation
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.model.vgg import Convolution, Vgg19

CONTENT, IMAGE = random(1, 3, 33, 40, seed=1), random(1, 3, 33, 40, seed=2)
SEA, SUN = random(1, 3, 30, 36, seed=3), random(1, 3, 25, 25, seed=4).pow(3)
MASK = random(1, 1, 33, 40, seed=5)
ONES = torch.ones_like(MASK)
LEFT = (torch.arange(40) < 20).to(MASK).expand_as(MASK)


@pytest.fixture(scope="module")
def settings(shallow: Settings) -> Settings:
    return replace(shallow, beta=1e3)


@pytest.fixture(scope="module")
def network(random_convolutions: Mapping[str, Convolution], settings: Settings) -> Vgg19:
    return Vgg19(random_convolutions, settings.layers).prepare(torch.device("cpu"), torch.float64)


def region(*images: Tensor, mask: Tensor | None = None) -> Region:
    """Styles of equal shares."""
    return Region(tuple(StyleReference(image, 1 / len(images)) for image in images), mask)


def evaluate(network: Vgg19, settings: Settings, *regions: Region) -> Evaluation:
    return make_objective(network, [TransferProblem(settings, CONTENT, regions)])(IMAGE)


def assert_same(one: Evaluation, other: Evaluation) -> None:
    """To the bit."""
    assert torch.equal(one.losses, other.losses)
    assert torch.equal(one.gradient, other.gradient)


def test_a_mask_of_ones_is_no_mask(network: Vgg19, settings: Settings):
    masked = evaluate(network, settings, region(SEA, mask=ONES))
    assert_same(masked, evaluate(network, settings, region(SEA)))


def test_a_mask_of_zeros_leaves_the_content_alone(network: Vgg19, settings: Settings):
    masked = evaluate(network, settings, region(SEA, mask=0 * ONES))
    content = evaluate(network, replace(settings, beta=0.0), region(SEA))
    assert_same(masked, content)
    assert (masked.losses[1:] == 0).all()


@pytest.mark.parametrize("mask", [LEFT, MASK, 0.3 * ONES], ids=["hard", "soft", "even"])
def test_one_style_in_a_mask_and_its_inverse_is_about_that_style_everywhere(
    network: Vgg19, settings: Settings, mask: Tensor
):
    alone = replace(settings, alpha=0.0)
    both = evaluate(network, alone, region(SUN, mask=mask), region(SUN, mask=1 - mask))
    whole = evaluate(network, alone, region(SUN))
    torch.testing.assert_close(both.losses, whole.losses, rtol=0.15, atol=0)
    likeness = torch.cosine_similarity(both.gradient.flatten(), whole.gradient.flatten(), dim=0)
    assert likeness > 0.97
    assert both.gradient.norm().item() == pytest.approx(whole.gradient.norm().item(), rel=0.1)


def test_what_is_far_from_a_region_does_not_feel_its_style(network: Vgg19, settings: Settings):
    """Of 40 columns 20 are masked; a feature of conv3_1 sees 12 to each side, and is 4 wide."""
    slope = evaluate(network, replace(settings, alpha=0.0), region(SEA, mask=LEFT)).gradient
    assert (slope[..., 36:] == 0).all()
    assert (slope[..., :20] != 0).any()


def test_two_styles_pull_where_their_masks_are(network: Vgg19, settings: Settings):
    alone = replace(settings, alpha=0.0)
    one, other = region(SEA, mask=LEFT), region(SUN, mask=1 - LEFT)
    both = evaluate(network, alone, one, other)
    parts = [evaluate(network, alone, each) for each in (one, other)]
    torch.testing.assert_close(both.losses, parts[0].losses + parts[1].losses)
    torch.testing.assert_close(both.gradient, parts[0].gradient + parts[1].gradient)


def test_one_style_with_all_the_weight_is_that_style_alone(network: Vgg19, settings: Settings):
    plain = make_objective(network, [single_style_problem(CONTENT, SEA, settings)])(IMAGE)
    assert_same(evaluate(network, settings, Region((StyleReference(SEA, 1.0),))), plain)
    assert_same(evaluate(network, settings, region(SEA, SEA)), plain)


def test_a_blend_pulls_as_its_styles_do_by_their_weights(network: Vgg19, settings: Settings):
    """Since the losses against each, weighted, differ from that against the mix by a constant."""
    styles = (StyleReference(SEA, 0.7), StyleReference(SUN, 0.3))
    blend = evaluate(network, settings, Region(styles)).gradient
    sea, sun = (evaluate(network, settings, region(image)).gradient for image in (SEA, SUN))
    torch.testing.assert_close(blend, 0.7 * sea + 0.3 * sun)
    assert not torch.allclose(sea, sun)


def test_a_style_is_looked_at_where_its_guide_says(network: Vgg19, settings: Settings):
    """Two images side by side, one of them hidden, are nearly the other alone."""
    beside = torch.cat([SEA, SEA.flip(-1).pow(3)], dim=-1)
    left = (torch.arange(72) < 36).to(SEA).expand(1, 1, 30, 72)

    def style_loss(style: Tensor, guide: Tensor | None) -> Tensor:
        problem = TransferProblem(settings, SEA, (Region((StyleReference(style, 1.0, guide),)),))
        return make_objective(network, [problem])(SEA).losses[1:].sum()

    assert style_loss(SEA, None) == 0
    assert style_loss(beside, left) < 0.1 * style_loss(beside, None)
    assert style_loss(beside, torch.ones_like(left)) == style_loss(beside, None)


def test_the_gradient_of_all_at_once_is_that_of_finite_differences(
    network: Vgg19, settings: Settings
):
    guided = StyleReference(SEA, 0.6, random(1, 1, 30, 36, seed=6))
    regions = (Region((guided, StyleReference(SUN, 0.4)), MASK), region(SUN, mask=1 - MASK))
    objective = make_objective(network, [TransferProblem(settings, CONTENT, regions)])
    gradient = objective(IMAGE).gradient
    for seed in range(3):
        direction = random(*IMAGE.shape, seed=10 + seed) - 0.5
        step = 1e-7 * direction  # short, since ReLUs and poolings have kinks
        measured = (objective(IMAGE + step).total - objective(IMAGE - step).total) / 2e-7
        predicted = (gradient * direction).sum()
        assert predicted.item() == pytest.approx(measured.item(), rel=1e-5)


BATCH = {
    "other numbers of styles": [(region(SEA),), (region(SEA, SUN),)],
    "masks of their own": [(region(SEA, mask=MASK),), (region(SUN, mask=LEFT),)],
    "two regions": [
        (region(SEA, mask=MASK), region(SUN, mask=1 - MASK)),
        (region(SUN, SEA, mask=LEFT), region(SEA, mask=1 - LEFT)),
    ],
}


@pytest.mark.parametrize("regions", BATCH.values(), ids=BATCH.keys())
def test_an_image_is_the_same_alone_and_in_a_batch(
    network: Vgg19, settings: Settings, regions: Sequence[tuple[Region, ...]]
):
    problems = [TransferProblem(settings, CONTENT, each) for each in regions]
    together = make_objective(network, problems)(IMAGE.expand(2, -1, -1, -1))
    assert together.losses.shape == (4, 2)
    for i, each in enumerate(regions):
        alone = evaluate(network, settings, *each)
        torch.testing.assert_close(together.losses[:, i : i + 1], alone.losses)
        torch.testing.assert_close(together.gradient[i : i + 1], alone.gradient)


@pytest.mark.parametrize(
    "other",
    [(region(SEA, mask=ONES),), (region(SEA), region(SUN))],
    ids=["a mask", "a second region"],
)
def test_images_with_other_kinds_of_regions_make_no_batch(
    network: Vgg19, settings: Settings, other: tuple[Region, ...]
):
    problems = [TransferProblem(settings, CONTENT, each) for each in ((region(SEA),), other)]
    with pytest.raises(ValueError, match="the same number of regions and masks"):
        make_objective(network, problems)


def test_an_unknown_style_loss_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="the style losses are gram, wasserstein"):
        find_style_loss("mean")
