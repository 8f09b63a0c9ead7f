"""Adam (Kingma and Ba, 2015) on the device, for a batch of independent problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

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
    """The memory of `Adam`, with the dtype and device of the iterates [B, ...].

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

    def after(self, steps: int) -> Self:
        """All of it, whatever the number of steps."""
        return self


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

    Attributes:
        memory: everything that the next step depends on; steps do not change its tensors.
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
        zeros = torch.zeros_like(like)
        self.memory = AdamState(zeros, zeros, torch.zeros_like(ones), ones)

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
        mean = torch.lerp(mapped, self.memory.mean, first)
        square = torch.lerp(mapped.square(), self.memory.square, second)
        steps = self.memory.steps + 1
        scale = (self.memory.scale * RECOVERY).clamp(max=1)
        corrected = mean / (1 - first**steps)
        size = (square / (1 - second**steps)).sqrt()
        # Squares of smaller gradients underflow; divided by 0 they would be huge steps.
        smallest = torch.finfo(x.dtype).tiny ** 0.5
        direction = self._change(corrected / size.clamp(min=smallest))
        step = self.memory.scale * self._rate * direction
        self.memory = AdamState(mean, square, steps, scale)
        return x - step

    def restart(self, problems: Tensor, scale: float) -> None:
        """Forget the gradients of some problems and scale their next steps.

        Args:
            problems: [B] of booleans.
            scale: factor on the next step of these problems; it accumulates.
        """
        chosen = problems.view_as(self.memory.steps)
        smaller = (self.memory.scale * scale).clamp(min=SMALLEST_SCALE)
        self.memory = AdamState(
            mean=self.memory.mean.masked_fill(chosen, 0),
            square=self.memory.square.masked_fill(chosen, 0),
            steps=self.memory.steps.masked_fill(chosen, 0),
            scale=torch.where(chosen, smaller, self.memory.scale),
        )

    def restore(self, state: AdamState) -> None:
        """Take the memory of such an optimizer, with the same problems and learning rates."""
        self.memory = state


def _same(tensor: Tensor) -> Tensor:
    return tensor
