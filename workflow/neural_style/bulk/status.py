"""The progress of a data set: a table from the journals, also while a run goes on."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from neural_style.bulk.assignment import OutputSpec, outputs_of
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
from neural_style.bulk.plan import BulkPlan, OutputKeys
from neural_style.bulk.target import discover
from neural_style.errors import NeuralStyleError
from neural_style.io import format_duration

RATE_WINDOW = 600.0
"""Seconds over which the rate is measured."""

SENTENCES_SHOWN = 10
"""Shards that cannot be finished of which each gets a sentence."""

NOBODY_WORKS = "nothing works on it now; run `snakemake bulk` to make what is missing."
"""What to do if nothing works on a data set that is not finished."""


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
    listing, key = target.listing, OutputKeys(plan)
    counts: Counter[tuple[str, str, str]] = Counter()
    finished: dict[tuple[str, str], list[float]] = defaultdict(list)
    blocked, open_shards, workers = [], 0, []
    for shard in listing.shards:
        rows = with_redo(
            latest_rows(plan.paths.journal(shard)), latest_rows(plan.paths.redo(shard))
        )
        current = []
        for content in listing.content_images(listing.range_of(shard)):
            for output in outputs_of(plan, target.assignment, content):
                known = rows.get(output.path)
                row = known and _current(known, output, key)
                if row is None:
                    continue
                current.append(row)
                folder = output.path.partition("/")[0]
                counts[folder, output.setting, row.status] += 1
                if row.status == DONE and row.finished >= now - RATE_WINDOW:
                    finished[folder, output.setting].append(row.finished)
        if not plan.paths.manifest(shard).exists():
            open_shards += 1
            worker = find_worker(plan.paths.journal(shard), plan.paths.worker(shard))
            if worker is not None:
                workers.append(f"{worker} works on shard {shard}.")
            elif excess := excess_of_failures(current, shard, plan.failed_fraction):
                blocked.append(f"shard {shard} cannot be finished: {excess}")
    begin = _begin_of_rate(plan, now, finished)
    table = []
    for style in target.assignment.folders:
        for setting in plan.settings:
            done, failed, gone = (counts[style, setting, name] for name in (DONE, FAILED, GONE))
            left = len(listing) - done - failed - gone
            recent = sum(time >= begin for time in finished[style, setting])
            rate = recent / max(now - begin, 1.0)
            table.append(StyleStatus(style, setting, done, failed, gone, left, rate))
    unfinished = open_shards > len(blocked) or any(row.left for row in table)
    idle = [NOBODY_WORKS] if unfinished and not workers else []
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


def _first(sentences: Sequence[str]) -> list[str]:
    """The first sentences of many, and how many there are."""
    if len(sentences) <= SENTENCES_SHOWN:
        return list(sentences)
    more = len(sentences) - SENTENCES_SHOWN
    return [*sentences[:SENTENCES_SHOWN], f"{more} more shards cannot be finished, either."]


def _current(row: Row, output: OutputSpec, key: OutputKeys) -> Row | None:
    """The row of an output that the plan asks for; None if it is of one with another key.

    A row without a key, such as that of a removed content image, stays as it is. Where the style
    cannot be read, the output counts as failed, as verification says.
    """
    try:
        same = not row.key or row.key == key(output.setting, row.content_sha256, output.style.file)
    except NeuralStyleError as error:
        return replace(row, status=FAILED, reason=str(error))
    return row if same else None


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
