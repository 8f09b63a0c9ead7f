"""The images of a folder and their ids: short names that are safe in paths and on pages."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.formats import IMAGE_SUFFIXES

LONGEST_ID = 64
RESERVED = frozenset({"grids", "plots", "gallery", "index.tsv", "index.log"})
"""Names under `results/` and `logs/` that no content image may take."""

SNAKEMAKE_SYNTAX = re.compile(r"[{}]|<[a-z][a-z0-9_]*>")


class InputError(NeuralStyleError):
    """A folder of images is missing or empty, or two of its files would share an id."""


def find_images(sources: Iterable[Path], key: str) -> dict[str, Path]:
    """Find the images that the configuration names, and those below the folders that it names.

    Args:
        sources: image files, and folders that are searched recursively for images, whatever the
            case of their suffix. Hidden files and folders are passed over; links to folders are
            not followed.
        key: of the configuration, for messages.

    Returns:
        id → file, sorted by id. An id is made of the path below the folder.

    Raises:
        InputError: a source is missing or holds no image, or two files would share an id; the
            message names every such file.
    """
    images: dict[str, Path] = {}
    mistakes: list[str] = []
    for name, path in _named(sources, key):
        if name in images:
            mistakes.append(
                f"{key}: {str(images[name])!r} and {str(path)!r} would share the id {name}; "
                "rename one of them."
            )
        if not _can_be_tracked(path):
            mistakes.append(
                f"{key}: Snakemake cannot keep track of {str(path)!r}; rename it without {{ }}, "
                "<…>, line breaks and other unprintable characters."
            )
        images[name] = path
    if mistakes:
        raise InputError("\n".join(mistakes))
    return dict(sorted(images.items()))


def _named(sources: Iterable[Path], key: str) -> Iterator[tuple[str, Path]]:
    """The id and the path of each image; at least one for each source."""
    for source in sources:
        if source.is_file():
            yield slug(source.stem), source
            continue
        if not source.is_dir():
            raise InputError(
                f"{key}: there is no folder or file {str(source)!r}; create it or mend the path."
            )
        paths = sorted(_walk(source, key))
        if not paths:
            kinds = " ".join(sorted(IMAGE_SUFFIXES))
            raise InputError(f"{key}: {str(source)!r} holds no image ({kinds}); put one there.")
        for path in paths:
            yield slug(path.relative_to(source).with_suffix("").as_posix()), path


def slug(name: str) -> str:
    """A name as an id: lower-case ASCII letters, digits, `.`, `_` and `-`, at most 64 of them.

    What has no ASCII letter of its own is left out; where that, or the limit, could make two
    names alike, a digest of the whole name is added. Lower case, because many file systems do
    not tell `Cat` from `cat`.
    """
    plain = unicodedata.normalize("NFKD", name)
    ascii_name = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.sub(r"[^a-z0-9._]+", "-", ascii_name.lower()).strip("-._")
    short = re.sub(r"\.{2,}", ".", re.sub(r"(.)\1{3,}", r"\1\1\1", words))[:LONGEST_ID]
    if short == words and ascii_name.isascii() and short and short not in RESERVED:
        return short
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{short[: LONGEST_ID - 9].strip('-._') or 'image'}-{digest}"


def _can_be_tracked(path: Path) -> bool:
    """Whether Snakemake takes a path as it is: it cannot quote {wildcards} and <pathvars>."""
    text = str(path)
    return text.isprintable() and not SNAKEMAKE_SYNTAX.search(text)


def _walk(folder: Path, key: str) -> Iterator[Path]:
    """The image files below a folder, in no order."""

    def fail(error: OSError) -> None:
        raise InputError(f"{key}: cannot read {error.filename}: {error.strerror}.") from error

    for root, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(root, name)
