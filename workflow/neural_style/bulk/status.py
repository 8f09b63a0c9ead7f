"""The progress of a data set: a table from the journals, also while a run goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from neural_style.bulk.journal import DONE, FAILED, GONE, latest_rows
from neural_style.bulk.listing import read_listing
from neural_style.bulk.plan import BulkPlan
from neural_style.bulk.shard import read_assignment
from neural_style.io import format_duration

RATE_WINDOW = 600.0
"""Seconds over which the rate is measured."""


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


def read_status(plan: BulkPlan, now: float | None = None) -> list[StyleStatus]:
    """Read the progress of every style and setting from the journals.

    Args:
        plan: as the last run wrote it.
        now: seconds since 1970; None reads the clock.

    Raises:
        NeuralStyleError: the bookkeeping files cannot be read.
    """
    now = time.time() if now is None else now
    listing = read_listing(plan.paths.listing, plan.shard_size)
    begin = max(plan.paths.plan.stat().st_mtime, now - RATE_WINDOW)
    counts: Counter[tuple[str, str, str]] = Counter()
    recent: Counter[tuple[str, str]] = Counter()
    for shard in listing.shards:
        for row in latest_rows(plan.paths.journal(shard)).values():
            style, setting, _ = row.output.split("/", 2)
            counts[style, setting, row.status] += 1
            recent[style, setting] += row.status == DONE and row.finished >= begin
    table = []
    for style in read_assignment(plan, listing).folders:
        for setting in plan.settings:
            done, failed, gone = (counts[style, setting, name] for name in (DONE, FAILED, GONE))
            left = len(listing) - done - failed - gone
            rate = recent[style, setting] / max(now - begin, 1.0)
            table.append(StyleStatus(style, setting, done, failed, gone, left, rate))
    return table


def total_status(table: list[StyleStatus]) -> StyleStatus:
    """Sum the rows of a table."""
    sums = {
        name: sum(getattr(row, name) for row in table)
        for name in ("done", "failed", "gone", "left")
    }
    return StyleStatus("all", "", **sums, rate=sum(row.rate for row in table))


def format_status(table: list[StyleStatus]) -> str:
    """Format the table as text, with its sum in the last line."""
    header = ("style", "setting", "done", "failed", "gone", "to do", "per second", "time left")
    lines = [header, *(_cells(row) for row in (*table, total_status(table)))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(f"{'  '.join(_aligned(line, widths))}\n" for line in lines)


def _cells(row: StyleStatus) -> tuple[str, ...]:
    counts = (row.done, row.failed, row.gone, row.left)
    time_left = format_duration(row.left / row.rate) if row.rate else ("-" if row.left else "0 s")
    return (row.style, row.setting, *map(str, counts), f"{row.rate:.2f}", time_left)


def _aligned(cells: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        yield cell.ljust(width) if place < 2 else cell.rjust(width)
