"""Make one shard of a data set: the pictures that are missing, and their manifest."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from command import command

from neural_style.bulk.plan import read_plan
from neural_style.bulk.worker import Engine, run_shard


@command("bulk", kept="the pictures made so far are kept")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    name = f"shard {options.shard}"

    def say(line: str) -> None:
        print(f"{name}: {line}", file=sys.stderr, flush=True)

    with ExitStack() as held:
        plan = read_plan(options.output)
        counts = run_shard(
            plan, options.shard, lambda: make_engine(options, plan.batch, say, held), say
        )
    say(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))


def make_engine(
    options: argparse.Namespace, batch: int | None, say: Callable[[str], None], held: ExitStack
) -> Engine:
    """Start torch, which takes seconds: most shards of a finished data set do without.

    A GPU is claimed for as long as `held` is open.
    """
    import torch

    from neural_style.bulk.engine import TorchEngine
    from neural_style.runtime.device import lock_device

    if options.threads:
        torch.set_num_threads(options.threads)
    claim = lock_device(options.device, lambda: say("every GPU is in use; waiting for one."))
    return TorchEngine(held.enter_context(claim), batch, say)


def _leave(number: int, frame: FrameType | None) -> None:
    """Unwind, so that what is done gets into the journal."""
    print("bulk: told to end; the pictures made so far are kept.", file=sys.stderr)
    raise SystemExit(128 + number)


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="bulk.output of the config"
    )
    parser.add_argument("--shard", type=int, required=True, metavar="N", help="its number, from 0")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads")
    return parser


if __name__ == "__main__":
    sys.exit(main())
