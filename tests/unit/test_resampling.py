"""Problems in another size."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.config.sizes import SHORTEST_SIDE
from neural_style.images.tensors import luminance
from neural_style.losses.problem import Region, StyleReference, TransferProblem
from neural_style.losses.resampling import resample_images, resample_problem


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


IMAGE, MASK = random(1, 3, 60, 90, seed=1), random(1, 1, 60, 90, seed=2)
STYLE, GUIDE = random(1, 3, 48, 40, seed=3), random(1, 1, 48, 40, seed=4)


def problem_of(settings: Settings) -> TransferProblem:
    style = StyleReference(STYLE, 0.25, GUIDE)
    regions = Region((style, StyleReference(IMAGE, 0.75)), MASK), Region((style,), 1 - MASK)
    gray = luminance(IMAGE)
    return TransferProblem(
        settings, gray.expand(-1, 3, -1, -1), regions, IMAGE - gray, IMAGE.flip(2)
    )


def test_all_of_a_problem_has_the_new_size(defaults: Settings):
    problem = resample_problem(problem_of(defaults), 0.5)
    whole = [
        problem.content,
        problem.chroma,
        problem.start,
        *(each.mask for each in problem.regions),
    ]
    assert [each.shape[2:] for each in whole if each is not None] == [(30, 45)] * 5
    first, second = problem.regions[0].styles
    assert first.guide is not None
    assert first.image.shape[2:] == first.guide.shape[2:] == (24, 20)
    assert second.image.shape[2:] == (30, 45)
    assert (first.weight, second.weight) == (0.25, 0.75)
    assert problem.settings == defaults


def test_a_scale_of_one_changes_nothing(defaults: Settings):
    problem = problem_of(defaults)
    assert resample_problem(problem, 1) is problem


def test_masks_that_fill_the_image_still_do(defaults: Settings):
    for scale in (0.4, 1.7):
        one, other = (each.mask for each in resample_problem(problem_of(defaults), scale).regions)
        assert one is not None and other is not None
        torch.testing.assert_close(one + other, torch.ones_like(one))
        assert one.min() >= 0 and one.max() <= 1


def test_the_chroma_is_that_of_the_smaller_content_image(defaults: Settings):
    smaller = resample_images(0.5 + 0.2 * (IMAGE - 0.5), 30, 45)  # without anything to clip
    problem = problem_of(defaults)
    assert problem.chroma is not None
    chroma = resample_problem(replace(problem, chroma=0.2 * problem.chroma), 0.5).chroma
    torch.testing.assert_close(chroma, smaller - luminance(smaller), rtol=0, atol=1e-5)


def test_a_smaller_image_is_smoothed_and_stays_in_range():
    stripes = (torch.arange(96) % 2).float().expand(1, 3, 96, 96)
    inside = resample_images(stripes, 32, 32)[..., 4:-4]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.5), rtol=0, atol=0.02)
    larger = resample_images(IMAGE.round(), 120, 200)
    assert (float(larger.min()), float(larger.max())) == (0, 1)


def test_no_side_gets_too_short_for_the_network(defaults: Settings):
    flat = TransferProblem(defaults, IMAGE[:, :, :20], (Region((StyleReference(STYLE),)),))
    small = resample_problem(flat, 0.25)
    assert small.content.shape[2:] == (SHORTEST_SIDE, 22)
    assert small.regions[0].styles[0].image.shape[2:] == (SHORTEST_SIDE, SHORTEST_SIDE)
