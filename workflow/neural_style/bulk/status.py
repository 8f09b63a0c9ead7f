"""The progress of a data set: a table from the journals, also while a run goes on."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from neural_style.bulk.assignment import Assignment, Style
from neural_style.bulk.journal import (
    DONE,
    FAILED,
    GONE,
    Row,
    excess_of_failures,
    find_worker,
    latest_rows,
    with_redo,
)
from neural_style.bulk.plan import BulkPlan, output_key, settings_digests
from neural_style.bulk.target import discover
from neural_style.io import format_duration, sha256

RATE_WINDOW = 600.0
"""Seconds over which the rate is measured."""

SENTENCES_SHOWN = 10
"""Shards that cannot be finished of which each gets a sentence."""


@dataclass(frozen=True)
class StyleStatus:
    """The progress of one style and setting.

    Attributes:
        style: folder of the outputs: id of the style, or `random_1`, ….
        setting: id of the setting.
        done: outputs that exist.
        failed: outputs that could not be made.
        gone: outputs whose content image was removed.
        left: outputs to make.
        rate: outputs a second over the last minutes; 0 if none were made.
    """

    style: str
    setting: str
    done: int
    failed: int
    gone: int
    left: int
    rate: float


@dataclass(frozen=True)
class Status:
    """The progress of a data set.

    Attributes:
        table: of each style and setting.
        notes: sentences: who works on it, what stands in the way, what to do.
    """

    table: Sequence[StyleStatus]
    notes: Sequence[str]


def read_status(plan: BulkPlan, now: float | None = None) -> Status:
    """Read the progress of every style and setting from the journals.

    An output counts as done if its row has the key that the plan asks for; files are not looked at.

    Args:
        plan: the data set as it should be: the configured one, or that of the last run.
        now: seconds since 1970; None reads the clock.

    Raises:
        NeuralStyleError: the bookkeeping files cannot be read.
    """
    now = time.time() if now is None else now
    target = discover(plan, walk=False)
    listing, assignment = target.listing, Assignment(plan, target.styles)
    counts: Counter[tuple[str, str, str]] = Counter()
    finished: dict[tuple[str, str], list[float]] = defaultdict(list)
    is_current = _CurrentRows(plan, target.styles)
    blocked, open_shards, workers = [], 0, []
    for shard in listing.shards:
        rows = with_redo(
            latest_rows(plan.paths.journal(shard)), latest_rows(plan.paths.redo(shard))
        )
        for row in rows.values():
            style, setting, _ = row.output.split("/", 2)
            counts[style, setting, row.status] += is_current(row)
            if row.status == DONE and row.finished >= now - RATE_WINDOW:
                finished[style, setting].append(row.finished)
        if not plan.paths.manifest(shard).exists():
            open_shards += 1
            worker = find_worker(plan.paths.journal(shard), plan.paths.worker(shard))
            if worker is not None:
                workers.append(f"{worker} works on shard {shard}.")
            elif excess := excess_of_failures([*rows.values()], shard, plan.failed_fraction):
                blocked.append(f"shard {shard} cannot be finished: {excess}")
    begin = _begin_of_rate(plan, now, finished)
    table = []
    for style in assignment.folders:
        for setting in plan.settings:
            done, failed, gone = (counts[style, setting, name] for name in (DONE, FAILED, GONE))
            left = len(listing) - done - failed - gone
            recent = sum(time >= begin for time in finished[style, setting])
            rate = recent / max(now - begin, 1.0)
            table.append(StyleStatus(style, setting, done, failed, gone, left, rate))
    waiting = open_shards - len(workers) - len(blocked)
    idle = [] if workers else _idle_notes(waiting, sum(row.left for row in table))
    return Status(table, [*workers, *_first(blocked), *idle])


def _begin_of_rate(
    plan: BulkPlan, now: float, finished: Mapping[tuple[str, str], Sequence[float]]
) -> float:
    """From when on to measure the rate: the begin of the last run, if that has made anything."""
    begin = now - RATE_WINDOW
    with suppress(OSError):
        last_run = plan.paths.plan.stat().st_mtime
        if any(time >= last_run for times in finished.values() for time in times):
            return max(begin, last_run)
    return begin


def _idle_notes(shards: int, outputs: int) -> list[str]:
    """What to do if nothing works on a data set that is not finished."""
    if not shards and not outputs:
        return []
    return ["nothing works on it now; run `snakemake bulk` to make what is missing."]


def _first(sentences: Sequence[str]) -> list[str]:
    """The first sentences of many, and how many there are."""
    if len(sentences) <= SENTENCES_SHOWN:
        return list(sentences)
    more = len(sentences) - SENTENCES_SHOWN
    return [*sentences[:SENTENCES_SHOWN], f"{more} more shards cannot be finished, either."]


class _CurrentRows:
    """Tells whether a row is of the output that the plan asks for."""

    def __init__(self, plan: BulkPlan, styles: Sequence[Style]) -> None:
        self._digests = settings_digests(plan)
        self._styles = {style.id: style.path for style in styles}
        self._sha256 = lru_cache(maxsize=None)(sha256)

    def __call__(self, row: Row) -> bool:
        """Whether it is; a row without a key, such as that of a removed content image, is."""
        path, digest = self._styles.get(row.style), self._digests.get(row.setting)
        if not row.key or not row.content_sha256 or path is None or digest is None:
            return True
        return row.key == output_key(digest, row.content_sha256, self._sha256(path))


def total_status(table: Sequence[StyleStatus]) -> StyleStatus:
    """Sum the rows of a table."""
    sums = {
        name: sum(getattr(row, name) for row in table)
        for name in ("done", "failed", "gone", "left")
    }
    return StyleStatus("all", "", **sums, rate=sum(row.rate for row in table))


def format_status(status: Status) -> str:
    """Format the table as text, with its sum in the last line, and the notes below it."""
    table = status.table
    header = ("style", "setting", "done", "failed", "gone", "to do", "per second", "time left")
    lines = [header, *(_cells(row) for row in (*table, total_status(table)))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join(_aligned(line, widths)) for line in lines]
    return "".join(f"{line}\n" for line in [*shown, *status.notes])


def _cells(row: StyleStatus) -> tuple[str, ...]:
    counts = (row.done, row.failed, row.gone, row.left)
    time_left = format_duration(row.left / row.rate) if row.rate else ("-" if row.left else "0 s")
    return (row.style, row.setting, *map(str, counts), f"{row.rate:.2f}", time_left)


def _aligned(cells: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        yield cell.ljust(width) if place < 2 else cell.rjust(width)
