"""Make the outputs of a job of the sweep: the rule's thin caller of the library.

Writes an output image every few iterations (generated_100.jpg …), losses.csv and run.json to a
folder. The command `neural-style` is for people.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import address_space  # noqa: F401 - before torch
import torch
from options import INTERRUPTED, add_images_option, checked_settings
from owner import add_owner_option, is_alive

from neural_style.config.settings import LOG_PREFIX
from neural_style.display import Display, StopRequest, log_waiting
from neural_style.engine.engine import Engine
from neural_style.engine.job import run_job
from neural_style.engine.writer import StoppedError
from neural_style.errors import NeuralStyleError, showing_warnings
from neural_style.runtime.device import DEVICES, lock_device
from neural_style.runtime.memory import keep_freed_memory

MakeEngine = Callable[[torch.device], Engine]


def main(arguments: list[str] | None = None, make_engine: MakeEngine = Engine) -> int:
    """Run the command line.

    Args:
        arguments: of the command line, by default the process's.
        make_engine: see `run_job`.

    Returns:
        The exit code: 0 if all outputs were made, 1 after an error that the user can fix, 130 after
        Ctrl-C, 143 after SIGTERM or when the owner has ended, and 129 after SIGHUP. A command line
        that cannot be read ends the process with 2.
    """
    with StopRequest() as stop:
        try:
            stylize(make_parser().parse_args(arguments), stop, make_engine)
        except StoppedError as stopped:
            log_failure(str(stopped))
            return stop.exit_code
        except NeuralStyleError as error:
            log_failure(str(error))
            return 1
        except KeyboardInterrupt:
            log_failure("interrupted at once; the outputs saved so far are kept.")
            return INTERRUPTED
    return 0


def main_of_many_jobs() -> Callable[[list[str]], int]:
    """Return `main` for a process that does several jobs: the network stays on the device."""
    # Each job reads its style image into a tensor of its own, so keeping that would be for nothing.
    make_engine = lru_cache(maxsize=1)(partial(Engine, keep_styles=False))
    return partial(main, make_engine=make_engine)


def stylize(options: argparse.Namespace, stop: StopRequest, make_engine: MakeEngine) -> None:
    """Make the outputs of one pair and show the progress.

    Raises:
        StoppedError: the process was asked to stop.
        NeuralStyleError: see `run_job`.
    """
    if options.owner:
        stop.watch(partial(is_alive, options.owner))
    keep_freed_memory()
    if options.threads:
        torch.set_num_threads(options.threads)
    content, style = options.images
    title = options.title or f"{content.stem} × {style.stem}"
    with (
        showing_warnings(warn),  # until there is a display
        lock_device(
            options.device, partial(log_waiting, title), partial(raise_if_stopped, stop)
        ) as device,
        Display(title, options.settings, on_cpu=device.type == "cpu") as display,
        showing_warnings(display.log),
    ):
        for progress in run_job(
            content,
            style,
            options.output,
            options.settings,
            device,
            options.checkpoint_every,
            stop,
            display.log,
            make_engine,
        ):
            display.show(progress)


def log_failure(message: str) -> None:
    """Print why there is no output, in the form that `report.outcome.failure_reason` reads."""
    first, *rest = message.splitlines()
    lines = [first, *(f"  {line.strip()}" for line in rest)]
    print("\n".join(f"{LOG_PREFIX}{line}" for line in lines), file=sys.stderr, flush=True)


def warn(sentence: str) -> None:
    """Print a warning, in a form that is not read as a failure."""
    print(f"warning: {sentence}", file=sys.stderr, flush=True)


def raise_if_stopped(stop: StopRequest) -> None:
    """End the wait for a GPU."""
    if stop():
        raise StoppedError("stopped while waiting for a GPU; nothing is lost.")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; the Snakefile has checked the settings, which are one option."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_images_option(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--settings", type=checked_settings, required=True, metavar="JSON")
    parser.add_argument("--checkpoint-every", type=int, metavar="N")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=int, metavar="N")
    parser.add_argument("--title", metavar="TEXT", help="name of the job in messages")
    add_owner_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
