"""Where and how much to measure, and on which images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Row = dict[str, Any]
T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CONTENT = ROOT / "images/samples/content/chelsea.jpg"
STYLE = ROOT / "images/samples/style/swirling_night.jpg"
STYLES = ("swirling_night", "stained_glass", "woodcut_wave", "molten_harbour")


@dataclass(frozen=True)
class Options:
    """Where and how much to measure.

    Attributes:
        device: `cuda` or `cpu`.
        quick: only as much as shows that the step works.
        folder: a temporary folder of this step.
    """

    device: str
    quick: bool
    folder: Path

    def of(self, full: T, quick: T) -> T:
        """One of two values."""
        return quick if self.quick else full
