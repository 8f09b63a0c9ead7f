"""Random tensors for the tests of losses: the same numbers for the same seed."""

from __future__ import annotations

import torch
from torch import Tensor


def random(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
