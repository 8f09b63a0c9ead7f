"""How much a device gets done: evaluations a second of one image, images a second of many.

Prints a table in Markdown. Evaluations are timed from the start of a run to its last epoch, and
nobody looks at what is between; images from the decoded images to the pixels that would be saved.
Needs what `run.py` needs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from implementations import Comparison
from machine import add_machine_options, comparison_of, describe_machine, peak_megabytes
from race import wait

from neural_style.images.tensors import to_pil_images

SINGLE = 512
"""The size of the one image whose evaluations are counted."""

MANY = 256
"""The size of those that are made in batches."""


@dataclass(frozen=True)
class Speed:
    """What a run took.

    Attributes:
        evaluations: a second, of the whole batch at once.
        images: a second.
        megabytes: peak of the memory.
    """

    evaluations: float
    images: float
    megabytes: float


def main() -> int:
    """Measure, and print the rows as they come."""
    options = make_parser().parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    for line in report(options):
        print(line, flush=True)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pair", required=True, metavar="CONTENT,STYLE")
    parser.add_argument("--epochs", type=int, default=100, help="of a run (default: 100)")
    parser.add_argument(
        "--batches",
        nargs="+",
        type=int,
        default=[1, 8, 32, 64],
        metavar="N",
        help=f"images of {MANY} px at once (default: 1 8 32 64)",
    )
    add_machine_options(parser)
    return parser


def report(options: argparse.Namespace) -> Iterator[str]:
    """The lines of the report, as they are measured."""
    yield describe_machine(options)
    yield ""
    yield "| size | at once | epochs | evaluations a second | images a second | peak memory, MB |"
    yield "|---|--:|--:|--:|--:|--:|"
    for size, batch in [(SINGLE, 1), *((MANY, batch) for batch in options.batches)]:
        comparison = comparison_of(options, options.pair, size)
        speed = measure(comparison, batch, options.epochs)
        row = f"| {size} | {batch} | {options.epochs} "
        if speed is None:
            yield row + "| does not fit | | |"
        else:
            yield row + (
                f"| {speed.evaluations:.3g} | {speed.images:.3g} | {speed.megabytes:.0f} |"
            )


def measure(comparison: Comparison, batch: int, epochs: int) -> Speed | None:
    """Make a batch of images twice, the first time to warm up; None if it does not fit."""
    try:
        time_batch(comparison, batch, 1)
        return time_batch(comparison, batch, epochs)
    except torch.OutOfMemoryError:
        return None


def time_batch(comparison: Comparison, batch: int, epochs: int) -> Speed:
    """Make a batch of images."""
    device = comparison.content.device
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    stream = comparison.optimize(batch, epochs)
    next(stream)
    wait(device)
    started = time.perf_counter()
    (last,) = deque(stream, maxlen=1)
    wait(device)
    ended = time.perf_counter()
    to_pil_images(last.images)
    finished = time.perf_counter()
    return Speed(epochs / (ended - started), batch / (finished - began), peak_megabytes(device))


if __name__ == "__main__":
    sys.exit(main())
