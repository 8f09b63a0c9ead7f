"""Adam (Kingma and Ba, 2015) on the device, for a batch of independent problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_SCALE = 1e-6
"""Lower bound of the factor on the steps, so that they still move a pixel."""

RECOVERY = 1.5
"""Factor by which steps that a restart made smaller grow again at each step."""

DECAY = (0.9, 0.99)
"""Decay rates of the running means of the gradient and of its square."""


@dataclass(frozen=True)
class AdamState:
    """The memory of `Adam`, for a checkpoint, with the dtype and device of the iterates [B, ...].

    Attributes:
        mean: running mean of the gradient, of the shape of the iterates.
        square: running mean of its square, of the same shape.
        steps: number of steps since the last restart of each problem, [B, 1, ...].
        scale: factor on the next step, [B, 1, ...].
    """

    mean: Tensor
    square: Tensor
    steps: Tensor
    scale: Tensor


class Adam:
    """Proposes the next iterates from the gradient; the caller evaluates, and may move them.

    With m and v the bias-corrected running means of the gradient and of its square, a step is
    -rate · m / √v: about the rate in every value, at any scale of the loss. With a change of
    variables x = M·z it is -rate · M·(m / √v), with the means of the gradient in z, M·g. Nothing
    here synchronizes with the GPU.

    Args:
        like: a tensor [B, ...] of the shape, dtype and device of the iterates.
        learning_rate: factor on every step, [B] or a number.
        unit: length of a step of learning rate 1, in units of the iterates.
        change: M, a symmetric positive definite map of tensors like `like`, problem by problem;
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
        self._scale = ones

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose the next iterates.

        Args:
            x: the current iterates, [B, ...].
            gradient: the gradient of each problem's loss at `x`, same shape.

        Returns:
            The proposed iterates, same shape as `x`.
        """
        mapped = self._change(gradient)
        first, second = DECAY
        self._mean = torch.lerp(mapped, self._mean, first)
        self._square = torch.lerp(mapped.square(), self._square, second)
        self._steps = self._steps + 1
        mean = self._mean / (1 - first**self._steps)
        size = (self._square / (1 - second**self._steps)).sqrt()
        # Squares of smaller gradients underflow; divided by 0 they would be huge steps.
        smallest = torch.finfo(x.dtype).tiny ** 0.5
        step = self._scale * self._rate * self._change(mean / size.clamp(min=smallest))
        self._scale = (self._scale * RECOVERY).clamp(max=1)
        return x - step

    def restart(self, problems: Tensor, scale: float) -> None:
        """Forget the gradients of some problems and scale their next steps.

        Args:
            problems: [B] of booleans.
            scale: factor on the next step of these problems; it accumulates.
        """
        chosen = problems.view_as(self._steps)
        self._mean = self._mean.masked_fill(chosen, 0)
        self._square = self._square.masked_fill(chosen, 0)
        self._steps = self._steps.masked_fill(chosen, 0)
        smaller = (self._scale * scale).clamp(min=SMALLEST_SCALE)
        self._scale = torch.where(chosen, smaller, self._scale)

    def state(self) -> AdamState:
        """Its memory; it does not change with further steps."""
        return AdamState(self._mean, self._square, self._steps, self._scale)

    def restore(self, state: AdamState) -> None:
        """Restore a state returned by `state()`, with the same problems and learning rates."""
        self._mean, self._square = state.mean, state.square
        self._steps, self._scale = state.steps, state.scale


def _same(tensor: Tensor) -> Tensor:
    return tensor
