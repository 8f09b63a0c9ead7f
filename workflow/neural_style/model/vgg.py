"""VGG19 (Simonyan and Zisserman, 2014) as a frozen extractor of named features.

`Vgg19.forward` gives the features of normalized images, `extract_features` those of images in
[0, 1]. Loss terms get features through a `View`: `WholeView` of a whole image, `TileView` of one
tile of it (see `tiles`). `iterate_views` makes the views of an image, `feature_maps` assembles the
features of tiles to those of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from neural_style.images.tensors import normalize
from neural_style.model.layers import (
    AFTER_POOLING,
    CONVOLUTIONS,
    LAYERS,
    Tile,
    required_convolutions,
    split_into_tiles,
    stride,
)

AVERAGE_POOL_SCALES = (1.15, 1.43, 1.32, 1.93)
"""Factors on the four average poolings, which keep the scale of the activations.

An average of post-activation features is smaller than their maximum, more so in deeper layers,
which are sparser: without these factors conv5_1 would have a quarter of its scale. Measured with
the weights `caffe` on the four sample content images at 256 and 512 px, so that the mean
post-activations of the next block stay what they are with max pooling: up to conv5_3 they are
within 20 %. Smaller images are sharper: at 128 px, conv4_1 has 80 % and conv5_1 77 %.
"""

PIXELS = "pixels"
"""The name of the images themselves, [B, 3, H, W] in [0, 1], among features."""

Features = Mapping[str, Tensor]
"""Layer name, or `PIXELS` → features [B, C, H, W]."""

_POOLINGS: Mapping[str, Callable[..., Tensor]] = {
    "max": functional.max_pool2d,
    "average": functional.avg_pool2d,
}
_PADDINGS = ("zeros", "reflect", "replicate", "replicate_first")


class Convolution(NamedTuple):
    """The parameters of one 3 × 3 convolution: weight [out, in, 3, 3] and bias [out]."""

    weight: Tensor
    bias: Tensor


class Vgg19(nn.Module):
    """The convolutional part of VGG19, up to the deepest layer that is needed.

    Args:
        convolutions: parameters by name (`conv1_1` …), at least those up to the deepest layer.
        layers: the layers whose features `forward` returns, such as `conv4_2` or `relu4_2`.
        pooling: `max`, or `average`, which keeps the scale of the activations (see
            `AVERAGE_POOL_SCALES`) and with it the balance of the losses.
        padding: of the convolutions: `zeros`, `reflect` (mirrored features), `replicate` (the
            outermost features repeated), or `replicate_first`: the outermost pixels repeated for
            the first convolution and zeros for the others, which see where the image ends.

    Raises:
        ValueError: there are no layers, or a layer, the pooling or the padding is unknown.
    """

    def __init__(
        self,
        convolutions: Mapping[str, Convolution],
        layers: Collection[str],
        pooling: str = "max",
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        if not layers:
            raise ValueError("no layers; name at least one, such as conv4_2")
        if unknown := sorted(set(layers) - set(LAYERS)):
            raise ValueError(
                f"unknown layers {', '.join(unknown)}; the layers are {', '.join(LAYERS)}"
            )
        for kind, name, known in (("pooling", pooling, _POOLINGS), ("padding", padding, _PADDINGS)):
            if name not in known:
                raise ValueError(f"unknown {kind} {name!r}; the {kind}s are {', '.join(known)}")
        self.layers = frozenset(layers)
        self.convolutions = required_convolutions(layers)
        self._pool = _POOLINGS[pooling]
        self._padding = padding
        for name in self.convolutions:
            weight, bias = convolutions[name]
            if pooling == "average" and name in AFTER_POOLING:
                weight = weight * AVERAGE_POOL_SCALES[AFTER_POOLING.index(name)]
            self.register_buffer(f"{name}_weight", weight.detach())
            self.register_buffer(f"{name}_bias", bias.detach())

    def prepare(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device and a precision, in its `memory_format`."""
        return self.to(device=device, dtype=dtype).to(memory_format=memory_format(device))

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights, which `forward` expects its images in."""
        return self.get_buffer(f"{self.convolutions[0]}_weight").dtype

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the features of images.

        Args:
            images: [B, 3, H, W], RGB, normalized by ImageNet's mean and standard deviation, in the
                dtype and memory format of the weights.

        Returns:
            One tensor [B, C, H', W'] for each of `layers`: `conv` layers are pre-activation,
            `relu` layers post-activation.
        """
        features: dict[str, Tensor] = {}
        current = images
        for name in self.convolutions:
            if name in AFTER_POOLING:
                current = self._pool(current, kernel_size=2)
            current = self._convolve(current, name)
            if name in self.layers:
                features[name] = current
                current = torch.relu(current)
            else:
                # In place only if the pre-activation, which this overwrites, is not returned.
                current = torch.relu_(current)
            activated = name.replace("conv", "relu")
            if activated in self.layers:
                features[activated] = current
        return features

    def _convolve(self, features: Tensor, name: str) -> Tensor:
        """A convolution that keeps height and width."""
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        mode = self._padding
        if mode == "replicate_first":
            mode = "replicate" if name == CONVOLUTIONS[0] else "zeros"
        if mode == "zeros":
            return functional.conv2d(features, weight, bias, padding=1)
        if min(features.shape[2:]) == 1:
            mode = "replicate"  # torch does not reflect a single row, whose mirror image is itself
        if mode == "replicate" and features.device.type == "cuda":
            padded = replicate_border(features)
        else:
            padded = functional.pad(features, (1, 1, 1, 1), mode=mode)
        return functional.conv2d(padded, weight, bias)


