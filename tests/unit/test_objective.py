"""The function that is minimized, against a VGG19 and a loss written again in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.images.tensors import IMAGENET_MEAN, IMAGENET_STD
from neural_style.losses.build import make_objective
from neural_style.losses.objective import Objective
from neural_style.losses.problem import TransferProblem, single_style_problem
from neural_style.model.layers import CONVOLUTIONS
from neural_style.model.vgg import Convolution, Vgg19

Array = np.ndarray
Convolutions = Mapping[str, Convolution]
CONTENT_LAYERS = {"conv2_2": 1.0, "relu1_2": 0.5}
STYLE_LAYERS = {"conv1_1": 1.0, "relu2_1": 2.0}


@pytest.fixture(scope="module")
def settings(defaults: Settings) -> list[Settings]:
    """Three settings that differ in the balance."""
    common = replace(defaults, content_layers=CONTENT_LAYERS, style_layers=STYLE_LAYERS)
    common = replace(common, size_correction=False)
    return [replace(common, alpha=a, beta=b) for a, b in ((1.0, 1e2), (0.0, 1e3), (5.0, 0.0))]


@pytest.fixture(scope="module")
def network(random_convolutions: Convolutions, settings: list[Settings]) -> Vgg19:
    return Vgg19(random_convolutions, settings[0].layers).prepare(
        torch.device("cpu"), torch.float64
    )


def random_images(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


CONTENTS = random_images(3, 3, 16, 20, seed=1)
STYLES = [random_images(1, 3, *size, seed=2) for size in ((16, 16), (21, 13), (8, 30))]
IMAGES = random_images(3, 3, 16, 20, seed=3)


def problems(
    contents: Tensor, styles: Sequence[Tensor], settings: Sequence[Settings]
) -> list[TransferProblem]:
    """A problem for each image of a batch."""
    return list(map(single_style_problem, contents.split(1), styles, settings))


@pytest.fixture(scope="module")
def objective(network: Vgg19, settings: list[Settings]) -> Objective:
    return make_objective(network, problems(CONTENTS, STYLES, settings))


def numpy_features(convolutions: Convolutions, picture: Array) -> dict[str, Array]:
    """Every layer of an image [3, H, W] in [0, 1], up to conv2_2."""
    current = (picture - np.array(IMAGENET_MEAN)[:, None, None]) / np.array(IMAGENET_STD)[
        :, None, None
    ]
    features: dict[str, Array] = {}
    for name in CONVOLUTIONS[:4]:
        if name == "conv2_1":
            _, height, width = current.shape
            even = current[:, : height // 2 * 2, : width // 2 * 2]
            current = even.reshape(-1, height // 2, 2, width // 2, 2).max(axis=(2, 4))
        weight, bias = (part.double().numpy() for part in convolutions[name])
        padded = np.pad(current, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        features[name] = np.einsum("chwij,ocij->ohw", windows, weight, optimize=True)
        features[name] += bias[:, None, None]
        current = np.maximum(features[name], 0)
        features[name.replace("conv", "relu")] = current
    return features


def numpy_losses(
    convolutions: Convolutions, picture: Array, content: Array, style: Array, settings: Settings
) -> dict[str, float]:
    """The weighted loss of each term, from its definition."""
    ours, theirs, styles = (numpy_features(convolutions, p) for p in (picture, content, style))

    def gram(features: Array) -> Array:
        flat = features.reshape(len(features), -1)
        return flat @ flat.T / features.size

    parts = {
        f"content/{layer}": settings.alpha * weight * ((ours[layer] - theirs[layer]) ** 2).mean()
        for layer, weight in settings.content_layers.items()
    }
    return parts | {
        f"style/{layer}": settings.beta
        * weight
        * ((gram(ours[layer]) - gram(styles[layer])) ** 2).mean()
        for layer, weight in settings.style_layers.items()
    }


def test_every_term_is_that_of_numpy(
    random_convolutions: Convolutions, objective: Objective, settings: list[Settings]
):
    parts = objective(IMAGES).losses
    assert parts.shape == (4, 3)
    for i, each in enumerate(settings):
        expected = numpy_losses(
            random_convolutions,
            IMAGES[i].numpy(),
            CONTENTS[i].numpy(),
            STYLES[i][0].numpy(),
            each,
        )
        actual = dict(zip(objective.term_names, parts[:, i].tolist(), strict=True))
        assert actual == pytest.approx(expected, rel=1e-9)


def test_the_gradient_is_that_of_finite_differences(objective: Objective):
    gradient = objective(IMAGES).gradient
    for seed in range(3):
        direction = random_images(3, 3, 16, 20, seed=10 + seed) - 0.5
        step = 1e-6 * direction
        measured = (objective(IMAGES + step).total - objective(IMAGES - step).total) / 2e-6
        predicted = (gradient * direction).flatten(start_dim=1).sum(dim=1)
        torch.testing.assert_close(predicted, measured, rtol=1e-5, atol=1e-7)


def test_an_image_has_the_same_losses_and_gradient_alone_and_in_a_batch(
    network: Vgg19, objective: Objective, settings: list[Settings]
):
    together = objective(IMAGES)
    for i, (style, each) in enumerate(zip(STYLES, settings, strict=True)):
        problem = single_style_problem(CONTENTS[i : i + 1], style, each)
        alone = make_objective(network, [problem])(IMAGES[i : i + 1])
        torch.testing.assert_close(alone.losses[:, 0], together.losses[:, i], rtol=1e-10, atol=0)
        torch.testing.assert_close(alone.gradient[0], together.gradient[i], rtol=1e-9, atol=1e-12)


def test_the_total_is_the_sum_of_the_terms(objective: Objective):
    evaluation = objective(IMAGES)
    torch.testing.assert_close(evaluation.total, evaluation.losses.sum(dim=0))
    assert objective.term_names == (
        *(f"content/{layer}" for layer in CONTENT_LAYERS),
        *(f"style/{layer}" for layer in STYLE_LAYERS),
    )


def test_the_content_costs_no_content_loss_and_the_style_no_style_loss(
    network: Vgg19, settings: list[Settings]
):
    picture = random_images(1, 3, 16, 16, seed=5)
    evaluation = make_objective(network, [single_style_problem(picture, picture, settings[0])])(
        picture
    )
    assert evaluation.total.item() == pytest.approx(0, abs=1e-20)


def test_alpha_of_zero_leaves_the_style_alone_and_beta_of_zero_the_content(
    objective: Objective,
):
    kinds = np.array([name.split("/")[0] for name in objective.term_names])
    parts = objective(IMAGES).losses.numpy()
    assert (parts[kinds == "content", 1] == 0).all()
    assert (parts[kinds == "style", 1] > 0).all()
    assert (parts[kinds == "style", 2] == 0).all()
    assert (parts[kinds == "content", 2] > 0).all()


def test_evaluating_leaves_the_images_as_they_are(objective: Objective):
    pictures = IMAGES.clone()
    evaluation = objective(pictures)
    assert torch.equal(pictures, IMAGES)
    assert not any(
        each.requires_grad for each in (pictures, evaluation.losses, evaluation.gradient)
    )
    assert evaluation.gradient.shape == pictures.shape


def test_a_network_in_16_bits_gives_losses_in_float32(
    random_convolutions: Convolutions, objective: Objective, settings: list[Settings]
):
    network = Vgg19(random_convolutions, settings[0].layers).prepare(
        torch.device("cpu"), torch.bfloat16
    )
    styles = [style.float() for style in STYLES]
    evaluation = make_objective(network, problems(CONTENTS.float(), styles, settings))(
        IMAGES.float()
    )
    assert evaluation.losses.dtype == evaluation.gradient.dtype == torch.float32
    exact = objective(IMAGES)
    torch.testing.assert_close(evaluation.total.double(), exact.total, rtol=0.05, atol=0)
    slope = evaluation.gradient.double()
    assert torch.cosine_similarity(slope.flatten(1), exact.gradient.flatten(1)).min() > 0.99


def test_a_style_given_several_times_is_computed_once(
    network: Vgg19, settings: list[Settings], monkeypatch: pytest.MonkeyPatch
):
    sizes: list[torch.Size] = []
    forward = Vgg19.forward

    def counted(self: Vgg19, images: Tensor) -> dict[str, Tensor]:
        sizes.append(images.shape[2:])
        return forward(self, images)

    monkeypatch.setattr(Vgg19, "forward", counted)
    make_objective(network, problems(CONTENTS, [STYLES[1]] * 3, settings))
    assert sizes == [CONTENTS.shape[2:], STYLES[1].shape[2:]]
