"""The images of a folder and their ids: short names that are safe in paths and on pages."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neural_style.config.settings import BESIDE, IMAGE_SUFFIXES, MASK_SUFFIXES, STARTS, Settings
from neural_style.errors import NeuralStyleError

LONGEST_ID = 64
RESERVED = frozenset(
    {
        "bulk",
        "grids",
        "plots",
        "gallery",
        "layer_study",
        "docs_images",
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


# MERGED: The files that a job reads beside its photograph, its painting and the network's weights.
#
# Free of torch: Snakemake has to know them before any job starts.


INIT = "init"
"""What the picture to start from is to a job."""

MASK, STYLE_MASK = "mask", "style_mask"
"""What the masks of the photograph and of the painting are to a job."""


def companions_of(content: Path, style: Path, settings: Settings) -> Mapping[str, Path]:
    """The further files of a job, by what they are to it, such as `mask`.

    The style images of a blend are `blend_1`, `blend_2` …, in the order of `settings.blend`, and
    their masks `blend_1_mask` ….

    Args:
        content: the photograph.
        style: the painting.
        settings: of the job, with the files of its blend (see `named_files`).
    """
    return dict(_companions(content, style, settings))


def _companions(content: Path, style: Path, settings: Settings) -> Iterator[tuple[str, Path]]:
    if settings.init not in STARTS:
        yield INIT, Path(settings.init)
    for role, image, mask in (
        (MASK, content, settings.mask),
        (STYLE_MASK, style, settings.style_mask),
    ):
        if found := _mask_of(image, mask):
            yield role, found
    for number, name in enumerate(settings.blend, start=1):
        yield blended(number), Path(name)
        # A mask that is named is one of the pair's own style.
        if settings.style_mask == BESIDE and (found := _mask_of(Path(name), BESIDE)):
            yield mask_of_blended(number), found


def blended(number: int) -> str:
    """What the style image of a place in the blend, from 1, is to a job."""
    return f"blend_{number}"


def mask_of_blended(number: int) -> str:
    """What its mask is."""
    return f"blend_{number}_mask"


def _mask_of(image: Path, mask: str | None) -> Path | None:
    """The mask that a setting has for an image."""
    if mask is None:
        return None
    return mask_beside(image) if mask == BESIDE else Path(mask)


def mask_beside(image: Path) -> Path | None:
    """The mask of an image by its name: `cat.mask.png` for `cat.jpg`, or None.

    Of several, the first by its suffix counts, in lower case or else in upper case.
    """
    suffixes = sorted(IMAGE_SUFFIXES)
    names = (f"{image.stem}.mask{each}" for each in [*suffixes, *map(str.upper, suffixes)])
    return next((path for path in map(image.with_name, names) if path.is_file()), None)


# MERGED: The images that settings name, looked up before any job starts. Free of torch.


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
            yield from _file_refusals(
                f"paint.{key}", name, f"there is no file {name!r}; mend the path."
            )
    for name in settings.blend:
        if name not in styles:
            yield from _file_refusals("paint.blend", name, _no_style(name, styles))
    if (name := settings.init) not in STARTS:
        missing = f"{name!r} is neither {' nor '.join(STARTS)} nor a file; mend the path."
        yield from _file_refusals("optimization.init", name, missing)


def _file_refusals(key: str, name: str, if_missing: str) -> Iterator[str]:
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
