"""Ends the program with a sentence if a memory limit is too small for torch.

Import this before torch, whose libraries would end the program without one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import environment  # noqa: F401 - before all other packages

from neural_style.errors import NeuralStyleError
from neural_style.runtime.memory import require_room_for_torch

try:
    require_room_for_torch()
except NeuralStyleError as error:
    sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