def memory_format(device: torch.device) -> torch.memory_format:
    """The memory format of features: channels last, the fastest.

    Not with MPS: under macOS before 15, its gradients of convolutions were wrong in this format.
    """
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def replicate_border(features: Tensor) -> Tensor:
    """Repeat the outermost features [B, C, H, W] once on each side, channels last.

    CUDA's own kernels for it take three times as long, and give up the memory format.
    """
    padded: Tensor = _ReplicateBorder.apply(features)
    return padded


class _ReplicateBorder(torch.autograd.Function):
    """Copies the features and their edges; the gradient at an edge adds up what came from it."""

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        shape = batch, channels, height + 2, width + 2
        padded = torch.empty(
            shape,
            dtype=features.dtype,
            device=features.device,
            memory_format=torch.channels_last,
        )
        padded[:, :, 1:-1, 1:-1] = features
        padded[:, :, 0, 1:-1] = features[:, :, 0]
        padded[:, :, -1, 1:-1] = features[:, :, -1]
        padded[..., 0] = padded[..., 1]
        padded[..., -1] = padded[..., -2]
        return padded

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Tensor:
        columns = grad[..., 1:-1].clone(memory_format=torch.channels_last)
        columns[..., 0] += grad[..., 0]
        columns[..., -1] += grad[..., -1]
        rows = columns[:, :, 1:-1]
        rows[:, :, 0] += columns[:, :, 0]
        rows[:, :, -1] += columns[:, :, -1]
        return rows


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute float32 in float32, on CUDA too; a context manager and decorator.

    By default CUDA rounds the inputs of convolutions to TF32; NVIDIA's containers do so for matrix
    products as well, by an environment variable. Threads may be in such blocks at the same time.
    """
    with _FULL_PRECISION.used():
        yield


@contextmanager
def _process_in_full_precision() -> Iterator[None]:
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False  # `cudnn.flags` would set all other flags, too
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


class _ProcessWide:
    """A block about flags of the whole process: the first thread enters it, the last one ends it.

    Args:
        block: makes the context manager.
    """

    def __init__(self, block: Callable[[], AbstractContextManager[None]]) -> None:
        self._block = block
        self._lock = Lock()
        self._threads = 0
        self._entered = ExitStack()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Be in the block."""
        with self._lock:
            if self._threads == 0:
                self._entered.enter_context(self._block())
            self._threads += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1
                if self._threads == 0:
                    self._entered.close()


_FULL_PRECISION = _ProcessWide(_process_in_full_precision)


def extract_features(network: Vgg19, images: Tensor) -> dict[str, Tensor]:
    """Compute the features of images [B, 3, H, W] in [0, 1], in the network's precision.

    Returns:
        The features of the network's layers, and the images themselves under `PIXELS`.
    """
    layout = memory_format(images.device)
    normalized = normalize(images).to(dtype=network.dtype, memory_format=layout)
    return {**network(normalized), PIXELS: images}


