"""Style in a region: guided Gram matrices against NumPy, and what a mask does to the gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from neural_style.losses.guided import (
    GuidedStyleTerm,
    SumOfTerms,
    downsample_guide,
    guided_gram_matrix,
)
from neural_style.losses.terms import StyleTerm, Term, gram_matrix
from neural_style.model.layers import LAYERS, stride
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.model.views import WholeView

LAYER = "conv4_2"
GENERATOR = torch.Generator().manual_seed(7)
FEATURES = torch.randn(3, 4, 5, 6, generator=GENERATOR, dtype=torch.float64)
GUIDE = torch.rand(3, 1, 5, 6, generator=GENERATOR, dtype=torch.float64)
TARGET = gram_matrix(torch.randn(3, 4, 7, 3, generator=GENERATOR, dtype=torch.float64))
WEIGHTS = torch.tensor([1.0, 10.0, 1e6], dtype=torch.float64)
ONES, ZEROS = torch.ones_like(GUIDE), torch.zeros_like(GUIDE)
LEFT = torch.cat([ONES[..., :3], ZEROS[..., :3]], dim=-1)


def region(guide: Tensor, target: Tensor = TARGET) -> GuidedStyleTerm:
    return GuidedStyleTerm(LAYER, WEIGHTS, guide, target)


def everywhere(target: Tensor = TARGET) -> StyleTerm:
    return StyleTerm(LAYER, WEIGHTS, target)


def loss_of(term: Term, features: Mapping[str, Tensor]) -> Tensor:
    """Of whole images."""
    return term.loss(term.statistic(WholeView(features)))


def loss_and_gradient(term: Term, features: Tensor = FEATURES) -> tuple[Tensor, Tensor]:
    variable = features.clone().requires_grad_()
    losses = loss_of(term, {LAYER: variable})
    (gradient,) = torch.autograd.grad(losses.sum(), variable)
    return losses.detach(), gradient


def test_the_guided_gram_matrix_is_that_of_numpy():
    matrices = guided_gram_matrix(FEATURES, GUIDE).numpy()
    for matrix, features, guide in zip(matrices, FEATURES.numpy(), GUIDE.numpy(), strict=True):
        entries = [[(guide[0] * one * other).sum() for other in features] for one in features]
        np.testing.assert_allclose(matrix, np.array(entries) / (4 * guide.sum()), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_guide_of_ones_is_no_guide_bit_for_bit(dtype: torch.dtype):
    features = FEATURES.to(dtype)
    exact = torch.promote_types(dtype, torch.float32)
    guided = GuidedStyleTerm(LAYER, WEIGHTS.to(exact), ONES.to(exact), TARGET.to(exact))
    plain = StyleTerm(LAYER, WEIGHTS.to(exact), TARGET.to(exact))
    for one, other in zip(
        loss_and_gradient(guided, features), loss_and_gradient(plain, features), strict=True
    ):
        assert torch.equal(one, other)
        assert one.abs().min() > 0


def test_a_guide_of_zeros_has_no_loss_and_no_gradient():
    losses, gradient = loss_and_gradient(region(ZEROS))
    assert (losses == 0).all()
    assert (gradient == 0).all()


def test_the_gradient_is_that_of_finite_differences():
    term = region(GUIDE)
    _, gradient = loss_and_gradient(term)
    for _ in range(4):
        direction = torch.randn(FEATURES.shape, generator=GENERATOR, dtype=torch.float64)
        step = 1e-5 * direction
        ahead, behind = (
            loss_of(term, {LAYER: FEATURES + step}),
            loss_of(term, {LAYER: FEATURES - step}),
        )
        predicted = (gradient * direction).flatten(start_dim=1).sum(dim=1)
        torch.testing.assert_close(predicted, (ahead - behind) / 2e-5, rtol=1e-7, atol=0)


def test_a_place_in_a_region_feels_what_it_would_feel_if_the_region_were_all():
    """But for the share of the image, by which any loss is a mean over the image."""
    losses, gradient = loss_and_gradient(region(LEFT))
    losses_alone, gradient_alone = loss_and_gradient(everywhere(), FEATURES[..., :3])
    torch.testing.assert_close(losses, losses_alone / 2)
    torch.testing.assert_close(gradient[..., :3], gradient_alone / 2)
    assert (gradient[..., 3:] == 0).all()


@pytest.mark.parametrize("guide", [LEFT, GUIDE], ids=["hard", "soft"])
def test_a_mask_and_its_inverse_pull_together_as_no_mask_does(guide: Tensor):
    """Exactly so where both regions look alike: here they hold the same positions."""
    features = torch.cat([FEATURES[..., :3], FEATURES[..., :3]], dim=-1)
    mask = torch.cat([guide[..., :3], 1 - guide[..., :3]], dim=-1)
    losses, gradient = loss_and_gradient(SumOfTerms([region(mask), region(1 - mask)]), features)
    whole_losses, whole_gradient = loss_and_gradient(everywhere(), features)
    torch.testing.assert_close(losses, whole_losses)
    torch.testing.assert_close(gradient, whole_gradient)


def test_a_gray_mask_is_a_part_of_the_pull():
    losses, gradient = loss_and_gradient(region(0.25 * ONES))
    whole_losses, whole_gradient = loss_and_gradient(everywhere())
    torch.testing.assert_close(losses, 0.25 * whole_losses)
    torch.testing.assert_close(gradient, 0.25 * whole_gradient)


def test_an_image_does_not_feel_the_guides_of_the_others():
    other = GUIDE.clone()
    other[[0, 2]] = 0.5
    before, after = loss_and_gradient(region(GUIDE)), loss_and_gradient(region(other))
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one[1], two[1])
        assert not torch.equal(one[0], two[0])


def test_16_bit_features_give_losses_in_float32_and_a_gradient_in_16_bits():
    rough = FEATURES.bfloat16().contiguous(memory_format=torch.channels_last)
    term = GuidedStyleTerm(LAYER, WEIGHTS.float(), GUIDE.float(), TARGET.float())
    losses, gradient = loss_and_gradient(term, rough)
    exact_losses, exact_gradient = loss_and_gradient(region(GUIDE))
    assert (losses.dtype, gradient.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(losses.double(), exact_losses, rtol=0.02, atol=0)
    assert (
        torch.cosine_similarity(gradient.double().flatten(), exact_gradient.flatten(), dim=0)
        > 0.999
    )


def test_a_sum_has_the_name_and_all_the_losses_of_its_terms():
    both = SumOfTerms([region(GUIDE), everywhere()])
    assert both.name == region(GUIDE).name == "style/conv4_2"
    features = {LAYER: FEATURES}
    alone = [loss_of(term, features) for term in (region(GUIDE), everywhere())]
    torch.testing.assert_close(loss_of(both, features), alone[0] + alone[1])


def test_a_mask_has_the_size_of_the_features_at_every_layer(
    random_convolutions: Mapping[str, Convolution],
):
    image = torch.rand(1, 3, 37, 50, generator=GENERATOR)
    for layer, features in Vgg19(random_convolutions, LAYERS)(image).items():
        assert downsample_guide(torch.ones(1, 1, 37, 50), layer).shape[2:] == features.shape[2:], (
            layer
        )


def test_a_deep_place_weighs_what_its_pixels_weigh_on_average():
    mask = torch.rand(1, 1, 32, 48, generator=GENERATOR)
    assert torch.equal(downsample_guide(mask, "conv1_2"), mask)
    blocks = mask.view(1, 1, 2, 16, 3, 16).mean(dim=(3, 5))
    torch.testing.assert_close(downsample_guide(mask, "relu5_1"), blocks)
    assert torch.equal(
        downsample_guide(torch.ones(1, 1, 37, 50), "conv5_1"), torch.ones(1, 1, 2, 3)
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_no_pixel_of_a_mask_is_lost(layer: str):
    """Also none of the last rows and columns, which poolings drop."""
    for row, column in ((36, 0), (0, 49), (36, 49), (15, 31)):
        mask = torch.zeros(1, 1, 37, 50)
        mask[..., row, column] = 1
        guide = downsample_guide(mask, layer)
        last = [length - 1 for length in guide.shape[2:]]
        place = [min(at // stride(layer), end) for at, end in zip((row, column), last, strict=True)]
        pixels = [
            stride(layer) + (length % stride(layer) if position == end else 0)
            for length, position, end in zip(mask.shape[2:], place, last, strict=True)
        ]
        assert guide[0, 0, *place] == pytest.approx(1 / math.prod(pixels))
        assert torch.count_nonzero(guide) == 1
