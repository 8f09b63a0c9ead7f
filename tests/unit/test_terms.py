"""Gram matrices and the terms of the loss, against NumPy in float64: values and gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from neural_style.losses.content import ContentTerm, ContraharmonicContentTerm, importance
from neural_style.losses.terms import (
    StyleTerm,
    Term,
    gram_matrix,
    mean_squared_error,
)
from neural_style.model.views import WholeView

Array = np.ndarray
RNG = np.random.default_rng(7)
FEATURES = RNG.normal(size=(3, 4, 5, 6))
TARGET = RNG.normal(size=(3, 4, 5, 6))
WEIGHTS = np.array([1.0, 10.0, 1e6])
IMPORTANCE = RNG.uniform(size=(5, 6))


def gram(features: Array) -> Array:
    """G[c, d] = Σ F[c]·F[d] / (C·H·W), entry by entry."""
    channels, height, width = features.shape
    entries = [[(one * other).sum() for other in features] for one in features]
    return np.array(entries) / (channels * height * width)


def content_loss(features: Array, target: Array, weight: float) -> tuple[float, Array]:
    """Value and gradient: w·mean(d²) and 2·w·d/n."""
    difference = features - target
    return weight * (difference**2).mean(), 2 * weight * difference / difference.size


def contraharmonic_loss(features: Array, target: Array, weight: float) -> tuple[float, Array]:
    """Value and gradient: w·v with v = Σd²/Σ|d|, and w·(2·d - v·sign d) / Σ|d|."""
    difference = features - target
    total = np.abs(difference).sum()
    value = (difference**2).sum() / total
    return weight * value, weight * (2 * difference - value * np.sign(difference)) / total


def focused_loss(features: Array, target: Array, weight: float) -> tuple[float, Array]:
    """Value and gradient of w·mean(a·d²)."""
    difference = features - target
    _, gradient = content_loss(features, target, weight)
    return weight * (IMPORTANCE * difference**2).mean(), gradient * IMPORTANCE


def focused_contraharmonic_loss(
    features: Array, target: Array, weight: float
) -> tuple[float, Array]:
    """Value and gradient of w·v with v = Σad²/Σa|d|."""
    difference = features - target
    total = (IMPORTANCE * np.abs(difference)).sum()
    value = (IMPORTANCE * difference**2).sum() / total
    gradient = weight * IMPORTANCE * (2 * difference - value * np.sign(difference)) / total
    return weight * value, gradient


def style_loss(features: Array, target: Array, weight: float) -> tuple[float, Array]:
    """Value and gradient: w·mean(D²), D = G - A, and 4·w·D·F / (C²·C·H·W)."""
    channels, height, width = features.shape
    difference = gram(features) - gram(target)
    flat = features.reshape(channels, -1)
    gradient = 4 * weight * difference @ flat / (channels**2 * channels * height * width)
    return weight * (difference**2).mean(), gradient.reshape(features.shape)


def make_content(weights: Tensor | float) -> Term:
    return ContentTerm("conv4_2", weights, torch.from_numpy(TARGET))


def make_contraharmonic(weights: Tensor | float) -> Term:
    return ContraharmonicContentTerm("conv4_2", weights, torch.from_numpy(TARGET))


def make_focused(weights: Tensor | float) -> Term:
    given = torch.from_numpy(IMPORTANCE).expand(3, 1, 5, 6)
    return ContentTerm("conv4_2", weights, torch.from_numpy(TARGET), given)


def make_focused_contraharmonic(weights: Tensor | float) -> Term:
    given = torch.from_numpy(IMPORTANCE).expand(3, 1, 5, 6)
    return ContraharmonicContentTerm("conv4_2", weights, torch.from_numpy(TARGET), given)


def make_style(weights: Tensor | float) -> Term:
    return StyleTerm("conv4_2", weights, gram_matrix(torch.from_numpy(TARGET)))


TERMS = [
    pytest.param(make_content, content_loss, id="content"),
    pytest.param(make_contraharmonic, contraharmonic_loss, id="contraharmonic content"),
    pytest.param(make_focused, focused_loss, id="focused content"),
    pytest.param(
        make_focused_contraharmonic, focused_contraharmonic_loss, id="focused contraharmonic"
    ),
    pytest.param(make_style, style_loss, id="style"),
]
Reference = Callable[[Array, Array, float], tuple[float, Array]]


def loss_of(term: Term, features: Mapping[str, Tensor]) -> Tensor:
    """Of whole images."""
    return term.loss(term.statistic(WholeView(features)))


def gradient_of(term: Term, features: Array) -> Tensor:
    variable = torch.from_numpy(features).requires_grad_()
    return torch.autograd.grad(loss_of(term, {"conv4_2": variable}).sum(), variable)[0]


def window(array: Array, place: tuple[int, ...], reach: int) -> Array:
    """The part of an array [..., H, W] around a position."""
    rows, columns = (slice(max(0, each - reach), each + reach + 1) for each in place)
    return array[..., rows, columns]


@pytest.mark.parametrize(("size", "reach"), [((5, 6), 1), ((3, 96), 2)])
def test_importance_is_a_power_of_the_contrast_in_a_window(size: tuple[int, int], reach: int):
    features = RNG.normal(size=(2, 70, *size)) + 3
    found = importance(torch.from_numpy(features), 1.5)
    assert found is not None and found.shape == (2, 1, *size)
    for image, values in zip(features, found.numpy(), strict=True):
        places = list(np.ndindex(size))
        spread = [window(image, place, reach).var(axis=(1, 2)).sum() ** 0.5 for place in places]
        contrast = np.array(spread).reshape(size)
        around = [window(contrast, place, reach).mean() ** 1.5 for place in places]
        expected = np.array(around).reshape(size)
        np.testing.assert_allclose(values[0], expected / expected.mean(), rtol=1e-9)


def test_importance_is_1_in_an_image_of_one_color_and_not_computed_for_0():
    plain = torch.full((2, 3, 8, 8), 0.3)
    plain[1] = 0
    for power in (0.5, 4.0):
        torch.testing.assert_close(importance(plain, power), torch.ones(2, 1, 8, 8))
    assert importance(plain, 0.0) is None


def test_the_gram_matrix_is_that_of_numpy():
    matrices = gram_matrix(torch.from_numpy(FEATURES)).numpy()
    for matrix, features in zip(matrices, FEATURES, strict=True):
        np.testing.assert_allclose(matrix, gram(features), rtol=1e-12)


def test_the_gram_matrix_does_not_care_where_things_are():
    moved = FEATURES.reshape(3, 4, 30)[:, :, RNG.permutation(30)].reshape(3, 4, 5, 6)
    one, other = (gram_matrix(torch.from_numpy(each)) for each in (FEATURES, moved.copy()))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_over_16_bit_features_are_made_in_float32(dtype: torch.dtype):
    features = torch.full((1, 2, 300, 300), 1.5, dtype=dtype)  # sums to 202 500, over float16's end
    matrix = gram_matrix(features)
    assert matrix.dtype == torch.float32
    torch.testing.assert_close(matrix, torch.full((1, 2, 2), 1.125))
    error = mean_squared_error(features, torch.full((1, 2, 300, 300), -300.0))
    torch.testing.assert_close(error, torch.tensor([301.5**2]))


@pytest.mark.parametrize(("make", "reference"), TERMS)
def test_value_and_gradient_are_those_of_numpy(
    make: Callable[[Tensor], Term], reference: Reference
):
    term = make(torch.from_numpy(WEIGHTS))
    values = loss_of(term, {"conv4_2": torch.from_numpy(FEATURES)})
    gradients = gradient_of(term, FEATURES)
    assert values.shape == (3,)
    for i, weight in enumerate(WEIGHTS):
        value, gradient = reference(FEATURES[i], TARGET[i], weight)
        np.testing.assert_allclose(values[i].numpy(), value, rtol=1e-12)
        np.testing.assert_allclose(gradients[i].numpy(), gradient, rtol=1e-10, atol=1e-12 * weight)


@pytest.mark.parametrize(("make", "reference"), TERMS)
def test_the_gradient_is_that_of_finite_differences(
    make: Callable[[Tensor], Term], reference: Reference
):
    term = make(torch.ones(3, dtype=torch.float64))

    def value(features: Array) -> float:
        return float(loss_of(term, {"conv4_2": torch.from_numpy(features)}).sum())

    gradient = gradient_of(term, FEATURES).numpy()
    for direction in RNG.normal(size=(4, *FEATURES.shape)):
        step = 1e-5 * direction
        measured = (value(FEATURES + step) - value(FEATURES - step)) / 2e-5
        assert measured == pytest.approx((gradient * direction).sum(), rel=1e-7)


@pytest.mark.parametrize(("make", "reference"), TERMS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_in_memory_does_not_matter(
    make: Callable[[Tensor], Term], reference: Reference, layout: torch.memory_format
):
    term = make(torch.from_numpy(WEIGHTS))
    laid = torch.from_numpy(FEATURES).contiguous(memory_format=layout).requires_grad_()
    values = loss_of(term, {"conv4_2": laid})
    (gradient,) = torch.autograd.grad(values.sum(), laid)
    torch.testing.assert_close(values, loss_of(term, {"conv4_2": torch.from_numpy(FEATURES)}))
    torch.testing.assert_close(gradient, gradient_of(term, FEATURES))


@pytest.mark.parametrize(("make", "reference"), TERMS)
def test_an_image_does_not_feel_the_others_of_its_batch(
    make: Callable[[Tensor], Term], reference: Reference
):
    changed = FEATURES.copy()
    changed[[0, 2]] = 1e3 * RNG.normal(size=(2, 4, 5, 6))
    term = make(torch.from_numpy(WEIGHTS))
    before = loss_of(term, {"conv4_2": torch.from_numpy(FEATURES)})
    after = loss_of(term, {"conv4_2": torch.from_numpy(changed)})
    assert before[1] == after[1]
    assert before[0] != after[0]
    assert torch.equal(gradient_of(term, FEATURES)[1], gradient_of(term, changed)[1])


@pytest.mark.parametrize(("make", "reference"), TERMS)
def test_a_match_costs_nothing(make: Callable[[Tensor], Term], reference: Reference):
    term = make(torch.from_numpy(WEIGHTS))
    assert (loss_of(term, {"conv4_2": torch.from_numpy(TARGET)}) == 0).all()


def test_terms_are_named_by_kind_and_layer():
    assert make_content(1.0).name == "content/conv4_2"
    assert make_style(1.0).name == "style/conv4_2"