class View(Protocol):
    """A rectangle of each image of a batch, with its features; a loss term sees only this.

    `layer` may also be `PIXELS` in all methods.
    """

    def features(self, layer: str) -> Tensor:
        """The features of the rectangle at a layer, [B, C, h, w]."""

    def features_with_next(self, layer: str) -> Tensor:
        """The same with the next row and column, where the image has them."""

    def full_size(self, layer: str) -> tuple[int, int]:
        """Height and width of the features of the whole image at a layer."""

    def crop(self, layer: str, full_map: Tensor) -> Tensor:
        """The rectangle's part of a map [..., H, W] of the whole image at a layer."""


@dataclass(frozen=True)
class WholeView:
    """The view of whole images; `all_features` are their features."""

    all_features: Features

    def features(self, layer: str) -> Tensor:
        """All features at a layer, [B, C, H, W]."""
        return self.all_features[layer]

    def features_with_next(self, layer: str) -> Tensor:
        """All features at a layer: there is no next row or column."""
        return self.all_features[layer]

    def full_size(self, layer: str) -> tuple[int, int]:
        """Height and width of the features at a layer."""
        height, width = self.all_features[layer].shape[2:]
        return height, width

    def crop(self, layer: str, full_map: Tensor) -> Tensor:
        """The whole map."""
        return full_map


@dataclass(frozen=True)
class TileView:
    """The view of one tile; `input_features` are the features of `tile.input`."""

    input_features: Features
    tile: Tile

    def features(self, layer: str) -> Tensor:
        """The tile's own features at a layer, [B, C, h, w]."""
        return self._own_features(layer, 0)

    def features_with_next(self, layer: str) -> Tensor:
        """The same with the next row and column, where the image has them."""
        return self._own_features(layer, 1)

    def full_size(self, layer: str) -> tuple[int, int]:
        """Height and width of the features of the whole image at a layer."""
        step = _stride(layer)
        return self.tile.rows.length // step, self.tile.columns.length // step

    def crop(self, layer: str, full_map: Tensor) -> Tensor:
        """The tile's part of a map [..., H, W] of the whole image at a layer."""
        step = _stride(layer)
        return full_map[
            ..., self.tile.rows.within_image(step), self.tile.columns.within_image(step)
        ]

    def _own_features(self, layer: str, extra: int) -> Tensor:
        step = _stride(layer)
        rows = self.tile.rows.within_input(step, extra)
        columns = self.tile.columns.within_input(step, extra)
        return self.input_features[layer][..., rows, columns]


def _stride(layer: str) -> int:
    """The stride of a layer or of the pixels."""
    return 1 if layer == PIXELS else stride(layer)


def iterate_views(network: Vgg19, images: Tensor, tile: int | None) -> Iterator[View]:
    """Yield views that together cover images.

    Args:
        network: computes the features.
        images: [B, 3, H, W] in [0, 1].
        tile: the size of the tiles, see `tiles.split_into_tiles`; None for one view of the whole.
    """
    if tile is None:
        yield WholeView(extract_features(network, images))
        return
    height, width = images.shape[2:]
    for each in split_into_tiles(height, width, tile, network.layers):
        yield TileView(extract_features(network, images[(..., *each.input)]), each)


def feature_maps(
    network: Vgg19, images: Tensor, layers: Collection[str], tile: int | None
) -> dict[str, Tensor]:
    """Compute the features of whole images at some layers, tile by tile if needed.

    Args:
        network: computes the features.
        images: [B, 3, H, W] in [0, 1].
        layers: some of the layers of the network.
        tile: the size of the tiles, as in `iterate_views`; None for images in one piece.

    Returns:
        Layer → features [B, C, H', W'], the same with and without tiles.
    """
    if tile is None:
        features = extract_features(network, images)
        return {layer: features[layer] for layer in layers}
    maps: dict[str, Tensor] = {}
    for view in iterate_views(network, images, tile):
        for layer in layers:
            part = view.features(layer)
            if layer not in maps:
                empty = part.new_empty((*part.shape[:2], *view.full_size(layer)))
                maps[layer] = empty.to(memory_format=memory_format(images.device))
            view.crop(layer, maps[layer]).copy_(part)
    return maps
