"""Makes images, and makes them again from what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neural_style.cli.main import main as command
from neural_style.images.encode import load_comment, save_pixels

SMALL = ["--size=32", "--epochs=3", "--save-every=2", "--threads=1", "--style-layers=conv1_1:1"]
EXACT = [*SMALL, "--precision=fp32", "--content-layers=conv2_1:0.1,conv1_2:3"]


@pytest.fixture
def pair(project) -> tuple[Path, Path]:
    return project.add("content", "cat.png", seed=0), project.add("style", "sea.png", seed=1)


@pytest.fixture
def main(monkeypatch, tmp_path) -> Callable[[list[str]], int]:
    monkeypatch.chdir(tmp_path)  # files outside of it are not read on the word of an output
    return command


@pytest.fixture
def made(main, pair, tmp_path) -> Callable[..., Path]:
    """Makes an image and says where it is."""

    def make(*options: str, name: str = "first", suffix: str = "png") -> Path:
        output = tmp_path / name / f"out.{suffix}"
        assert main([*map(str, pair), f"--output={output}", *options]) == 0
        return output

    return make


@pytest.fixture
def remade(main, tmp_path) -> Callable[..., Path]:
    """Makes an image again and says where it is."""

    def make(picture: Path, *options: str) -> Path:
        output = tmp_path / "again" / picture.name
        arguments = ["remake", str(picture), f"--output={output}", "--threads=1"]
        assert main([*arguments, *options]) == 0
        return output

    return make


def refused(main, capfd, tmp_path, picture: Path, *options: str) -> str:
    """What is said of an image that is not made again."""
    capfd.readouterr()
    output = tmp_path / f"no{picture.suffix}"
    assert main(["remake", str(picture), f"--output={output}", *options]) in (1, 2)
    assert not output.exists()
    said: str = capfd.readouterr().err
    assert said.startswith("neural-style remake: ")
    assert "Traceback" not in said
    return said


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def forged(
    folder: Path, picture: Path, settings: dict[str, Any] | None = None, **facts: Any
) -> Path:
    """An image whose note says something else."""
    note = json.loads(load_comment(picture)) | facts
    note["settings"] |= settings or {}
    path = folder / "forged.png"
    save_pixels(np.zeros((32, 32, 3), np.uint8), path, "png", comment=json.dumps(note))
    return path
