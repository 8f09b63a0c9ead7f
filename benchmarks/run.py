"""Time to a picture: the textbook against this library, on the same pairs, in turn.

Prints a table in Markdown: the seconds until the picture as saved has the loss that a yardstick's
saved picture has after so many evaluations. Needs torch, numpy, pillow and the file of the weights,
with `workflow` on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import torch
from contestants import OURS, YARDSTICKS, Contest
from race import Judge, Track, race, wait
from sheet import Finish, finish, write_sheet

from neural_style.device import choose_device, choose_precision, describe
from neural_style.images import load_fitted
from neural_style.tensors import to_tensor
from neural_style.weights import load_weights

MARKS = (100, 300)
"""The evaluations of a yardstick whose picture sets a target."""

SAMPLES = (
    ("chelsea", "swirling_night"),
    ("astronaut", "stained_glass"),
    ("coffee", "woodcut_wave"),
)
PROBE_EVALUATIONS = 5


def main() -> int:
    """Run the races, then probe each contestant; or be such a probe."""
    options = make_parser().parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.probe:
        print(json.dumps(probe(options)))
        return 0
    for line in report(options):
        print(line, flush=True)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    samples = [f"images/content/{a}.jpg,images/style/{b}.jpg" for a, b in SAMPLES]
    parser.add_argument("--pairs", nargs="+", default=samples, metavar="CONTENT,STYLE")
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512], metavar="PX")
    parser.add_argument("--evaluations", type=int, default=300, help="of ours (default: 300)")
    parser.add_argument("--weights", type=Path, help="file of the caffe weights")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="of ours")
    parser.add_argument("--threads", type=int)
    parser.add_argument(
        "--sheets", type=Path, metavar="FOLDER", help="where to put the pictures side by side"
    )
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    return parser


def report(options: argparse.Namespace) -> Iterator[str]:
    """The lines of the report, as they are measured."""
    device = choose_device(options.device)
    precision = str(choose_precision(options.precision, device)).removeprefix("torch.")
    yield (
        f"{datetime.now(UTC).date().isoformat()}, {describe(device)}, {processor()}, "
        f"torch {torch.__version__}, Python {platform.python_version()}; ours in {precision}."
    )
    yield ""
    yield (
        "| size | pair | yardstick | evaluations | loss as saved | seconds "
        "| ours: evaluations | seconds | ratio |"
    )
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|"
    costs: dict[int, dict[str, list[float]]] = {}
    for size in options.sizes:
        costs[size] = {name: [] for name in (*YARDSTICKS, OURS)}
        finishes: list[Finish] = []
        for pair in options.pairs:
            contest = open_contest(options, pair, size)
            tracks = race(
                {name: (contest.enter(name, max(MARKS)), max(MARKS)) for name in YARDSTICKS}
                | {OURS: (contest.enter(OURS, options.evaluations), options.evaluations)}
            )
            judge = Judge(contest.judge(), device)
            yield from compare(judge, tracks, f"{size} | {title(pair)}")
            if options.sheets:
                finishes.append(finish(pair, title(pair), judge, tracks, OURS, max(MARKS)))
                write_sheet(finishes, size, options.sheets / f"side_by_side_{size}.jpg")
            for name, track in tracks.items():
                costs[size][name].append(track.evaluation)
    yield ""
    yield "| size | contestant | seconds an evaluation | peak memory, MB | start-up, s |"
    yield "|---|---|--:|--:|--:|"
    for size, seconds in costs.items():
        for name, each in seconds.items():
            facts = run_probe(name, size)
            yield (
                f"| {size} | {name} | {sum(each) / len(each):.3f} "
                f"| {facts['megabytes']:.0f} | {facts['start_up']:.1f} |"
            )


def compare(judge: Judge, tracks: dict[str, Track], label: str) -> Iterator[str]:
    """A row for each target: when the yardstick was there, and when ours."""
    for name in YARDSTICKS:
        for mark in MARKS:
            target = judge.loss(tracks[name].pictures[mark])
            needed = tracks[name].seconds[mark]
            reached = judge.first_reach(tracks[OURS], target)
            row = f"| {label} | {name} | {mark} | {target:.2f} | {needed:.1f} "
            if reached is None:
                yield row + f"| not in {len(tracks[OURS].pictures) - 1} | | |"
            else:
                spent = tracks[OURS].seconds[reached]
                yield row + f"| {reached} | {spent:.1f} | {needed / spent:.1f} × |"


def open_contest(options: argparse.Namespace, pair: str, size: int) -> Contest:
    """Load the network and a pair of images."""
    device = choose_device(options.device)
    content, style = (
        to_tensor(load_fitted(Path(name), size, "stretch")).to(device) for name in pair.split(",")
    )
    weights = load_weights("caffe", options.weights)
    return Contest(weights, content, style, choose_precision(options.precision, device))


def run_probe(name: str, size: int) -> dict[str, float]:
    """Start a process that makes a few evaluations; its memory and its start-up."""
    began = time.monotonic()
    command = [sys.executable, __file__, *sys.argv[1:], "--probe", name, "--sizes", str(size)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    facts: dict[str, float] = json.loads(output)
    return {"megabytes": facts["megabytes"], "start_up": facts["first"] - began}


def probe(options: argparse.Namespace) -> dict[str, float]:
    """When the first evaluation was done, on the system's clock, and the peak of memory."""
    contest = open_contest(options, options.pairs[0], options.sizes[0])
    pictures = contest.enter(options.probe, PROBE_EVALUATIONS)
    # A yardstick yields its start before it has evaluated anything; ours has evaluated it.
    for _ in range(1 if options.probe == OURS else 2):
        next(pictures)
    wait(contest.content.device)
    first = time.monotonic()
    for _ in range(PROBE_EVALUATIONS - 1):
        next(pictures)
    return {"first": first, "megabytes": peak_megabytes(contest.content.device)}


def peak_megabytes(device: torch.device) -> float:
    """The most memory that this process held: the GPU's on a GPU, else the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:  # in kilobytes or bytes, as the system likes, and the parent's, too
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1e3


def title(pair: str) -> str:
    """A pair of files as people would call it."""
    return " × ".join(Path(name).stem for name in pair.split(","))


def processor() -> str:
    """The CPU's model and the number of cores."""
    cores = torch.get_num_threads()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return f"{platform.machine()}, {cores} threads"
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    return f"{names[0] if names else platform.machine()}, {cores} threads"


if __name__ == "__main__":
    sys.exit(main())
