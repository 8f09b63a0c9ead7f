"""The weights of the style, of its layers, and of the total variation at a size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch

from neural_style.config.settings import Settings
from neural_style.losses.build import make_objective
from neural_style.losses.problem import single_style_problem
from neural_style.losses.size_correction import beta_at, style_weights_at, total_variation_at
from neural_style.model.vgg import Convolution, Vgg19


@pytest.mark.parametrize("size", [(512, 512), (512, 300), (17, 512)])
def test_at_512_pixels_beta_is_what_it_is(defaults: Settings, size: tuple[int, int]):
    assert beta_at(replace(defaults, beta=1 / 3), *size) == 1 / 3


@pytest.mark.parametrize(
    ("size", "beta"), [((256, 100), 5e4), ((1024, 1024), 2e5), ((300, 2048), 4e5), ((9, 64), 12500)]
)
def test_it_grows_with_the_long_edge(defaults: Settings, size: tuple[int, int], beta: float):
    assert beta_at(replace(defaults, beta=1e5), *size) == beta


def test_it_can_be_left_as_it_is(defaults: Settings):
    assert beta_at(replace(defaults, beta=1e5, size_correction=False), 4096, 4096) == 1e5


def test_the_style_losses_of_each_image_are_those_of_its_corrected_beta(
    random_convolutions: Mapping[str, Convolution], shallow: Settings
):
    network = Vgg19(random_convolutions, shallow.layers).prepare(torch.device("cpu"), torch.float64)
    generator = torch.Generator().manual_seed(0)
    content, style, image = (
        torch.rand(1, 3, 24, 36, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    settings = [replace(shallow, beta=1e3), replace(shallow, beta=1e3, size_correction=True)]
    objective = make_objective(
        network, [single_style_problem(content, style, each) for each in settings]
    )
    plain, corrected = objective.losses_at(image.expand(2, -1, -1, -1)).T
    is_style = torch.tensor([name.startswith("style/") for name in objective.term_names])
    torch.testing.assert_close(corrected[~is_style], plain[~is_style])
    torch.testing.assert_close(corrected[is_style], plain[is_style] * 36 / 512)


LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def weighted(defaults: Settings, *weights: float) -> Settings:
    layers = dict(zip(LAYERS, weights, strict=False))
    return replace(defaults, style_layers=layers, style_loss="wasserstein")


@pytest.mark.parametrize(
    ("size", "weights"),
    [
        ((256, 91), (256, 64, 16, 4, 1)),
        ((512, 300), (256, 64, 16, 4, 1)),
        ((1024, 700), (256, 256, 64, 16, 4)),
        ((300, 2048), (256, 256, 256, 64, 16)),
        ((4096, 4096), (256, 256, 256, 256, 64)),
        ((10_000, 10_000), (1, 1, 1, 1, 1)),
    ],
)
def test_weights_of_the_style_layers_move_deeper_with_the_size(
    defaults: Settings, size: tuple[int, int], weights: tuple[float, ...]
):
    settings = weighted(defaults, 256, 64, 16, 4, 1)
    found = style_weights_at(settings, *size)
    assert list(found) == list(LAYERS)
    expected = [341 * weight / sum(weights) for weight in weights]
    assert list(found.values()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        lambda some: replace(some, size_correction=False),
        lambda some: replace(some, style_loss="gram"),
        lambda some: weighted(some, 2, 2, 2),
        weighted,
    ],
    ids=["no correction", "Gram matrices", "equal weights", "no layers"],
)
def test_weights_of_the_style_layers_that_stay(
    defaults: Settings, settings: Callable[[Settings], Settings]
):
    chosen = settings(weighted(defaults, 4, 2, 1))
    assert style_weights_at(chosen, 2048, 2048) == chosen.style_layers


def test_the_style_losses_of_a_large_image_have_the_weights_of_its_size(
    random_convolutions: Mapping[str, Convolution], defaults: Settings
):
    """In turn with weights that are right as they are."""
    content = torch.rand(1, 3, 32, 1024, generator=torch.Generator().manual_seed(0))
    style = content.flip(3) / 2
    defaults = replace(defaults, content_layers={"relu2_1": 1.0})
    own = weighted(defaults, 4, 1)
    corrected = weighted(defaults, 2.5, 2.5)
    losses = []
    for each in (own, replace(corrected, size_correction=False)):
        network = Vgg19(random_convolutions, each.layers).prepare(
            torch.device("cpu"), torch.float32
        )
        objective = make_objective(network, [single_style_problem(content, style, each)])
        losses.append(objective.losses_at(content))
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize(
    ("size", "weight"), [((64, 32), 0.5), ((512, 300), 0.5), ((1024, 700), 2), ((300, 4096), 32)]
)
def test_squared_total_variation_grows_above_512_pixels(
    defaults: Settings, size: tuple[int, int], weight: float
):
    squared = replace(defaults, total_variation=0.5, total_variation_exponent=2)
    assert total_variation_at(squared, *size) == weight
    assert total_variation_at(replace(squared, total_variation_exponent=1), *size) == 0.5
    assert total_variation_at(replace(squared, size_correction=False), *size) == 0.5


def test_an_enlarged_image_has_the_same_squared_total_variation(
    random_convolutions: Mapping[str, Convolution], shallow: Settings
):
    """The same ramp of brightness at 512 and at 1024 pixels, in an objective of each."""
    settings = replace(
        shallow, size_correction=True, total_variation=2.0, total_variation_exponent=2
    )
    network = Vgg19(random_convolutions, settings.layers).prepare(
        torch.device("cpu"), torch.float32
    )
    found = []
    for length in (512, 1024):
        ramp = torch.linspace(0, 1, length).expand(1, 3, 32, -1).contiguous()
        objective = make_objective(network, [single_style_problem(ramp, ramp, settings)])
        losses = dict(zip(objective.term_names, objective.losses_at(ramp)[:, 0], strict=True))
        found.append(float(losses["smoothness/total_variation"]))
    assert found[0] > 0
    assert found[1] == pytest.approx(found[0], rel=0.01)
