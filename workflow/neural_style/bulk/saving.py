"""Pictures to their places: written aside, moved when whole, and never through a link outwards."""

from __future__ import annotations

import errno
import itertools
import shutil
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

from neural_style.bulk.plan import BulkError, BulkPlan
from neural_style.bulk.rows import DONE, FAILED, Row
from neural_style.bulk.tasks import Task
from neural_style.files import sha256
from neural_style.pictures.encoding import save_levels
from neural_style.pictures.finishing import Picture, finish_of
from neural_style.pictures.images import ImageError
from neural_style.plan.settings import ORIGINAL

OF_ONE_PICTURE = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR}
    | {errno.EEXIST}
)
"""What keeps a picture from its place and no other; any other fault is one of the machine."""


class Gallery:
    """Saves the pictures of a shard; use it as a context manager, with the journal locked.

    Args:
        plan: of the data set.
        number: of the shard.
    """

    def __init__(self, plan: BulkPlan, number: int) -> None:
        self._plan = plan
        self._aside = plan.books.partial(number)
        self._names = itertools.count()
        self._root = plan.output.resolve()
        self._folder = lru_cache(maxsize=1024)(self._make_folder)

    def __enter__(self) -> Self:
        """Remove what a killed worker has left half-written."""
        shutil.rmtree(self._aside, ignore_errors=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._aside, ignore_errors=True)

    def save(self, task: Task, picture: Picture, row: Row) -> Row:
        """Write a picture whole to its place. Called from any thread.

        Args:
            task: says where, and which size and format.
            picture: as it was optimised.
            row: what is known of it.

        Returns:
            The row, done, or failed if this one picture cannot be where it should.

        Raises:
            NeuralStyleError: the disk is full, or nothing can be written.
        """
        place = self._plan.output / task.picture.path
        aside = self._aside / f"{next(self._names)}{place.suffix}"
        settings = task.settings
        try:
            original = task.original if self._plan.size == ORIGINAL else None
            photograph = self._plan.content / task.picture.photograph.path
            levels = finish_of(photograph, settings, original).levels(picture)
            save_levels(levels, aside, settings.format, settings.quality)
            checksum, status = sha256(aside), aside.stat()
            self._folder(place.parent)
            aside.replace(place)
        except ImageError as error:
            return replace(row, status=FAILED, reason=str(error), finished=time.time())
        except OSError as error:
            if error.errno not in OF_ONE_PICTURE:
                raise BulkError(
                    f"cannot write {str(place)!r}: {error.strerror}; free some space or choose "
                    "a bulk.output that you may write to."
                ) from error
            reason = (
                f"cannot write {str(place)!r}: {error.strerror}; rename or remove what is there."
            )
            return replace(row, status=FAILED, reason=reason, finished=time.time())
        return replace(
            row,
            status=DONE,
            checksum=checksum,
            size=status.st_size,
            time=status.st_mtime_ns,
            finished=time.time(),
        )

    def _make_folder(self, folder: Path) -> None:
        """Make a folder below the output; a link on the way must not lead out of it."""
        if not folder.resolve().is_relative_to(self._root):
            raise OSError(errno.ELOOP, "a link there leads out of bulk.output", str(folder))
        folder.mkdir(parents=True, exist_ok=True)
