"""The machine of a benchmark: the options that choose it, its name, and the memory it lent."""

from __future__ import annotations

import argparse
import platform
import resource
from datetime import UTC, datetime
from pathlib import Path

import torch
from implementations import Comparison, open_comparison

from neural_style.runtime.device import choose_device, choose_precision, describe


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Where to compute, in which precision, and with which weights."""
    parser.add_argument("--weights", type=Path, help="file of the caffe weights")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="of ours")
    parser.add_argument("--threads", type=int)


def comparison_of(options: argparse.Namespace, pair: str, size: int) -> Comparison:
    """A comparison on the machine of these options."""
    device = choose_device(options.device)
    precision = choose_precision(options.precision, device)
    return open_comparison(pair, size, device, precision, options.weights)


def describe_machine(options: argparse.Namespace) -> str:
    """A line for the head of a report: the day, the machine, the versions."""
    device = choose_device(options.device)
    precision = str(choose_precision(options.precision, device)).removeprefix("torch.")
    card = f"{describe(device)}, " if device.type == "cuda" else ""
    return (
        f"{datetime.now(UTC).date().isoformat()}, {card}{_processor()}, "
        f"torch {torch.__version__}, Python {platform.python_version()}; ours in {precision}."
    )


def peak_megabytes(device: torch.device) -> float:
    """The most memory that this process held: the GPU's on a GPU, else the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 1e6
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:  # in kilobytes or bytes, as the system likes, and the parent's, too
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1e3


def _processor() -> str:
    """The CPU's model and the number of threads."""
    threads = torch.get_num_threads()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return f"{platform.machine()}, {threads} threads"
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    return f"{names[0] if names else platform.machine()}, {threads} threads"
