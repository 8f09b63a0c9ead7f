"""Input files: the images of a sweep with their ids, masks, and files that settings name.

An id is a short name that is safe in paths and on pages. Snakemake has to know all files before a
job starts, so this module does not import torch.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neural_style.config.folders import SAME_FILE, NotTaken, identity, is_file, place, walk_images
from neural_style.config.settings import BESIDE, BUILT_IN, IMAGE_SUFFIXES, STARTS, Settings
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
        "logs",
        "index.tsv",
        "index.log",
        "refused_files",
        "refused_files.log",
    }
)
"""Names in the folder of a sweep and in its folder of logs that are not the id of an image."""

PERIODIC = re.compile(r"(.{1,3}?)\1{18,}")
"""Snakemake refuses a wildcard that ends in 20 repeats; an id repeats up to three characters."""


class InputError(NeuralStyleError):
    """A source of images is missing or empty; the message names every such source."""


@dataclass(frozen=True)
class Images:
    """The images of a key of the configuration.

    Attributes:
        files: id → file, sorted by id.
        refused: the reason for each image that is skipped.
        not_taken: sentences about the other files of the folders.
    """

    files: Mapping[str, Path]
    refused: tuple[str, ...] = ()
    not_taken: tuple[str, ...] = ()


def find_images(sources: Iterable[Path], key: str) -> Images:
    """Find the images of a key of the configuration.

    All files that would share an id are refused, because their results would be ambiguous. Links
    that lead to no file that can be reached are refused, too. A file counts once, even if sources
    overlap or links lead to it.

    Args:
        sources: image files, and folders that are searched recursively for images with a suffix of
            `IMAGE_SUFFIXES` in upper or lower case. Hidden files and folders and masks (see
            `MASK_SUFFIXES`) are skipped; links to folders are not followed.
        key: of the configuration, for messages.

    Returns:
        The images by id; the id is made from the path below the folder.

    Raises:
        InputError: a source is missing or contains no image, or every file is refused.
    """
    found: dict[str, list[Path]] = {}
    mistakes: list[str] = []
    not_taken = NotTaken()
    taken: dict[Hashable, Path] = {}
    further: set[str] = set()
    for source in sources:
        try:
            for name, path in _named(source, not_taken):
                first = taken.setdefault(identity(path), path)
                if first is path:
                    found.setdefault(name, []).append(path)
                elif (here := place(path)) != place(first) and here not in further:
                    not_taken.add(str(path), SAME_FILE)
                    further.add(here)
        except InputError as error:
            mistakes.append(f"{key}: {error}")
    refusals = {name: list(_refusals(name, paths)) for name, paths in sorted(found.items())}
    refused = [f"{key}: {refusal}" for each in refusals.values() for refusal in each]
    files = {name: found[name][0] for name, each in refusals.items() if not each}
    if mistakes or not files:
        raise InputError("\n".join([*mistakes, *refused, *not_taken.sentences(key)]))
    return Images(files, tuple(refused), tuple(not_taken.sentences(key)))


def _named(source: Path, not_taken: NotTaken) -> list[tuple[str, Path]]:
    """Return the id and the path of each image of a source; at least one. Links come last."""
    try:
        if source.is_file():
            return [(slug(source.stem), source)]
        if not source.is_dir():
            raise InputError(
                f"there is no folder or file {str(source)!r}; create it or fix the path."
            )
        paths = sorted(walk_images(source, not_taken), key=lambda path: (path.is_symlink(), path))
    except OSError as error:
        raise InputError(
            f"cannot read {str(error.filename or source)!r}: {error.strerror}; "
            "fix the path or its permissions."
        ) from error
    if not paths:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"{str(source)!r} contains no image ({kinds}); put one there.")
    return [(slug(path.relative_to(source).with_suffix("").as_posix()), path) for path in paths]


def _refusals(name: str, paths: Sequence[Path]) -> Iterator[str]:
    """Yield the reasons to refuse the files of an id."""
    if len(paths) > 1:
        listed = " and ".join(repr(str(path)) for path in paths)
        yield f"{listed} would share the id {name}; rename all but one of them."
    for path in paths:
        try:
            path.stat()
        except FileNotFoundError:
            yield f"{str(path)!r} is a broken link; fix or remove it."
        except OSError as error:  # such as a link into a folder without permission
            yield f"{str(path)!r} cannot be read: {error.strerror}; fix or remove it."


def slug(name: str) -> str:
    """Return a name as an id: lower-case ASCII letters, digits, `.`, `_` and `-`, at most 64.

    Characters without an ASCII letter, runs of dots, and text repeated 19 times and more are left
    out. Where this or the limit could make two names equal, a hash of the whole name is added. Ids
    are lower-case because many file systems do not distinguish `Cat` and `cat`.
    """
    plain = unicodedata.normalize("NFKD", name)
    ascii_name = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.sub(r"[^a-z0-9._]+", "-", ascii_name.lower()).strip("-._")
    short = re.sub(r"\.{2,}", ".", PERIODIC.sub(r"\1\1\1", words))[:LONGEST_ID]
    if short == words and ascii_name.isascii() and short and short not in RESERVED:
        return short
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{short[: LONGEST_ID - 9].strip('-._') or 'image'}-{digest}"


# Companions: the files that a job reads besides its content and style image and the weights

INIT = "init"
"""Role of the image that the optimization starts from."""

MASK, STYLE_MASK = "mask", "style_mask"
"""Roles of the masks of the content image and of the style image."""


def companions_of(content: Path, style: Path, settings: Settings) -> Mapping[str, Path]:
    """Return the companion files of a job, role → file.

    The style images of a blend have the roles `blend_1`, `blend_2` …, in the order of
    `settings.blend`, and their masks `blend_1_mask` ….

    Args:
        content: the content image.
        style: the style image.
        settings: of the job, with files in its blend (see `with_blended_files`).
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
        # A mask that is given as a file belongs to the pair's own style.
        if settings.style_mask == BESIDE and (found := _mask_of(Path(name), BESIDE)):
            yield mask_of_blended(number), found


