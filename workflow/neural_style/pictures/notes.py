"""A text that a picture carries along: EXIF's comment, in TIFF the description of the image."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from neural_style.pictures.images import examine

LONGEST = 60_000
"""Characters, all of ASCII: a JPEG's EXIF block has room for so many."""

_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_IMAGE_DESCRIPTION = 0x010E
_IN_ASCII = b"ASCII\0\0\0"


def exif_block(note: str) -> bytes:
    """An EXIF block that holds a note and nothing else.

    Raises:
        ValueError: the note is too long, or not in ASCII.
    """
    if len(note) > LONGEST:
        raise ValueError(f"a note has up to {LONGEST} characters, this one has {len(note)}")
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _IN_ASCII + note.encode("ascii")
    return exif.tobytes()


def load_note(picture: Path) -> str:
    """The note of a picture, or what another program has put there; empty if there is none.

    Raises:
        ImageError: the file is no picture, or its metadata are damaged.
    """
    return examine(picture, _note_in)


def _note_in(image: Image.Image) -> str:
    if image.format == "TIFF":
        note = image.getexif().get(_IMAGE_DESCRIPTION, "")
    else:
        note = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    if isinstance(note, bytes):
        note = note.removeprefix(_IN_ASCII).decode("ascii", "replace")
    return note if isinstance(note, str) and len(note) <= LONGEST else ""
