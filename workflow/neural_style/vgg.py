"""VGG19 (Simonyan and Zisserman, 2014) as a frozen extractor of named features."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.layers import block_of, up_to_deepest


class Convolution(NamedTuple):
    """The parameters of one 3×3 convolution: weight [out, in, 3, 3] and bias [out]."""

    weight: Tensor
    bias: Tensor


class Vgg19(nn.Module):
    """The convolutional part of VGG19, cut off behind the deepest layer asked for.

    Args:
        convolutions: parameters by name (`conv1_1` …), at least those up to the deepest layer.
        layers: the layers whose features `forward` returns, such as `conv4_2` or `relu4_2`.
    """

    def __init__(self, convolutions: Mapping[str, Convolution], layers: Collection[str]) -> None:
        super().__init__()
        self.layers = frozenset(layers)
        self.names = up_to_deepest(layers)
        for name in self.names:
            self.register_buffer(f"{name}_weight", convolutions[name].weight.detach())
            self.register_buffer(f"{name}_bias", convolutions[name].bias.detach())

    def prepare(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device and a precision, channels last: the layout that convolves fastest."""
        return self.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights, which `forward` expects its image in."""
        return self.get_buffer(f"{self.names[0]}_weight").dtype

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Features of an image.

        Args:
            image: [B, 3, H, W], RGB, normalised by the mean and deviation of ImageNet, in the
                dtype and memory format of the network's weights.

        Returns:
            One tensor [B, C, H', W'] for each of `layers`. A `conv` layer is before its
            rectifier and a `relu` layer behind it, whichever others are asked for.
        """
        features: dict[str, Tensor] = {}
        current = image
        for previous, name in zip((self.names[0], *self.names), self.names, strict=False):
            if block_of(name) != block_of(previous):
                current = functional.max_pool2d(current, kernel_size=2)
            weight = self.get_buffer(f"{name}_weight")
            current = functional.conv2d(current, weight, self.get_buffer(f"{name}_bias"), padding=1)
            if name in self.layers:
                features[name] = current
                current = torch.relu(current)
            else:
                # In place only where nobody keeps the convolution's output, which would
                # otherwise silently become the rectifier's.
                current = torch.relu_(current)
            rectified = name.replace("conv", "relu")
            if rectified in self.layers:
                features[rectified] = current
        return features
