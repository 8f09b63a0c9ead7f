"""L-BFGS for a batch of independent problems, without a line search.

The compact form of Byrd, Nocedal and Schnabel (1994) needs a handful of matrix products where the
two-loop recursion makes four passes over every stored pair, and it never synchronizes with the GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_COSINE = 1e-8
"""Cosine between s and y below which a pair is skipped: it says nothing about the curvature."""

SMALLEST_SCALE = 1e-6
"""Lower bound of the factor on a first step, so that it still moves a pixel."""


@dataclass(frozen=True)
class LbfgsState:
    """The memory of `Lbfgs`, for a checkpoint: its attributes of these names.

    Attributes:
        s: [B, k, N], the k slots that have been filled.
        y: [B, k, N]; these two are most of the size.
    """

    s: Tensor
    y: Tensor
    valid: Tensor
    products: Tensor
    curvature: Tensor
    newest: int
    point: Tensor
    gradient: Tensor
    has_previous: Tensor
    has_curvature: Tensor
    scale: Tensor


class Lbfgs:
    """Proposes the next iterates from the gradient; the caller evaluates, and may move them.

    Each problem of the batch has its own curvature pairs (s, y). All share one ring buffer in
    which a slot can be invalid for some of them: never filled, skipped, or forgotten. Products
    with an invalid slot count as zero, so that it drops out of the compact form.

    Args:
        like: a tensor [B, ...] of the shape, dtype and device of the iterates.
        learning_rate: factor on every step, [B] or a number.
        history: number of pairs that are kept.
        first_step: mean |change| of the first step, before the learning rate, in units of the
            iterates; None takes the step of `torch.optim.LBFGS`, min(1, 1/‖g‖₁)·g.
        precondition: P, a symmetric positive definite map of tensors like `like`, problem by
            problem: the first inverse Hessian, up to a factor. None is the identity.
    """

    def __init__(
        self,
        like: Tensor,
        learning_rate: Tensor | float = 1.0,
        history: int = 20,
        first_step: float | None = None,
        precondition: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        flat = like.flatten(start_dim=1)
        batch, size = flat.shape
        self._shape = like.shape
        self._precondition = precondition
        self.history = history
        self.first_step = first_step
        self._rate = flat.new_ones(batch, 1) * torch.as_tensor(
            learning_rate, dtype=flat.dtype, device=flat.device
        ).view(-1, 1)
        self._s = flat.new_zeros(batch, history, size)
        self._y = flat.new_zeros(batch, history, size)
        self._valid = flat.new_zeros(batch, history, 1, dtype=torch.float64)
        # sᵢ·yⱼ above yᵢ·P·yⱼ, in the order of the slots.
        self._products = flat.new_zeros(batch, 2 * history, history, dtype=torch.float64)
        self._curvature = flat.new_ones(batch, 1, dtype=torch.float64)
        self._newest = -1
        self._filled = 0
        self._point = torch.zeros_like(flat)
        self._gradient = torch.zeros_like(flat)
        self._mapped = torch.zeros_like(flat)  # P·gradient
        self._has_previous = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._has_curvature = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._scale = flat.new_ones(batch, 1)

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose x - rate · H·g, with H the inverse Hessian that the stored pairs suggest.

        The pair s = x - x', y = g - g' comes from what the caller evaluated, so `x` may be a
        projection of the last proposal. Both are kept without a copy: nobody may change them.

        Args:
            x: the current iterates, [B, ...].
            gradient: the gradient of each problem's loss at `x`, same shape.

        Returns:
            The proposed iterates, same shape as `x`.
        """
        point, flat = x.flatten(start_dim=1), gradient.flatten(start_dim=1)
        mapped = self._map(flat)
        self._remember(point - self._point, flat - self._gradient, mapped - self._mapped)
        self._point, self._gradient, self._mapped = point, flat, mapped
        self._has_previous = torch.ones_like(self._has_previous)
        newton, descent = self._newton(flat, mapped), self._descent(flat, mapped)
        direction = torch.where(self._has_curvature, newton, descent)
        return (point - self._rate * direction).view_as(x)

    def restart(self, problems: Tensor, scale: float) -> None:
        """Forget the curvature of some problems and scale their next first step.

        Args:
            problems: [B] of booleans.
            scale: factor on the first step of these problems; it accumulates.
        """
        chosen = problems.view(-1, 1)
        self._valid = self._valid.masked_fill(chosen.unsqueeze(2), 0)
        self._has_previous = self._has_previous & ~chosen
        self._has_curvature = self._has_curvature & ~chosen
        smaller = (self._scale * scale).clamp(min=SMALLEST_SCALE)
        self._scale = torch.where(chosen, smaller, self._scale)

    def state(self) -> LbfgsState:
        """Its memory, to be restored before the next step changes it."""
        return LbfgsState(
            s=self._filled_slots(self._s),
            y=self._filled_slots(self._y),
            valid=self._valid,
            products=self._products,
            curvature=self._curvature,
            newest=self._newest,
            point=self._point,
            gradient=self._gradient,
            has_previous=self._has_previous,
            has_curvature=self._has_curvature,
            scale=self._scale,
        )

    def restore(self, state: LbfgsState) -> None:
        """Take the memory of another one of the same problems, learning rates and history.

        Raises:
            ValueError: its slots are not those of such a history.
        """
        filled, history = state.s.shape[1], self.history
        newest = range(history) if filled == history else range(filled - 1, filled)
        if filled > history or state.y.shape[1] != filled or state.newest not in newest:
            raise ValueError(f"its L-BFGS history is not one of {history} pairs")
        self._filled = filled
        self._s[:, : self._filled], self._y[:, : self._filled] = state.s, state.y
        self._valid, self._products = state.valid, state.products
        self._curvature, self._newest = state.curvature, state.newest
        self._point, self._gradient = state.point, state.gradient
        self._mapped = self._map(state.gradient)
        self._has_previous, self._has_curvature = state.has_previous, state.has_curvature
        self._scale = state.scale

    def _filled_slots(self, vectors: Tensor) -> Tensor:
        """The filled slots, [B, k, N]; a view would write the empty ones to the file, too."""
        return vectors if self._filled == self.history else vectors[:, : self._filled].clone()

    def _map(self, vector: Tensor) -> Tensor:
        """P times a vector [B, N]."""
        if self._precondition is None:
            return vector
        return self._precondition(vector.view(self._shape)).flatten(start_dim=1)

    def _remember(self, s: Tensor, y: Tensor, mapped_y: Tensor) -> None:
        """Store a pair in the oldest slot, invalid and zero for the problems that must skip it."""
        sy, ss, yy = (_dot(a, b) for a, b in ((s, y), (s, s), (y, y)))
        useful = self._has_previous & (sy > SMALLEST_COSINE * (ss * yy).sqrt()) & torch.isfinite(yy)
        self._newest = (self._newest + 1) % self.history
        self._filled = max(self._filled, self._newest + 1)
        newest, m = self._newest, self.history
        kept_y = torch.where(useful, y, 0)
        self._s[:, newest] = torch.where(useful, s, 0)
        self._y[:, newest] = kept_y
        self._valid[:, newest] = useful.double()
        s_y = self._times(self._s, kept_y).squeeze(2)
        y_y = self._times(self._y, torch.where(useful, mapped_y, 0)).squeeze(2)
        self._products[:, :, newest] = torch.cat([s_y, y_y], dim=1)
        self._products[:, m + newest, :] = y_y
        self._curvature = torch.where(useful, sy / _dot(y, mapped_y), self._curvature)
        self._has_curvature = self._has_curvature | useful

    def _newton(self, gradient: Tensor, mapped: Tensor) -> Tensor:
        """H·g in the compact form, from g and P·g.

        With S and Y the stored pairs, oldest first, R the upper triangle of SᵀY, D its diagonal
        and γ = sᵀy / yᵀPy of the newest pair: H·g = γ·P·(g - Y·p) + S·q, where R·p = Sᵀg and
        Rᵀ·q = D·p + γ·(YᵀPY·p - YᵀP·g).
        """
        oldest = self._newest + 1
        s_gradient = self._times(self._s, gradient).roll(-oldest, 1)
        y_mapped = self._times(self._y, mapped).roll(-oldest, 1)
        sy, yy = (half.roll((-oldest, -oldest), (1, 2)) for half in self._products.chunk(2, 1))
        d = sy.diagonal(dim1=1, dim2=2)
        r = sy.triu() + torch.diag_embed((d == 0).to(sy))
        gamma = self._curvature
        p = torch.linalg.solve_triangular(r, s_gradient, upper=True)
        inner = d.unsqueeze(2) * p + gamma.unsqueeze(2) * (yy @ p - y_mapped)
        q = torch.linalg.solve_triangular(r.mT, inner, upper=False)
        s_q = self._combine(q.roll(oldest, 1), self._s)
        y_p = self._combine(p.roll(oldest, 1), self._y)
        return gamma.to(gradient) * (mapped - self._map(y_p)) + s_q

    def _times(self, vectors: Tensor, vector: Tensor) -> Tensor:
        """Scalar products of stored vectors [B, m, N] with one [B, N]: [B, m, 1]."""
        return (vectors @ vector.unsqueeze(2)).double() * self._valid

    @staticmethod
    def _combine(weights: Tensor, vectors: Tensor) -> Tensor:
        """The sum of vectors [B, m, N] with weights [B, m, 1]: [B, N]."""
        return (weights.to(vectors).mT @ vectors).squeeze(1)

    def _descent(self, gradient: Tensor, mapped: Tensor) -> Tensor:
        """A step along P·g, for problems without a curvature pair yet."""
        if self.first_step is None:
            length = (1 / gradient.abs().sum(dim=1, keepdim=True)).clamp(max=1)
        else:
            smallest = torch.finfo(gradient.dtype).tiny
            length = self.first_step / mapped.abs().mean(dim=1, keepdim=True).clamp(min=smallest)
        return self._scale * length * mapped


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The scalar product of each row, [B, 1] in float64."""
    return (a.unsqueeze(1) @ b.unsqueeze(2)).view(-1, 1).double()
