"""VGG19 (Simonyan and Zisserman, 2014) as a frozen extractor of named features."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.images.tensors import normalize
from neural_style.model.layers import CONVOLUTIONS, block_of, stride, up_to_deepest
from neural_style.model.tiles import Tile, tiles_of

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
            image: [B, 3, H, W], RGB, normalized by the mean and deviation of ImageNet, in the
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


# MERGED: Precision of the network.


@contextmanager
def full_precision() -> Iterator[None]:
    """Within it, float32 means float32 on CUDA, too.

    There, convolutions round to TF32 otherwise, and so do matrix products in NVIDIA's containers,
    which ask for it by an environment variable.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


# MERGED: What the terms of the loss are shown of a picture: the features of all of it, or of a tile.


PIXELS = "pixels"
"""The name under which terms find the pictures themselves, [B, 3, H, W] in [0, 1]."""

Features = Mapping[str, Tensor]
"""Layer name, or `PIXELS` → features [B, C, H, W]."""


class View(Protocol):
    """A rectangle of a picture, or of each picture of a batch."""

    def features(self, layer: str) -> Tensor:
        """The features of the rectangle at a layer, [B, C, h, w]."""

    def with_next(self, layer: str) -> Tensor:
        """The same, and the next row and column where the picture goes on."""

    def size(self, layer: str) -> tuple[int, int]:
        """How high and wide the features of the whole picture are at a layer."""

    def part(self, layer: str, whole: Tensor) -> Tensor:
        """The rectangle's part of a map [..., H, W] of the whole picture at a layer."""


@dataclass(frozen=True)
class Whole:
    """The view of a whole picture.

    Attributes:
        seen: its features.
    """

    seen: Features

    def features(self, layer: str) -> Tensor:
        """All features at a layer, [B, C, H, W]."""
        return self.seen[layer]

    def with_next(self, layer: str) -> Tensor:
        """The same: the picture does not go on."""
        return self.seen[layer]

    def size(self, layer: str) -> tuple[int, int]:
        """How high and wide its features are at a layer."""
        height, width = self.seen[layer].shape[2:]
        return height, width

    def part(self, layer: str, whole: Tensor) -> Tensor:
        """All of a map."""
        return whole


@dataclass(frozen=True)
class TileView:
    """The view of a tile.

    Attributes:
        seen: features of the tile with its surroundings.
        tile: where that is.
    """

    seen: Features
    tile: Tile

    def features(self, layer: str) -> Tensor:
        """The tile's own features at a layer, [B, C, h, w]."""
        return self._own(layer, 0)

    def with_next(self, layer: str) -> Tensor:
        """The same, and the next row and column where the picture goes on."""
        return self._own(layer, 1)

    def size(self, layer: str) -> tuple[int, int]:
        """How high and wide the features of the whole picture are at a layer."""
        step = _step(layer)
        return self.tile.rows.length // step, self.tile.columns.length // step

    def part(self, layer: str, whole: Tensor) -> Tensor:
        """The tile's part of a map [..., H, W] of the whole picture at a layer."""
        step = _step(layer)
        return whole[..., self.tile.rows.own(step), self.tile.columns.own(step)]

    def _own(self, layer: str, more: int) -> Tensor:
        step = _step(layer)
        rows = self.tile.rows.own_of_seen(step, more)
        columns = self.tile.columns.own_of_seen(step, more)
        return self.seen[layer][..., rows, columns]


def features_of(network: Vgg19, pictures: Tensor) -> dict[str, Tensor]:
    """Features of pictures [B, 3, H, W] in [0, 1], in the network's precision."""
    ready = normalize(pictures).to(dtype=network.dtype, memory_format=torch.channels_last)
    features: dict[str, Tensor] = network(ready)
    return features


def whole_view(network: Vgg19, pictures: Tensor) -> Whole:
    """The view of whole pictures [B, 3, H, W] in [0, 1]."""
    return Whole(features_of(network, pictures) | {PIXELS: pictures})


def tile_view(network: Vgg19, seen: Tensor, tile: Tile) -> TileView:
    """The view of a tile, from its pixels and those around it: the part `tile.seen` of pictures."""
    return TileView(features_of(network, seen) | {PIXELS: seen}, tile)


def views_of(network: Vgg19, pictures: Tensor, edge: int | None) -> Iterator[View]:
    """Views that together make up pictures.

    Args:
        network: gives the features.
        pictures: [B, 3, H, W] in [0, 1].
        edge: of the tiles, see `tiling.tiles_of`; None for the whole in one go.
    """
    if edge is None:
        yield whole_view(network, pictures)
        return
    for tile in tiles_of(pictures.shape[2], pictures.shape[3], edge, network.layers):
        yield tile_view(network, pictures[(..., *tile.seen)], tile)


def maps_of(
    network: Vgg19, pictures: Tensor, layers: Collection[str], edge: int | None
) -> dict[str, Tensor]:
    """Features [B, C, H, W] of whole pictures at some layers, put together from views of them."""
    if edge is None:
        seen = features_of(network, pictures)
        return {layer: seen[layer] for layer in layers}
    maps: dict[str, Tensor] = {}
    for view in views_of(network, pictures, edge):
        for layer in layers:
            features = view.features(layer)
            shape = (*features.shape[:2], *view.size(layer))
            if layer not in maps:
                empty = features.new_empty(shape)
                maps[layer] = empty.to(memory_format=torch.channels_last)
            view.part(layer, maps[layer]).copy_(features)
    return maps


def _step(layer: str) -> int:
    """The stride of a layer or of the pixels."""
    return 1 if layer == PIXELS else stride(layer)
