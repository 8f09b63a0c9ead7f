"""Parameterizations: the variable that is optimized, and the images that belong to it.

The optimizer changes a variable x within bounds. A parameterization maps x to the images that the
network sees and to the images that are saved, and maps gradients back to x. In the paper, x is the
pixels themselves; with `transfer.color: luminance` it is the luminance of each pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from neural_style.images.tensors import luminance
from neural_style.losses.problem import TransferProblem, combined_mask

FAR = 2.0**100
"""Length of a descent step that leads to a bound for each gradient that matters."""


class Parameterization(Protocol):
    """The variable x [B, C, H, W] of an optimization; images are [B, 3, H, W] in [0, 1].

    Attributes:
        low: lower bound of x, broadcastable to x.
        high: upper bound of x, broadcastable to x.
    """

    low: Tensor
    high: Tensor

    def from_images(self, images: Tensor) -> Tensor:
        """The variable x that stands for images [B, 3, H, W]."""

    def network_input(self, x: Tensor) -> Tensor:
        """The images [B, 3, H, W] that the network sees for x."""

    def pull_back(self, gradient: Tensor) -> Tensor:
        """The gradient in x, from the gradient [B, 3, H, W] in `network_input(x)`."""

    def to_images(self, x: Tensor) -> Tensor:
        """The images [B, 3, H, W] that are saved for x."""


class PixelParameterization:
    """The parameterization of the paper: x is the image, each channel in [0, 1].

    Args:
        like: any tensor of the dtype and device of the images.
    """

    def __init__(self, like: Tensor) -> None:
        self.low, self.high = like.new_zeros(()), like.new_ones(())

    def from_images(self, images: Tensor) -> Tensor:
        """The images, unchanged."""
        return images

    def network_input(self, x: Tensor) -> Tensor:
        """x, unchanged."""
        return x

    def pull_back(self, gradient: Tensor) -> Tensor:
        """The gradient, unchanged."""
        return gradient

    def to_images(self, x: Tensor) -> Tensor:
        """x, unchanged."""
        return x


class LuminanceParameterization:
    """x is the luminance Y alone; the chroma of the content image is kept exactly.

    With the chroma c = RGB - Y at each pixel, the saved image is Y + c. It lies in [0, 1] exactly
    if -min c ≤ Y ≤ 1 - max c (over the channels), so these are the bounds of x and nothing is left
    to clip. The network sees Y as a gray image. After Gatys et al., Preserving Color in Neural
    Artistic Style Transfer (2016).

    Args:
        chroma: RGB - Y of the content images, [B, 3, H, W].
    """

    def __init__(self, chroma: Tensor) -> None:
        self._chroma = chroma
        self.low = -chroma.amin(dim=1, keepdim=True)
        # For a pure red both bounds are equal; rounding must not swap them.
        self.high = (1 - chroma.amax(dim=1, keepdim=True)).maximum(self.low)

    def from_images(self, images: Tensor) -> Tensor:
        """The luminance of images, [B, 1, H, W]."""
        return luminance(images)

    def network_input(self, x: Tensor) -> Tensor:
        """Gray images: Y in all three channels."""
        return x.expand(-1, 3, -1, -1)

    def pull_back(self, gradient: Tensor) -> Tensor:
        """The sum over the channels, since each of them is Y: [B, 1, H, W]."""
        return gradient.sum(dim=1, keepdim=True)

    def to_images(self, x: Tensor) -> Tensor:
        """Y plus the chroma; the clamp removes rounding errors only."""
        return (x + self._chroma).clamp(0, 1)


class MaskedParameterization:
    """A parameterization with narrower bounds: x cannot leave the content where the mask is black.

    A style term reaches beyond its region by the receptive field of its layer, which is large for
    deep layers. So the distance from the content image to each bound is multiplied by the mask: the
    style ends where the mask does.

    Args:
        base: the parameterization whose bounds are narrowed.
        contents: the content images as the network sees them, [B, 3, H, W] in [0, 1].
        mask: how far x may move, [B, 1, H, W] in [0, 1]: 0 keeps the content, 1 is free.
    """

    def __init__(self, base: Parameterization, contents: Tensor, mask: Tensor) -> None:
        kept = base.from_images(contents).clamp(base.low, base.high)
        # `lerp` returns its ends exactly.
        self.low = torch.lerp(kept, base.low.expand_as(kept), mask)
        self.high = torch.lerp(kept, base.high.expand_as(kept), mask)
        self._base = base

    def from_images(self, images: Tensor) -> Tensor:
        """As the base does."""
        return self._base.from_images(images)

    def network_input(self, x: Tensor) -> Tensor:
        """As the base does."""
        return self._base.network_input(x)

    def pull_back(self, gradient: Tensor) -> Tensor:
        """As the base does."""
        return self._base.pull_back(gradient)

    def to_images(self, x: Tensor) -> Tensor:
        """As the base does."""
        return self._base.to_images(x)


def choose_parameterization(problems: Sequence[TransferProblem]) -> Parameterization:
    """The parameterization of a batch: pixels or luminance, with masks if the problems have any.

    Raises:
        ValueError: only some problems keep their chroma, or only some have masks.
    """
    base = _unmasked_parameterization(problems)
    masks = [share for share in map(combined_mask, problems) if share is not None]
    if not masks:
        return base
    if len(masks) < len(problems):
        raise ValueError("problems with and without masks cannot share a batch")
    contents = torch.cat([problem.content for problem in problems])
    return MaskedParameterization(base, contents, torch.cat(masks))


def _unmasked_parameterization(problems: Sequence[TransferProblem]) -> Parameterization:
    chroma = [problem.chroma for problem in problems if problem.chroma is not None]
    if not chroma:
        return PixelParameterization(problems[0].content)
    if len(chroma) < len(problems):
        raise ValueError("problems with and without a chroma to keep cannot share a batch")
    return LuminanceParameterization(torch.cat(chroma))


def projected_gradient(variable: Tensor, gradient: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The gradient, with 0 where a descent step would leave the bounds; all [B, C, H, W].

    The range [0, 1] is part of the problem (a departure from the paper, which clips the result):
    a saved image is clipped anyway, and clipping undoes what the optimizer did outside the range.
    """
    far = torch.sub(variable, gradient, alpha=FAR).clamp(low, high)
    return gradient * (far != variable)
