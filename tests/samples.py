"""The project's sample images, for tests that need real images."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "images" / "samples"
CONTENT = {path.stem: path for path in sorted((FOLDER / "content").glob("*.jpg"))}
STYLE = {path.stem: path for path in sorted((FOLDER / "style").glob("*.jpg"))}
