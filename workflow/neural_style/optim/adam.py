"""Adam (Kingma and Ba, 2015) on the device, for a batch of independent problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_CAUTION = 1e-6
"""The factor on the steps falls no lower: they must still move a pixel."""

RECOVERY = 1.5
"""Factor by which steps that were made smaller grow again, from one to the next."""

DECAY = (0.9, 0.99)
"""What the running means of gradient and square keep of themselves from step to step."""


@dataclass(frozen=True)
class AdamState:
    """What an `Adam` remembers: its attributes of these names, on the way to a file and back."""

    mean: Tensor
    square: Tensor
    steps: Tensor
    caution: Tensor


class Adam:
    """Proposes the next iterate from the gradient; the caller evaluates, and may move it.

    With m and v the running means of the gradient and of its square, divided by what their start
    from zero takes from them, a step is -rate · m / √v: about the rate in every number, whatever
    the scale of the loss. A change of variables x = M·z makes that -rate · M·m / √v, with the
    means of the gradient in z, which is M·g. Nothing here waits for the host.

    Args:
        like: a tensor [B, ...] of the shape, dtype and device of the iterates.
        learning_rate: factor on every step, [B] or a number.
        unit: length of a step of learning rate 1, in units of the iterates.
        change: M, a symmetric positive definite map of tensors like `like`, problem by problem.
            None is the identity.
    """

    def __init__(
        self,
        like: Tensor,
        learning_rate: Tensor | float = 1.0,
        unit: float = 1.0,
        change: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        ones = like.new_ones(like.shape[0], *[1] * (like.dim() - 1))
        rates = torch.as_tensor(learning_rate, dtype=like.dtype, device=like.device)
        self._rate = unit * rates.view(-1, *ones.shape[1:]) * ones
        self._change = change or _same
        self._mean = torch.zeros_like(like)
        self._square = torch.zeros_like(like)
        self._steps = torch.zeros_like(ones)
        self._caution = ones

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose the next iterates.

        Args:
            x: the current iterates, [B, ...].
            gradient: the gradient of each problem's loss at `x`, same shape.

        Returns:
            The proposed iterates, same shape as `x`.
        """
        slope = self._change(gradient)
        first, second = DECAY
        self._mean = torch.lerp(slope, self._mean, first)
        self._square = torch.lerp(slope.square(), self._square, second)
        self._steps = self._steps + 1
        mean = self._mean / (1 - first**self._steps)
        size = (self._square / (1 - second**self._steps)).sqrt()
        # The squares of smaller slopes underflow, and divided by 0 they would be leaps.
        smallest = torch.finfo(x.dtype).tiny ** 0.5
        step = self._caution * self._rate * self._change(mean / size.clamp(min=smallest))
        self._caution = (self._caution * RECOVERY).clamp(max=1)
        return x - step

    def restart(self, problems: Tensor, caution: float) -> None:
        """Forget the gradients of some problems and make their next steps smaller.

        Args:
            problems: [B] of booleans.
            caution: factor on the next step of these problems; it accumulates.
        """
        chosen = problems.view_as(self._steps)
        self._mean = self._mean.masked_fill(chosen, 0)
        self._square = self._square.masked_fill(chosen, 0)
        self._steps = self._steps.masked_fill(chosen, 0)
        smaller = (self._caution * caution).clamp(min=SMALLEST_CAUTION)
        self._caution = torch.where(chosen, smaller, self._caution)

    def state(self) -> AdamState:
        """What it remembers, to be restored."""
        return AdamState(self._mean, self._square, self._steps, self._caution)

    def restore(self, state: AdamState) -> None:
        """Remember what another one of the same problems and rates did."""
        self._mean, self._square = state.mean, state.square
        self._steps, self._caution = state.steps, state.caution


def _same(tensor: Tensor) -> Tensor:
    return tensor
