"""The listing: every content image of a data set on one line, in an order that never changes.

Content images that are found later are appended, so a shard, which is a contiguous range of lines,
keeps its content images. A removed content image stays in the listing. The first line holds the
shard size, which cannot change, either.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_style.bulk.plan import BulkError
from neural_style.config.settings import IMAGE_SUFFIXES, MASK_SUFFIXES
from neural_style.io import escape, unescape, write_text

HEADER = "shard_size"


@dataclass(frozen=True)
class ContentImage:
    """A content image of the listing.

    Attributes:
        index: its position, from 0.
        path: below the folder of the content images; may hold bytes that are not UTF-8, as
            `os.fsdecode` represents them.
        stem: path of its outputs without their suffix: the same as `path` without its suffix,
            unless another content image has that stem.
    """

    index: int
    path: str
    stem: str


@dataclass(frozen=True)
class Listing:
    """The content images of a data set, first those in the file, then new ones.

    Attributes:
        shard_size: content images in a shard.
        lines: one for each content image in the file, as it is written there.
        new: paths of the content images that are not in the file yet, sorted.
    """

    shard_size: int
    lines: Sequence[str]
    new: Sequence[str]

    def __len__(self) -> int:
        return len(self.lines) + len(self.new)

    @property
    def shards(self) -> range:
        """The numbers of the shards."""
        return range(-(-len(self) // self.shard_size))

    def range_of(self, shard: int) -> range:
        """The positions of a shard's content images."""
        begin = shard * self.shard_size
        return range(begin, min(begin + self.shard_size, len(self)))

    def paths(self, positions: range) -> list[str]:
        """The paths of the content images at contiguous positions."""
        listed = len(self.lines)
        new = slice(max(positions.start - listed, 0), max(positions.stop - listed, 0))
        return [
            # No function call for a plain name: a dry run reads a million lines.
            unescape(line.partition("\t")[0]) if "\t" in line or "\\" in line else line
            for line in self.lines[positions.start : positions.stop]
        ] + list(self.new[new])

    def content_images(self, positions: range) -> Iterator[ContentImage]:
        """The content images at positions in the file."""
        for index in positions:
            path, _, stem = self.lines[index].partition("\t")
            name = unescape(path)
            yield ContentImage(index, name, unescape(stem) if stem else without_suffix(name))


def read_listing(path: Path, shard_size: int) -> Listing:
    """Read the listing; it is empty if the file does not exist.

    Args:
        path: of the listing.
        shard_size: of the configuration.

    Raises:
        BulkError: the file cannot be read, or was begun with another shard size.
    """
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        first_size = int(header.removeprefix(f"{HEADER}\t"))
    except FileNotFoundError:
        return Listing(shard_size, (), ())
    except (OSError, ValueError) as error:
        raise BulkError(f"cannot read the listing {path}: {error}; restore it.") from error
    if first_size != shard_size:
        raise BulkError(
            f"bulk.shard_size: {shard_size}, but this data set was begun with {first_size}; "
            "change it back, or choose another bulk.output."
        )
    return Listing(shard_size, lines, ())


def with_found(listing: Listing, found: Iterable[str]) -> Listing:
    """Return the listing with those of the found content images that it lacks as new ones."""
    if not listing.lines:
        return Listing(listing.shard_size, listing.lines, sorted(found))
    new = set(found).difference(listing.paths(range(len(listing.lines))))
    return Listing(listing.shard_size, listing.lines, sorted(new))


def write_listing(listing: Listing, path: Path) -> None:
    """Write the listing with its new content images at the end, if there are any."""
    if not listing.new:
        return
    listed = listing.content_images(range(len(listing.lines)))
    # Case is folded, because many file systems do not distinguish `Cat.jpg` from `cat.jpg`.
    taken = {image.stem.casefold() for image in listed}
    lines = [f"{HEADER}\t{listing.shard_size}", *listing.lines]
    for name in listing.new:
        stem = next(stem for stem in _possible_stems(name) if stem.casefold() not in taken)
        taken.add(stem.casefold())
        own = "" if stem == without_suffix(name) else f"\t{escape(stem)}"
        lines.append(f"{escape(name)}{own}")
    write_text(path, "\n".join([*lines, ""]))


def _possible_stems(name: str) -> Iterator[str]:
    """Stems for the outputs of a content image, the best first: `a`, `a.png`, `a.png-2`, etc."""
    yield without_suffix(name)
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def without_suffix(name: str) -> str:
    """Return a path without its suffix."""
    return name.rpartition(".")[0]


def find_content_images(root: Path) -> Iterator[str]:
    """Find the image files in a folder and its subfolders by their suffix.

    Hidden files, hidden folders and masks are skipped, and links to folders are not followed.

    Yields:
        Paths below `root`, in no particular order.

    Raises:
        BulkError: a folder does not exist or cannot be read.
    """
    images, masks = tuple(IMAGE_SUFFIXES), tuple(MASK_SUFFIXES)
    top = os.path.join(root, "")  # noqa: PTH118 - plain strings: a million paths cost seconds
    ahead = [top]
    try:
        while ahead:
            folder = ahead.pop()
            below = folder[len(top) :]
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append(f"{folder}{name}/")
                    elif name.lower().endswith(images) and not name.lower().endswith(masks):
                        yield below + name
    except OSError as error:
        raise BulkError(
            f"bulk.content: cannot read {str(error.filename)!r}: {error.strerror}; "
            "fix the path or its permissions."
        ) from error


def stat_digest(root: Path, paths: Iterable[str]) -> str:
    """Return a digest of size and date of files in a folder; it changes when a file is edited."""
    digest = hashlib.blake2b(digest_size=12)
    top = os.path.join(root, "")  # noqa: PTH118 - as in find_content_images
    for path in paths:
        try:
            status = os.stat(top + path)  # noqa: PTH116 - as in find_content_images
            digest.update(b"%d %d;" % (status.st_size, status.st_mtime_ns))
        except OSError:
            digest.update(b"gone;")
    return digest.hexdigest()
