"""VGG19 (Simonyan and Zisserman, 2014) as a frozen extractor of named features.

`Vgg19.forward` gives the features of normalized images, `extract_features` those of images in
[0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from neural_style.images.tensors import normalize
from neural_style.model.layers import (
    AFTER_POOLING,
    CONVOLUTIONS,
    LAYERS,
    required_convolutions,
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
        self._pooling = pooling
        self._padding = padding
        for name in self.convolutions:
            weight, bias = convolutions[name]
            self.register_buffer(f"{name}_weight", weight.detach())
            self.register_buffer(f"{name}_bias", bias.detach())

    def prepare(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device and a precision, in its `memory_format`."""
        return self.to(device=device, dtype=dtype).to(memory_format=memory_format(device))

    @cached_property
    def for_finer_levels(self) -> Vgg19:
        """The network for all levels of a pyramid but the coarsest, with the same weights.

        Read it when the network is prepared. Its pooling is `average`: a maximum rewards one bright
        pixel in each pooled square, which leaves a lattice of dots at 2048 pixels. Zhang, *Making
        Convolutional Networks Shift-Invariant Again* (2019), shows the aliasing of max pooling. It
        has `replicate` in place of `replicate_first`, whose zeros leave a saturated rim, and say
        where the image ends: that matters at the coarsest level only, where shapes find their
        places. Other paddings stay as they are.
        """
        convolutions = {
            name: Convolution(self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"))
            for name in self.convolutions
        }
        padding = "replicate" if self._padding == "replicate_first" else self._padding
        return Vgg19(convolutions, self.layers, "average", padding)

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
                current = _POOLINGS[self._pooling](current, kernel_size=2)
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
        if self._pooling == "average" and name in AFTER_POOLING:
            weight = weight * AVERAGE_POOL_SCALES[AFTER_POOLING.index(name)]
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
    backends: Any = torch.backends
    parts = backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv
    before = [part.fp32_precision for part in parts]
    flags: tuple[str, bool] | None = None
    # A program that sets `fp32_precision` makes torch refuse to read these two.
    with suppress(RuntimeError):
        flags = torch.get_float32_matmul_precision(), backends.cudnn.allow_tf32
    if flags is None:
        for part in parts:
            part.fp32_precision = "ieee"
    else:
        torch.set_float32_matmul_precision("highest")
        backends.cudnn.allow_tf32 = False  # `cudnn.flags` would set all other flags, too
    try:
        yield
    finally:
        if flags is not None:
            torch.set_float32_matmul_precision(flags[0])
            backends.cudnn.allow_tf32 = flags[1]
        for part, precision in zip(parts, before, strict=True):
            part.fp32_precision = "none"  # so that it follows the generic one, if it did
            if part.fp32_precision != precision:
                part.fp32_precision = precision


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
