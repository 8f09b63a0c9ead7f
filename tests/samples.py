"""The project's sample images, for tests that need real images."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "images" / "samples"
CONTENT = {path.stem: path for path in sorted((FOLDER / "content").glob("*.jpg"))}
STYLE = {path.stem: path for path in sorted((FOLDER / "style").glob("*.jpg"))}


def link_those_of_the_docs(folder: Path) -> None:
    """Make the images that the examples in Python name: cat.jpg, wave.jpg, and night.jpg."""
    for name, source in {
        "cat": CONTENT["chelsea"],
        "wave": STYLE["woodcut_wave"],
        "night": STYLE["swirling_night"],
    }.items():
        (folder / f"{name}.jpg").symlink_to(source)
