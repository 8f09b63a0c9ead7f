"""Make one shard of a data set: the missing outputs, then the manifest."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType

from options import command
from owner import add_owner_option, end_with

from neural_style.bulk.plan import read_plan
from neural_style.bulk.worker import Runner, run_shard
from neural_style.errors import showing_warnings
from neural_style.runtime.memory import keep_freed_memory, require_room_for_torch


@command("bulk", kept="the outputs made so far are kept")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup ignores SIGHUP
            signal.signal(number, _leave)
    if options.owner:
        end_with(options.owner)
    name = f"shard {options.shard}"

    def log(line: str) -> None:
        with suppress(BrokenPipeError):  # Snakemake was killed; the worker notices that by itself
            print(f"{name}: {line}", file=sys.stderr, flush=True)

    with ExitStack() as held, showing_warnings(log):
        plan = read_plan(options.output)
        counts = run_shard(
            plan, options.shard, lambda: make_runner(options, plan.batch, log, held), log
        )
    log(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))


def make_runner(
    options: argparse.Namespace, batch: int | None, log: Callable[[str], None], held: ExitStack
) -> Runner:
    """Import torch, which takes seconds and is not needed if all outputs are up to date.

    Raises:
        NeuralStyleError: a memory limit is too small for torch.

    A GPU is locked until `held` is closed.
    """
    require_room_for_torch()
    import torch

    from neural_style.bulk.batches import BatchRunner
    from neural_style.engine.engine import Engine
    from neural_style.runtime.device import lock_device

    keep_freed_memory()
    if options.threads:
        torch.set_num_threads(options.threads)
    lock = lock_device(options.device, lambda: log("every GPU is in use; waiting for one."))
    return BatchRunner(Engine(held.enter_context(lock)), batch, log)


def _leave(number: int, frame: FrameType | None) -> None:
    """Raise SystemExit, so that finished outputs get into the journal.

    A signal to a group of processes may come twice: from Snakemake, too.
    """
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with suppress(OSError):  # with Snakemake, the reader of this line may be gone
        print("bulk: terminated; the outputs made so far are kept.", file=sys.stderr)
    raise SystemExit(128 + number)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder of the data set"
    )
    parser.add_argument(
        "--shard", type=int, required=True, metavar="N", help="number of the shard, from 0"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    add_owner_option(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads")
    return parser


if __name__ == "__main__":
    sys.exit(main())
