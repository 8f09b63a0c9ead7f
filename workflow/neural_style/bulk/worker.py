"""The worker of a shard: decodes ahead, optimizes in batches, saves in threads, keeps the journal.

It imports no torch before there is something to optimize.
"""

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
from threading import Lock
from typing import Protocol, Self, TypeVar

from neural_style.bulk.journal import (
    DONE,
    FAILED,
    Journal,
    Row,
    excess_of_failures,
    latest_rows,
    with_redo,
    write_rows,
)
from neural_style.bulk.plan import BulkError, BulkPlan
from neural_style.bulk.shard import Shard, Task
from neural_style.config.folders import is_folder
from neural_style.config.settings import ORIGINAL
from neural_style.images.decode import ImageError
from neural_style.images.encode import FloatImage, make_postprocessor, save_pixels
from neural_style.io import WorkQueue

ERRORS_OF_ONE_OUTPUT = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR}
    | {errno.EEXIST}
)
"""Errors of the file system that concern one output only. Any other error stops the shard."""

DECODERS = 2
"""Threads that decode content images."""

ENCODERS = 2
"""Threads that encode and save outputs."""

MOST_DECODED = 64
MOST_PIXELS_DECODED = MOST_DECODED * 512 * 512
"""Limits on the content images, and on their pixels, that are decoded in advance."""

MOST_UNSAVED = 64
"""Outputs that may wait for being saved."""

BATCHES_WAITING = 4
"""Tasks wait for others of the same shape until a batch is full. When as many tasks wait as fill so
many batches, the largest incomplete batch is optimized."""

SECONDS_BETWEEN_LINES = 10.0
"""Pause between two lines of the log."""

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Result:
    """The result of a task: an image and its losses, or the reason why there is none.

    The losses are those of the image before it is rounded and encoded; the job of a sweep records
    them after.

    Attributes:
        image: [3, H, W] in [0, 1].
        total_loss: final loss, the sum of all terms.
        content_loss: alpha · content loss.
        style_loss: beta · style loss, with beta as corrected for the size.
        reason: a sentence.
        seconds: the task's share of the time of its batch, until its images are on the host.
    """

    image: FloatImage | None = None
    total_loss: float = 0.0
    content_loss: float = 0.0
    style_loss: float = 0.0
    reason: str = ""
    seconds: float = 0.0


Take = Callable[[Task, Result], None]
"""Gets each task with its result."""


class Runner(Protocol):
    """Optimizes tasks, see `batches.BatchRunner`."""

    def batch_size(self, task: Task) -> int:
        """How many tasks like this one to optimize at once."""

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        """Optimize tasks with the same `batch_key`."""


def batch_key(task: Task) -> Hashable:
    """Return what tasks of a batch have in common: their sizes, and `Settings.batch_key`."""
    sizes = task.image.size, task.at_reference and task.at_reference.size
    return sizes, task.settings.batch_key


def run_shard(
    plan: BulkPlan, number: int, make_runner: Callable[[], Runner], say: Callable[[str], None]
) -> Counter[str]:
    """Make the missing outputs of a shard, then its manifest.

    Args:
        plan: of the data set.
        number: of the shard.
        make_runner: called once, if there is an output to make.
        say: gets a line about the progress every few seconds.

    Returns:
        The number of outputs by status.

    Raises:
        NeuralStyleError: the machine failed (such as a full disk), or more outputs failed than
            `bulk.failed_fraction` allows. Finished outputs are kept and are in the journal.
    """
    paths = plan.paths
    paths.require_inside()
    # Otherwise all its images would count as removed. An empty mount point is not noticed.
    if not is_folder(plan.content):
        raise BulkError(
            f"bulk.content: {str(plan.content)!r} is not a folder any more; check its disk, then "
            "run `snakemake bulk` again."
        )
    with Journal(paths.journal(number), paths.worker(number), say) as journal:
        rows_so_far = with_redo(journal.rows, latest_rows(paths.redo(number)))
        shard = Shard(plan, number, rows_so_far)
        _Run(plan, number, shard, journal, make_runner, say).run()
        rows = [
            journal.rows[output.path]
            for content in shard.content_images
            for output in shard.outputs_of(content)
        ]
        if excess := excess_of_failures(rows, number, plan.failed_fraction):
            raise BulkError(excess)
        write_rows(rows, paths.manifest(number))
        journal.compact()
    return Counter(row.status for row in rows)


