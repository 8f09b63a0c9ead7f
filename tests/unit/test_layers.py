"""The names of the layers, their order, and how deep the network has to run."""

from __future__ import annotations

import pytest

from neural_style.model.layers import (
    CONVOLUTIONS,
    LAYERS,
    block_of,
    convolution_of,
    required_convolutions,
)


def test_the_convolutions_are_those_of_vgg19_in_their_order():
    expected = (
        "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv3_4 "
        "conv4_1 conv4_2 conv4_3 conv4_4 conv5_1 conv5_2 conv5_3 conv5_4"
    )
    assert expected.split() == list(CONVOLUTIONS)


def test_every_convolution_is_followed_by_its_relu():
    assert LAYERS[::2] == CONVOLUTIONS
    assert LAYERS[1::2] == tuple(name.replace("conv", "relu") for name in CONVOLUTIONS)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_knows_its_convolution_and_block(layer: str):
    assert convolution_of(layer) == f"conv{layer[4:]}"
    assert block_of(layer) == int(layer.removeprefix("conv").removeprefix("relu")[0])


def test_the_deepest_layer_decides_how_far_to_run():
    assert required_convolutions(["relu2_1", "conv1_1"]) == ("conv1_1", "conv1_2", "conv2_1")
    assert required_convolutions(["conv1_1"]) == ("conv1_1",)
    assert required_convolutions(["relu5_4"]) == CONVOLUTIONS


def test_an_unknown_layer_is_an_error():
    with pytest.raises(ValueError):
        required_convolutions(["conv6_1"])
