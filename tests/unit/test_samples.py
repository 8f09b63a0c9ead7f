"""The sample images: complete, small, documented, and style images worth the name."""

from __future__ import annotations

import subprocess
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.samples import CONTENT, FOLDER, STYLE

from neural_style.images.decode import load_image

ROOT = FOLDER.parents[1]
FILES = [*CONTENT.values(), *STYLE.values()]


def pixels(path: Path, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """The image at a small size, [H, W, 3], values from 0 to 255."""
    return np.asarray(load_image(path).resize(size, Image.Resampling.LANCZOS)).astype(float)


def test_there_are_four_content_images_and_six_style_images() -> None:
    assert (len(CONTENT), len(STYLE)) == (4, 6)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sample_is_a_jpeg_of_a_useful_size(path: Path) -> None:
    with Image.open(path) as image:
        assert image.format == "JPEG"
    width, height = load_image(path).size
    assert min(width, height) >= (512 if path in STYLE.values() else 300)


def test_all_samples_together_are_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 2_000_000


def test_the_readme_names_origin_and_license_of_each_file() -> None:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    named = {row[0].strip(" `"): row for row in rows}
    assert named.keys() == {path.relative_to(FOLDER).as_posix() for path in FILES}
    for path in FILES:
        _, _, size, origin, license_ = named[path.relative_to(FOLDER).as_posix()]
        assert size.strip() == " × ".join(map(str, load_image(path).size))
        assert origin.strip() and license_.strip() in ("CC0", "MIT", "public domain")


def test_git_keeps_the_samples_and_ignores_images_of_the_user(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    kept = ["images/samples/content/a.jpg", "images/samples/README.md", "images/content/.gitkeep"]
    ignored = ["images/content/a.jpg", "images/style/deep/b.png", "images/c.jpg"]
    command = ["git", "-C", str(tmp_path), "check-ignore", *kept, *ignored]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.stdout.splitlines() == ignored


@pytest.mark.parametrize("name", STYLE)
def test_a_style_image_has_texture_everywhere(name: str) -> None:
    gray = pixels(STYLE[name]).mean(axis=-1)
    energy = np.abs(np.diff(gray, axis=0))[:, :-1] + np.abs(np.diff(gray, axis=1))[:-1]
    assert energy.mean() > 15.0
    tiles = energy[:117, :156].reshape(9, 13, 12, 13).mean(axis=(1, 3))
    assert (tiles > 3.0).mean() > 0.95, "more than 5 % of the image is flat"


@pytest.mark.parametrize("name", STYLE)
def test_a_style_image_has_many_strong_colors(name: str) -> None:
    image = pixels(STYLE[name])
    chroma = image.max(axis=-1) - image.min(axis=-1)
    assert np.percentile(chroma, 85) > 60.0
    assert (histogram(image) > 0.002).sum() >= 12


def histogram(image: np.ndarray) -> np.ndarray:
    """The shares of 64 colors: four levels per channel."""
    number = (image // 64).astype(int) @ np.array([16, 4, 1])
    return np.bincount(number.ravel(), minlength=64) / number.size


@pytest.mark.parametrize(("one", "other"), list(combinations(STYLE, 2)))
def test_two_style_images_differ_in_color(one: str, other: str) -> None:
    apart = np.abs(histogram(pixels(STYLE[one])) - histogram(pixels(STYLE[other]))).sum() / 2
    assert apart > 0.3, f"{one} and {other} have {1 - apart:.0%} of their colors in common"
