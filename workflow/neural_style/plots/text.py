"""Words in figures: only what the font can draw, measured, shortened and wrapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font

from neural_style.grids.labels import ELLIPSIS, plain

FAMILY = "DejaVu Sans"
"""The font inside matplotlib, which every machine has."""

MISSING = "\N{WHITE SQUARE}"
"""Stands for what the font cannot draw."""


_FINE = 1200  # dots per inch


def drawable(text: str) -> str:
    """`text` on one line, with a box for each character that the font lacks."""
    glyphs = _glyphs()
    return "".join(c if ord(c) in glyphs else MISSING for c in plain(text))


def width_of(text: str, size: float) -> float:
    """The width of drawable `text` in inches, at `size` points."""
    font = _font()
    font.set_size(size, _FINE)  # finely, since every letter is rounded to pixels
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64 / _FINE  # of 26.6 fixed-point pixels


def shorten(text: str, size: float, inches: float) -> str:
    """`drawable(text)`, with an ellipsis for its middle where it is wider than `inches`."""
    whole = drawable(text)
    if width_of(whole, size) <= inches:
        return whole
    for kept in range(len(whole) - 1, 0, -1):
        tail = kept // 2
        short = whole[: kept - tail].rstrip() + ELLIPSIS + whole[len(whole) - tail :].lstrip()
        if width_of(short, size) <= inches:
            return short
    return ELLIPSIS


def wrap(text: str, size: float, inches: float) -> list[str]:
    """`drawable(text)` on lines of at most `inches`; a word that is too long is shortened."""
    lines: list[str] = []
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and width_of(longer, size) <= inches:
            lines[-1] = longer
        else:
            lines.append(shorten(word, size, inches))
    return lines


def names_of(files: Mapping[str, Path]) -> dict[str, str]:
    """By id: the name that people gave to the file, or the id if that cannot be drawn or told."""
    shared = Counter(path.stem for path in files.values())

    def tells(name: str) -> bool:
        return bool(name.strip()) and drawable(name) == name and shared[name] == 1

    return {key: path.stem if tells(path.stem) else key for key, path in files.items()}


def _font() -> FT2Font:
    return get_font(findfont(FontProperties(family=FAMILY)))


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """The characters that the font has, by their code points."""
    return frozenset(_font().get_charmap())
