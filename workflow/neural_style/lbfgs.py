"""L-BFGS on the device for a batch of independent problems, without a line search.

The compact form of Byrd, Nocedal and Schnabel (1994) does with a handful of matrix products what
the two-loop recursion does with four passes over every stored pair, and nothing in it waits for
the host.
"""

from __future__ import annotations

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
        pairs: [B, 2k, N], s above y, of the k slots that have been filled: most of the size.
    """

    pairs: Tensor
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
    """

    def __init__(
        self,
        like: Tensor,
        learning_rate: Tensor | float = 1.0,
        history: int = 20,
        first_step: float | None = None,
    ) -> None:
        flat = like.flatten(start_dim=1)
        batch, size = flat.shape
        self.history = history
        self.first_step = first_step
        self._rate = flat.new_ones(batch, 1) * torch.as_tensor(
            learning_rate, dtype=flat.dtype, device=flat.device
        ).view(-1, 1)
        # Rows 0 … m-1 hold s, rows m … 2m-1 hold y.
        self._pairs = flat.new_zeros(batch, 2 * history, size)
        self._live = flat.new_zeros(batch, 2 * history, 1, dtype=torch.float64)
        # sᵢ·yⱼ above yᵢ·yⱼ, in the order of the slots.
        self._products = flat.new_zeros(batch, 2 * history, history, dtype=torch.float64)
        self._curvature = flat.new_ones(batch, 1, dtype=torch.float64)
        self._newest = -1
        self._filled = 0
        self._point = torch.zeros_like(flat)
        self._slope = torch.zeros_like(flat)
        self._follows = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._curved = flat.new_zeros(batch, 1, dtype=torch.bool)
        self._caution = flat.new_ones(batch, 1)

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose x - rate · H·g, with H the inverse Hessian that the stored pairs suggest.

        The pair s = x - x', y = g - g' comes from what the caller evaluated, so `x` may be a
        projection of the last proposal.

        Args:
            x: the current iterates, [B, ...].
            gradient: the gradient of each problem's loss at `x`, same shape.

        Returns:
            The proposed iterates, same shape as `x`.
        """
        point, slope = x.flatten(start_dim=1), gradient.flatten(start_dim=1)
        self._remember(point - self._point, slope - self._slope)
        self._point, self._slope = point.clone(), slope.clone()
        self._follows = torch.ones_like(self._follows)
        direction = torch.where(self._curved, self._newton(slope), self._descent(slope))
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
            pairs=torch.cat([half[:, : self._filled] for half in self._pairs.chunk(2, 1)], 1),
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
        self._filled = state.pairs.shape[1] // 2
        for mine, saved in zip(self._pairs.chunk(2, 1), state.pairs.chunk(2, 1), strict=True):
            mine[:, : self._filled] = saved
        self._live, self._products = state.live, state.products
        self._curvature, self._newest = state.curvature, state.newest
        self._point, self._slope = state.point, state.slope
        self._follows, self._curved = state.follows, state.curved
        self._caution = state.caution

    def _remember(self, s: Tensor, y: Tensor) -> None:
        """Store a pair in the oldest slot, dead and zero for the problems that must skip it."""
        sy, ss, yy = (_dot(a, b) for a, b in ((s, y), (s, s), (y, y)))
        useful = self._follows & (sy > SMALLEST_COSINE * (ss * yy).sqrt()) & torch.isfinite(yy)
        self._newest = (self._newest + 1) % self.history
        self._filled = max(self._filled, self._newest + 1)
        newest, m = self._newest, self.history
        kept_y = torch.where(useful, y, 0)
        self._pairs[:, newest] = torch.where(useful, s, 0)
        self._pairs[:, m + newest] = kept_y
        self._live[:, newest] = self._live[:, m + newest] = useful.double()
        with_y = self._times(kept_y).squeeze(2)
        self._products[:, :, newest] = with_y
        self._products[:, m + newest, :] = with_y[:, m:]
        self._curvature = torch.where(useful, sy / yy, self._curvature)
        self._curved = self._curved | useful

    def _newton(self, slope: Tensor) -> Tensor:
        """H·g in the compact form.

        With S and Y the stored pairs, oldest first, R the upper triangle of SᵀY, D its diagonal
        and γ = sᵀy / yᵀy of the newest pair: H·g = γ·g + S·q - γ·Y·p, where R·p = Sᵀg and
        Rᵀ·q = D·p + γ·(YᵀY·p - Yᵀg).
        """
        oldest = self._newest + 1
        s_slope, y_slope = (half.roll(-oldest, 1) for half in self._times(slope).chunk(2, 1))
        sy, yy = (half.roll((-oldest, -oldest), (1, 2)) for half in self._products.chunk(2, 1))
        d = sy.diagonal(dim1=1, dim2=2)
        r = sy.triu() + torch.diag_embed((d == 0).to(sy))
        gamma = self._curvature.unsqueeze(2)
        p = torch.linalg.solve_triangular(r, s_slope, upper=True)
        inner = d.unsqueeze(2) * p + gamma * (yy @ p - y_slope)
        q = torch.linalg.solve_triangular(r.mT, inner, upper=False)
        weights = torch.cat([q.roll(oldest, 1), (-gamma * p).roll(oldest, 1)], dim=1)
        combined = (weights.to(slope).mT @ self._pairs).squeeze(1)
        return self._curvature.to(slope) * slope + combined

    def _times(self, vector: Tensor) -> Tensor:
        """The scalar products of every stored s and y with a vector [B, N]: [B, 2m, 1]."""
        return (self._pairs @ vector.unsqueeze(2)).double() * self._live

    def _descent(self, slope: Tensor) -> Tensor:
        """A step along the gradient, for problems without any curvature yet."""
        if self.first_step is None:
            length = (1 / slope.abs().sum(dim=1, keepdim=True)).clamp(max=1)
        else:
            smallest = torch.finfo(slope.dtype).tiny
            length = self.first_step / slope.abs().mean(dim=1, keepdim=True).clamp(min=smallest)
        return self._caution * length * slope


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The scalar product of each row, [B, 1] in float64."""
    return (a.unsqueeze(1) @ b.unsqueeze(2)).view(-1, 1).double()
