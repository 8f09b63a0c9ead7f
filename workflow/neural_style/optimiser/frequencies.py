"""The spectrum of pictures: what an optimiser of pixels can know before it has seen anything.

The loss is far more curved along fine detail than along broad areas of colour, which it takes
plain L-BFGS dozens of steps to find out. A first guess of the inverse Hessian that falls with the
frequency, as the spectrum of pictures does, gives it that from the start. It is the change of
variables of Olah, Mordvintsev and Schubert (Feature Visualization, 2017), whose pixels are
Fourier coefficients scaled by a power of the frequency, said as a preconditioner.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SLOPE = 0.8
"""The power of the frequency. Half of it is the scale of a coefficient; from 0.5 to 1 hardly any
difference was measured, see `benchmarks/RESULTS.md`."""


def favour_low_frequencies(like: Tensor, slope: float = SLOPE) -> Callable[[Tensor], Tensor]:
    """A symmetric positive definite map of pictures: each frequency f times (f + f₁)^-slope.

    f₁ is one wave over the longer side, so that the mean is not infinitely important. Pictures
    are taken to repeat beyond their borders.

    Args:
        like: pictures [..., H, W] of the size and device that the map is for.
        slope: 0 is the identity.
    """
    across = torch.fft.rfftfreq(like.shape[-1], device=like.device)
    return _filter(like, _gain(like, across, slope))


def as_pictures(like: Tensor, slope: float = SLOPE / 2) -> Callable[[Tensor], Tensor]:
    """The same map, by a factor that leaves white noise its mean square.

    It is the change of variables for whose square `favour_low_frequencies` is the inverse Hessian:
    x = M·z, where z is as white as pictures are not.
    """
    across, half = torch.fft.fftfreq(like.shape[-1]), torch.fft.rfftfreq(like.shape[-1])
    power = float(_gain(like, across.to(like.device), slope).square().mean())
    return _filter(like, _gain(like, half.to(like.device), slope) / power**0.5)


def _gain(like: Tensor, across: Tensor, slope: float) -> Tensor:
    """What each frequency is multiplied by, [H, F] for F frequencies across."""
    height, width = like.shape[-2:]
    down = torch.fft.fftfreq(height, device=like.device).unsqueeze(1)
    frequency = torch.hypot(down, across) + 1 / max(height, width)
    return frequency.pow(-slope).to(like.dtype)


def _filter(like: Tensor, gain: Tensor) -> Callable[[Tensor], Tensor]:
    size = (like.shape[-2], like.shape[-1])

    def apply(pictures: Tensor) -> Tensor:
        mapped: Tensor = torch.fft.irfft2(torch.fft.rfft2(pictures) * gain, s=size)
        return mapped

    return apply
