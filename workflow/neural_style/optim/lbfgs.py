"""L-BFGS for a batch of independent problems, without a line search.

The compact form of Byrd, Nocedal and Schnabel (1994) needs a handful of matrix products where the
two-loop recursion makes four passes over the whole history, and it never synchronizes with the GPU.

The history is made of entries (s, y), also called curvature pairs: the step s between two iterates
and the change y of the gradient along it. The newest `history` entries are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_COSINE = 1e-8
"""Cosine between s and y below which an entry is skipped: it says nothing about the curvature."""

SMALLEST_SCALE = 1e-6
"""Lower bound of the factor on a first step, so that it still moves a pixel."""


def exact_dtype(device: torch.device) -> torch.dtype:
    """The dtype of scalar products and of what is computed from them: MPS has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


@dataclass(frozen=True)
class LbfgsState:
    """The memory of `Lbfgs`, for a checkpoint; s and y take most of the memory.

    For B problems of N values each, with m slots for entries, k of which have been filled. Tensors
    are on the device of the iterates and of their dtype, if no other is named.

    Attributes:
        s: steps, [B, k, N].
        y: changes of the gradient, [B, k, N].
        valid: 1 for each slot that holds an entry of a problem, else 0; [B, m, 1], `exact_dtype`.
        products: sᵢ·yⱼ above yᵢ·P·yⱼ, in the order of the slots, [B, 2m, m], `exact_dtype`.
        gamma: γ, see `Lbfgs`, [B, 1], `exact_dtype`.
        newest: slot of the newest entry, -1 if there is none.
        point: the iterates of the last step, [B, N].
        gradient: the gradient there, [B, N].
        has_previous: whether `point` and `gradient` are there, [B, 1] of booleans.
        has_entries: whether any entry is valid, [B, 1] of booleans.
        scale: factor on the next first step, [B, 1].
    """

    s: Tensor
    y: Tensor
    valid: Tensor
    products: Tensor
    gamma: Tensor
    newest: int
    point: Tensor
    gradient: Tensor
    has_previous: Tensor
    has_entries: Tensor
    scale: Tensor


