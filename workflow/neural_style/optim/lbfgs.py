"""L-BFGS on the device for a batch of independent problems, without a line search.

The compact form of Byrd, Nocedal and Schnabel (1994) does with a handful of matrix products what
the two-loop recursion does with four passes over every stored pair, and nothing in it waits for
the host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_COSINE = 1e-8
"""A pair whose s and y are closer to a right angle than this says nothing about curvature."""

SMALLEST_CAUTION = 1e-6
"""The factor on a first step falls no lower: it must still move a pixel."""


@dataclass(frozen=True)
class LbfgsState:
    """What an `Lbfgs` remembers: its attributes of these names, on the way to a file and back.

    Attributes:
        s: [B, k, N], of the k slots that have been filled.
        y: the same; these two are most of the size.
    """

    s: Tensor
    y: Tensor
    live: Tensor
    products: Tensor
    curvature: Tensor
    newest: int
    point: Tensor
    slope: Tensor
    follows: Tensor
    curved: Tensor
    caution: Tensor


class Lbfgs:
    """Proposes the next iterate from the gradient; the caller evaluates, and may move it.

    Each problem of the batch has its own curvature pairs. All share one ring buffer in which a
    slot can be dead for some of them: never filled, skipped, or forgotten. The products with a
    dead slot count as zero, and so it drops out of the compact form.

    Args:
        like: a tensor [B, ...] of the shape, dtype and device of the iterates.
        learning_rate: factor on every step, [B] or a number.
        history: how many pairs are kept.
        first_step: mean |change| of the first step, before the learning rate, in units of the
            iterates; None takes the step of `torch.optim.LBFGS`, min(1, 1/‖g‖₁)·g.
        precondition: a symmetric positive definite map of tensors like `like`, problem by
            problem: what the inverse Hessian looks like before anything is known, up to a factor.
            None is the identity.
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
        self._live = flat.new_zeros(batch, history, 1, dtype=torch.float64)
        # sᵢ·yⱼ above yᵢ·P·yⱼ, in the order of the slots.
        self._products = flat.new_zeros(batch, 2 * history, history, dtype=torch.float64)
        self._curvature = flat.new_ones(batch, 1, dtype=torch.float64)
        self._newest = -1
        self._filled = 0
        self._point = torch.zeros_like(flat)
        self._slope = torch.zeros_like(flat)
        self._mapped = torch.zeros_like(flat)  # P·slope
        self._follows = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._curved = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._caution = flat.new_ones(batch, 1)

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose x - rate · H·g, with H the inverse Hessian that the stored pairs suggest.

        The pair s = x - x', y = g - g' comes from what the caller evaluated, so `x` may be a
        projection of the last proposal. Both are kept, and not copied: nobody may change them.

        Args:
            x: the current iterates, [B, ...].
            gradient: the gradient of each problem's loss at `x`, same shape.

        Returns:
            The proposed iterates, same shape as `x`.
        """
        point, slope = x.flatten(start_dim=1), gradient.flatten(start_dim=1)
        mapped = self._map(slope)
        self._remember(point - self._point, slope - self._slope, mapped - self._mapped)
        self._point, self._slope, self._mapped = point, slope, mapped
        self._follows = torch.ones_like(self._follows)
        newton, descent = self._newton(slope, mapped), self._descent(slope, mapped)
        direction = torch.where(self._curved, newton, descent)
        return (point - self._rate * direction).view_as(x)

    def restart(self, problems: Tensor, caution: float) -> None:
        """Forget the curvature of some problems and make their next first step smaller.

        Args:
            problems: [B] of booleans.
            caution: factor on the first step of these problems; it accumulates.
        """
        chosen = problems.view(-1, 1)
        self._live = self._live.masked_fill(chosen.unsqueeze(2), 0)
        self._follows = self._follows & ~chosen
        self._curved = self._curved & ~chosen
        smaller = (self._caution * caution).clamp(min=SMALLEST_CAUTION)
        self._caution = torch.where(chosen, smaller, self._caution)

    def state(self) -> LbfgsState:
        """What it remembers, to be restored before the next step changes it."""
        return LbfgsState(
            s=self._filled_slots(self._s),
            y=self._filled_slots(self._y),
            live=self._live,
            products=self._products,
            curvature=self._curvature,
            newest=self._newest,
            point=self._point,
            slope=self._slope,
            follows=self._follows,
            curved=self._curved,
            caution=self._caution,
        )

    def restore(self, state: LbfgsState) -> None:
        """Remember what another one of the same problems, rates and history did."""
        self._filled = state.s.shape[1]
        self._s[:, : self._filled], self._y[:, : self._filled] = state.s, state.y
        self._live, self._products = state.live, state.products
        self._curvature, self._newest = state.curvature, state.newest
        self._point, self._slope = state.point, state.slope
        self._mapped = self._map(state.slope)
        self._follows, self._curved = state.follows, state.curved
        self._caution = state.caution

    def _filled_slots(self, vectors: Tensor) -> Tensor:
        """Stored vectors, [B, k, N]; a view of some would take the others to the file, too."""
        return vectors if self._filled == self.history else vectors[:, : self._filled].clone()

    def _map(self, vector: Tensor) -> Tensor:
        """P times a vector [B, N]."""
        if self._precondition is None:
            return vector
        return self._precondition(vector.view(self._shape)).flatten(start_dim=1)

    def _remember(self, s: Tensor, y: Tensor, mapped_y: Tensor) -> None:
        """Store a pair in the oldest slot, dead and zero for the problems that must skip it."""
        sy, ss, yy = (_dot(a, b) for a, b in ((s, y), (s, s), (y, y)))
        useful = self._follows & (sy > SMALLEST_COSINE * (ss * yy).sqrt()) & torch.isfinite(yy)
        self._newest = (self._newest + 1) % self.history
        self._filled = max(self._filled, self._newest + 1)
        newest, m = self._newest, self.history
        kept_y = torch.where(useful, y, 0)
        self._s[:, newest] = torch.where(useful, s, 0)
        self._y[:, newest] = kept_y
        self._live[:, newest] = useful.double()
        s_y = self._times(self._s, kept_y).squeeze(2)
        y_y = self._times(self._y, torch.where(useful, mapped_y, 0)).squeeze(2)
        self._products[:, :, newest] = torch.cat([s_y, y_y], dim=1)
        self._products[:, m + newest, :] = y_y
        self._curvature = torch.where(useful, sy / _dot(y, mapped_y), self._curvature)
        self._curved = self._curved | useful

    def _newton(self, slope: Tensor, mapped: Tensor) -> Tensor:
        """H·g in the compact form, from g and P·g.

        With S and Y the stored pairs, oldest first, R the upper triangle of SᵀY, D its diagonal
        and γ = sᵀy / yᵀPy of the newest pair: H·g = γ·P·(g - Y·p) + S·q, where R·p = Sᵀg and
        Rᵀ·q = D·p + γ·(YᵀPY·p - YᵀP·g).
        """
        oldest = self._newest + 1
        s_slope = self._times(self._s, slope).roll(-oldest, 1)
        y_mapped = self._times(self._y, mapped).roll(-oldest, 1)
        sy, yy = (half.roll((-oldest, -oldest), (1, 2)) for half in self._products.chunk(2, 1))
        d = sy.diagonal(dim1=1, dim2=2)
        r = sy.triu() + torch.diag_embed((d == 0).to(sy))
        gamma = self._curvature
        p = torch.linalg.solve_triangular(r, s_slope, upper=True)
        inner = d.unsqueeze(2) * p + gamma.unsqueeze(2) * (yy @ p - y_mapped)
        q = torch.linalg.solve_triangular(r.mT, inner, upper=False)
        s_q = self._combine(q.roll(oldest, 1), self._s)
        y_p = self._combine(p.roll(oldest, 1), self._y)
        return gamma.to(slope) * (mapped - self._map(y_p)) + s_q

    def _times(self, vectors: Tensor, vector: Tensor) -> Tensor:
        """The scalar products of stored vectors [B, m, N] with one [B, N]: [B, m, 1]."""
        return (vectors @ vector.unsqueeze(2)).double() * self._live

    @staticmethod
    def _combine(weights: Tensor, vectors: Tensor) -> Tensor:
        """The sum of vectors [B, m, N] with weights [B, m, 1]: [B, N]."""
        return (weights.to(vectors).mT @ vectors).squeeze(1)

    def _descent(self, slope: Tensor, mapped: Tensor) -> Tensor:
        """A step along P·g, for problems without any curvature yet."""
        if self.first_step is None:
            length = (1 / slope.abs().sum(dim=1, keepdim=True)).clamp(max=1)
        else:
            smallest = torch.finfo(slope.dtype).tiny
            length = self.first_step / mapped.abs().mean(dim=1, keepdim=True).clamp(min=smallest)
        return self._caution * length * mapped


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The scalar product of each row, [B, 1] in float64."""
    return (a.unsqueeze(1) @ b.unsqueeze(2)).view(-1, 1).double()
