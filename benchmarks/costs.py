"""What an evaluation costs each implementation: seconds beside their floor, memory, the start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from floor import operations, rate_of_products
from implementations import IMPLEMENTATIONS, OURS, Comparison
from machine import peak_megabytes
from plain import STYLE_LAYERS
from race import race, wait

SHORT = 20
"""Evaluations of each implementation where no race has timed them."""

FULL = 300
"""Evaluations that they are told of, since an implementation may prepare itself for a long run."""

PROBE = 5
"""Evaluations of a process that only shows how it starts and how much memory it takes."""


def short_run(comparison: Comparison) -> dict[str, float]:
    """Median seconds an evaluation of each implementation, in turn."""
    tracks = race({name: (comparison.enter(name, FULL), SHORT) for name in IMPLEMENTATIONS})
    return {name: track.evaluation for name, track in tracks.items()}


def cost_table(
    comparison_at: Callable[[int], Comparison], seconds: Mapping[int, Mapping[str, float]]
) -> Iterator[str]:
    """A row for each implementation at each size.

    Args:
        comparison_at: a comparison at a size.
        seconds: size → implementation → seconds an evaluation.
    """
    yield (
        "| size | implementation | seconds an evaluation | floor, s | of the floor "
        "| peak memory, MB | start-up, s |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|"
    for size, implementations in seconds.items():
        comparison = comparison_at(size)
        for name, spent in implementations.items():
            floor = floor_of(comparison, name)
            facts = run_probe(name, size)
            yield (
                f"| {size} | {name} | {spent:.3g} | {floor:.2g} | {spent / floor:.1f} × "
                f"| {facts['megabytes']:.0f} | {facts['start_up']:.1f} |"
            )


def floor_of(comparison: Comparison, name: str) -> float:
    """The least seconds that an evaluation could take an implementation, see `floor`."""
    count = operations(comparison.network(), STYLE_LAYERS, *comparison.content.shape[2:])
    return count / rate_of_products(comparison.content.device, *comparison.arithmetic(name))


def run_probe(name: str, size: int) -> dict[str, float]:
    """Start this program as a probe of one implementation: its memory and its start-up."""
    began = time.monotonic()
    command = [sys.executable, *sys.argv, "--probe", name, "--sizes", str(size)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    facts: dict[str, float] = json.loads(output)
    return {"megabytes": facts["megabytes"], "start_up": facts["first"] - began}


def probe(comparison: Comparison, name: str) -> dict[str, float]:
    """When the first evaluation was done, on the system's clock, and the peak of memory."""
    images = comparison.enter(name, PROBE)
    # A baseline yields its start before it has evaluated anything; ours has evaluated it.
    for _ in range(1 if name == OURS else 2):
        next(images)
    wait(comparison.content.device)
    first = time.monotonic()
    for _ in range(PROBE - 1):
        next(images)
    return {"first": first, "megabytes": peak_megabytes(comparison.content.device)}
