"""Where no style acts, the content image is kept: bounds of the image by the masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.images.tensors import luminance
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    combined_mask,
    recolor_problem,
    single_style_problem,
)
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization
from neural_style.optim.parameterization import (
    MaskedParameterization,
    PixelParameterization,
    choose_parameterization,
)


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


CONTENT, SEA, SUN = (random(1, 3, 32, 32, seed=seed) for seed in range(3))
MASK = random(1, 1, 32, 32, seed=3)
LEFT = (torch.arange(32) < 16).float().expand(1, 1, 32, 32)
ONES = torch.ones_like(MASK)


@pytest.fixture(scope="module")
def network(random_convolutions: Mapping[str, Convolution], shallow: Settings) -> Vgg19:
    return Vgg19(random_convolutions, shallow.layers).prepare(torch.device("cpu"), torch.float32)


def masked(settings: Settings, mask: Tensor) -> TransferProblem:
    return TransferProblem(settings, CONTENT, (Region((StyleReference(SEA),), mask),))


def shared(settings: Settings, mask: Tensor) -> TransferProblem:
    """Two styles that divide the image."""
    other = Region((StyleReference(SUN),), 1 - mask)
    return TransferProblem(settings, CONTENT, (*masked(settings, mask).regions, other))


def painted(network: Vgg19, problem: TransferProblem) -> Tensor:
    *_, last = Optimization(network, [problem])
    return last.images


@pytest.mark.parametrize("init", ["content", "noise"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_content_image_stays_bit_for_bit_where_the_mask_is_black(
    network: Vgg19, shallow: Settings, init: str, optimizer: str, alpha: float
):
    settings = replace(shallow, init=init, optimizer=optimizer, alpha=alpha)
    made = painted(network, masked(settings, LEFT))
    assert torch.equal(made[..., 16:], CONTENT[..., 16:])
    assert (made[..., :16] - CONTENT[..., :16]).abs().mean() > 0.01


def test_with_luminance_the_colors_stay_as_well(network: Vgg19, shallow: Settings):
    problem = recolor_problem(masked(replace(shallow, color="luminance"), LEFT))
    made = painted(network, problem)
    torch.testing.assert_close(made[..., 16:], CONTENT[..., 16:], rtol=0, atol=1e-6)
    torch.testing.assert_close(
        made - luminance(made), CONTENT - luminance(CONTENT), rtol=0, atol=1e-5
    )
    assert (made[..., :16] - CONTENT[..., :16]).abs().mean() > 0.01


def test_a_pixel_goes_its_share_of_the_way_and_no_further(network: Vgg19, shallow: Settings):
    parameterization = choose_parameterization([masked(shallow, MASK)])
    low, high = CONTENT * (1 - MASK), CONTENT * (1 - MASK) + MASK
    torch.testing.assert_close(parameterization.low, low)
    torch.testing.assert_close(parameterization.high, high)
    made = painted(network, masked(replace(shallow, beta=1e9, epochs=10), MASK))
    assert ((made >= parameterization.low) & (made <= parameterization.high)).all()
    assert ((made == parameterization.low) | (made == parameterization.high)).any()


def test_a_mask_of_ones_holds_nothing(network: Vgg19, shallow: Settings):
    parameterization, free = (
        choose_parameterization([masked(shallow, ONES)]),
        PixelParameterization(CONTENT),
    )
    assert torch.equal(parameterization.low, free.low.expand_as(CONTENT))
    assert torch.equal(parameterization.high, free.high.expand_as(CONTENT))
    plain = painted(network, single_style_problem(CONTENT, SEA, shallow))
    assert torch.equal(painted(network, masked(shallow, ONES)), plain)


def test_styles_that_divide_an_image_hold_nothing_either(shallow: Settings):
    share = combined_mask(shared(shallow, MASK))
    assert share is not None
    assert torch.equal(share, ONES)


def test_a_region_everywhere_holds_nothing(shallow: Settings):
    everywhere = Region((StyleReference(SUN),))
    assert combined_mask(single_style_problem(CONTENT, SEA, shallow)) is None
    assert (
        combined_mask(
            TransferProblem(shallow, CONTENT, (Region((StyleReference(SEA),), MASK), everywhere))
        )
        is None
    )


def test_each_image_of_a_batch_has_its_own_bounds(shallow: Settings):
    problems = [masked(shallow, MASK), masked(shallow, LEFT)]
    together = choose_parameterization(problems)
    assert isinstance(together, MaskedParameterization)
    for place, problem in enumerate(problems):
        alone = choose_parameterization([problem])
        assert torch.equal(together.low[place : place + 1], alone.low)
        assert torch.equal(together.high[place : place + 1], alone.high)
    with pytest.raises(ValueError, match="share a batch"):
        choose_parameterization([problems[0], single_style_problem(CONTENT, SEA, shallow)])
