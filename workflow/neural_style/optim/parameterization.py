"""The parameterization: what of a picture is painted on, and what of it stands fast.

The optimization minimizes over a variable x. A parameterization says what picture the network is shown for
it, which values it may take, and which picture is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from neural_style.losses.problem import TransferProblem, luminance, style_share


class Parameterization(Protocol):
    """What an optimization paints on. x is [B, C, H, W], pictures are [B, 3, H, W] in [0, 1].

    Attributes:
        low: the least value of x, of any shape that goes with it.
        high: the largest.
    """

    low: Tensor
    high: Tensor

    def take(self, pictures: Tensor) -> Tensor:
        """The variable of pictures: what of them is painted on."""

    def picture(self, x: Tensor) -> Tensor:
        """What the network is shown."""

    def slope(self, gradient: Tensor) -> Tensor:
        """The gradient of a loss in x, from its gradient in what the network is shown."""

    def finished(self, x: Tensor) -> Tensor:
        """The picture that is saved."""


class PixelParameterization:
    """The method's own: the variable is the picture, every channel of it between 0 and 1.

    Args:
        like: anything of the type and device of the pictures.
    """

    def __init__(self, like: Tensor) -> None:
        self.low, self.high = like.new_zeros(()), like.new_ones(())

    def take(self, pictures: Tensor) -> Tensor:
        """The pictures as they are."""
        return pictures

    def picture(self, x: Tensor) -> Tensor:
        """The variable as it is."""
        return x

    def slope(self, gradient: Tensor) -> Tensor:
        """The gradient as it is."""
        return gradient

    def finished(self, x: Tensor) -> Tensor:
        """The variable as it is."""
        return x


class LuminanceParameterization:
    """Only the luminance Y is painted; the chroma is that of the photograph, whatever happens.

    With a chroma c = RGB - Y at each pixel, whose own luminance is 0, the picture is Y + c. It
    lies in [0, 1] as long as -min c ≤ Y ≤ 1 - max c, so that nothing is left to be clipped and the
    saved picture keeps the chroma. The network is shown Y as a gray picture.

    Args:
        chroma: RGB - Y of the photographs, [B, 3, H, W].
    """

    def __init__(self, chroma: Tensor) -> None:
        self._chroma = chroma
        self.low = -chroma.amin(dim=1, keepdim=True)
        # A pure red is at both bounds at once; rounding must not cross them.
        self.high = (1 - chroma.amax(dim=1, keepdim=True)).maximum(self.low)

    def take(self, pictures: Tensor) -> Tensor:
        """Their luminance."""
        return luminance(pictures)

    def picture(self, x: Tensor) -> Tensor:
        """A gray picture."""
        return x.expand(-1, 3, -1, -1)

    def slope(self, gradient: Tensor) -> Tensor:
        """The sum over the three channels, since all of them are Y."""
        return gradient.sum(dim=1, keepdim=True)

    def finished(self, x: Tensor) -> Tensor:
        """Y and the photograph's chroma; the clip takes off no more than rounding errors."""
        return (x + self._chroma).clamp(0, 1)


class MaskedParameterization:
    """Another parameterization, on which the photograph stands fast where no style acts.

    A style term reaches beyond its region by as much as the features in it see, which on deep
    layers is a good part of the picture. Here each value may leave that of the photograph only by
    the given share of its way to either bound, so that a style ends where its mask does.

    Args:
        parameterization: what is painted on.
        photographs: [B, 3, H, W] in [0, 1], as the network is to see them.
        freedom: the shares, [B, 1, H, W] in [0, 1].
    """

    def __init__(
        self, parameterization: Parameterization, photographs: Tensor, freedom: Tensor
    ) -> None:
        self._canvas = parameterization
        still = parameterization.take(photographs).clamp(
            parameterization.low, parameterization.high
        )
        # A `lerp` gives its ends back exactly.
        self.low = torch.lerp(still, parameterization.low.expand_as(still), freedom)
        self.high = torch.lerp(still, parameterization.high.expand_as(still), freedom)

    def take(self, pictures: Tensor) -> Tensor:
        """As the other parameterization does."""
        return self._canvas.take(pictures)

    def picture(self, x: Tensor) -> Tensor:
        """As the other parameterization does."""
        return self._canvas.picture(x)

    def slope(self, gradient: Tensor) -> Tensor:
        """As the other parameterization does."""
        return self._canvas.slope(gradient)

    def finished(self, x: Tensor) -> Tensor:
        """As the other parameterization does."""
        return self._canvas.finished(x)


def parameterization_of(problems: Sequence[TransferProblem]) -> Parameterization:
    """The parameterization of a batch, where styles act: of each picture the luminance, or of each all of it.

    Raises:
        ValueError: some have a chroma that stands fast, or masks, and others none.
    """
    parameterization = _whole_canvas_of(problems)
    freedom = [share for share in map(style_share, problems) if share is not None]
    if not freedom:
        return parameterization
    if len(freedom) < len(problems):
        raise ValueError("pictures with and without masks cannot share a batch")
    return MaskedParameterization(
        parameterization, torch.cat([problem.content for problem in problems]), torch.cat(freedom)
    )


def _whole_canvas_of(problems: Sequence[TransferProblem]) -> Parameterization:
    """The parameterization without regard to where styles act."""
    chroma = [problem.chroma for problem in problems if problem.chroma is not None]
    if not chroma:
        return PixelParameterization(problems[0].content)
    if len(chroma) < len(problems):
        raise ValueError("pictures with and without a chroma of their own cannot share a batch")
    return LuminanceParameterization(torch.cat(chroma))
