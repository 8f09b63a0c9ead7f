"""The listing: every content image of a data set on one line, in an order that never changes.

Content images that are found later are appended, so a shard, which is a contiguous range of lines,
keeps its content images. A removed content image stays in the listing. The first line holds the
shard size, which cannot change, either.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Container, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_style.bulk.plan import BulkError
from neural_style.config.folders import (
    LINKED_FOLDER,
    SAME_FILE,
    NotTaken,
    identity,
    is_image,
    note_others,
)
from neural_style.io import escape, read_regular, unescape, write_text

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
        BulkError: the file cannot be read, is damaged, or was begun with another shard size.
    """
    try:
        header, *lines = read_regular(path).splitlines()
        first_size = int(header.removeprefix(f"{HEADER}\t"))
        _check_names(lines)
    except FileNotFoundError:
        return Listing(shard_size, (), ())
    except (OSError, ValueError) as error:
        raise BulkError(f"cannot read the listing {str(path)!r}: {error}; restore it.") from error
    if first_size != shard_size:
        raise BulkError(
            f"bulk.shard_size: {shard_size}, but this data set was begun with {first_size}; "
            "change it back, or choose another bulk.output."
        )
    return Listing(shard_size, lines, ())


def _check_names(lines: Iterable[str]) -> None:
    """Raise a ValueError if a line holds what no file can be called."""
    for line in lines:
        if "\\" in line or "\0" in line:
            for name in map(unescape, line.split("\t")):
                os.fsencode(name)  # half of a character pair
                if "\0" in name:
                    raise ValueError("a name has a null character")


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


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        paths: of the image files, below the searched folder, in no particular order.
        same: the names of each file that has several; links come last.
        not_taken: the files that are not images.
    """

    paths: Sequence[str]
    same: Sequence[Sequence[str]]
    not_taken: NotTaken


def search(listing: Listing, root: Path) -> tuple[Listing, NotTaken]:
    """Search a folder, and return the listing with new content images, and what is not taken.

    A file with several names, such as links, counts once, by the name that is listed already.

    Raises:
        BulkError: a folder does not exist or cannot be read.
    """
    found = find_content_images(root)
    if not found.same:
        return with_found(listing, found.paths), found.not_taken
    listed = set(listing.paths(range(len(listing.lines))))
    further = {
        name
        for names in found.same
        for name in (names[1:] if listed.isdisjoint(names) else names)
        if name not in listed
    }
    for name in further:
        found.not_taken.add(os.fspath(root / name), SAME_FILE)
    return with_found(listing, set(found.paths) - further), found.not_taken


def find_content_images(root: Path) -> Found:
    """Find the image files in a folder and its subfolders by their suffix.

    Hidden files, hidden folders and masks are skipped, and links to folders are not followed.

    Raises:
        BulkError: a folder does not exist or cannot be read.
    """
    top = os.path.join(root, "")  # noqa: PTH118 - plain strings: a million paths cost seconds
    ahead = [top]
    paths: list[str] = []
    links: set[str] = set()
    inodes = array("Q")
    not_taken = NotTaken()
    try:
        while ahead:
            folder = ahead.pop()
            below = folder[len(top) :]
            images: list[str] = []
            others: list[str] = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append(f"{folder}{name}/")
                    elif is_image(name):
                        images.append(name)
                        is_link = entry.is_symlink()
                        inodes.append(_inode(entry.path) if is_link else entry.inode())
                        if is_link:
                            links.add(below + name)
                    elif entry.is_dir():
                        not_taken.add(folder + name, LINKED_FOLDER)
                    else:
                        others.append(name)
            paths += [below + name for name in images]
            note_others(folder, others, images, not_taken)
    except OSError as error:
        raise BulkError(
            f"bulk.content: cannot read {str(error.filename)!r}: {error.strerror}; "
            "fix the path or its permissions."
        ) from error
    return Found(paths, list(_same_files(top, paths, inodes, links)), not_taken)


def _inode(path: str) -> int:
    """The number of the file that a link leads to; 0 if it is broken."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - as in find_content_images
    except OSError:
        return 0


def _same_files(
    top: str, paths: Sequence[str], inodes: Sequence[int], links: Container[str]
) -> Iterator[list[str]]:
    """Yield the names of each file with several, links last."""
    if len(set(inodes)) == len(inodes):
        return
    several = {inode for inode, count in Counter(inodes).items() if count > 1 and inode}
    groups: dict[Hashable, list[str]] = {}
    for path, inode in zip(paths, inodes, strict=True):
        if inode in several:
            groups.setdefault(identity(top + path), []).append(path)
    for names in groups.values():
        if len(names) > 1:
            yield sorted(names, key=lambda name: (name in links, name))


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
