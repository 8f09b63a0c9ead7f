"""The images that settings name, looked up before any job starts. Free of torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from neural_style.plan.inputs import refusals_of_file
from neural_style.plan.settings import BESIDE, STARTS, Settings


def with_blended_files(settings: Settings, styles: Mapping[str, Path]) -> Settings:
    """The settings with files for the ids in `blend`.

    Args:
        settings: as they are configured.
        styles: id → file of each style image of the sweep; what is no id is the path of a file.
    """
    weights: dict[str, float] = {}
    for name, weight in settings.blend.items():
        path = str(styles.get(name, name))  # an id and a path may name the same file
        weights[path] = weights.get(path, 0.0) + weight
    return replace(settings, blend=dict(sorted(weights.items())))


def files_of(settings: Settings) -> Iterator[Path]:
    """The images that the settings name, with files for ids."""
    masks = (settings.mask, settings.style_mask)
    yield from (Path(mask) for mask in masks if mask is not None and mask != BESIDE)
    yield from map(Path, settings.blend)
    if settings.init not in STARTS:
        yield Path(settings.init)


def find_missing(settings: Settings, styles: Mapping[str, Path]) -> Iterator[str]:
    """A sentence for each image that the settings name and that no job could read.

    Args:
        settings: as they are configured.
        styles: as in `with_blended_files`.
    """
    for key, name in (("mask", settings.mask), ("style_mask", settings.style_mask)):
        if name is not None and name != BESIDE:
            yield from _refusals(f"paint.{key}", name, f"there is no file {name!r}; mend the path.")
    for name in settings.blend:
        if name not in styles:
            yield from _refusals("paint.blend", name, _no_style(name, styles))
    if (name := settings.init) not in STARTS:
        missing = f"{name!r} is neither {' nor '.join(STARTS)} nor a file; mend the path."
        yield from _refusals("optimization.init", name, missing)


def _refusals(key: str, name: str, if_missing: str) -> Iterator[str]:
    """What speaks against a file."""
    try:
        missing = not Path(name).is_file()
    except OSError:  # such as a name that is too long
        missing = True
    reasons = [if_missing] if missing else refusals_of_file(Path(name))
    yield from (f"{key}: {reason}" for reason in reasons)


def _no_style(name: str, styles: Mapping[str, Path]) -> str:
    """What to say of a style that is not there, with the nearest id or a few of them."""
    near = difflib.get_close_matches(name, styles, n=1, cutoff=0.5)
    some = ", ".join(list(styles)[:5]) + (" and others" if len(styles) > 5 else "")
    hint = f"did you mean {near[0]}?" if near else f"the ids are {some}."
    return f"{name!r} is neither the id of a style image nor a file; {hint}"
