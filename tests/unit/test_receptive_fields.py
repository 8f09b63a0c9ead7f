"""Receptive fields and channels against the network itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from neural_style.model.layers import CONVOLUTIONS, LAYERS, channels, receptive_field
from neural_style.model.vgg import Convolution, Vgg19

LITERATURE = {
    "conv1_1": 3,
    "conv1_2": 5,
    "conv2_1": 10,
    "conv2_2": 14,
    "conv3_1": 24,
    "conv3_4": 48,
    "conv4_1": 68,
    "conv4_2": 84,
    "conv5_1": 156,
    "conv5_4": 252,
}


@pytest.mark.parametrize(("layer", "edge"), LITERATURE.items())
def test_the_edge_is_that_of_the_recurrence_by_hand(layer: str, edge: int):
    assert receptive_field(layer) == edge


@pytest.mark.parametrize("layer", ["conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv4_1"])
def test_the_edge_is_as_far_as_a_gradient_reaches(
    layer: str, random_convolutions: Mapping[str, Convolution]
):
    """A maximum passes on one of its four, a ReLU half: all are met in several images."""
    network = Vgg19(random_convolutions, [layer])
    images = torch.rand(6, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    images.requires_grad_()
    features = network(images)[layer]
    middle = features.shape[-1] // 2
    features[:, :, middle, middle].sum().backward()
    assert images.grad is not None
    reached = images.grad.abs().sum(dim=(0, 1)) > 0
    edges = [int(axis.nonzero().max() - axis.nonzero().min()) + 1 for axis in _shadows(reached)]
    assert edges == [receptive_field(layer)] * 2


def test_a_relu_sees_what_its_convolution_sees():
    for convolution in CONVOLUTIONS:
        rectified = convolution.replace("conv", "relu")
        assert receptive_field(rectified) == receptive_field(convolution)
        assert channels(rectified) == channels(convolution)


def test_channels_are_those_of_the_network(full_convolutions: Mapping[str, Convolution]):
    features = Vgg19(full_convolutions, LAYERS)(torch.zeros(1, 3, 16, 16))
    assert {layer: each.shape[1] for layer, each in features.items()} == {
        layer: channels(layer) for layer in LAYERS
    }


def test_an_unknown_layer_is_an_error():
    with pytest.raises(ValueError):
        receptive_field("conv6_1")


def _shadows(reached: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return reached.any(dim=0), reached.any(dim=1)