def blended(number: int) -> str:
    """Return the role of a style image by its place in the blend, from 1."""
    return f"blend_{number}"


def mask_of_blended(number: int) -> str:
    """Return the role of the mask of a style image in the blend."""
    return f"blend_{number}_mask"


def _mask_of(image: Path, mask: str | None) -> Path | None:
    """Return the mask of an image: a file, the one beside the image, or None."""
    if mask is None:
        return None
    return mask_beside(image) if mask == BESIDE else Path(mask)


def mask_beside(image: Path) -> Path | None:
    """Return the mask beside an image, such as `cat.mask.png` for `cat.jpg`, or None.

    If there are several, the first by its suffix is used, lower case before upper case.
    """
    suffixes = sorted(IMAGE_SUFFIXES)
    names = (f"{image.stem}.mask{each}" for each in [*suffixes, *map(str.upper, suffixes)])
    return next((path for path in map(image.with_name, names) if is_file(path)), None)


# Files that settings name


def with_blended_files(settings: Settings, styles: Mapping[str, Path]) -> Settings:
    """Return the settings with files in place of the ids in `blend`.

    Args:
        settings: as configured.
        styles: id → file of each style image of the sweep. A name that is not an id is a path.
    """
    weights: dict[str, float] = {}
    for name, weight in settings.blend.items():
        path = str(styles.get(name, name))  # an id and a path may name the same file
        weights[path] = weights.get(path, 0.0) + weight
    return replace(settings, blend=dict(sorted(weights.items())))


NOT_FILES: Mapping[str, tuple[str, ...]] = {
    "transfer.mask": (BESIDE,),
    "transfer.style_mask": (BESIDE,),
    "transfer.blend": (),
    "optimization.init": STARTS,
    "network.weights": BUILT_IN,
}
"""Each key whose value may be a file → its words that name none."""


def named_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the key and the name of each file that settings name; in a blend also the ids."""
    for key, words in NOT_FILES.items():
        value = getattr(settings, key.partition(".")[2])
        names = value if isinstance(value, Mapping) else [value]
        yield from ((key, name) for name in names if name is not None and name not in words)


def find_missing(settings: Settings, styles: Mapping[str, Path]) -> Iterator[str]:
    """Yield a sentence for each file that the settings name but that does not exist.

    Args:
        settings: as configured.
        styles: as in `with_blended_files`.
    """
    for key, name in named_files(settings):
        if is_file(name) or (key == "transfer.blend" and name in styles):
            continue
        if key == "transfer.blend":
            yield f"{key}: {_no_style(name, styles)}"
        elif key in ("optimization.init", "network.weights"):
            words = " nor ".join(NOT_FILES[key])
            yield f"{key}: {name!r} is neither {words} nor a file; fix the path."
        else:
            yield f"{key}: there is no file {name!r}; fix the path."


def _no_style(name: str, styles: Mapping[str, Path]) -> str:
    """Return the message for an unknown style, with the nearest id or some ids."""
    near = difflib.get_close_matches(name, styles, n=1, cutoff=0.5)
    some = ", ".join(list(styles)[:5]) + (" and others" if len(styles) > 5 else "")
    hint = f"did you mean {near[0]}?" if near else f"the ids are {some}."
    return f"{name!r} is neither the id of a style image nor a file; {hint}"
