"""The images of a race side by side: does an image of the same loss also look as good?"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from race import Judge, Track
from torch import Tensor

from neural_style.images.encode import save_image
from neural_style.images.tensors import to_pil_images
from neural_style.report.grid_layout import Grid, Row, Tile
from neural_style.report.grid_render import render_grid


@dataclass(frozen=True)
class Finish:
    """The images at the end of one race.

    Attributes:
        title: of the pair.
        content: file of the content image.
        style: file of the style image.
        images: heading → (image [1, 3, H, W] of uint8, or None; caption).
    """

    title: str
    content: Path
    style: Path
    images: Mapping[str, tuple[Tensor | None, str]]


def finish(
    pair: str, title: str, judge: Judge, tracks: Mapping[str, Track], ours: str, mark: int
) -> Finish:
    """Collect the images of a race: each baseline at a mark, ours at its loss and at the end."""
    content, style = map(Path, pair.split(","))
    images: dict[str, tuple[Tensor | None, str]] = {}
    for name in (name for name in tracks if name != ours):
        image = tracks[name].images[mark]
        target = judge.loss(image)
        reached = judge.first_reach(tracks[ours], target)
        images[name] = (image, f"{mark} evaluations, loss {target:.2f}")
        images[f"{ours} at the loss of {name}"] = (
            (None, "not reached")
            if reached is None
            else (tracks[ours].images[reached], f"{reached} evaluations")
        )
    last = tracks[ours].images[-1]
    caption = f"{len(tracks[ours].images) - 1} evaluations, loss {judge.loss(last):.2f}"
    images[f"{ours} at the end"] = (last, caption)
    return Finish(title, content, style, images)


def write_grid(finishes: Sequence[Finish], size: int, path: Path) -> None:
    """Write one grid, with a row for each race."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_row(each, Path(folder) / str(number)) for number, each in enumerate(finishes)]
        grid = Grid(
            title=("Plain implementation and this library",),
            subtitle=f"{size} × {size} px  ·  α 1  β 1e6",
            columns=("content", "style", *finishes[0].images),
            rows=tuple(rows),
            shape=(size, size),
        )
        save_image(render_grid(grid, size), path, 90)


def _row(race: Finish, folder: Path) -> Row:
    tiles = [Tile(race.content), Tile(race.style)]
    for number, (image, caption) in enumerate(race.images.values()):
        if image is None:
            tiles.append(Tile(None, note=caption))
            continue
        path = folder / f"{number}.png"
        save_image(to_pil_images(image.float() / 255)[0], path, 95)
        tiles.append(Tile(path, caption=(caption,)))
    return Row(heading=race.title, tiles=tuple(tiles))
