"""Pictures to their places: written aside, moved when whole, and never through a link outwards."""

from __future__ import annotations

import errno
import itertools
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from neural_style.bulk.journal import DONE, FAILED, GONE, Journal, Row, write_rows
from neural_style.bulk.plan import BulkError, BulkPlan
from neural_style.bulk.shard import Shard, Task
from neural_style.config.settings import ORIGINAL
from neural_style.images.decode import ImageError
from neural_style.images.encode import Picture, finish_of, save_levels
from neural_style.io import WorkQueue, sha256

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
        self._aside = plan.paths.partial(number)
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
            picture: as it was optimized.
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


# MERGED: The worker of a shard: decodes ahead, optimizes in batches, encodes behind, keeps the journal.
#
# Free of torch until there is something to optimize: most shards of a finished data set only look.


DECODERS = 2
ENCODERS = 2
MOST_AHEAD = 64
PIXELS_AHEAD = MOST_AHEAD * 512 * 512
"""Photographs are decoded ahead up to so many, and up to so many pixels."""
MOST_BEHIND = 64
"""Pictures that may wait for being saved."""
BATCHES_WAITING = 4
"""Photographs of different shapes wait for others like them, up to so many batches."""
SECONDS_BETWEEN_LINES = 10.0

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Result:
    """What came of a task: a picture and its losses, or the reason why there is none.

    Attributes:
        picture: as it was optimized.
        total: final loss, the sum of all terms.
        content: alpha · content loss.
        style: beta · style loss, with beta as corrected for the size.
        reason: a sentence.
        seconds: its share of the time of its batch.
    """

    picture: Picture | None = None
    total: float = 0.0
    content: float = 0.0
    style: float = 0.0
    reason: str = ""
    seconds: float = 0.0


Take = Callable[[Task, Result], None]


class Engine(Protocol):
    """What makes pictures, see `engine.TorchEngine`."""

    def batch_size(self, task: Task) -> int:
        """How many like this to make at once."""

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        """Make pictures and hand over the results."""


def run_shard(
    plan: BulkPlan, number: int, make_engine: Callable[[], Engine], say: Callable[[str], None]
) -> Counter[str]:
    """Make what is missing of a shard, and its manifest.

    Args:
        plan: of the data set.
        number: of the shard.
        make_engine: called once, if there is anything to make.
        say: is told how it goes, in a line every few seconds.

    Returns:
        The number of pictures by status.

    Raises:
        NeuralStyleError: the machine failed (a disk is full), or more pictures failed than
            `bulk.failed_fraction` allows. What is done stays done, and is in the journal.
    """
    with Journal(plan.paths.journal(number)) as journal:
        shard = Shard(plan, number, journal.rows)
        _Run(plan, number, shard, journal, make_engine, say).run()
        rows = [
            journal.rows[picture.path]
            for photograph in shard.photographs
            for picture in shard.pictures_of(photograph)
        ]
        _require_few_failures(rows, number, plan.failed_fraction)
        write_rows(rows, plan.paths.manifest(number))
        journal.compact()
    return Counter(row.status for row in rows)


def _require_few_failures(rows: Sequence[Row], number: int, allowed: float) -> None:
    failed = [row for row in rows if row.status == FAILED]
    possible = sum(row.status != GONE for row in rows)
    if len(failed) > allowed * possible:
        raise BulkError(
            f"{len(failed)} of the {possible} pictures of shard {number} failed, more than "
            f"bulk.failed_fraction ({allowed:g}) allows; the first: {failed[0].reason}"
        )


class _Run:
    """One pass through a shard."""

    def __init__(
        self,
        plan: BulkPlan,
        number: int,
        shard: Shard,
        journal: Journal,
        make_engine: Callable[[], Engine],
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._shard = shard
        self._journal = journal
        self._make_engine = make_engine
        self._say = say
        self._gallery = Gallery(plan, number)
        self._engine: Engine | None = None
        self._waiting: dict[Hashable, list[Task]] = {}
        self._counts: Counter[str] = Counter()
        self._began = self._told = time.monotonic()

    def run(self) -> None:
        """Look at every photograph, and make what is missing."""
        with ExitStack() as stack:
            stack.enter_context(self._gallery)
            decoders = stack.enter_context(ThreadPoolExecutor(DECODERS, "decode"))
            self._saving = stack.enter_context(WorkQueue(ENCODERS, MOST_BEHIND, "encode"))
            for prepared in _ahead(
                decoders, self._shard.prepare, self._shard.photographs, self._depth()
            ):
                for row in prepared.settled:
                    self._note(row)
                for task in prepared.tasks:
                    self._collect(task)
            for key in list(self._waiting):
                self._make(key)

    def _depth(self) -> int:
        """How many photographs to decode ahead."""
        size = max(settings.size for settings in self._plan.settings.values())
        return max(2, min(MOST_AHEAD, PIXELS_AHEAD // size**2))

    def _collect(self, task: Task) -> None:
        """Let a task wait until its batch is full."""
        self._engine = self._engine or self._make_engine()
        key = batch_key(task)
        waiting = self._waiting.setdefault(key, [])
        waiting.append(task)
        size = self._engine.batch_size(task)
        if len(waiting) >= size:
            self._make(key)
        elif sum(map(len, self._waiting.values())) >= BATCHES_WAITING * size:
            self._make(max(self._waiting, key=lambda each: len(self._waiting[each])))

    def _make(self, key: Hashable) -> None:
        assert self._engine is not None, "only collected tasks are made"
        self._engine(self._waiting.pop(key), self._take)

    def _take(self, task: Task, result: Result) -> None:
        """Save a result, or note its failure."""
        row = replace(
            task.row,
            seconds=result.seconds,
            total=result.total,
            content=result.content,
            style_loss=result.style,
        )
        if result.picture is None:
            self._note(replace(row, status=FAILED, reason=result.reason))
            return
        self._saving.submit(self._save, task, result.picture, row)
        self._counts[DONE] += 1
        self._tell()

    def _save(self, task: Task, picture: Picture, row: Row) -> None:
        self._journal.append(self._gallery.save(task, picture, row))

    def _note(self, row: Row) -> None:
        """Keep a row in the journal, unless it is there already."""
        self._counts[row.status] += 1
        if self._journal.rows.get(row.picture) != row:
            self._journal.append(replace(row, finished=row.finished or time.time()))
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
            self._say(f"{counts} after {now - self._began:.0f} s")


def batch_key(task: Task) -> Hashable:
    """Tasks with the same key can be made together: shape, network, layers, epochs, canvas."""
    settings = task.settings
    return (
        *(task.image.size, settings.weights, settings.pooling, settings.padding),
        settings.tile,
        settings.precision,
        *(settings.optimizer, settings.history, settings.color),
        *((stage.size / settings.size, stage.epochs) for stage in settings.all_stages),
        *(tuple(settings.content_layers.items()), tuple(settings.style_layers.items())),
    )


def _ahead(
    pool: Executor, work: Callable[[Item], Made], items: Iterable[Item], depth: int
) -> Iterator[Made]:
    """The results of work in order; up to `depth` further ones are made meanwhile."""
    pending: deque[Future[Made]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
