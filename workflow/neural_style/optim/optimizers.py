"""The spectrum of pictures: what an optimizer of pixels can know before it has seen anything.

The loss is far more curved along fine detail than along broad areas of color, which it takes
plain L-BFGS dozens of steps to find out. A first guess of the inverse Hessian that falls with the
frequency, as the spectrum of pictures does, gives it that from the start. It is the change of
variables of Olah, Mordvintsev and Schubert (Feature Visualization, 2017), whose pixels are
Fourier coefficients scaled by a power of the frequency, said as a preconditioner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from neural_style.config.settings import Settings, history_size
from neural_style.optim.adam import Adam, AdamState
from neural_style.optim.lbfgs import Lbfgs, LbfgsState

SLOPE = 0.8
"""The power of the frequency. Half of it is the scale of a coefficient; from 0.5 to 1 hardly any
difference was measured, see `benchmarks/RESULTS.md`."""


def frequency_preconditioner(like: Tensor, slope: float = SLOPE) -> Callable[[Tensor], Tensor]:
    """A symmetric positive definite map of pictures: each frequency f times (f + f₁)^-slope.

    f₁ is one wave over the longer side, so that the mean is not infinitely important. Pictures
    are taken to repeat beyond their borders.

    Args:
        like: pictures [..., H, W] of the size and device that the map is for.
        slope: 0 is the identity.
    """
    across = torch.fft.rfftfreq(like.shape[-1], device=like.device)
    return _filter(like, _gain(like, across, slope))


def frequency_change_of_variables(
    like: Tensor, slope: float = SLOPE / 2
) -> Callable[[Tensor], Tensor]:
    """The same map, by a factor that leaves white noise its mean square.

    It is the change of variables for whose square `frequency_preconditioner` is the inverse Hessian:
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


# MERGED: Which optimizer proposes the steps: the one place that knows them by their names.


FIRST_STEP = 0.02
"""Mean change of a pixel, in [0, 1], by the first step of L-BFGS with a learning rate of 1.

The textbook's first step has a sum of changes of 1 over all pixels, which wastes several
evaluations until the curvature is known.
"""

ADAM_STEP = 0.025
"""Change of a pixel, in [0, 1], by a step of Adam with a learning rate of 1 whose slopes agree.

Two pairs at 192 px, loss as saved after 100 and 300 epochs: 9.8, 7.3 and 8.2, 5.9 with this; 10.6,
7.2 and 9.2, 5.8 with half of it; 9.7, 11.3 and 7.7, 6.3 with twice as much. L-BFGS had 7.6, 5.6 and
5.7, 4.6. At 128 px this had 13.8, 8.6 and 16.0, 10.8, and without the change of variables the best
of four steps had 22.1, 9.6 and 19.0, 10.8.
"""

OptimizerState = LbfgsState | AdamState


class Optimizer(Protocol):
    """Proposes steps for a batch of independent problems, and never waits for the device."""

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The next iterates from the current ones and the gradient there, all [B, ...].

        The caller may move what is proposed: what counts is the next `x` that it comes with.
        """

    def restart(self, problems: Tensor, caution: float) -> None:
        """Forget what was learnt of some problems, [B], and take steps smaller by a factor."""

    def state(self) -> OptimizerState:
        """What it remembers, to be restored before the next step changes it."""

    # Each takes back what its own `state` gave, and nothing else.
    def restore(self, state: Any) -> None:  # noqa: ANN401
        """Remember what another one of the same kind, problems and rates did."""


def optimizer_of(start: Tensor, settings: Sequence[Settings]) -> Optimizer:
    """The optimizer of a batch.

    Args:
        start: the first iterates, [B, C, H, W] in units of [0, 1].
        settings: one for each; the optimizer and its pairs are those of the first, learning rates
            are their own.
    """
    rates = start.new_tensor([each.learning_rate for each in settings])
    return _MAKERS[settings[0].optimizer](start, rates, settings[0])


def _lbfgs(start: Tensor, rates: Tensor, settings: Settings) -> Optimizer:
    history = history_size(settings.history, start.shape[2], start.shape[3])
    precondition = frequency_preconditioner(start)
    return Lbfgs(start, rates, history, FIRST_STEP, precondition)


def _adam(start: Tensor, rates: Tensor, settings: Settings) -> Optimizer:
    return Adam(start, rates, unit=ADAM_STEP, change=frequency_change_of_variables(start))


_MAKERS: Mapping[str, Callable[[Tensor, Tensor, Settings], Optimizer]] = MappingProxyType(
    {"lbfgs": _lbfgs, "adam": _adam}
)
