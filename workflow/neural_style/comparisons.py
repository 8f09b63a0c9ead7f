"""Which pictures to put side by side: grids composed from the index of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural_style.grid import picture_size
from neural_style.labels import load_font
from neural_style.layout import Grid, GridError, Row, Tile

if TYPE_CHECKING:
    from neural_style.index import IndexRow


def content_grid(rows: Sequence[IndexRow], content: str) -> Grid:
    """Compose the grid of one content image: styles down, settings across, in index order.

    Args:
        rows: the index; rows of other content images are passed over.
        content: the id of the content image.

    Raises:
        GridError: the index has no row of `content`.
    """
    jobs = {(row.style, row.setting): row for row in rows if row.content == content}
    if not jobs:
        known = list(dict.fromkeys(row.content for row in rows))
        some = ", ".join(known[:5]) + (" and others" if len(known) > 5 else "")
        raise GridError(f"the sweep has no content image {content!r}; choose one of {some}.")
    styles = {row.style: row.style_path for row in jobs.values()}
    settings = {row.setting: setting_label(row) for row in jobs.values()}
    original = next(iter(jobs.values())).content_path
    size = _first_size(row.result for row in jobs.values())
    names = _names(styles)
    lines = tuple(
        Row(
            heading=names[style],
            tiles=tuple(_result_tile(jobs.get((style, setting))) for setting in settings),
            margin=Tile(path),
        )
        for style, path in styles.items()
    )
    return Grid(
        title=_names({content: original})[content],
        columns=tuple(settings.values()),
        rows=lines,
        corner=Tile(original),
        subtitle=_facts(size, sorted({row.epochs for row in jobs.values()})),
        shape=size or _first_size([original]) or (1, 1),
    )


def setting_label(row: IndexRow) -> str:
    """The heading of a setting: its name, or `α 1   β 1e6   lr 1` where the id is its numbers."""
    parts = row.setting.split("_")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return row.setting
    if numbers != [row.alpha, row.beta, row.learning_rate]:
        return row.setting
    signs = zip(("α", "β", "lr"), parts, strict=True)
    return "   ".join(f"{sign}\N{NO-BREAK SPACE}{part}" for sign, part in signs)


def _result_tile(row: IndexRow | None) -> Tile:
    return Tile(None, note="not in the index") if row is None else Tile(row.result)


def _names(files: Mapping[str, Path]) -> dict[str, str]:
    """By id: the name that people gave to the file, or the id if that cannot be drawn or told."""
    font = load_font(12)
    shared = Counter(path.stem for path in files.values())

    def tells(name: str) -> bool:
        return bool(name.strip()) and font.draws(name) and shared[name] == 1

    return {key: path.stem if tells(path.stem) else key for key, path in files.items()}


def _first_size(pictures: Iterable[Path]) -> tuple[int, int] | None:
    sizes = (picture_size(path) for path in pictures)
    return next((size for size in sizes if size), None)


def _facts(size: tuple[int, int] | None, epochs: Sequence[int]) -> str:
    pixels = [f"{size[0]} × {size[1]} px"] if size else []
    several = f"{epochs[0]}–{epochs[-1]}" if len(epochs) > 1 else str(epochs[0])
    return "  ·  ".join([*pixels, f"{several} epochs"])
