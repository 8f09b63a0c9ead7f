"""What a folder of images holds: images, masks, files that are passed over, and all others.

`walk_images` is for the folders of a configuration, `find_named` for the words of a command line.

A file that is not taken is named once, with its reason. Hidden files, masks, files that systems
leave in folders, and sidecars of images, such as `cat.json` beside `cat.jpg`, are not mentioned.
"""

from __future__ import annotations

import glob
import os
import stat
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neural_style.config.settings import IMAGE_SUFFIXES, MASK_SUFFIXES
from neural_style.errors import NeuralStyleError
from neural_style.io import expand_path

MOST_NAMED = 100
"""Files that are named for one reason; more are counted."""

LINKED_FOLDER = "links to folders, which are not followed (name the folders themselves)"
SAME_FILE = "further names of images that are taken under another name (each image counts once)"

_IMAGES, _MASKS = tuple(sorted(IMAGE_SUFFIXES)), tuple(sorted(MASK_SUFFIXES))
_OTHER = f"not images by their suffix (those are {' '.join(_IMAGES)})"
_REASONS = {
    "camera raw files (export them as TIFF or JPEG)": (
        ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nef .nrw"
        " .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
    ),
    "drawings or documents (export them as PNG)": (
        ".ai .doc .docx .eps .odg .odp .odt .pdf .ppt .pptx .ps .svg .svgz .wmf .emf"
    ),
    "videos (save the frames that you want as images)": (
        ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .webm .wmv"
    ),
    "files of image editors (export them as PNG)": (
        ".afphoto .blend .clip .kra .ora .procreate .psb .psd .sketch .xcf"
    ),
    "images of a type that is not read (save them as PNG)": (
        ".apng .avifs .bpg .cur .dds .exr .fits .hdr .heics .ico .icns .j2c .j2k .jp2 .jpf .jpx"
        " .jxr .pbm .pcx .pgm .pic .pict .pnm .ppm .qoi .ras .sgi .tga .wdp .xbm .xpm"
    ),
}
"""Reason why files are not taken → their suffixes."""

_REASON_OF_SUFFIX = {
    suffix: reason for reason, suffixes in _REASONS.items() for suffix in suffixes.split()
}
_LEFT_BY_SYSTEMS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "icon\r"})
_SILENT = (*_MASKS, ".xmp", ".aae", ".pp3", ".dop", ".on1", ".thm")
_SIDECARS = frozenset(
    {".json", ".txt", ".caption", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".html", ".npy", ".npz"}
)


class NotTaken:
    """The files that are not taken from the folders of a key, by reason."""

    def __init__(self) -> None:
        self._named: dict[str, list[str]] = {}
        self._counts = Counter[str]()
        self._folders = set[str]()

    def is_first_visit(self, folder: str) -> bool:
        """Return whether a folder is searched for the first time; folders of a key may overlap."""
        place = os.path.realpath(folder)
        new = place not in self._folders
        self._folders.add(place)
        return new

    def add(self, path: str, reason: str) -> None:
        """Note a file; of one reason, the first `MOST_NAMED` names are kept."""
        named = self._named.setdefault(reason, [])
        if path in named:
            return
        self._counts[reason] += 1
        if len(named) < MOST_NAMED:
            named.append(path)

    def sentences(self, key: str) -> Iterator[str]:
        """Yield a sentence for each reason.

        Args:
            key: of the configuration that names the folders.
        """
        for reason, named in sorted(self._named.items()):
            names = ", ".join(map(repr, sorted(named)))
            more = self._counts[reason] - len(named)
            names += f" and {more} more" if more else ""
            yield f"{key}: not taken, because they are {reason}: {names}."


def is_image(name: str) -> bool:
    """Return whether a file name is that of an image to take: neither hidden nor a mask."""
    lower = name.lower()
    return lower.endswith(_IMAGES) and not lower.startswith(".") and not lower.endswith(_MASKS)


