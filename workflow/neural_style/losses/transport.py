"""The optimal transport between two Gaussians: (A + εI)^(-½), from which loss and gradient follow.

`wasserstein` says what A and ε are. On the CPU, one symmetric eigendecomposition gives both. On a
GPU, that would take milliseconds and synchronize with the GPU, so matrix products give both there,
in a coupled Newton-Schulz iteration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.linalg import LinAlgError

SMALLEST_SHIFT = 1e-5
"""Lower bound of ε in units of the Frobenius norm of A, so that rounding errors of eigenvalues near
0 do not add up. It matters only where the image varies several times as much as the style."""

SMALLEST_NORM = 1e-18
"""Lower bound of that norm: the squares of smaller values would be 0 in float32."""

POLYNOMIALS = (
    (8.2152, -23.322, 16.615),
    (3.9628, -2.8383, 0.51631),
    (3.4449, -2.4858, 0.4789),
    (2.4696, -1.7627, 0.40423),
    (1.9215, -1.3008, 0.3801),
    (1.8752, -1.2503, 0.37512),
)
"""(a, b, c) of each step of `transport_by_products`: the polynomial x·(a + b·x² + c·x⁴) that takes
closest to 1 what the steps before it made of √`SMALLEST_SHIFT` ≤ x ≤ 1. It is made for a range
that is 2% wider, because rounding errors beyond the range would grow. No others of this degree need
fewer steps (Amsel, Persson, Musco and Gower, The Polar Express, 2025)."""

LARGEST_RESIDUAL = 1.0
"""Of the iteration before its last step, as a Frobenius norm; it is less than 0.5 where there are
512 eigenvalues within the range."""

Transport: TypeAlias = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes A = RᵀΣR, [B, K, K], R, [B, C, K], and ε, [B]; returns the matrix of the optimal
transport, T = R (A + εI)^(-½) Rᵀ, [B, C, C], and tr ((A + εI)^½ - √ε I), [B]. Rows and columns of 0
change nothing."""


def transport_by_eigenvalues(product: Tensor, root: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """A `Transport` by an eigendecomposition, which synchronizes with a GPU."""
    values, vectors = _eigh(product)
    _, shift = _norm_and_shift(product, shift)
    values, shift = values.clamp(min=0), shift[:, :, 0]
    roots = (values + shift).sqrt()
    mapped = root @ vectors
    # λ / (√(λ + ε) + √ε) is √(λ + ε) - √ε.
    return mapped / roots.unsqueeze(1) @ mapped.mT, (values / (roots + shift.sqrt())).sum(dim=1)


def transport_by_products(product: Tensor, root: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """A `Transport` by a coupled Newton-Schulz iteration in float32; it never synchronizes.

    From Y = (A + εI) / N and Z = I, each step multiplies both by P = a + b·ZY + c·(ZY)², so that ZY
    goes to I, Y to a root of (A + εI) / N and Z to its inverse (Higham, Functions of Matrices,
    2008, chapter 6). If style and features are constant, A is made of rounding errors and has
    eigenvalues below -ε, with which ZY goes elsewhere; then T is Σ' / √N.
    """
    norm, shift = _norm_and_shift(product, shift)
    shifted = product.clone()
    shifted.diagonal(dim1=1, dim2=2).add_(shift[:, :, 0])
    first, *others, last = POLYNOMIALS
    y = shifted / norm
    factor = _factor(y, first)
    y, z = y @ factor, factor
    for each in others:
        factor = _factor(z @ y, each)
        y, z = y @ factor, factor @ z
    z_y = z @ y
    z = _factor(z_y, last) @ z
    identity = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    residual = torch.linalg.matrix_norm(z_y - identity, keepdim=True)
    z = torch.where(residual < LARGEST_RESIDUAL, z, identity)
    inverse = z * norm.rsqrt()
    traces = (shifted * inverse).sum(dim=1) - shift[:, 0].sqrt()
    # Where a column of R is 0, its share is 0, but for the error of the polynomials.
    trace = (traces * root.any(dim=1)).sum(dim=1)
    return root @ inverse @ root.mT, trace


def _factor(z_y: Tensor, polynomial: tuple[float, float, float]) -> Tensor:
    """P of a step, from ZY."""
    a, b, c = polynomial
    factor = torch.baddbmm(z_y, z_y, z_y, beta=b, alpha=c)
    factor.diagonal(dim1=1, dim2=2).add_(a)
    return factor


def _norm_and_shift(product: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """N, no less than any eigenvalue of A + εI, and ε, no less than `SMALLEST_SHIFT`; [B, 1, 1]."""
    norm: Tensor = torch.linalg.matrix_norm(product, keepdim=True).clamp(min=SMALLEST_NORM)
    larger = torch.maximum(shift.view(-1, 1, 1), SMALLEST_SHIFT * norm)
    return norm + larger, larger


def _eigh(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of symmetric matrices [B, C, C]; reads one triangle only.

    In float32 the algorithm may not converge where most eigenvalues are 0, as those of small images
    are, or have NaN as its result (MKL with AVX-512); then it runs in float64. Both are NaN where
    there are none, such as after a bad step.
    """
    try:
        values, vectors = decompose(matrices)
        # A GPU would have to be waited for.
        converged = matrices.device.type != "cpu" or bool(vectors.isfinite().all())
    except LinAlgError:
        converged = False
    if not converged:
        try:
            values, vectors = decompose(matrices.double())
        except LinAlgError:
            values, vectors = matrices.new_full(matrices.shape[:2], math.nan), matrices * math.nan
    return values.to(matrices), vectors.to(matrices)


def decompose(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of symmetric matrices [B, C, C], by torch or by NumPy.

    NumPy computes those in float64 on the CPU. With torch, MKL does, whose dsyevd damaged the heap
    on an Intel Xeon with AVX-512: with torch 2.14.1, 7 of 16 short runs of `best` died. They did
    not with NumPy in its place.

    Raises:
        LinAlgError: there are none, or the algorithm did not converge.
    """
    if matrices.device.type != "cpu" or matrices.dtype != torch.float64:
        values, vectors = torch.linalg.eigh(matrices)
        return values, vectors
    try:
        arrays = np.linalg.eigh(matrices.detach().numpy())
    except np.linalg.LinAlgError as error:
        raise LinAlgError(str(error)) from error
    return torch.from_numpy(arrays.eigenvalues), torch.from_numpy(arrays.eigenvectors)
