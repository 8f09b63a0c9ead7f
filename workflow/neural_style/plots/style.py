"""The look of all figures, and how they are written: the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib.style
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from neural_style.files import atomic
from neural_style.plots.outputs import files_of
from neural_style.plots.text import FAMILY

INK, GREY, PALE = "#1d1c1a", "#6b6862", "#d9d5cd"
TEXT, SMALL, TITLE = 7.0, 6.5, 10.0
"""Sizes of type in points."""

DOTS_PER_INCH = 200

_STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "axes.edgecolor": GREY,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.labelsize": TEXT,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlepad": 4,
        "axes.titlesize": TEXT,
        "font.family": FAMILY,
        "font.size": TEXT,
        "grid.color": PALE,
        "grid.linewidth": 0.4,
        "legend.fontsize": TEXT,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.6,
        "pdf.fonttype": 42,  # TrueType, which journals ask for, instead of Type 3
        "savefig.dpi": DOTS_PER_INCH,
        "text.color": INK,
        "text.parse_math": False,  # a name may hold dollar signs
        "xtick.color": GREY,
        "xtick.labelcolor": INK,
        "xtick.labelsize": SMALL,
        "xtick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.color": GREY,
        "ytick.labelcolor": INK,
        "ytick.labelsize": SMALL,
        "ytick.major.size": 2.5,
        "ytick.major.width": 0.6,
        "ytick.minor.size": 0,
    }
)
# No dates and no versions: the same data make the same bytes.
_METADATA: Mapping[str, Mapping[str, None]] = MappingProxyType(
    {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
)
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


@dataclass(frozen=True)
class Look:
    """How a setting is drawn in every panel; colour, dash and marker each tell it by itself.

    Attributes:
        colour: `#rrggbb`.
        dash: a line style of matplotlib.
        marker: a marker of matplotlib.
    """

    colour: str
    dash: Any
    marker: str


def looks(count: int) -> list[Look]:
    """Looks for `count` settings in their order: from dark to light, in print as on screens.

    The colours are a part of the map "plasma", whose lightness rises evenly, whatever colours an
    eye can tell; dashes and markers come in turns of 4 and 9, so that 36 settings differ in print.
    """
    ramp = colormaps["plasma"]
    return [
        Look(
            to_hex(ramp(0.02 + 0.74 * number / max(1, count - 1))),
            _DASHES[number % len(_DASHES)],
            _MARKERS[number % len(_MARKERS)],
        )
        for number in range(count)
    ]


@contextmanager
def house_style() -> Iterator[None]:
    """The house's settings of matplotlib for a block, whatever the user's own are."""
    with matplotlib.style.context(["default", dict(_STYLE)]):
        yield


def save_figure(figure: Figure, path: Path, height: float) -> None:
    """Write the upper `height` inches of a figure in every format of `outputs.SUFFIXES`.

    To be called under `house_style`; `path` has no suffix.

    Raises:
        NeuralStyleError: a file cannot be written.
    """
    width, whole = figure.get_size_inches()
    part = Bbox.from_extents(0, whole - height, width, whole)
    for name in files_of(path):
        file = Path(name)
        with atomic(file) as temporary:
            kind = file.suffix
            figure.savefig(
                temporary, format=kind[1:], metadata=dict(_METADATA[kind]), bbox_inches=part
            )
