"""Images and settings of a large output whose first stages are small, for the tests of these."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.unit.images import smooth

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.engine.load import load_problem
from neural_style.images import decode
from neural_style.losses.problem import TransferProblem

CPU = torch.device("cpu")
FIRST = Stage(64, 2)
LARGE = 700
CONTROLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "luminance": {"color": "luminance"},
    "matched colors": {"color": "match"},
    "crop": {"fit": "crop"},
    "noise": {"init": "noise"},
    "image": {"init": "other.jpg"},
    "masks": {"mask": "mask.png", "style_mask": "mask.png"},
    "blend": {"blend": {"other.jpg": 1.0}, "style_scales": (0.5, 1.0)},
}


def staged_settings(shallow: Settings) -> Settings:
    return replace(shallow, size=LARGE, fit="keep", stages=(FIRST,), epochs=4)


def save_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save JPEG files that are decoded at a reduced size for small outputs."""
    monkeypatch.setattr(decode, "REDUCED_FROM", 1000 * 800)
    monkeypatch.chdir(tmp_path)
    for name, size in {
        "content": (1300, 850),
        "style": (750, 950),
        "other": (1100, 900),
    }.items():
        smooth(*size).transpose(Image.Transpose.ROTATE_180).save(f"{name}.jpg")
    mask = Image.new("L", (260, 170))
    mask.paste(255, (0, 0, 130, 170))
    mask.save("mask.png")


def problem_of(settings: Settings) -> TransferProblem:
    return load_problem(Path("content.jpg"), Path("style.jpg"), settings, CPU).problem
