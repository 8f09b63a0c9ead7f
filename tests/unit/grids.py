"""What the tests of grids share: images of one color, grids of them, small sweeps."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from neural_style.config.schema import complete
from neural_style.config.sweep import plan_sweep
from neural_style.report.grid_layout import Box, Grid, Row, Tile
from neural_style.report.outputs import SweepGrids, sweep_grids

PAPER = (251, 250, 248)
HOSTILE = {
    "long": "n" * 300,
    "newline": "two\nlines",
    "chinese": "神奈川沖浪裏",
    "emoji": "🌊🎨",
    "bidi": "a\u202eb",
    "undecodable": "caf\udce9",
    "empty": "",
}


def color(number: int) -> tuple[int, int, int]:
    return (40 * number % 256, 255 - 37 * number % 256, 91 * number % 256)


def solid(path: Path, number: int, size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color(number)).save(path, quality=95, subsampling=0)
    return path


def uniform_grid(rows: int, columns: int, image: Path | None = None, **other: Any) -> Grid:
    row = Row("row", (Tile(image),) * columns)
    return Grid(("title",), ("column",) * columns, (row,) * rows, **other)


def center(box: Box) -> tuple[int, int]:
    return box.left + box.width // 2, box.top + box.height // 2


def crop(image: Image.Image, box: Box) -> Image.Image:
    return image.crop((box.left, box.top, box.right, box.bottom))


def darkest(image: Image.Image) -> int:
    return next(value for value, count in enumerate(image.convert("L").histogram()) if count)


def make_grids(
    contents: Iterable[str] = ("cat",),
    styles: Iterable[str] = ("sea",),
    **config: Any,
) -> SweepGrids:
    """The grids of a sweep of images in the working folder, 60 × 40 px each."""
    for kind, names in (("content", contents), ("style", styles)):
        for name in names:
            if not Path(kind, f"{name}.png").exists():
                solid(Path(kind, f"{name}.png"), 1, (60, 40))
    whole = complete({"content": "content", "style": "style", **config})
    return sweep_grids(plan_sweep(whole), whole)
