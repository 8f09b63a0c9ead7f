"""What an evaluation costs each contestant: its seconds beside their floor, memory, the start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from contestants import CONTESTANTS, OURS, Contest
from floor import operations, rate_of_products
from machine import peak_megabytes
from plain import STYLE_LAYERS
from race import race, wait

SHORT = 20
"""Evaluations of each contestant where no race has timed them."""

FULL = 300
"""Evaluations that they are told of, since a contestant may prepare itself for a long run."""

PROBE = 5
"""Evaluations of a process that only shows how it starts and how much memory it takes."""


def short_run(contest: Contest) -> dict[str, float]:
    """Median seconds an evaluation of each contestant, in turn."""
    tracks = race({name: (contest.enter(name, FULL), SHORT) for name in CONTESTANTS})
    return {name: track.evaluation for name, track in tracks.items()}


def cost_table(
    contest_at: Callable[[int], Contest], seconds: Mapping[int, Mapping[str, float]]
) -> Iterator[str]:
    """A row for each contestant at each size.

    Args:
        contest_at: a contest at a size.
        seconds: size → contestant → seconds an evaluation.
    """
    yield (
        "| size | contestant | seconds an evaluation | floor, s | of the floor "
        "| peak memory, MB | start-up, s |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|"
    for size, contestants in seconds.items():
        contest = contest_at(size)
        for name, spent in contestants.items():
            floor = floor_of(contest, name)
            facts = run_probe(name, size)
            yield (
                f"| {size} | {name} | {spent:.3g} | {floor:.2g} | {spent / floor:.1f} × "
                f"| {facts['megabytes']:.0f} | {facts['start_up']:.1f} |"
            )


def floor_of(contest: Contest, name: str) -> float:
    """The least seconds that an evaluation could take a contestant, see `floor`."""
    count = operations(contest.network(), STYLE_LAYERS, *contest.content.shape[2:])
    return count / rate_of_products(contest.content.device, *contest.arithmetic(name))


def run_probe(name: str, size: int) -> dict[str, float]:
    """Start this program as a probe of one contestant: its memory and its start-up."""
    began = time.monotonic()
    command = [sys.executable, *sys.argv, "--probe", name, "--sizes", str(size)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    facts: dict[str, float] = json.loads(output)
    return {"megabytes": facts["megabytes"], "start_up": facts["first"] - began}


def probe(contest: Contest, name: str) -> dict[str, float]:
    """When the first evaluation was done, on the system's clock, and the peak of memory."""
    images = contest.enter(name, PROBE)
    # A yardstick yields its start before it has evaluated anything; ours has evaluated it.
    for _ in range(1 if name == OURS else 2):
        next(images)
    wait(contest.content.device)
    first = time.monotonic()
    for _ in range(PROBE - 1):
        next(images)
    return {"first": first, "megabytes": peak_megabytes(contest.content.device)}
