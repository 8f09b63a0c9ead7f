"""The network: equal to torchvision's feature by feature, and never deeper than asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from neural_style.layers import CHANNELS_PER_BLOCK, CONVOLUTIONS, LAYERS, block_of, up_to_deepest
from neural_style.vgg import Convolution, Vgg19
from neural_style.weights import load_weights

Convolutions = Mapping[str, Convolution]


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def everything(random_convolutions: Convolutions, image: Tensor) -> Mapping[str, Tensor]:
    return Vgg19(random_convolutions, LAYERS)(image)


@pytest.fixture(scope="module")
def torchvision_features(random_convolutions: Convolutions) -> nn.Sequential:
    """The convolutional part of torchvision's VGG19, with the random weights."""
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):  # the classifier, which is not needed, takes seconds to fill
        features: nn.Sequential = models.vgg19(weights=None).features
    features.to_empty(device="cpu")
    places = [module for module in features if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for module, parameters in zip(places, random_convolutions.values(), strict=True):
            assert module.bias is not None
            module.weight.copy_(parameters.weight)
            module.bias.copy_(parameters.bias)
    return features


def test_every_layer_equals_that_of_torchvision(
    torchvision_features: nn.Sequential, image: Tensor, tmp_path: Path
):
    file = tmp_path / "vgg19.pth"
    torch.save(
        {f"features.{key}": value for key, value in torchvision_features.state_dict().items()}, file
    )
    ours = Vgg19(load_weights(str(file)).convolutions, LAYERS)(image)
    theirs: list[Tensor] = []
    current = image
    with torch.no_grad():
        for module in torchvision_features:
            current = module(current.clone())  # their rectifiers work in place
            if not isinstance(module, nn.MaxPool2d):
                theirs.append(current)
    assert len(theirs) == len(LAYERS)
    for layer, expected in zip(LAYERS, theirs, strict=True):
        worst = (ours[layer] - expected).abs().max()
        assert worst <= 1e-5 * expected.abs().max(), f"{layer} is off by {worst:.3g}"


@pytest.mark.parametrize("layers", [{"conv4_2"}, {"relu4_2"}, {"conv4_2", "relu4_2"}])
def test_a_layer_is_the_same_whichever_others_are_asked_for(
    random_convolutions: Convolutions,
    image: Tensor,
    everything: Mapping[str, Tensor],
    layers: set[str],
):
    features = Vgg19(random_convolutions, layers)(image)
    assert features.keys() == layers
    for layer in layers:
        assert torch.equal(features[layer], everything[layer]), layer


def test_conv_is_before_the_rectifier_and_relu_behind_it(everything: Mapping[str, Tensor]):
    for convolution in CONVOLUTIONS:
        rectified = everything[convolution.replace("conv", "relu")]
        assert (everything[convolution] < 0).any(), convolution
        assert torch.equal(rectified, everything[convolution].clamp(min=0)), convolution


def test_sizes_halve_between_blocks(everything: Mapping[str, Tensor]):
    for layer, features in everything.items():
        block = block_of(layer)
        side = 32 >> (block - 1)
        assert features.shape == (2, CHANNELS_PER_BLOCK[block - 1], side, side), layer


@pytest.mark.parametrize("deepest", ["conv1_1", "relu2_2", "conv3_1"])
def test_nothing_deeper_than_the_deepest_layer_is_needed_or_kept(
    random_convolutions: Convolutions, image: Tensor, deepest: str
):
    needed = up_to_deepest([deepest])
    network = Vgg19({name: random_convolutions[name] for name in needed}, {deepest, "conv1_1"})
    assert deepest in network(image)
    kept = sum(buffer.numel() for buffer in network.buffers())
    assert kept == sum(part.numel() for name in needed for part in random_convolutions[name])


def test_the_network_is_frozen(random_convolutions: Convolutions, image: Tensor):
    assert not list(Vgg19(random_convolutions, {"conv1_1"}).parameters())


def test_gradients_reach_the_image_though_rectifiers_work_in_place(
    random_convolutions: Convolutions, image: Tensor
):
    def slope(layers: set[str]) -> Tensor:
        variable = image.clone().requires_grad_()
        loss = Vgg19(random_convolutions, layers)(variable)["relu3_1"].square().sum()
        return torch.autograd.grad(loss, variable)[0]

    # With every convolution's output kept, no rectifier may work in place.
    torch.testing.assert_close(slope({"relu3_1"}), slope({"relu3_1", *CONVOLUTIONS[:5]}))


def test_prepare_changes_the_precision_and_nothing_else(
    random_convolutions: Convolutions, image: Tensor, everything: Mapping[str, Tensor]
):
    network = Vgg19(random_convolutions, {"conv2_1"}).prepare(torch.device("cpu"), torch.float64)
    assert network.dtype == torch.float64
    features = network(image.double())["conv2_1"]
    torch.testing.assert_close(features.float(), everything["conv2_1"], rtol=1e-4, atol=1e-5)
