"""L-BFGS for a batch of independent problems, without a line search.

The compact form of Byrd, Nocedal and Schnabel (1994) needs a handful of matrix products where the
two-loop recursion makes four passes over the whole history, and it never synchronizes with the GPU.

The history is made of entries (s, y), also called curvature pairs: the step s between two iterates
and the change y of the gradient along it. The newest `history` entries are kept. With the
preconditioner P, P·y is kept in place of y, because nothing else is needed: a step reads the
history twice, and applies P once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from neural_style.losses.terms import exact_dtype

SMALLEST_RATIO = 1e-8
"""Of γ to the one before: an entry with a smaller one is skipped, as one of negative curvature."""

PARTS_ON_CUDA = 512
"""Parts in which long scalar products are added up on CUDA, at most, see `_row_products`."""

SMALLEST_SCALE = 1e-6
"""Lower bound of the factor on a first step, so that it still moves a pixel."""


@dataclass(frozen=True)
class LbfgsState:
    """The memory of `Lbfgs`, for B problems of N values each, with m slots for entries.

    Tensors are on the device of the iterates and of their dtype, if no other is named. "Exact" is
    `exact_dtype`. The next step changes `entries` and `products` in place.

    Attributes:
        entries: s, then P·y in each slot, [B, 2, m, N]; most of the memory.
        previous: the iterates of the last step, the gradient there, and P times it, [B, 3, N].
        slots: columns of `products` that the newest entry changed, [4]: k for slot k, m + k, and
            those of γ and of the threshold.
        products: R⁻¹, YᵀPY, D, the threshold and (0, 0, γ, 0, 0) side by side (see `Lbfgs`), in the
            order of the slots, [B, m, 2m + 7], exact. What belongs to an invalid slot is 0, and γ
            without a valid entry. The threshold is what sᵀy of the next entry must exceed: 0, or
            after a restart more than it can, because `previous` is from before it.
        scale: of the next first step, [B, 1].
    """

    entries: Tensor
    previous: Tensor
    slots: Tensor
    products: Tensor
    scale: Tensor

    def after(self, steps: int) -> Self:
        """The memory after so many steps without the slots that none of them filled."""
        history = self.entries.shape[2]
        if steps >= history:
            return self
        # A view would write all slots to a file.
        return replace(self, entries=self.entries[:, :, :steps].clone())


class Lbfgs:
    """Proposes the next iterates from the gradient; the caller evaluates, and may move them.

    The first inverse Hessian is γ·P with γ = sᵀy / yᵀPy of the newest entry, an estimate of the
    inverse curvature. With S and Y the entries as columns, R the upper triangle of SᵀY (oldest
    first) and D its diagonal,

        H·g = γ·(P·(g - Y·p) + S·q), where p = R⁻¹·Sᵀg and q = R⁻ᵀ·(D/γ·p + YᵀPY·p - YᵀP·g).

    R⁻¹ is kept rather than R: for a new entry it gets a column, and the oldest entry loses its row
    and column. So the order of the slots does not matter, and nothing is solved.

    Each problem of the batch has its own entries (s, y). All share one ring of slots, in which a
    slot can be invalid for some of them: never filled, skipped, or forgotten. Its products are 0,
    so that it drops out of the equation.

    Args:
        like: a tensor [B, ...] of the shape, dtype and device of the iterates.
        learning_rate: factor on every step, [B] or a number.
        history: number of entries that are kept.
        first_step: mean |change| of the first step, before the learning rate, in units of the
            iterates; None takes the step of `torch.optim.LBFGS`, min(1, 1/‖g‖₁)·g.
        precondition: P, a symmetric positive definite map of tensors like `like`, problem by
            problem. None is the identity.

    Attributes:
        memory: everything that the next step depends on.
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
        self._precondition = precondition
        self._by_gradient = first_step is None
        self.history = history
        self._rate = flat.new_ones(batch, 1) * torch.as_tensor(
            learning_rate, dtype=flat.dtype, device=flat.device
        ).view(-1, 1)
        first_scale = 1.0 if first_step is None else first_step * size
        self._smallest_scale = SMALLEST_SCALE * first_scale
        self._smallest_norm = 1.0 if first_step is None else torch.finfo(flat.dtype).tiny * size
        # Constants: a number of Python would be copied to the device at each step.
        exact = exact_dtype(like.device)
        highest = torch.finfo(exact).max
        self._blank = flat.new_tensor(
            [0.0] * (2 * history + 1) + [highest] + [0.0] * 5, dtype=exact
        )
        self._one = flat.new_ones(batch, 1, 1, dtype=exact)
        self._zero = torch.zeros_like(self._one)
        self._no_products = flat.new_zeros(batch, 1, history, dtype=exact)
        self._no_tail = flat.new_zeros(batch, 1, 6, dtype=exact)
        first = torch.arange(history, device=flat.device)
        gamma, threshold = (torch.full_like(first, 2 * history + each) for each in (4, 1))
        columns = torch.stack([first, history + first, gamma, threshold], dim=1)
        self._next_slots = columns.roll(-1, 0)
        self.memory = LbfgsState(
            entries=flat.new_zeros(batch, 2, history, size),
            previous=flat.new_zeros(batch, 3, size),
            slots=columns[-1].clone(),
            products=self._blank.repeat(batch, history, 1),
            scale=flat.new_full((batch, 1), first_scale),
        )

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose x - rate · H·g, with H the inverse Hessian that the history suggests.

        The entry s = x - x', y = g - g' comes from what the caller evaluated, so `x` may be a
        projection of the last proposal.

        Args:
            x: the current iterates, [B, ...].
            gradient: the gradient of each problem's loss at `x`, same shape.

        Returns:
            The proposed iterates, same shape as `x`.
        """
        point, flat = x.flatten(start_dim=1), gradient.flatten(start_dim=1)
        preconditioned = self._apply_preconditioner(gradient).flatten(start_dim=1)
        current = torch.stack([point, flat, preconditioned], dim=1)
        change = current - self.memory.previous
        slots = self._next_slots.index_select(0, self.memory.slots[:1])[0]
        # A value that is not finite would spoil the sums of entries, even with a weight of 0.
        entry = change[:, ::2, None].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        entries = self.memory.entries.index_copy_(2, slots[:1], entry)
        rows = entries.flatten(start_dim=1, end_dim=2)
        vectors = torch.stack([change[:, 1], flat], dim=1)
        products = _row_products(rows, vectors, self._one.dtype).view(*entries.shape[:3], 2)
        self._add_products(products[..., :1], slots)
        weights = self._weights(products[..., 1:], self._first_length(current))
        along_rows = weights[:, :-1].mT @ rows
        direction = torch.addcmul(along_rows[:, 0], weights[:, -1], preconditioned)
        self.memory = replace(self.memory, previous=current, slots=slots)
        return torch.addcmul(point, self._rate, direction, value=-1).view_as(x)

    def restart(self, problems: Tensor, scale: float) -> None:
        """Forget the history of some problems and scale their next first step.

        Args:
            problems: [B] of booleans.
            scale: factor on the first step of these problems; it accumulates.
        """
        chosen = problems.view(-1, 1)
        before = self.memory.scale
        self.memory = replace(
            self.memory,
            products=torch.where(chosen.unsqueeze(2), self._blank, self.memory.products),
            scale=torch.addcmul(before, before, chosen, value=scale - 1).clamp(
                min=self._smallest_scale
            ),
        )

    def restore(self, state: LbfgsState) -> None:
        """Copy the memory of such an optimizer, `LbfgsState.after` some steps.

        Raises:
            ValueError: its newest slot is not possible.
        """
        filled, history = state.entries.shape[2], self.history
        newest, *others = state.slots.tolist()
        possible = range(history) if filled == history else [(filled - 1) % history]
        if newest not in possible or others != self._next_slots[newest - 1, 1:].tolist():
            raise ValueError(f"its L-BFGS history is not one of {history} entries")
        entries = self.memory.entries.zero_()
        entries[:, :, :filled] = state.entries
        self.memory = replace(state, entries=entries, products=state.products.clone())

    def _apply_preconditioner(self, images: Tensor) -> Tensor:
        """P times images [B, ...]."""
        return images if self._precondition is None else self._precondition(images)

    def _add_products(self, products: Tensor, slots: Tensor) -> None:
        """Add the products of the newest entry to the memory, if it is of use to a problem.

        Args:
            products: of s and P·y in each slot with its y, [B, 2, m, 1].
            slots: as in `LbfgsState`, of the newest entry.
        """
        kept, history = self.memory.products, self.history
        newest = products.index_select(2, slots[:1])  # [B, 2, 1, 1]
        s_dot_y, y_dot_py = newest[:, 0], newest[:, 1]
        margin = torch.addcmul(s_dot_y, _gamma(kept), y_dot_py, value=-SMALLEST_RATIO)
        # The new column of R⁻¹ is (e - R⁻¹·SᵀY·e) / d, for its diagonal value d and unit vector e.
        sums = _product(kept[:, :, :history], products[:, 0], factor=-1)
        column = sums.index_fill_(1, slots[:1], 1.0) / s_dot_y
        numbers = (each.expand_as(column) for each in (s_dot_y / y_dot_py, self._zero, s_dot_y))
        columns = torch.cat([column, products[:, 1], *numbers], dim=2)
        columns = torch.where(margin > kept[:, :1, -6:-5], columns, kept[:, :, -5:])
        y_p_y, diagonal = columns[:, :, 1:2].mT, columns[:, :1, 4:]
        row = torch.cat([self._no_products, y_p_y, diagonal, self._no_tail], dim=2)
        kept.index_copy_(1, slots[:1], row).index_copy_(2, slots, columns[:, :, :4])

    def _weights(self, products: Tensor, first_length: Tensor) -> Tensor:
        """The weights of s, of P·y (in the order of the slots) and of P·g in H·g: [B, 2m + 1, 1].

        Args:
            products: of s and P·y in each slot with g, [B, 2, m, 1].
            first_length: the weight of P·g without a valid entry, [B, 1]; weights have its dtype.
        """
        history, kept = self.history, self.memory.products
        inverse, y_p_y = kept[:, :, :history], kept[:, :, history : 2 * history]
        diagonal, gamma = kept[:, :, 2 * history : 2 * history + 1], _gamma(kept)
        length = torch.where(gamma > 0, gamma, first_length.unsqueeze(2))
        minus_p = _product(inverse, products[:, 0], factor=-1)
        minus_rest = torch.baddbmm(products[:, 1], y_p_y, minus_p)
        minus_rest = torch.addcmul(minus_rest, diagonal / length, minus_p)
        q = _product(inverse.mT, minus_rest, factor=-1)
        weights = torch.cat([q, minus_p, self._one], dim=1)
        # Rounded to the dtype of the iterates in the same kernel.
        return torch.mul(weights, length, out=first_length.new_empty(weights.shape))

    def _first_length(self, current: Tensor) -> Tensor:
        """The factor on P·g of a step without a valid entry, [B, 1]."""
        given = current[:, 1 if self._by_gradient else 2]
        norm: Tensor = torch.linalg.vector_norm(given, ord=1, dim=1, keepdim=True)
        return self.memory.scale / norm.clamp(min=self._smallest_norm)


def _gamma(products: Tensor) -> Tensor:
    """γ, [B, 1, 1], see `LbfgsState.products`."""
    return products[:, :1, -3:-2]


def _row_products(rows: Tensor, vectors: Tensor, dtype: torch.dtype) -> Tensor:
    """Scalar products of rows [B, M, N] with vectors [B, V, N]: [B, M, V] of a dtype.

    On CUDA, they are added up in parts: cuBLAS gives each problem of a batch to one multiprocessor,
    and took 6 ms for two images of 256 pixels on an H200, where reading the rows takes 0.02 ms.
    """
    batch, count, size = rows.shape
    if rows.device.type != "cuda":
        return (rows @ vectors.mT).to(dtype)
    parts = next(each for each in range(PARTS_ON_CUDA, 0, -1) if size % each == 0)
    sums = rows.new_empty(batch, parts, count, vectors.shape[1])
    for own, others, out in zip(rows, vectors, sums, strict=True):
        pieces = others.view(len(others), parts, -1).permute(1, 2, 0)
        torch.bmm(own.view(count, parts, -1).transpose(0, 1), pieces, out=out)
    return sums.sum(dim=1, dtype=dtype)


def _product(matrices: Tensor, vectors: Tensor, factor: float) -> Tensor:
    """A factor times the product of matrices [B, m, m] with vectors [B, m, 1], in one kernel."""
    return torch.baddbmm(vectors, matrices, vectors, beta=0, alpha=factor)