def walk_images(folder: Path, not_taken: NotTaken) -> Iterator[Path]:
    """Yield the image files below a folder, unsorted; links to folders are not followed.

    Args:
        folder: the folder.
        not_taken: gets the files that are not images.

    Raises:
        OSError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = [name for name in files if is_image(name)]
        if not_taken.is_first_visit(root):
            note_others(f"{Path(root)}{os.sep}", set(files).difference(images), images, not_taken)
            for path in (Path(root, name) for name in folders):
                if path.is_symlink():
                    not_taken.add(str(path), LINKED_FOLDER)
        yield from (Path(root, name) for name in images)


def note_others(
    prefix: str, others: Iterable[str], images: Sequence[str], not_taken: NotTaken
) -> None:
    """Note the files of a folder that are not images and that nothing explains.

    Args:
        prefix: of their paths.
        others: names of the files that are not images.
        images: names of the images of the folder.
        not_taken: gets the files.
    """
    owners: set[str] | None = None  # names and stems of the images
    for name in others:
        lower = name.lower()
        if lower.startswith(".") or lower in _LEFT_BY_SYSTEMS or lower.endswith(_SILENT):
            continue
        suffix = Path(lower).suffix
        if suffix in _SIDECARS:
            if owners is None:
                owners = {own for image in map(str.lower, images) for own in (image, _stem(image))}
            if not owners.isdisjoint(_without_suffixes(lower)):
                continue
        not_taken.add(prefix + name, _REASON_OF_SUFFIX.get(suffix, _OTHER))


def _without_suffixes(name: str) -> Iterator[str]:
    """Yield a name without its last suffix, its last two, and so on.

    `cat.json` and `cat.jpg.metadata.json` belong to `cat.jpg`.
    """
    while "." in name:
        name = _stem(name)
        yield name


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


@dataclass(frozen=True)
class Found:
    """An image that a word of a command line names.

    Attributes:
        path: its file.
        folder: where it is below the folder that the word names.
    """

    path: Path
    folder: Path = Path()


def find_named(
    words: Iterable[str], not_taken: NotTaken, hint: Callable[[str], str]
) -> list[Found]:
    """Return the images that words name: files, folders, and patterns. Each counts once.

    Args:
        words: of a command line. A file is taken whatever its suffix.
        not_taken: gets the other files of folders, and those that match a pattern.
        hint: gives what a word that names nothing may have meant, for the message.

    Raises:
        NeuralStyleError: a word names no image, or a folder cannot be read.
    """
    images: dict[str, Found] = {}
    for word in words:
        path = expand_path(word)
        try:
            for image in _find_named(path, not_taken, hint):
                images.setdefault(place(image.path), image)
        except OSError as error:
            raise NeuralStyleError(
                f"cannot read {str(error.filename or word)!r}: {error.strerror}; fix its "
                "permissions, or name another one."
            ) from error
    return list(images.values())


def _find_named(word: str, not_taken: NotTaken, hint: Callable[[str], str]) -> Iterator[Found]:
    """Yield the images that a word names."""
    if is_folder(word):
        files = sorted(walk_images(Path(word), not_taken))
        if not files:
            raise NeuralStyleError(f"there is no image in the folder {word!r}; name another one.")
        yield from (Found(file, file.parent.relative_to(word)) for file in files)
    elif os.path.lexists(word) or not glob.has_magic(word):
        if not exists(word):
            raise NeuralStyleError(
                f"there is no file or folder {word!r}{hint(word)}; check the name."
            )
        yield Found(Path(word))
    else:
        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - any path, also absolute
        files = [file for file in map(Path, matches) if file.is_file()]
        images = [file for file in files if is_image(file.name)]
        if not images:
            raise NeuralStyleError(f"no image matches {word!r}; check the pattern.")
        names = [image.name for image in images]
        for file in files:
            if not is_image(file.name):
                note_others(f"{file.parent}{os.sep}", [file.name], names, not_taken)
        yield from map(Found, images)


def is_folder(path: str | Path) -> bool:
    """Return whether there is a folder; False also for names that are too long."""
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def is_file(path: str | Path) -> bool:
    """Return whether there is a file; False also for names that are too long."""
    status = _status(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def exists(path: str | Path) -> bool:
    """Return whether there is a file or folder; False also for names that are too long."""
    return _status(path) is not None


def _status(path: str | Path) -> os.stat_result | None:
    """The status of what a path leads to; None if there is nothing that can be reached.

    `Path.is_file` and the like raise an error for names that are too long, up to Python 3.13, and
    take an empty name for the current folder.
    """
    with suppress(OSError, ValueError):  # a name with a null character
        return os.stat(path)  # noqa: PTH116 - text, and a million files cost seconds
    return None


def identity(path: str | Path) -> Hashable:
    """Return what only names of the same file share.

    Some file systems number all files 0 or give numbers twice, so date and size count, too.
    """
    status = _status(path)
    if status is not None and status.st_ino:
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return place(path)


def place(path: str | Path) -> str:
    """Return the absolute path of a name: links to its folder are resolved, the name itself not."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 - text
