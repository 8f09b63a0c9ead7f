"""Compare the time to an image of equal loss: a plain implementation against this library.

Both run on the same pairs, in turn. Prints two tables in Markdown: the seconds until the image as
saved has the loss that the plain implementation's saved image has after a number of evaluations,
and what an evaluation costs compared with its lower bound. Needs torch, numpy, pillow, pydantic,
and the file of the weights, with `workflow` on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

import torch
from costs import cost_table, probe, short_run
from implementations import BASELINES, IMPLEMENTATIONS, OURS
from machine import add_machine_options, comparison_of, describe_machine
from race import Judge, Track, race
from side_by_side import Finish, finish, write_grid

from neural_style.io import write_text

SAMPLES = (
    ("chelsea", "swirling_night"),
    ("astronaut", "stained_glass"),
    ("coffee", "woodcut_wave"),
)


def main() -> int:
    """Run the races, then measure each implementation in a process of its own (`--probe`)."""
    options = make_parser().parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.probe:
        comparison = comparison_of(options, options.pairs[0], options.sizes[0])
        print(json.dumps(probe(comparison, options.probe)))
        return 0
    lines: list[str] = []
    for line in report(options):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        write_text(options.write, "\n".join([*lines, ""]))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    samples = [f"images/samples/content/{a}.jpg,images/samples/style/{b}.jpg" for a, b in SAMPLES]
    parser.add_argument("--pairs", nargs="+", default=samples, metavar="CONTENT,STYLE")
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512], metavar="PX")
    parser.add_argument("--evaluations", type=int, default=300, help="of ours (default: 300)")
    parser.add_argument(
        "--marks",
        nargs="+",
        type=int,
        default=[100, 300],
        metavar="N",
        help="evaluations of a baseline after which the loss of its image is a target",
    )
    add_machine_options(parser)
    parser.add_argument(
        "--grids", type=Path, metavar="FOLDER", help="where to write the images side by side"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="file that also gets the tables")
    parser.add_argument(
        "--no-race",
        action="store_true",
        help="only measure the cost of an evaluation, in a short run",
    )
    parser.add_argument(
        "--no-costs", action="store_true", help="leave out the cost of an evaluation"
    )
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    return parser


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the report, as they are measured."""
    yield describe_machine(options)
    yield ""
    seconds: dict[int, dict[str, float]] = {}
    if options.no_race:
        for size in options.sizes:
            seconds[size] = short_run(comparison_of(options, options.pairs[0], size))
    else:
        yield from race_all(options, seconds)
        yield ""
    if options.no_costs:
        return
    yield from cost_table(lambda size: comparison_of(options, options.pairs[0], size), seconds)


def race_all(options: argparse.Namespace, seconds: dict[int, dict[str, float]]) -> Iterator[str]:
    """Yield a row for each target; fill `seconds` with the mean time of an evaluation."""
    yield (
        "| size | pair | baseline | evaluations | loss as saved | seconds "
        "| ours: evaluations | ours: seconds | ratio |"
    )
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|"
    most = max(options.marks)
    for size in options.sizes:
        costs: dict[str, list[float]] = {name: [] for name in IMPLEMENTATIONS}
        finishes: list[Finish] = []
        for pair in options.pairs:
            comparison = comparison_of(options, pair, size)
            tracks = race(
                {name: (comparison.enter(name, most), most) for name in BASELINES}
                | {OURS: (comparison.enter(OURS, options.evaluations), options.evaluations)}
            )
            judge = Judge(comparison.judge(), comparison.content.device)
            yield from compare(judge, tracks, options.marks, f"{size} | {title(pair)}")
            if options.grids:
                finishes.append(finish(pair, title(pair), judge, tracks, OURS, most))
                write_grid(finishes, size, options.grids / f"side_by_side_{size}.jpg")
            for name, track in tracks.items():
                costs[name].append(track.evaluation)
        seconds[size] = {name: mean(each) for name, each in costs.items()}


def compare(
    judge: Judge, tracks: dict[str, Track], marks: Sequence[int], label: str
) -> Iterator[str]:
    """Yield a row for each target: when the baseline reached it, and when this library did."""
    for name in BASELINES:
        for mark in marks:
            target = judge.loss(tracks[name].images[mark])
            needed = tracks[name].seconds[mark]
            reached = judge.first_reach(tracks[OURS], target)
            row = f"| {label} | {name} | {mark} | {target:.2f} | {needed:.1f} "
            if reached is None:
                yield row + f"| not in {len(tracks[OURS].images) - 1} | | |"
            else:
                spent = tracks[OURS].seconds[reached]
                yield row + f"| {reached} | {spent:.1f} | {needed / spent:.1f} × |"


def title(pair: str) -> str:
    """Name a pair of files by their stems."""
    return " × ".join(Path(name).stem for name in pair.split(","))


if __name__ == "__main__":
    sys.exit(main())
