"""How the Wasserstein loss is computed: decompositions on the CPU, matrix products on a GPU."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.unit.random_tensors import random
from torch import Tensor
from torch.linalg import LinAlgError

from neural_style.losses.transport import (
    POLYNOMIALS,
    SMALLEST_SHIFT,
    transport_by_eigenvalues,
    transport_by_products,
)
from neural_style.losses.wasserstein import (
    REGULARIZATION,
    gaussian_target,
    moments,
    squared_wasserstein,
)


def spectrum(values: Tensor) -> Tensor:
    """A symmetric matrix [1, C, C] with these eigenvalues."""
    count = len(values)
    generator = torch.Generator().manual_seed(count)
    basis = torch.linalg.qr(torch.randn(count, count, generator=generator, dtype=torch.float64))[0]
    return (basis * values @ basis.mT)[None]


def few_positions(channels: int, positions: int) -> Tensor:
    """The covariance of features that have fewer positions than channels, [1, C, C]."""
    features = random(channels, positions, seed=channels)
    return torch.cov(features, correction=0)[None]


COVARIANCES = {
    "one value": spectrum(torch.ones(64, dtype=torch.float64)),
    "ten decades": spectrum(torch.logspace(0, -10, 128, dtype=torch.float64)),
    "three decades": spectrum(torch.logspace(5, 2, 128, dtype=torch.float64)),
    "small": spectrum(torch.logspace(-9, -12, 64, dtype=torch.float64)),
    "rank 1": few_positions(64, 2),
    "rank 15": few_positions(128, 16),
}


OF_ONE_LAYER = [
    (own, style)
    for own in COVARIANCES
    for style in COVARIANCES
    if COVARIANCES[own].shape == COVARIANCES[style].shape
]


@pytest.mark.parametrize(("own", "style"), OF_ONE_LAYER)
def test_products_give_the_transport_of_a_decomposition_in_float64(own: str, style: str):
    """Wherever the decomposition in float32 does, and closer."""
    one, other = COVARIANCES[own], COVARIANCES[style]
    values, vectors = torch.linalg.eigh(other)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.mT
    product = root @ one @ root
    values, vectors = torch.linalg.eigh(product)
    smallest = SMALLEST_SHIFT * product.norm()
    for given in (0.0, REGULARIZATION * float(other.norm()) ** 2):
        shift = smallest.clamp(min=given)
        roots = (values.clamp(min=0) + shift).sqrt()
        mapped = root @ vectors
        expected, trace = mapped / roots @ mapped.mT, (roots - shift.sqrt()).sum()
        found, found_trace = transport_by_products(
            product.float(), root.float(), torch.tensor([given])
        )
        assert (found - expected).norm() <= 0.02 * expected.norm()
        assert abs(found_trace - trace) <= 1e-4 * roots.sum()


def test_the_polynomials_take_each_value_to_1_and_bear_rounding():
    smallest = math.sqrt(SMALLEST_SHIFT)
    for low, high in ((smallest, 1.0), (0.999, 1.02)):
        x = torch.logspace(math.log10(low), math.log10(high), 100_000, dtype=torch.float64)
        generator = torch.Generator().manual_seed(0)
        for a, b, c in POLYNOMIALS:
            x = x * (1 + 1e-4 * torch.rand(len(x), generator=generator, dtype=torch.float64))
            x = x * (a + b * x**2 + c * x**4)
        assert (x - 1).abs().max() < 3e-5


def test_what_is_not_finite_stays_so():
    product = torch.full((1, 8, 8), math.nan)
    transport, trace = transport_by_products(product, torch.eye(8)[None], torch.zeros(1))
    assert transport.isnan().all() and trace.isnan().all()


def test_eigenvalues_below_0_give_a_transport_without_iteration():
    """Rounding makes them where style and features are constant; the iteration would diverge."""
    values = torch.tensor([1.0, 0.5, -0.01])
    transport, _ = transport_by_products(values.diag()[None], torch.eye(3)[None], torch.zeros(1))
    norm = values.norm() * (1 + SMALLEST_SHIFT)
    torch.testing.assert_close(transport, torch.eye(3)[None] * norm.rsqrt())


@pytest.mark.parametrize("channels", [9, 64])
@pytest.mark.parametrize("spread", [0.0, 1e-7, 1e-5])
def test_features_that_hardly_vary_have_the_distance_that_a_decomposition_gives(
    channels: int, spread: float
):
    """Their covariance is made of rounding errors, with eigenvalues below 0."""
    target = gaussian_target(moments(random(1, channels, 40, 40, seed=7, dtype=torch.float32)))
    noise = random(1, channels, 128, 128, seed=6, dtype=torch.float32)
    features = (0.3 + spread * noise).requires_grad_()
    expected = squared_wasserstein(moments(features), target, transport_by_eigenvalues)
    found = squared_wasserstein(moments(features), target, transport_by_products)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)
    (gradient,) = torch.autograd.grad(found.sum(), features)
    assert gradient.norm() < 0.5 * found.sum()


def test_a_decomposition_that_does_not_converge_is_made_in_float64(
    monkeypatch: pytest.MonkeyPatch,
):
    """As in float32 where most eigenvalues are 0."""
    tried = []

    def eigh(matrices: torch.Tensor) -> Any:
        tried.append(matrices.dtype)
        raise LinAlgError("the algorithm failed to converge")

    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 40, 8, generator=generator)
    own, other = (torch.cat([each.sum(0)[:, None], each.mT @ each], dim=1) / 40 for each in rows)
    moments, target = own[None], gaussian_target(other[None])
    expected = squared_wasserstein(moments, target)
    monkeypatch.setattr(torch.linalg, "eigh", eigh)
    assert torch.allclose(squared_wasserstein(moments, target), expected, rtol=1e-3)
    assert tried == [torch.float32]  # in float64, NumPy computes it
    assert squared_wasserstein(moments * math.nan, target).isnan().all()


def test_the_float64_routine_of_mkl_is_not_used(monkeypatch: pytest.MonkeyPatch):
    """It writes past the end of its buffers on processors with AVX-512."""
    rows = torch.randn(30, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    second = torch.stack([rows.mT @ rows, 2 * rows.mT @ rows]) / 30
    moments = torch.cat([torch.zeros(2, 6, 1, dtype=torch.float64), second], dim=2)
    monkeypatch.delattr(torch.linalg, "eigh")
    root = gaussian_target(moments).root
    torch.testing.assert_close(root @ root.mT, second)


def test_a_decomposition_that_ends_in_nan_is_made_in_float64(monkeypatch: pytest.MonkeyPatch):
    """As with MKL, which does not say so, for small images on processors with AVX-512."""
    rows = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    moments = (torch.cat([rows.sum(0)[:, None], rows.mT @ rows], dim=1) / 40)[None]
    target = gaussian_target(2 * moments)
    expected = squared_wasserstein(moments, target)
    monkeypatch.setattr(torch.linalg, "eigh", lambda each: (each[0] * math.nan, each * math.nan))
    assert torch.allclose(squared_wasserstein(moments, target), expected, rtol=1e-3)