class _Run:
    """One pass through a shard."""

    def __init__(
        self,
        plan: BulkPlan,
        number: int,
        shard: Shard,
        journal: Journal,
        make_runner: Callable[[], Runner],
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._shard = shard
        self._journal = journal
        self._make_runner = make_runner
        self._say = say
        self._saver = OutputSaver(plan, number)
        self._queue = WorkQueue(ENCODERS, MOST_UNSAVED, "encode")
        self._runner: Runner | None = None
        self._waiting: dict[Hashable, list[Task]] = {}
        self._counts: Counter[str] = Counter()
        self._counts_lock = Lock()  # of outputs by status; encoders count, too
        self._began = self._said = time.monotonic()

    def run(self) -> None:
        """Check every content image, and make the outputs that are missing."""
        with ExitStack() as stack:
            stack.enter_context(self._saver)
            decoders = stack.enter_context(ThreadPoolExecutor(DECODERS, "decode"))
            stack.enter_context(self._queue)
            for prepared in _map_ahead(
                decoders, self._shard.prepare, self._shard.content_images, self._depth()
            ):
                for row in prepared.settled:
                    self._record(row)
                for task in prepared.tasks:
                    self._collect(task)
            for key in list(self._waiting):
                self._optimize(key)

    def _depth(self) -> int:
        """How many content images to decode in advance."""
        size = max(settings.size for settings in self._plan.settings.values())
        return max(2, min(MOST_DECODED, MOST_PIXELS_DECODED // size**2))

    def _collect(self, task: Task) -> None:
        """Add a task to its batch, and optimize a batch if one is full or too many tasks wait."""
        self._runner = self._runner or self._make_runner()
        key = batch_key(task)
        waiting = self._waiting.setdefault(key, [])
        waiting.append(task)
        size = self._runner.batch_size(task)
        if len(waiting) >= size:
            self._optimize(key)
        elif sum(map(len, self._waiting.values())) >= BATCHES_WAITING * size:
            self._optimize(max(self._waiting, key=lambda each: len(self._waiting[each])))

    def _optimize(self, key: Hashable) -> None:
        assert self._runner is not None, "tasks wait only where a runner exists"
        self._runner(self._waiting.pop(key), self._take)

    def _take(self, task: Task, result: Result) -> None:
        """Have an output saved, or record its failure."""
        row = replace(
            task.row,
            seconds=result.seconds,
            total_loss=result.total_loss,
            content_loss=result.content_loss,
            style_loss=result.style_loss,
        )
        if result.image is None:
            self._record(replace(row, status=FAILED, reason=result.reason))
            return
        self._queue.submit(self._save, task, result.image, row)
        self._report()

    def _save(self, task: Task, image: FloatImage, row: Row) -> None:
        """Save an output; runs in an encoder's thread."""
        saved = self._saver.save(task, image, row)
        self._journal.append(saved)
        self._count(saved.status)

    def _count(self, status: str) -> None:
        with self._counts_lock:
            self._counts[status] += 1

    def _record(self, row: Row) -> None:
        """Append a row to the journal, unless it is there already."""
        self._count(row.status)
        if self._journal.rows.get(row.output) != row:
            self._journal.append(replace(row, finished=row.finished or time.time()))
        self._report()

    def _report(self) -> None:
        """Say how many outputs are finished, every few seconds."""
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            with self._counts_lock:
                known = list(self._counts.items())
            counts = ", ".join(f"{count} {status}" for status, count in known)
            self._say(f"{counts} after {now - self._began:.0f} s")


class OutputSaver:
    """Saves the outputs of a shard; use it as a context manager, while the journal is locked.

    An output is written completely in a folder of its own, then moved to its place, and never
    through a link that leads out of the output folder.

    Args:
        plan: of the data set.
        number: of the shard.
    """

    def __init__(self, plan: BulkPlan, number: int) -> None:
        self._plan = plan
        self._partial = plan.paths.partial(number)
        self._names = itertools.count()
        self._root = plan.output.resolve()
        self._ensure_folder = lru_cache(maxsize=1024)(self._make_folder)

    def __enter__(self) -> Self:
        """Remove the partial outputs of a killed worker."""
        shutil.rmtree(self._partial, ignore_errors=True)
        return self

    def __exit__(self, *error: object) -> None:
        """Remove partial outputs."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def save(self, task: Task, image: FloatImage, row: Row) -> Row:
        """Write an output to its place. May be called from any thread.

        Args:
            task: names the place, the dimensions and the format.
            image: the optimized image, [3, H, W] in [0, 1].
            row: what is known of the output.

        Returns:
            The row with the status `done`, or `failed` if only this output cannot be written.

        Raises:
            NeuralStyleError: the disk is full, or nothing can be written.
        """
        place = self._plan.output / task.output.path
        partial = self._partial / f"{next(self._names)}{place.suffix}"
        settings = task.settings
        try:
            original_size = task.original_size if self._plan.size == ORIGINAL else None
            content = self._plan.content / task.output.content.path
            pixels = make_postprocessor(content, settings, original_size).to_pixels(image)
            checksum = save_pixels(pixels, partial, settings.format, settings.quality)
            status = partial.stat()
            self._ensure_folder(place.parent)
            partial.replace(place)
        except ImageError as error:
            return replace(row, status=FAILED, reason=str(error), finished=time.time())
        except MemoryError as error:  # which a smaller batch would not help
            raise BulkError(
                f"there is not enough memory to write {str(place)!r}; free some, or use "
                "bulk.size: fitted with a smaller image.size."
            ) from error
        except OSError as error:
            if error.errno not in ERRORS_OF_ONE_OUTPUT:
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
            output_sha256=checksum,
            output_bytes=status.st_size,
            output_mtime_ns=status.st_mtime_ns,
            finished=time.time(),
        )

    def _make_folder(self, folder: Path) -> None:
        """Create a folder inside the output folder, unless a link leads out of it."""
        if not folder.resolve().is_relative_to(self._root):
            raise OSError(errno.ELOOP, "a link there leads out of bulk.output", str(folder))
        folder.mkdir(parents=True, exist_ok=True)


def _map_ahead(
    pool: Executor, work: Callable[[Item], Made], items: Iterable[Item], depth: int
) -> Iterator[Made]:
    """The results of work in order; up to `depth` further results are computed in advance."""
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
