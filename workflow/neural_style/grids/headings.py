"""The words on sheets: names of images, of settings and of sizes, and the losses below a tile."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from neural_style.grids.labels import load_font
from neural_style.plan.settings import Settings
from neural_style.plan.sweep import WEIGHTS, format_number

SIGNS = ("α", "β", "lr")
"""What `sweep.WEIGHTS` are called in a heading."""

_LOSSES = ("total", "content", "style")


def names_of(files: Mapping[str, Path]) -> dict[str, str]:
    """By id: the name that people gave to the file, or the id if that cannot be drawn or told."""
    font = load_font(12)
    shared = Counter(path.stem for path in files.values())

    def tells(name: str) -> bool:
        return bool(name.strip()) and font.draws(name) and shared[name] == 1

    return {key: path.stem if tells(path.stem) else key for key, path in files.items()}


def setting_labels(settings: Mapping[str, Settings]) -> tuple[dict[str, str], str]:
    """A heading for each setting by its id, and what need not be in the headings.

    A setting that the lists make is called by its weights: `α 1   β 1e6`. What all settings have
    in common is told once, in the second part, and a setting on its own needs no heading at all.
    """
    common = [name for name in WEIGHTS if len({getattr(s, name) for s in settings.values()}) == 1]
    differing = [name for name in WEIGHTS if name not in common]
    if len(settings) == 1:
        ((key, only),) = settings.items()
        return {key: ""}, _label(only, WEIGHTS) if _is_unnamed(key, only) else key
    labels = {
        key: _label(each, differing or WEIGHTS) if _is_unnamed(key, each) else key
        for key, each in settings.items()
    }
    return labels, _label(next(iter(settings.values())), common) if differing else ""


def weight_label(name: str, value: float) -> str:
    """`α 1`, `β 1e6` or `lr 1`, which is not broken across lines; six digits have to do."""
    number = format_number(float(f"{value:.6g}"))
    return f"{SIGNS[WEIGHTS.index(name)]}\N{NO-BREAK SPACE}{number}"


def size_label(sizes: Iterable[tuple[int, int] | None]) -> str:
    """The size that pictures share, or else their longer side; empty if they share neither."""
    known = {size for size in sizes if size}
    longer = {max(size) for size in known}
    if len(known) == 1:
        return "{} × {} px".format(*known.pop())
    return f"{longer.pop()} px" if len(longer) == 1 else ""


def epochs_label(epochs: Iterable[int]) -> str:
    """`1000 epochs`, or the range of them."""
    several = sorted(set(epochs))
    ends = [str(several[0]), str(several[-1])] if len(several) > 1 else [str(several[0])]
    return f"{'–'.join(ends)} epoch{'s' if several[-1] > 1 else ''}"


def paint_label(settings: Iterable[Settings]) -> str:
    """What all settings have in common beside one style everywhere: `with sea 0.5, masked`."""
    words = [list(_paint_words(each)) for each in settings]
    return ", ".join(word for word in words[0] if all(word in others for others in words))


def losses_labels(path: Path) -> dict[int, tuple[str, ...]]:
    """By epoch: a line for the total, the content and the style loss that `losses.csv` holds.

    A row that cannot be read is left out, and so are all if the file cannot be read.
    """
    labels: dict[int, tuple[str, ...]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                words = tuple(f"{name} {_short(float(row[name]))}" for name in _LOSSES)
                labels[int(row["epoch"])] = words
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        pass  # what was read before the damage is as good as it was
    return labels


def _paint_words(settings: Settings) -> Iterator[str]:
    if settings.blend:
        shares = (f"{Path(file).stem} {format_number(x)}" for file, x in settings.blend.items())
        yield f"with {' and '.join(shares)}"
    if settings.style_scales != (1.0,):
        yield f"style {' and '.join(f'×{format_number(x)}' for x in settings.style_scales)}"
    if settings.mask:
        yield "masked"
    if settings.style_mask:
        yield "style masked"


def _is_unnamed(key: str, settings: Settings) -> bool:
    return key == "_".join(format_number(getattr(settings, name)) for name in WEIGHTS)


def _label(settings: Settings, names: Iterable[str]) -> str:
    return "   ".join(weight_label(name, getattr(settings, name)) for name in names)


def _short(value: float) -> str:
    """A number rounded to three digits: 0.512, 51200, 5.12e7."""
    mantissa, _, exponent = f"{float(f'{value:.3g}'):g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
