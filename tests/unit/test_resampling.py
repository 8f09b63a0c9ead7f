"""Briefs in another size."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from neural_style.config.settings import SHORTEST, Settings
from neural_style.losses.problem import (
    Brief,
    Region,
    StyleReference,
    luminance,
    resampled,
    resampled_brief,
)


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


IMAGE, MASK = random(1, 3, 60, 90, seed=1), random(1, 1, 60, 90, seed=2)
STYLE, GUIDE = random(1, 3, 48, 40, seed=3), random(1, 1, 48, 40, seed=4)


def brief_of(settings: Settings) -> Brief:
    style = StyleReference(STYLE, 0.25, GUIDE)
    regions = Region((style, StyleReference(IMAGE, 0.75)), MASK), Region((style,), 1 - MASK)
    grey = luminance(IMAGE)
    return Brief(settings, grey.expand(-1, 3, -1, -1), regions, IMAGE - grey, IMAGE.flip(2))


def test_all_of_a_brief_has_the_new_size(defaults: Settings):
    brief = resampled_brief(brief_of(defaults), 0.5)
    whole = [brief.content, brief.chroma, brief.start, *(each.where for each in brief.regions)]
    assert [each.shape[2:] for each in whole if each is not None] == [(30, 45)] * 5
    first, second = brief.regions[0].styles
    assert first.guide is not None
    assert first.image.shape[2:] == first.guide.shape[2:] == (24, 20)
    assert second.image.shape[2:] == (30, 45)
    assert (first.weight, second.weight) == (0.25, 0.75)
    assert brief.settings == defaults


def test_a_scale_of_one_changes_nothing(defaults: Settings):
    brief = brief_of(defaults)
    assert resampled_brief(brief, 1) is brief


def test_masks_that_fill_the_picture_still_do(defaults: Settings):
    for scale in (0.4, 1.7):
        one, other = (each.where for each in resampled_brief(brief_of(defaults), scale).regions)
        assert one is not None and other is not None
        torch.testing.assert_close(one + other, torch.ones_like(one))
        assert one.min() >= 0 and one.max() <= 1


def test_the_chroma_is_that_of_the_smaller_photograph(defaults: Settings):
    smaller = resampled(0.5 + 0.2 * (IMAGE - 0.5), 30, 45)  # without anything to clip
    brief = brief_of(defaults)
    assert brief.chroma is not None
    chroma = resampled_brief(replace(brief, chroma=0.2 * brief.chroma), 0.5).chroma
    torch.testing.assert_close(chroma, smaller - luminance(smaller), rtol=0, atol=1e-5)


def test_a_smaller_image_is_smoothed_and_stays_in_range():
    stripes = (torch.arange(96) % 2).float().expand(1, 3, 96, 96)
    inside = resampled(stripes, 32, 32)[..., 4:-4]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.5), rtol=0, atol=0.02)
    larger = resampled(IMAGE.round(), 120, 200)
    assert (float(larger.min()), float(larger.max())) == (0, 1)


def test_no_side_gets_too_short_for_the_network(defaults: Settings):
    flat = Brief(defaults, IMAGE[:, :, :20], (Region((StyleReference(STYLE),)),))
    small = resampled_brief(flat, 0.25)
    assert small.content.shape[2:] == (SHORTEST, 22)
    assert small.regions[0].styles[0].image.shape[2:] == (SHORTEST, SHORTEST)
