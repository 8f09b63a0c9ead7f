"""VGG19 (Simonyan and Zisserman, 2014) as a frozen extractor of named features."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.network.layers import CONVOLUTIONS, block_of, up_to_deepest

AVERAGE_SCALES = (1.15, 1.43, 1.32, 1.93)
"""Factors on the four average poolings that give the deeper layers what the maximum gives them.

The average of rectified features is smaller than their maximum, the more so the deeper and sparser
they are, and without a factor conv5_1 would be a quarter of what it is. Measured with the weights
`caffe` on the four sample photographs at 256 and 512 px, so that the rectified layers of the next
block keep their means: those up to conv5_3 come within 20 % of theirs with the maximum. Smaller
pictures are sharper: at 128 px, conv4_1 has 80 % and conv5_1 77 % of it.
"""

_POOLINGS: Mapping[str, Callable[..., Tensor]] = {
    "max": functional.max_pool2d,
    "average": functional.avg_pool2d,
}
_BEHIND_POOLINGS = tuple(name for name in CONVOLUTIONS[1:] if name.endswith("_1"))


class Convolution(NamedTuple):
    """The parameters of one 3×3 convolution: weight [out, in, 3, 3] and bias [out]."""

    weight: Tensor
    bias: Tensor


class Vgg19(nn.Module):
    """The convolutional part of VGG19, cut off behind the deepest layer asked for.

    Args:
        convolutions: parameters by name (`conv1_1` …), at least those up to the deepest layer.
        layers: the layers whose features `forward` returns, such as `conv4_2` or `relu4_2`.
        pooling: `max`, or `average`, which keeps the scale of the activations (see
            `AVERAGE_SCALES`) and with it the balance of the losses.
        padding: what a convolution sees beyond the border: `zeros`, `reflect` (the features,
            mirrored) or `replicate` (the outermost ones repeated).
    """

    def __init__(
        self,
        convolutions: Mapping[str, Convolution],
        layers: Collection[str],
        pooling: str = "max",
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        self.layers = frozenset(layers)
        self.names = up_to_deepest(layers)
        self._pool = _POOLINGS[pooling]
        self._padding = padding
        for name in self.names:
            weight, bias = convolutions[name]
            if pooling == "average" and name in _BEHIND_POOLINGS:
                weight = weight * AVERAGE_SCALES[_BEHIND_POOLINGS.index(name)]
            self.register_buffer(f"{name}_weight", weight.detach())
            self.register_buffer(f"{name}_bias", bias.detach())

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
                current = self._pool(current, kernel_size=2)
            current = self._convolve(current, name)
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

    def _convolve(self, features: Tensor, name: str) -> Tensor:
        """A convolution that keeps height and width."""
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        if self._padding == "zeros":
            return functional.conv2d(features, weight, bias, padding=1)
        # A single row or column is its own mirror image, which torch refuses to make.
        mode = "replicate" if min(features.shape[2:]) == 1 else self._padding
        padded = functional.pad(features, (1, 1, 1, 1), mode=mode)
        return functional.conv2d(padded, weight, bias)
