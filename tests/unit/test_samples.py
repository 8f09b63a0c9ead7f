"""The sample images: complete, small, documented, and style images that differ."""

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


def test_there_are_four_content_images_and_six_style_images() -> None:
    assert (len(CONTENT), len(STYLE)) == (4, 6)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sample_is_a_jpeg_of_a_useful_size(path: Path) -> None:
    with Image.open(path) as image:
        assert image.format == "JPEG"
    width, height = load_image(path).size
    assert min(width, height) >= (512 if path in STYLE.values() else 300)


def histogram(image: np.ndarray) -> np.ndarray:
    """The shares of 64 colors: four levels per channel."""
    number = (image // 64).astype(int) @ np.array([16, 4, 1])
    return np.bincount(number.ravel(), minlength=64) / number.size


def test_the_style_images_have_texture_everywhere_and_colors_of_their_own() -> None:
    histograms = {}
    for name, path in STYLE.items():
        image = np.asarray(load_image(path).resize((160, 120))).astype(float)
        gray, chroma = image.mean(axis=-1), np.ptp(image, axis=-1)
        energy = np.abs(np.diff(gray, axis=0))[:, :-1] + np.abs(np.diff(gray, axis=1))[:-1]
        tiles = energy[:117, :156].reshape(9, 13, 12, 13).mean(axis=(1, 3))
        assert (tiles > 3).mean() > 0.95, f"more than 5 % of {name} is flat"
        assert np.percentile(chroma, 85) > 60, f"{name} has no strong colors"
        histograms[name] = histogram(image)
    for one, other in combinations(STYLE, 2):
        apart = np.abs(histograms[one] - histograms[other]).sum() / 2
        assert apart > 0.3, f"{one} and {other} have {1 - apart:.0%} of their colors in common"


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
