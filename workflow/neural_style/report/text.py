"""Text in images: safe characters, shortening, wrapping, and drawing with fonts of our own.

Two typefaces are used: the one inside Pillow (Aileron, which has little more than ASCII), and for
the words that it cannot draw a subset of DejaVu Sans in `fonts/` (European letters and some
signs). For other scripts, `machine_font` looks for a font on this machine. A character that none
has is drawn as a box. Arabic and Indic letters are joined where Pillow can (Raqm).

`shorten_middle` and `wrap` take the function that measures text, so grids (Pillow, pixels) and
plots (matplotlib, inches) share them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont, features

from neural_style.errors import NeuralStyleError

Align = Literal["left", "center"]
Width = Callable[[str], float]
"""Measures text on one line, in the unit of the room that it gets."""

ELLIPSIS = "…"
_ABSENT = "\uffff"  # a noncharacter: every face draws its "no such glyph" for it
_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, bidi marks, undecodable bytes, line ends
SECOND_FACE = Path(__file__).with_name("fonts") / "DejaVuSans-subset.ttf"
"""The file of the second typeface."""

_SPECIAL = ("bold", "italic", "oblique", "light", "thin", "black", "mono", "serif", "cond")
"""In the names of files of fonts that others are preferred to."""

_UNUSABLE = ("emoji", "lastresort", "blank")
"""In the names of fonts that have no outlines, or the same one for every character."""

_SHAPED = ((0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF))
"""Indic scripts, Tibetan, Burmese, and Khmer."""

_FINER = 4  # small text keeps its spacing if drawn larger and reduced: hinting rounds every letter
_SECOND_SCALE = 0.92  # DejaVu Sans looks larger than Aileron at the same size


@dataclass(frozen=True)
class Font:
    """A text size and the typefaces to draw it with, the preferred one first.

    Attributes:
        size: height of the em, in pixels.
        faces: at least one typeface, in a size from which text is reduced when it is drawn; a word
            is drawn with the first that has all its characters.
    """

    size: int
    faces: tuple[ImageFont.FreeTypeFont, ...]

    @property
    def line_height(self) -> int:
        """The distance from one line to the next, in pixels."""
        return math.ceil(self.size * 1.32)

    def height(self, lines: Sequence[str]) -> int:
        """Return the height of a block of `lines`, in pixels."""
        return len(lines) * self.line_height

    def draws(self, text: str) -> bool:
        """Return whether `text` can be drawn as it is: no box and no escape."""
        return plain(text) == unicodedata.normalize("NFC", text) and all(
            self.face_of(c) is not None for c in _spaced(text)
        )

    def face_of(self, text: str) -> ImageFont.FreeTypeFont | None:
        """Return the first typeface that has all characters of a text; None if there is none."""
        return _first_face(self.faces, text) or _machine_face(text, self.size)

    def width(self, text: str) -> int:
        """Return the width of `text` on one line, in pixels, rounded up."""
        fine = sum(face.getlength(run) for run, face in self.runs(text))
        return math.ceil(fine / _FINER)

    def runs(self, text: str) -> Iterator[tuple[str, ImageFont.FreeTypeFont]]:
        """Return the pieces of `text` from left to right, each with the typeface that draws it."""
        for word in _left_to_right(re.findall(r" +|[^ ]+", _spaced(text))):
            whole = self.face_of(word)
            for piece in (word,) if whole else word:
                yield piece, whole or self.face_of(piece) or self.faces[-1]


def load_font(size: int) -> Font:
    """Load the font of all grids with an em of `size` pixels (at least 1).

    Raises:
        NeuralStyleError: this Pillow was built without FreeType.
    """
    first = ImageFont.load_default(size * _FINER)
    if not isinstance(first, ImageFont.FreeTypeFont):
        raise NeuralStyleError(
            "Pillow cannot draw text, as it was built without FreeType; "
            "install the pillow wheel of PyPI or conda-forge."
        )
    # The basic layout is in every build, so that text has the same width on every machine.
    basic = ImageFont.Layout.BASIC
    second_size = round(size * _FINER * _SECOND_SCALE)
    second = ImageFont.truetype(str(SECOND_FACE), second_size, layout_engine=basic)
    return Font(size, (first.font_variant(layout_engine=basic), second))


def plain(text: str) -> str:
    r"""Return `text` on one line; control characters become escapes: `\n`, `\x1b`, `\u202e`.

    Letters and their separate accents are joined (NFC). Applying it twice changes nothing more.
    """
    joined = unicodedata.normalize("NFC", text)
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _ESCAPED else c
        for c in joined
    )


def _spaced(text: str) -> str:
    """Return `plain(text)` with a plain space for every kind of space."""
    return "".join(" " if c.isspace() else c for c in plain(text))


def shorten_middle(text: str, width: Width, room: float) -> str:
    """Return `plain(text)`, with an ellipsis for its middle where it is wider than `room`.

    Args:
        text: anything.
        width: measures text.
        room: the greatest width, in the unit of `width`.

    Returns:
        Text at most `room` wide; empty if not even the ellipsis fits.
    """
    whole = plain(text)
    if width(whole) <= room:
        return whole

    def kept(count: int) -> str:
        tail = count // 2
        return whole[: count - tail].rstrip() + ELLIPSIS + whole[len(whole) - tail :].lstrip()

    count = bisect_right(range(len(whole)), room, key=lambda n: width(kept(n)))
    return kept(count - 1) if count else ""


def wrap(text: str, width: Width, room: float, most: int) -> tuple[str, ...]:
    """Return `plain(text)` on at most `most` lines, each at most `room` wide.

    Lines end after a space, `_` or `-` where there is one (a no-break space never ends a line),
    otherwise anywhere; the last line is shortened in its middle if it must be.

    Args:
        text: anything.
        width: measures text.
        room: the greatest width of a line, in the unit of `width`.
        most: number of lines.
    """
    rest = plain(text).strip()
    lines: list[str] = []
    while len(lines) < most - 1 and width(rest) > room:
        end = _line_end(rest, width, room)
        if end == 0:
            break
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    last = shorten_middle(rest, width, room)
    return (*lines, last) if last else tuple(lines)


def draw_lines(
    image: Image.Image,
    position: tuple[int, int],
    lines: Sequence[str],
    font: Font,
    color: str,
    align: Align = "left",
) -> None:
    """Draw `lines` downwards; `position` is the top left, or the top center, of the first line."""
    left, top = position
    for number, line in enumerate(lines):
        mask = _mask(line, font)
        # The mask has an em of empty space at its left, and the rest of its width is the line's.
        x = left - font.width(line) // 2 if align == "center" else left
        image.paste(color, (x - font.size, top + number * font.line_height), mask)


def draw_rotated(
    image: Image.Image, center: tuple[int, int], lines: Sequence[str], font: Font, color: str
) -> None:
    """Draw centered `lines` that read upwards, their block centered on the point `center`."""
    if not lines:
        return
    width = max(font.width(line) for line in lines) + font.size  # room for overhanging glyphs
    mask = Image.new("L", (width, len(lines) * font.line_height))
    draw_lines(mask, (width // 2, 0), lines, font, "white", "center")
    upright = mask.transpose(Image.Transpose.ROTATE_90)
    corner = (center[0] - upright.width // 2, center[1] - upright.height // 2)
    image.paste(color, corner, upright)


def _mask(line: str, font: Font) -> Image.Image:
    """Return the coverage (0 to 255) of a line of text, with an em of room at either end."""
    size = (font.width(line) + 2 * font.size, font.line_height)
    fine = Image.new("L", (size[0] * _FINER, size[1] * _FINER))
    canvas = ImageDraw.Draw(fine)
    x, baseline = float(font.size * _FINER), round(font.size * _FINER * 0.98)
    for run, face in font.runs(line):
        canvas.text((x, baseline), run, font=face, fill=255, anchor="ls")
        x += face.getlength(run)
    return fine.reduce(_FINER)


def _line_end(text: str, width: Width, room: float) -> int:
    """Return how many characters of `text` fit on a line of `room`; 0 if none does."""
    ends = [match.end() for match in re.finditer(r"[ _-]+", text)]
    at_break = bisect_right(ends, room, key=lambda end: width(text[:end].rstrip()))
    if at_break:
        return ends[at_break - 1]
    counts = range(1, len(text))
    return bisect_right(counts, room, key=lambda count: width(text[:count]))


@lru_cache(maxsize=4096)
def machine_font(characters: str) -> Path | None:
    """Return the file of a font on this machine that has all characters; None if none has.

    matplotlib's own DejaVu Sans comes first, so that many scripts look alike on all machines.
    """
    wanted = {ord(c) for c in characters}
    return next((file for file in machine_fonts() if wanted <= _characters(file)), None)


@lru_cache(maxsize=1)
def machine_fonts() -> tuple[Path, ...]:
    """Return the files of the fonts on this machine: the plain ones of Noto first."""
    from matplotlib import font_manager, get_data_path  # slow to import, and rarely needed

    def order(file: Path) -> tuple[bool, bool, str]:
        name = file.name.lower()
        return any(word in name for word in _SPECIAL), not name.startswith("notosans"), name

    own = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    found = (Path(file) for file in font_manager.findSystemFonts())
    usable = [file for file in found if not any(word in file.name.lower() for word in _UNUSABLE)]
    return (own, *sorted(usable, key=order))


def needs_shaping(text: str) -> bool:
    """Return whether letters of a text change their shape or direction with their neighbors."""
    return is_right_to_left(text) or any(
        first <= ord(c) <= last for c in text for first, last in _SHAPED
    )


def is_right_to_left(text: str) -> bool:
    """Return whether a text has letters that are written from right to left."""
    return any(unicodedata.bidirectional(c) in {"R", "AL"} for c in text)


def _left_to_right(words: Sequence[str]) -> Iterator[str]:
    """Return words and spaces in the order in which they stand on a line from left to right.

    Only words of a right-to-left script change their places, and only among themselves: signs
    between two names keep the names apart.
    """
    pending: list[str] = []  # a part that is written from right to left
    for word in words:
        if is_right_to_left(word) or (pending and (word.isspace() or word.isdecimal())):
            pending.append(word)
            continue
        yield from _reversed(pending)
        pending = []
        yield word
    yield from _reversed(pending)


def _reversed(words: Sequence[str]) -> Iterator[str]:
    """Return the words from the last to the first; spaces after the last stay behind it."""
    end = max((n + 1 for n, word in enumerate(words) if is_right_to_left(word)), default=0)
    return chain(reversed(words[:end]), words[end:])


@lru_cache(maxsize=256)
def _characters(file: Path) -> frozenset[int]:
    """Return the code points that a font can draw in any size; none if it cannot be read."""
    from matplotlib.ft2font import FT2Font  # see `machine_fonts`

    try:
        font = FT2Font(str(file))
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()


@lru_cache(maxsize=64)
def _load_face(file: Path, size: int, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(file), size, layout_engine=layout)


def _machine_face(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    shaped = needs_shaping(text)
    file = machine_font(text)
    if file is None or (shaped and not features.check("raqm")):  # its letters would be wrong
        return None
    layout = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return _load_face(file, round(size * _FINER * _SECOND_SCALE), layout)


def _first_face(
    faces: tuple[ImageFont.FreeTypeFont, ...], word: str
) -> ImageFont.FreeTypeFont | None:
    return next((face for face in faces if all(_has_glyph(face, c) for c in word)), None)


@lru_cache(maxsize=4096)
def _has_glyph(face: ImageFont.FreeTypeFont, character: str) -> bool:
    """Whether `face` draws `character`: Pillow tells only by the shape of the missing glyph."""
    glyph, absent = face.getmask(character), face.getmask(_ABSENT)
    return (glyph.size, bytes(glyph)) != (absent.size, bytes(absent))
