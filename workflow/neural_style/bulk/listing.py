"""The frozen listing: every photograph on a line of its own, in an order that never changes.

What is found later is appended, so that a shard, a contiguous range of lines, keeps its
photographs for ever. What is removed stays listed. The first line holds the shards' size, which
is frozen with it.
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
class Photograph:
    """A line of the listing.

    Attributes:
        index: its place, from 0.
        path: below the content root; may hold bytes that are no UTF-8, as `os.fsdecode` has them.
        stem: of its pictures: the path without its suffix, or more where two would share that.
    """

    index: int
    path: str
    stem: str


@dataclass(frozen=True)
class Listing:
    """The photographs of a data set, frozen ones first.

    Attributes:
        shard_size: photographs in a shard.
        lines: of the frozen ones, as they stand in the file.
        fresh: paths that were found and are not in the file yet, sorted.
    """

    shard_size: int
    lines: Sequence[str]
    fresh: Sequence[str]

    def __len__(self) -> int:
        return len(self.lines) + len(self.fresh)

    @property
    def shards(self) -> range:
        """The numbers of the shards."""
        return range(-(-len(self) // self.shard_size))

    def bounds(self, shard: int) -> range:
        """The places of a shard's photographs."""
        begin = shard * self.shard_size
        return range(begin, min(begin + self.shard_size, len(self)))

    def paths(self, places: range) -> list[str]:
        """The paths of the photographs at contiguous places."""
        frozen = len(self.lines)
        fresh = slice(max(places.start - frozen, 0), max(places.stop - frozen, 0))
        return [
            # Quick: a dry run does this a million times.
            unescape(line.partition("\t")[0]) if "\t" in line or "\\" in line else line
            for line in self.lines[places.start : places.stop]
        ] + list(self.fresh[fresh])

    def photographs(self, places: range) -> Iterator[Photograph]:
        """Frozen photographs by their places."""
        for index in places:
            path, _, stem = self.lines[index].partition("\t")
            name = unescape(path)
            yield Photograph(index, name, unescape(stem) if stem else plain_stem(name))


def read_listing(path: Path, shard_size: int) -> Listing:
    """Read the frozen listing; an empty one if there is none yet.

    Args:
        path: of the listing.
        shard_size: what the configuration says.

    Raises:
        BulkError: it cannot be read, or was begun with shards of another size.
    """
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        frozen = int(header.removeprefix(f"{HEADER}\t"))
    except FileNotFoundError:
        return Listing(shard_size, (), ())
    except (OSError, ValueError) as error:
        raise BulkError(f"cannot read the listing {path}: {error}; restore it.") from error
    if frozen != shard_size:
        raise BulkError(
            f"bulk.shard_size: {shard_size}, but this data set was begun with {frozen}; "
            "put that back, or choose another bulk.output."
        )
    return Listing(shard_size, lines, ())


def with_found(listing: Listing, found: Iterable[str]) -> Listing:
    """The listing with the photographs that were found and are not in it."""
    if not listing.lines:
        return Listing(listing.shard_size, listing.lines, sorted(found))
    fresh = set(found).difference(listing.paths(range(len(listing.lines))))
    return Listing(listing.shard_size, listing.lines, sorted(fresh))


def freeze(listing: Listing, path: Path) -> None:
    """Write the listing with its fresh photographs at the end; nothing if there are none."""
    if not listing.fresh:
        return
    frozen = listing.photographs(range(len(listing.lines)))
    # Case is folded, since many file systems do not tell `Cat.jpg` from `cat.jpg`.
    taken = {photograph.stem.casefold() for photograph in frozen}
    lines = [f"{HEADER}\t{listing.shard_size}", *listing.lines]
    for name in listing.fresh:
        stem = next(stem for stem in _stems(name) if stem.casefold() not in taken)
        taken.add(stem.casefold())
        own = "" if stem == plain_stem(name) else f"\t{escape(stem)}"
        lines.append(f"{escape(name)}{own}")
    write_text(path, "\n".join([*lines, ""]))


def _stems(name: str) -> Iterator[str]:
    """Stems for the pictures of a photograph, the best first: `a`, `a.png`, `a.png-2` and on."""
    yield plain_stem(name)
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def plain_stem(name: str) -> str:
    """A path without its suffix."""
    return name.rpartition(".")[0]


def walk_photographs(root: Path) -> Iterator[str]:
    """The image files below a folder, by their suffix, as paths below it, in no order.

    Hidden files and folders are passed over, and so are masks; links to folders are not followed.

    Raises:
        BulkError: a folder is missing or cannot be read.
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
            "mend the path or its permissions."
        ) from error


def state_of(root: Path, paths: Iterable[str]) -> str:
    """A digest of size and date of files below a folder, so that an edited one is noticed."""
    digest = hashlib.blake2b(digest_size=12)
    top = os.path.join(root, "")  # noqa: PTH118 - as in walk_photographs
    for path in paths:
        try:
            status = os.stat(top + path)  # noqa: PTH116 - as in walk_photographs
            digest.update(b"%d %d;" % (status.st_size, status.st_mtime_ns))
        except OSError:
            digest.update(b"gone;")
    return digest.hexdigest()
