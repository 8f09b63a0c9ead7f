"""The Wasserstein style loss: an independent formula, batches, tiles, masks and blends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from tests.unit.random_tensors import random
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.losses import wasserstein
from neural_style.losses.build import make_objective
from neural_style.losses.guided import downsample_guide
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.losses.size_correction import beta_at
from neural_style.losses.transport import Transport, transport_by_eigenvalues, transport_by_products
from neural_style.losses.wasserstein import (
    REGULARIZATION,
    WASSERSTEIN_SCALE,
    WEAKEST,
    cat_targets,
    gaussian_target,
    guided_moments,
    moments,
    squared_wasserstein,
)
from neural_style.model.vgg import Convolution, Vgg19, extract_features
from neural_style.optim.loop import Optimization

CPU = torch.device("cpu")
CONTENT, STYLE, OTHER = (random(1, 3, 48, 40, seed=seed) for seed in (1, 2, 3))
MASK = random(1, 1, 48, 40, seed=4)


@pytest.fixture(scope="module")
def settings(shallow: Settings) -> Settings:
    return replace(shallow, style_loss="wasserstein", alpha=0.5, beta=1e6)


@pytest.fixture(scope="module")
def network(random_convolutions: Mapping[str, Convolution], settings: Settings) -> Vgg19:
    return Vgg19(random_convolutions, settings.layers).prepare(CPU, torch.float64)


def reference(features: Tensor, target: Tensor) -> float:
    """Regularized W² of two sets of features [C, ...], less that of the best covariance."""
    one, other = (each.flatten(start_dim=1).numpy() for each in (features, target))
    means = one.mean(axis=1) - other.mean(axis=1)
    own, style = np.cov(one, bias=True), np.cov(other, bias=True)
    shift = REGULARIZATION * np.sum(style**2)

    def distance(covariance: NDArray[np.float64]) -> float:
        """tr Σ - 2 tr (Σ'^½ Σ Σ'^½ + εI)^½, whose last part has the eigenvalues of ΣΣ'."""
        product = covariance @ style + shift * np.eye(len(style))
        return float(np.trace(covariance) - 2 * np.trace(sqrtm(product).real))

    return float(means @ means) + distance(own) - distance(best_covariance(style))


def best_covariance(style: NDArray[np.float64]) -> NDArray[np.float64]:
    """The covariance with the smallest loss: that of the style, less ε / v in each direction."""
    values, vectors = np.linalg.eigh(style)
    shift = REGULARIZATION * np.sum(style**2)
    shrunk = np.array([max(0.0, value - shift / value) if value > 0 else 0.0 for value in values])
    covariance: NDArray[np.float64] = vectors * shrunk @ vectors.T
    return covariance


