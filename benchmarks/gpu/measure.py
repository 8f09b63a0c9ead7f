"""Measure what only a GPU can show, most important first; started by `run.sh`.

Each step runs in a process of its own, with a time limit. Its rows are written to `results.json`
and `results.md` in the output folder as soon as it ends, also if it was cut off.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import programs
import psutil
import timings
from step_options import Options, Row
from tables import report

from neural_style.io import write_text


class Step(NamedTuple):
    """A step: its title, its function, and its time limit in seconds."""

    title: str
    run: Callable[[Options], Iterator[Row]]
    limit: float


STEPS: Mapping[str, Step] = {
    "machine": Step("The machine", timings.machine, 40),
    "tests": Step("Tests on the GPU", programs.tests, 120),
    "resume": Step("A job, killed and resumed", programs.resume, 90),
    "iterations": Step("Iterations a second", timings.iterations, 90),
    "profile": Step("Kernels", timings.profile, 60),
    "batches": Step("Batches", timings.batches, 90),
    "textbook": Step("Beside a textbook loop", programs.textbook, 90),
    "shortage": Step("Too little memory", timings.shortage, 60),
    "sweep": Step("Sweeps through Snakemake", programs.sweep, 200),
}
"""The steps by name, in the order in which they run: most important first, but for the longest."""


@dataclass
class Result:
    """What a step gave.

    Attributes:
        title: of the step.
        outcome: `done`, `failed` or `cut off`.
        seconds: it took.
        rows: of its table; fewer than planned if it did not end.
        error: the end of what it printed, if it failed.
    """

    title: str
    outcome: str
    seconds: float
    rows: list[Row] = field(default_factory=list)
    error: str = ""


def main() -> int:
    """Run the steps; return 1 if one of them failed."""
    options = make_parser().parse_args()
    if options.step:
        return run_step(options)
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    results: list[Result] = []
    for name in options.only or STEPS:
        left = options.seconds - (time.monotonic() - began)
        if left < 1:
            results.append(Result(STEPS[name].title, "cut off", 0))
        else:
            results.append(run_apart(name, min(left, STEPS[name].limit), options))
        write(results, options.out)
        last = results[-1]
        print(f"{name}: {last.outcome} after {last.seconds:.0f} s", flush=True)
        print(*report([asdict(last)]), sep="\n\n", flush=True)
    return int(any(result.outcome != "done" for result in results))


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny, to see whether it works")
    parser.add_argument("--only", nargs="+", choices=STEPS, metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--seconds", type=float, default=480, help="for all (default: 480)")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    return parser


def run_step(options: argparse.Namespace) -> int:
    """Run one step in this process, and write each row as it comes."""
    of_step = Options(options.device, options.quick, options.rows.parent)
    with options.rows.open("w", encoding="utf-8") as file:
        for row in STEPS[options.step].run(of_step):
            print(json.dumps(row), file=file, flush=True)
    return 0


def run_apart(name: str, limit: float, options: argparse.Namespace) -> Result:
    """Run a step in a process of its own, which ends at the limit in seconds."""
    began = time.monotonic()
    # What a step has started may still write there when the step is ended.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        rows, log = Path(folder, "rows"), Path(folder, "log")
        command = [sys.executable, __file__, "--out", options.out, "--device", options.device]
        command += [*(["--quick"] if options.quick else []), "--step", name, "--rows", rows]
        with log.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
            try:
                outcome = "failed" if process.wait(limit) else "done"
            except subprocess.TimeoutExpired:
                outcome = "cut off"
            finally:
                end(process)
        text = log.read_text(encoding="utf-8", errors="replace")
        lines = rows.read_text(encoding="utf-8").splitlines() if rows.exists() else []
        found = [json.loads(line) for line in lines]
    error = "" if outcome == "done" else text[-3000:]
    return Result(STEPS[name].title, outcome, time.monotonic() - began, found, error)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    started: list[psutil.Process] = []
    with suppress(psutil.Error):
        started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for each in started:
        with suppress(psutil.Error):
            each.kill()


def write(results: list[Result], folder: Path) -> None:
    """Write all results so far."""
    facts = [asdict(each) for each in results]
    write_text(folder / "results.json", json.dumps(facts, indent=1) + "\n")
    write_text(folder / "results.md", "\n\n".join(report(facts)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
