"""What the tests of the Python interface share: marks and settings of small runs, and images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.images import smooth

from neural_style import Output

MARKS = [
    pytest.mark.usefixtures("random_network"),
    # Runs of a few iterations may end before they have settled.
    pytest.mark.filterwarnings("ignore:the optimization did not settle"),
]

SMALL: dict[str, Any] = {"size": 48, "epochs": 2, "style_layers": {"conv1_1": 1.0, "conv2_1": 1.0}}
SMALL |= {"content_layers": {"conv2_2": 1.0}, "precision": "fp32"}


def photo(height: int = 32, width: int = 48) -> np.ndarray:
    return np.asarray(smooth(width, height))


def as_tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy()).permute(2, 0, 1).float() / 255


def pixels(output: Output) -> np.ndarray:
    return np.asarray(output.image)