def moments_of(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Tensor:
    """The moments [1, C, 1 + C] of a Gaussian."""
    second = covariance + np.outer(mean, mean)
    return torch.from_numpy(np.concatenate([mean[:, None], second], axis=1))[None]


@pytest.mark.parametrize("transport", [transport_by_eigenvalues, transport_by_products])
def test_it_is_the_distance_of_gaussians(transport: Transport):
    """Also of styles with fewer positions than channels, in one batch with others."""
    features = random(3, 7, 6, 5, seed=5)
    styles = [random(1, 7, 1, positions, seed=6) for positions in (36, 4, 2)]
    target = cat_targets([gaussian_target(moments(style)) for style in styles])
    distances = squared_wasserstein(moments(features), target, transport)
    expected = [
        reference(*pair) for pair in zip(features, (style[0] for style in styles), strict=True)
    ]
    exact = transport is transport_by_eigenvalues
    np.testing.assert_allclose(distances.numpy(), expected, rtol=1e-9 if exact else 1e-3)


@pytest.mark.parametrize("transport", [transport_by_eigenvalues, transport_by_products])
@pytest.mark.parametrize("scale", [1, 5])
def test_columns_of_zeros_change_nothing(transport: Transport, scale: int):
    """Also where the image varies so much more than the style that ε grows with it."""
    few, many = (
        gaussian_target(moments(random(1, 64, 1, each, seed=6, dtype=torch.float32)))
        for each in (10, 900)
    )
    own = moments(scale * random(1, 64, 20, 20, seed=7, dtype=torch.float32))
    alone = squared_wasserstein(own, few, transport)
    together = squared_wasserstein(own.repeat(2, 1, 1), cat_targets([few, many]), transport)
    torch.testing.assert_close(together[:1], alone, rtol=1e-5, atol=0)


def test_small_layers_are_as_exact_as_without_the_zeros_that_fill_them_up():
    """Where the image is close to its style, even the error of the polynomials would show."""
    small, large = (
        [random(1, channels, 50, 40, seed=seed, dtype=torch.float32) for seed in (6, 7)]
        for channels in (16, 256)
    )
    targets = [gaussian_target(moments(style)) for style, _ in (small, large)]
    own = [moments(features) for _, features in (small, large)]
    alone = squared_wasserstein(own[0], targets[0], transport_by_products)
    padded = wasserstein._Padded.apply(*own)
    together = squared_wasserstein(padded, cat_targets(targets), transport_by_products)
    torch.testing.assert_close(together[:1], alone, rtol=1e-3, atol=0)


def test_directions_of_hardly_any_variance_have_no_column():
    """There, the gradient is 1, as it would nearly be with a column."""
    edge = WEAKEST * math.sqrt(REGULARIZATION)  # in units of the norm, which is 1
    variances = np.array([1.0, 1.01 * edge, 0.99 * edge])
    target = gaussian_target(moments_of(np.zeros(3), np.diag(variances)))
    assert target.root.shape == (1, 3, 2)
    made = moments_of(np.zeros(3), np.diag([1.0, 1e-6, 1e-6])).requires_grad_()
    (gradient,) = torch.autograd.grad(squared_wasserstein(made, target).sum(), made)
    assert float(gradient[0, 2, 3]) == 1 and 0.89 < float(gradient[0, 1, 2]) < 0.91


def test_there_is_a_column_for_each_direction_of_the_style():
    for positions, columns in ((4, 3), (2, 1), (1, 1), (60, 7)):
        target = gaussian_target(moments(random(1, 7, 1, positions, seed=6)))
        assert target.root.shape == (1, 7, columns)


def test_what_the_style_hardly_varies_in_is_smoothed():
    """Where the loss is smallest, only the strong directions of the style are there."""
    basis = torch.linalg.qr(random(5, 5, seed=5))[0].numpy()
    variances = np.array([1.0, 0.3, 0.05, 2e-3, 1e-4])
    style, mean = basis * variances @ basis.T, random(5, seed=6).numpy()
    target = gaussian_target(moments_of(mean, style))
    best = best_covariance(style)
    kept = np.linalg.eigvalsh(best)[::-1] / variances
    assert (kept[:3] > 0.97).all() and (np.abs(kept[3:]) < 1e-9).all()
    made = moments_of(mean, best).requires_grad_()
    distance = squared_wasserstein(made, target)
    (gradient,) = torch.autograd.grad(distance.sum(), made)
    assert abs(float(distance.detach())) < 1e-12
    along = basis.T @ gradient[0, :, 1:].numpy() @ basis
    assert np.abs(along[:3, :3]).max() < 1e-9
    assert (np.diag(along)[3:] > 0).all()  # less is not possible, and more would be worse
    for seed in range(5):
        other = 0.1 * random(5, 5, seed=seed).numpy()
        assert float(squared_wasserstein(moments_of(mean, best + other @ other.T), target)) > 0


def test_the_gradient_is_that_of_finite_differences():
    target = cat_targets([gaussian_target(moments(random(1, 5, 4, 9, seed=6)))] * 2)
    features = random(2, 5, 4, 3, seed=5).requires_grad_()
    guide = random(2, 1, 4, 3, seed=7)
    assert torch.autograd.gradcheck(
        lambda each: squared_wasserstein(moments(each), target), (features,)
    )
    assert torch.autograd.gradcheck(
        lambda each: squared_wasserstein(guided_moments(each, guide), target), (features,)
    )


@pytest.mark.parametrize(
    ("dtype", "transport"),
    [
        (torch.float32, transport_by_eigenvalues),
        (torch.float32, transport_by_products),
        (torch.float64, transport_by_eigenvalues),
    ],
)
@pytest.mark.parametrize("made", ["constant", "zero", "few"])
@pytest.mark.parametrize("style", ["constant", "few", "many"])
def test_constant_and_rank_deficient_features_are_finite(
    dtype: torch.dtype, transport: Transport, made: str, style: str
):
    kinds = {
        "constant": torch.full((1, 9, 5, 5), 0.3, dtype=dtype),
        "zero": torch.zeros(1, 9, 5, 5, dtype=dtype),
        "few": random(1, 9, 1, 3, seed=8, dtype=dtype),
        "many": random(1, 9, 20, 20, seed=9, dtype=dtype),
    }
    features = kinds[made].clone().requires_grad_()
    target = gaussian_target(moments(kinds[style]))
    distance = squared_wasserstein(moments(features), target, transport)
    distance.sum().backward()
    assert distance.isfinite().all() and (distance > -1e-4).all()
    assert features.grad is not None and features.grad.isfinite().all()


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize("style", ["one color", "many colors"])
@pytest.mark.parametrize("masked", [False, True])
def test_one_color_and_a_mask_of_20_pixels_are_finite(
    random_convolutions: Mapping[str, Convolution],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    style: str,
    masked: bool,
):
    if device == "gpu":
        monkeypatch.setattr(wasserstein, "_on_gpu", lambda values: True)
    image = torch.full((1, 3, 48, 40), 0.6) if style == "one color" else STYLE.float()
    mask = torch.zeros(1, 1, 48, 40)
    mask[0, 0, 20:24, 10:15] = 1
    styles = (StyleReference(image),)
    regions = (Region(styles, mask), Region(styles, 1 - mask)) if masked else (Region(styles),)
    network = Vgg19(random_convolutions, settings.layers).prepare(CPU, torch.float32)
    problem = TransferProblem(replace(settings, epochs=4), CONTENT.float(), regions)
    first, *_, last = Optimization(network, [problem])
    assert last.images.isfinite().all() and last.losses.isfinite().all()
    assert not last.images.equal(first.images)


def test_terms_weigh_it_by_beta_and_the_layer(network: Vgg19, settings: Settings):
    problem = single_style_problem(CONTENT, STYLE, settings)
    objective = make_objective(network, [problem])
    losses = dict(zip(objective.term_names, objective.losses_at(OTHER)[:, 0], strict=True))
    image, style = extract_features(network, OTHER), extract_features(network, STYLE)
    for layer, weight in settings.style_layers.items():
        distance = reference(image[layer][0], style[layer][0]) / image[layer].shape[1]
        expected = settings.beta * weight * WASSERSTEIN_SCALE * distance
        assert float(losses[f"style/{layer}"]) == pytest.approx(expected, rel=1e-4)


def test_beta_is_the_same_at_all_sizes(settings: Settings):
    corrected = replace(settings, size_correction=True)
    for size in ((100, 512), (32, 20), (4096, 4096)):
        assert beta_at(corrected, *size) == corrected.beta
    assert beta_at(replace(corrected, style_loss="gram"), 100, 4096) == 8 * corrected.beta


def problems(settings: Settings) -> dict[str, TransferProblem]:
    one, other = StyleReference(STYLE, 0.25), StyleReference(OTHER, 0.75)
    small = StyleReference(STYLE[:, :, :24, :20], 0.5)
    guided = StyleReference(STYLE, guide=MASK.flip(2))
    regions = (Region((StyleReference(STYLE),), MASK), Region((guided,), 1 - MASK))
    return {
        "plain": single_style_problem(CONTENT, STYLE, settings),
        "blend": TransferProblem(settings, CONTENT, (Region((one, other)),)),
        "masks": TransferProblem(settings, CONTENT, regions),
        "scales": TransferProblem(settings, CONTENT, (Region((replace(one, weight=0.5), small)),)),
    }


@pytest.mark.parametrize("kind", ["plain", "blend", "masks", "scales"])
def test_tiles_give_the_losses_and_the_gradient_of_the_whole(
    network: Vgg19, settings: Settings, kind: str
):
    image = random(1, 3, 48, 40, seed=11)
    whole = make_objective(network, [problems(settings)[kind]])(image)
    tiled = make_objective(network, [problems(replace(settings, tile=16))[kind]])(image)
    torch.testing.assert_close(tiled.losses, whole.losses, rtol=1e-5, atol=0)
    torch.testing.assert_close(tiled.gradient, whole.gradient, rtol=1e-4, atol=2e-8)


@pytest.mark.parametrize("kind", ["plain", "blend", "masks", "scales"])
def test_a_batch_is_many_single_problems(network: Vgg19, settings: Settings, kind: str):
    images = random(2, 3, 48, 40, seed=12)
    each = [replace(settings, beta=beta) for beta in (1e5, 1e6)]
    batch = make_objective(network, [problems(one)[kind] for one in each])(images)
    for place, one in enumerate(each):
        alone = make_objective(network, [problems(one)[kind]])(images[place : place + 1])
        torch.testing.assert_close(batch.losses[:, place], alone.losses[:, 0])
        torch.testing.assert_close(batch.gradient[place], alone.gradient[0])


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are joined; the roots stay exact, so that results can be compared."""
    monkeypatch.setattr(wasserstein, "_on_gpu", lambda values: True)
    monkeypatch.setattr(wasserstein, "transport_by_products", transport_by_eigenvalues)


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("kind", ["plain", "blend", "masks", "scales"])
def test_joined_layers_have_the_losses_and_the_gradient_of_each(
    network: Vgg19,
    settings: Settings,
    kind: str,
    tile: int | None,
    request: pytest.FixtureRequest,
):
    images = random(2, 3, 48, 40, seed=12)
    batch = [problems(replace(settings, tile=tile, beta=beta))[kind] for beta in (1e5, 1e6)]
    expected = make_objective(network, batch)(images)
    request.getfixturevalue("as_on_a_gpu")
    found = make_objective(network, batch)(images)
    torch.testing.assert_close(found.losses, expected.losses, rtol=1e-9, atol=0)
    torch.testing.assert_close(found.gradient, expected.gradient, rtol=1e-7, atol=1e-13)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize(
    ("kind", "full", "batches"), [("plain", 3, [6]), ("masks", 3, [12]), ("plain", 2, [2, 2, 2])]
)
def test_layers_and_regions_of_small_batches_are_joined(
    network: Vgg19,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    full: int,
    batches: list[int],
):
    monkeypatch.setattr(wasserstein, "FULL_BATCH", full)
    found = []

    def counted(product: Tensor, root: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        found.append(len(product))
        return transport_by_eigenvalues(product, root, shift)

    monkeypatch.setattr(wasserstein, "transport_by_products", counted)
    make_objective(network, [problems(settings)[kind]] * 2)(CONTENT.repeat(2, 1, 1, 1))
    assert found == batches


def test_a_blend_has_the_moments_of_both(network: Vgg19, settings: Settings):
    objective = make_objective(network, [problems(settings)["blend"]])
    losses = dict(zip(objective.term_names, objective.losses_at(CONTENT)[:, 0], strict=True))
    features = {
        name: extract_features(network, each)
        for name, each in {"image": CONTENT, "one": STYLE, "other": OTHER}.items()
    }
    layer = "conv2_1"
    mixed = 0.25 * moments(features["one"][layer]) + 0.75 * moments(features["other"][layer])
    distance = squared_wasserstein(moments(features["image"][layer]), gaussian_target(mixed))
    expected = settings.beta * WASSERSTEIN_SCALE * distance / features["image"][layer].shape[1]
    assert float(losses[f"style/{layer}"]) == pytest.approx(float(expected), rel=1e-9)


def test_a_guide_of_ones_is_no_guide():
    features = random(2, 5, 12, 10, seed=5)
    ones = downsample_guide(torch.ones(2, 1, 24, 20, dtype=torch.float64), "conv2_1")
    torch.testing.assert_close(guided_moments(features, ones), moments(features))


def test_bfloat16_features_are_summed_in_float32():
    features = random(1, 8, 64, 64, seed=5, dtype=torch.float32).to(torch.bfloat16)
    assert moments(features).dtype == torch.float32
    torch.testing.assert_close(moments(features), moments(features.float()), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("change", "share"),
    [({}, 0.5), ({"color": "luminance"}, 0.7), ({"init": "noise"}, 0.5), ({"tile": 16}, 0.5)],
)
def test_an_optimization_lowers_it(
    random_convolutions: Mapping[str, Convolution],
    settings: Settings,
    change: dict[str, Any],
    share: float,
):
    chosen = replace(settings, epochs=12, **change)
    network = Vgg19(random_convolutions, chosen.layers).prepare(CPU, torch.float32)
    problem = single_style_problem(CONTENT.float(), STYLE.float(), chosen)
    first, *_, last = Optimization(network, [problem])
    style = [name.startswith("style/") for name in first.term_names]
    assert float(last.losses[style].sum()) < share * float(first.losses[style].sum())


def test_an_optimization_on_a_gpu_reaches_the_losses_of_the_cpu(
    random_convolutions: Mapping[str, Convolution],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
):
    chosen = replace(settings, epochs=6)
    network = Vgg19(random_convolutions, chosen.layers).prepare(CPU, torch.float32)
    problem = single_style_problem(CONTENT.float(), STYLE.float(), chosen)
    *_, expected = Optimization(network, [problem])
    monkeypatch.setattr(wasserstein, "_on_gpu", lambda values: True)
    *_, found = Optimization(network, [problem])
    assert not found.images.equal(expected.images)
    torch.testing.assert_close(found.losses, expected.losses, rtol=0.05, atol=0)
