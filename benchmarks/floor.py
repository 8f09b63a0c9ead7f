"""The least that an evaluation could take: its operations, at the rate of matrix products."""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise

import torch
from race import wait

from neural_style.model.layers import block_of, convolution_of
from neural_style.model.vgg import Vgg19

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Sides of the square matrices that are multiplied; the best of them counts."""

SECONDS = 1.0
"""For each of these sizes. The quickest product counts, so that other work beside does not."""


def operations(network: Vgg19, style_layers: Collection[str], height: int, width: int) -> int:
    """Multiplications and additions of one evaluation of one image and of its gradient.

    A convolution counts 2·9·C·C'·H·W forward and as much back to the image; its frozen weights
    get no gradient. A Gram matrix counts 2·C²·H·W each way. The rest (rectifiers, pooling, losses,
    optimizer) is small, and bound by the memory.
    """
    products = 0
    for previous, name in pairwise((network.convolutions[0], *network.convolutions)):
        if block_of(name) != block_of(previous):
            height, width = height // 2, width // 2
        weight = network.get_buffer(f"{name}_weight")
        grams = sum(convolution_of(layer) == name for layer in style_layers)
        products += (weight.numel() + grams * weight.shape[0] ** 2) * height * width
    there_and_back, multiply_and_add = 2, 2
    return there_and_back * multiply_and_add * products


@lru_cache
def rate_of_products(device: torch.device, dtype: torch.dtype, tf32: bool) -> float:
    """Operations a second that matrix products are made at, at best.

    Args:
        device: where.
        dtype: of the matrices.
        tf32: whether float32 may round to TF32 on CUDA.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if tf32 and device.type == "cuda" else "highest")
    try:
        return max(_rate(side, device, dtype) for side in SIDES[device.type])
    finally:
        torch.set_float32_matmul_precision(before)


def _rate(side: int, device: torch.device, dtype: torch.dtype) -> float:
    """The same for square matrices of one size."""
    a, b = torch.rand(2, side, side, device=device).to(dtype)
    a @ b  # the first one loads the library
    wait(device)
    quickest, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        start = time.perf_counter()
        a @ b
        wait(device)
        quickest = min(quickest, time.perf_counter() - start)
    return 2 * side**3 / quickest
