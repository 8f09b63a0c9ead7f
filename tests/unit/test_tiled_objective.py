"""The tiled objective against the one that sees the image in one go.

Both are the same sums in another order: in float64 they agree to 1e-12, in float32 to 1e-5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from tests.unit.random_tensors import random
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.losses.build import make_objective
from neural_style.losses.objective import Evaluation, Objective, TiledObjective
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.losses.terms import Term
from neural_style.model import layers
from neural_style.model.vgg import PIXELS, Convolution, Vgg19
from neural_style.model.views import TileView, View

Convolutions = Mapping[str, Convolution]
CPU = torch.device("cpu")


def plain_problems(
    settings: Settings, height: int, width: int, dtype: torch.dtype = torch.float64
) -> list[TransferProblem]:
    """Two images with styles and a balance of their own."""
    contents = random(2, 3, height, width, seed=1, dtype=dtype).split(1)
    styles = [random(1, 3, 83, 80 + i, seed=2, dtype=dtype) for i in range(2)]
    balances = [replace(settings, beta=beta) for beta in (1e2, 1e5)]
    return [single_style_problem(*each) for each in zip(contents, styles, balances, strict=True)]


def tiled_problems(problems: Sequence[TransferProblem], edge: int) -> list[TransferProblem]:
    return [replace(each, settings=replace(each.settings, tile=edge)) for each in problems]


def assert_same(actual: Evaluation, expected: Evaluation, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(actual.losses, expected.losses, rtol=tolerance, atol=0)
    assert actual.gradient.shape == expected.gradient.shape
    for one, other in zip(actual.gradient, expected.gradient, strict=True):
        assert (one - other).norm() < tolerance * other.norm()


@pytest.mark.parametrize(
    ("height", "width", "edge", "layers", "dtype", "tolerance"),
    [
        (96, 80, 32, "three blocks", torch.float64, 1e-12),
        (97, 83, 48, "three blocks", torch.float64, 1e-12),
        (46, 100, 64, "three blocks", torch.float64, 1e-12),
        (83, 80, 64, "five blocks", torch.float32, 1e-5),
        (63, 150, 64, "five blocks", torch.float32, 1e-5),
        (127, 33, 48, "five blocks", torch.float32, 1e-5),
    ],
)
def test_losses_and_gradient_are_those_of_the_whole(
    random_convolutions: Convolutions,
    defaults: Settings,
    shallow: Settings,
    height: int,
    width: int,
    edge: int,
    layers: str,
    dtype: torch.dtype,
    tolerance: float,
):
    settings = {"three blocks": shallow, "five blocks": defaults}[layers]
    network = Vgg19(random_convolutions, settings.layers).prepare(CPU, dtype)
    problems = plain_problems(settings, height, width, dtype)
    whole = make_objective(network, problems)
    tiled = make_objective(network, tiled_problems(problems, edge))
    assert not isinstance(whole, TiledObjective)
    assert isinstance(tiled, TiledObjective)
    assert tiled.term_names == whole.term_names
    images = random(2, 3, height, width, seed=3, dtype=dtype)
    evaluation = tiled(images)
    assert_same(evaluation, whole(images), tolerance)
    assert torch.equal(tiled.losses_at(images), evaluation.losses)
    assert evaluation.gradient.is_contiguous()
    assert not any(each.requires_grad for each in (evaluation.losses, evaluation.gradient))


@pytest.mark.parametrize("padding", ["reflect", "replicate", "replicate_first"])
def test_so_they_are_with_another_padding_and_pooling(
    random_convolutions: Convolutions, shallow: Settings, padding: str
):
    network = Vgg19(random_convolutions, shallow.layers, "average", padding)
    network.prepare(CPU, torch.float64)
    problems = plain_problems(shallow, 70, 65)
    images = random(2, 3, 70, 65, seed=3)
    tiled = make_objective(network, tiled_problems(problems, 32))
    assert_same(tiled(images), make_objective(network, problems)(images))


@pytest.mark.parametrize("content_loss", ["squared", "contraharmonic"])
def test_so_they_are_where_content_counts_by_its_contrast(
    random_convolutions: Convolutions, shallow: Settings, content_loss: str
):
    focused = replace(shallow, content_loss=content_loss, content_focus=1.5)
    network = Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float64)
    problems, images = plain_problems(focused, 70, 65), random(2, 3, 70, 65, seed=3)
    images[:, :, :30] = 0.4
    whole = make_objective(network, problems)
    assert_same(make_objective(network, tiled_problems(problems, 32))(images), whole(images))
    alike = make_objective(network, plain_problems(replace(focused, content_focus=0), 70, 65))
    content = [name.startswith("content/") for name in whole.term_names]
    change = (whole.losses_at(images) - alike.losses_at(images)).abs() / whole.losses_at(images)
    assert (change[content] > 1e-4).all()
    assert not change[[not each for each in content]].any()
    for place, problem in enumerate(problems):
        alone = make_objective(network, [problem]).losses_at(images[place : place + 1])
        torch.testing.assert_close(whole.losses_at(images)[:, place], alone[:, 0])


def test_so_they_are_with_regions_and_guides(random_convolutions: Convolutions, shallow: Settings):
    network = Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float64)
    mask, guide = random(1, 1, 70, 65, seed=4), random(1, 1, 83, 80, seed=5)
    picture, style = random(1, 3, 70, 65, seed=3), random(1, 3, 83, 80, seed=2)
    regions = (
        Region((StyleReference(style, 0.3, guide), StyleReference(style.flip(-1), 0.7)), mask),
        Region((StyleReference(style.pow(2)),), 1 - mask),
    )
    problems = [TransferProblem(shallow, random(1, 3, 70, 65, seed=1), regions)]
    tiled = make_objective(network, tiled_problems(problems, 32))
    assert_same(tiled(picture), make_objective(network, problems)(picture))


class Roughness(Term):
    """The sum of the squared differences of neighboring pixels, for each mean pixel."""

    name = "smoothness/roughness"

    def statistic(self, view: View) -> Tensor:
        pixels, further = view.features(PIXELS), view.features_with_next(PIXELS)
        height, width = pixels.shape[2:]
        down = further.diff(dim=2)[..., :width]
        across = further.diff(dim=3)[..., :height, :]
        return torch.stack([each.square().sum(dim=(1, 2, 3)) for each in (down, across)], dim=1)

    def loss(self, statistic: Tensor) -> Tensor:
        return statistic.sum(dim=1)


def test_a_term_sees_the_neighbors_of_its_pixels_beyond_the_tile(
    random_convolutions: Convolutions,
):
    network = Vgg19(random_convolutions, ["conv1_1"]).prepare(CPU, torch.float64)
    images = random(2, 3, 61, 50, seed=3)
    whole = Objective(network, [Roughness()])(images)
    by_hand = sum(images.diff(dim=axis).square().sum(dim=(1, 2, 3)) for axis in (2, 3))
    torch.testing.assert_close(whole.losses[0], by_hand)
    assert_same(TiledObjective(network, [Roughness()], 32)(images), whole)


def test_a_large_image_is_looked_at_in_tiles_and_so_is_a_large_style(
    random_convolutions: Convolutions, shallow: Settings, monkeypatch: pytest.MonkeyPatch
):
    """So few pixels are too many that the test is quick."""
    monkeypatch.setattr(layers, "MAX_PIXELS", 8 * 1000)
    network = Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float32)
    seen: list[int] = []
    forward = Vgg19.forward

    def noted(self: Vgg19, images: Tensor) -> dict[str, Tensor]:
        seen.append(images.shape[3])
        return forward(self, images)

    monkeypatch.setattr(Vgg19, "forward", noted)
    long, short = (random(1, 3, 8, width, seed=0).float() for width in (1801, 64))
    for content, style in ((long, short), (short, long)):
        seen.clear()
        objective = make_objective(network, [single_style_problem(content, style, shallow)])
        objective(content)
        assert isinstance(objective, TiledObjective) == (content is long)
        assert 64 in seen
        assert 900 < max(seen) <= 1000


def test_the_gradient_of_a_tile_has_the_memory_format_of_its_features():
    """Its sum with the gradient from deeper layers is slow if it has not."""
    (tile, *_) = layers.split_into_tiles(64, 64, 32, ["conv1_2"])
    features = random(2, 16, 48, 48, seed=1).to(memory_format=torch.channels_last)
    features.requires_grad_()
    view = TileView({"conv1_1": features}, tile)
    assert features.shape[2:] == (tile.rows.input_stop, tile.columns.input_stop)
    (gradient,) = torch.autograd.grad(view.features("conv1_1").square().sum(), features)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    expected = torch.zeros_like(features)
    expected[..., :32, :32] = 2 * features.detach()[..., :32, :32]
    assert torch.equal(gradient, expected)