class Lbfgs:
    """Proposes the next iterates from the gradient; the caller evaluates, and may move them.

    The first inverse Hessian is γ·P with γ = sᵀy / yᵀPy of the newest entry, an estimate of the
    inverse curvature.

    Each problem of the batch has its own entries (s, y). All share one ring buffer in which a slot
    can be invalid for some of them: never filled, skipped, or forgotten. Products with an invalid
    slot count as zero, so that it drops out of the compact form.

    Args:
        like: a tensor [B, ...] of the shape, dtype and device of the iterates.
        learning_rate: factor on every step, [B] or a number.
        history: number of entries that are kept.
        first_step: mean |change| of the first step, before the learning rate, in units of the
            iterates; None takes the step of `torch.optim.LBFGS`, min(1, 1/‖g‖₁)·g.
        precondition: P, a symmetric positive definite map of tensors like `like`, problem by
            problem. None is the identity.
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
        exact = exact_dtype(like.device)
        self._s = flat.new_zeros(batch, history, size)
        self._y = flat.new_zeros(batch, history, size)
        self._valid = flat.new_zeros(batch, history, 1, dtype=exact)
        self._products = flat.new_zeros(batch, 2 * history, history, dtype=exact)
        self._gamma = flat.new_ones(batch, 1, dtype=exact)
        self._newest = -1
        self._filled = 0
        self._point = torch.zeros_like(flat)
        self._gradient = torch.zeros_like(flat)
        self._preconditioned = torch.zeros_like(flat)  # P·gradient
        self._has_previous = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._has_entries = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._scale = flat.new_ones(batch, 1)

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose x - rate · H·g, with H the inverse Hessian that the history suggests.

        The entry s = x - x', y = g - g' comes from what the caller evaluated, so `x` may be a
        projection of the last proposal. Both are kept without a copy: do not modify them in place.

        Args:
            x: the current iterates, [B, ...].
            gradient: the gradient of each problem's loss at `x`, same shape.

        Returns:
            The proposed iterates, same shape as `x`.
        """
        point, flat = x.flatten(start_dim=1), gradient.flatten(start_dim=1)
        preconditioned = self._apply_preconditioner(flat)
        self._add_entry(
            point - self._point,
            flat - self._gradient,
            preconditioned - self._preconditioned,
        )
        self._point, self._gradient, self._preconditioned = point, flat, preconditioned
        self._has_previous = torch.ones_like(self._has_previous)
        direction = torch.where(
            self._has_entries,
            self._quasi_newton_direction(flat, preconditioned),
            self._first_direction(flat, preconditioned),
        )
        return (point - self._rate * direction).view_as(x)

    def restart(self, problems: Tensor, scale: float) -> None:
        """Forget the history of some problems and scale their next first step.

        Args:
            problems: [B] of booleans.
            scale: factor on the first step of these problems; it accumulates.
        """
        chosen = problems.view(-1, 1)
        self._valid = self._valid.masked_fill(chosen.unsqueeze(2), 0)
        self._has_previous = self._has_previous & ~chosen
        self._has_entries = self._has_entries & ~chosen
        smaller = (self._scale * scale).clamp(min=SMALLEST_SCALE)
        self._scale = torch.where(chosen, smaller, self._scale)

    def state(self) -> LbfgsState:
        """Its memory; save it, or `restore` it, before the next step changes it."""
        return LbfgsState(
            s=self._filled_slots(self._s),
            y=self._filled_slots(self._y),
            valid=self._valid,
            products=self._products,
            gamma=self._gamma,
            newest=self._newest,
            point=self._point,
            gradient=self._gradient,
            has_previous=self._has_previous,
            has_entries=self._has_entries,
            scale=self._scale,
        )

    def restore(self, state: LbfgsState) -> None:
        """Restore a state returned by `state()`, with the same problems, rates and history size.

        Raises:
            ValueError: its slots are not those of such a history.
        """
        filled, history = state.s.shape[1], self.history
        newest = range(history) if filled == history else range(filled - 1, filled)
        if filled > history or state.y.shape[1] != filled or state.newest not in newest:
            raise ValueError(f"its L-BFGS history is not one of {history} entries")
        self._filled = filled
        self._s[:, : self._filled], self._y[:, : self._filled] = state.s, state.y
        self._valid, self._products = state.valid, state.products
        self._gamma, self._newest = state.gamma, state.newest
        self._point, self._gradient = state.point, state.gradient
        self._preconditioned = self._apply_preconditioner(state.gradient)
        self._has_previous, self._has_entries = state.has_previous, state.has_entries
        self._scale = state.scale

    def _filled_slots(self, vectors: Tensor) -> Tensor:
        """The filled slots, [B, k, N]; a view would write the empty ones to the file, too."""
        return vectors if self._filled == self.history else vectors[:, : self._filled].clone()

    def _apply_preconditioner(self, vector: Tensor) -> Tensor:
        """P times a vector [B, N]."""
        if self._precondition is None:
            return vector
        return self._precondition(vector.view(self._shape)).flatten(start_dim=1)

    def _add_entry(self, s: Tensor, y: Tensor, preconditioned_y: Tensor) -> None:
        """Store an entry in the oldest slot; it is invalid for problems to which it is no use.

        Args:
            s: [B, N].
            y: [B, N].
            preconditioned_y: P·y, [B, N].
        """
        s_dot_y, s_dot_s, y_dot_y = _dot(s, y), _dot(s, s), _dot(y, y)
        is_positive = s_dot_y > SMALLEST_COSINE * (s_dot_s * y_dot_y).sqrt()
        useful = self._has_previous & is_positive & torch.isfinite(y_dot_y)
        self._newest = (self._newest + 1) % self.history
        self._filled = max(self._filled, self._newest + 1)
        newest, m = self._newest, self.history
        kept_y = torch.where(useful, y, 0)
        kept_preconditioned_y = torch.where(useful, preconditioned_y, 0)
        self._s[:, newest] = torch.where(useful, s, 0)
        self._y[:, newest] = kept_y
        self._valid[:, newest] = useful.to(self._valid.dtype)
        all_s_dot_y = self._products_with(self._s, kept_y).squeeze(2)
        all_y_dot_py = self._products_with(self._y, kept_preconditioned_y).squeeze(2)
        self._products[:, :, newest] = torch.cat([all_s_dot_y, all_y_dot_py], dim=1)
        self._products[:, m + newest, :] = all_y_dot_py
        self._gamma = torch.where(useful, s_dot_y / _dot(y, preconditioned_y), self._gamma)
        self._has_entries = self._has_entries | useful

    def _quasi_newton_direction(self, gradient: Tensor, preconditioned: Tensor) -> Tensor:
        """H·g in the compact form, from g and P·g, both [B, N].

        With S and Y the entries as columns, oldest first, R the upper triangle of SᵀY and D its
        diagonal: H·g = γ·P·(g - Y·p) + S·q, where R·p = Sᵀg and Rᵀ·q = D·p + γ·(YᵀPY·p - YᵀP·g).
        """
        oldest = self._newest + 1
        st_gradient = self._products_with(self._s, gradient).roll(-oldest, 1)
        yt_preconditioned = self._products_with(self._y, preconditioned).roll(-oldest, 1)
        st_y, yt_p_y = (
            half.roll((-oldest, -oldest), (1, 2)) for half in self._products.chunk(2, 1)
        )
        d = st_y.diagonal(dim1=1, dim2=2)
        # The row and the column of an invalid slot are 0. A 1 on the diagonal makes R invertible
        # all the same, and leaves p and q at 0 there.
        r = st_y.triu() + torch.diag_embed((d == 0).to(st_y))
        gamma = self._gamma
        p = torch.linalg.solve_triangular(r, st_gradient, upper=True)
        right_side = d.unsqueeze(2) * p + gamma.unsqueeze(2) * (yt_p_y @ p - yt_preconditioned)
        q = torch.linalg.solve_triangular(r.mT, right_side, upper=False)
        s_q = self._weighted_sum(q.roll(oldest, 1), self._s)
        y_p = self._weighted_sum(p.roll(oldest, 1), self._y)
        return gamma.to(gradient) * (preconditioned - self._apply_preconditioner(y_p)) + s_q

    def _products_with(self, vectors: Tensor, vector: Tensor) -> Tensor:
        """Scalar products of stored vectors [B, m, N] with one [B, N]: [B, m, 1]."""
        return (vectors @ vector.unsqueeze(2)).to(self._valid.dtype) * self._valid

    @staticmethod
    def _weighted_sum(weights: Tensor, vectors: Tensor) -> Tensor:
        """The sum of vectors [B, m, N] with weights [B, m, 1]: [B, N]."""
        return (weights.to(vectors).mT @ vectors).squeeze(1)

    def _first_direction(self, gradient: Tensor, preconditioned: Tensor) -> Tensor:
        """A step along P·g, for problems without a valid entry yet."""
        if self.first_step is None:
            length = (1 / gradient.abs().sum(dim=1, keepdim=True)).clamp(max=1)
        else:
            smallest = torch.finfo(gradient.dtype).tiny
            mean = preconditioned.abs().mean(dim=1, keepdim=True)
            length = self.first_step / mean.clamp(min=smallest)
        return self._scale * length * preconditioned


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The scalar product of each row, [B, 1] in `exact_dtype`."""
    return (a.unsqueeze(1) @ b.unsqueeze(2)).view(-1, 1).to(exact_dtype(a.device))
