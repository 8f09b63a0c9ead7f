"""The images of a folder and their ids: short names that are safe in paths and on pages."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.plan.formats import IMAGE_SUFFIXES, MASK_SUFFIXES

LONGEST_ID = 64
RESERVED = frozenset(
    {
        "bulk",
        "grids",
        "plots",
        "gallery",
        "layer_study",
        "docs_pictures",
        "index.tsv",
        "index.log",
        "refused_files",
        "refused_files.log",
    }
)
"""Names under `results/` and `logs/` that no content image may take."""

SNAKEMAKE_SYNTAX = re.compile(r"[{}]|<[a-z][a-z0-9_]*>")
"""What Snakemake would take for a wildcard or a path variable; it has no way to quote either."""

PERIODIC = re.compile(r"(.{1,3}?)\1{18,}")
"""Snakemake refuses a wildcard that ends in 20 repeats of anything; an id has room for threes."""


class InputError(NeuralStyleError):
    """A source of images is missing or empty; the message says so of every such source."""


@dataclass(frozen=True)
class Images:
    """What the sources of a key of the configuration hold.

    Attributes:
        files: id → file, sorted by id.
        refused: a sentence for each file that cannot take part; the others can.
    """

    files: Mapping[str, Path]
    refused: tuple[str, ...]


def find_images(sources: Iterable[Path], key: str) -> Images:
    """Find the images that the configuration names, and those below the folders that it names.

    Files that would share an id are refused, all of them: nobody could tell whose the results
    are. So are links that lead nowhere, and names that Snakemake cannot keep track of.

    Args:
        sources: image files, and folders that are searched recursively for images, whatever the
            case of their suffix. Hidden files and folders are passed over, and so are masks (see
            `formats.MASK_SUFFIXES`); links to folders are not followed.
        key: of the configuration, for messages.

    Returns:
        The images by id, made of the path below the folder.

    Raises:
        InputError: a source is missing or holds no image, or every file is refused.
    """
    found: dict[str, list[Path]] = {}
    mistakes: list[str] = []
    for source in sources:
        try:
            for name, path in _named(source):
                found.setdefault(name, []).append(path)
        except InputError as error:
            mistakes.append(f"{key}: {error}")
    refusals = {name: list(_refusals(name, paths)) for name, paths in sorted(found.items())}
    refused = [f"{key}: {refusal}" for each in refusals.values() for refusal in each]
    files = {name: found[name][0] for name, each in refusals.items() if not each}
    if mistakes or not files:
        raise InputError("\n".join([*mistakes, *refused]))
    return Images(files, tuple(refused))


def _named(source: Path) -> list[tuple[str, Path]]:
    """The id and the path of each image of a source; at least one."""
    try:
        if source.is_file():
            return [(slug(source.stem), source)]
        if not source.is_dir():
            raise InputError(
                f"there is no folder or file {str(source)!r}; create it or mend the path."
            )
        paths = sorted(walk_images(source))
    except OSError as error:
        raise InputError(
            f"cannot read {str(error.filename or source)!r}: {error.strerror}; "
            "mend the path or its permissions."
        ) from error
    if not paths:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"{str(source)!r} holds no image ({kinds}); put one there.")
    return [(slug(path.relative_to(source).with_suffix("").as_posix()), path) for path in paths]


def _refusals(name: str, paths: Sequence[Path]) -> Iterator[str]:
    """What speaks against the files of an id."""
    if len(paths) > 1:
        listed = " and ".join(repr(str(path)) for path in paths)
        yield f"{listed} would share the id {name}; rename all but one of them."
    for path in paths:
        yield from refusals_of_file(path)


def refusals_of_file(path: Path) -> Iterator[str]:
    """What speaks against a file that was found, whatever it holds."""
    text = str(path)
    if not path.exists():
        yield f"{text!r} is a link that leads nowhere; mend or remove it."
    if not text.isprintable() or SNAKEMAKE_SYNTAX.search(text):
        yield (
            f"Snakemake cannot keep track of {text!r}; rename it without {{ }}, <…>, line "
            "breaks and other unprintable characters."
        )


def walk_images(folder: Path) -> Iterator[Path]:
    """The image files below a folder, by their suffix, in no order; without hidden ones and masks.

    Raises:
        OSError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in files if _is_image(name))


def _is_image(name: str) -> bool:
    """Whether a file takes part, by its name."""
    suffixes = Path(name.lower()).suffixes
    return (
        not name.startswith(".")
        and "".join(suffixes[-1:]) in IMAGE_SUFFIXES
        and "".join(suffixes[-2:]) not in MASK_SUFFIXES
    )


def slug(name: str) -> str:
    """A name as an id: lower-case ASCII letters, digits, `.`, `_` and `-`, at most 64 of them.

    What has no ASCII letter of its own is left out, and so are runs of dots and what is repeated
    19 times and more; where that, or the limit, could make two names alike, a digest of the whole
    name is added. Lower case, because many file systems do
    not tell `Cat` from `cat`.
    """
    plain = unicodedata.normalize("NFKD", name)
    ascii_name = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.sub(r"[^a-z0-9._]+", "-", ascii_name.lower()).strip("-._")
    short = re.sub(r"\.{2,}", ".", PERIODIC.sub(r"\1\1\1", words))[:LONGEST_ID]
    if short == words and ascii_name.isascii() and short and short not in RESERVED:
        return short
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{short[: LONGEST_ID - 9].strip('-._') or 'image'}-{digest}"
