"""The process that a script works for, such as Snakemake: does it live, and what if not.

It imports nothing heavy, since a shard without anything to make starts no torch.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SECONDS_BETWEEN_LOOKS = 1.0


def add_owner_option(parser: argparse.ArgumentParser) -> None:
    """Add `--owner`."""
    parser.add_argument(
        "--owner",
        type=int,
        metavar="PID",
        help="stop when this process, such as Snakemake, ends",
    )


def is_alive(process: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, but belongs to another user
        return True
    with suppress(OSError):  # only on Linux
        status = Path("/proc", str(process), "stat").read_text("utf-8", errors="replace")
        return status.rpartition(")")[2].split()[0] != "Z"
    return True


def end_with(owner: int) -> None:
    """Send this process SIGTERM as soon as its owner has ended; return at once."""
    threading.Thread(target=_watch, args=(owner,), name="watch owner", daemon=True).start()


def _watch(owner: int) -> None:
    while is_alive(owner):
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
