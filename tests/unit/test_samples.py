"""The sample images: complete, small, and documented."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
