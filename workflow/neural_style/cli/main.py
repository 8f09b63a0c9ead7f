"""The entry of the command `neural-style`: which command runs, and its exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence

from neural_style.cli.parsing import UsageError
from neural_style.errors import NeuralStyleError, showing_warnings

NAME = "neural-style"

COMMANDS = {
    "init": "project",
    "remake": "remake",
    "gallery": "show",
    "status": "show",
    "verify": "show",
    "presets": "show",
    "settings": "show",
}
"""Name of a command → its module, which has a function of that name."""

FAILED, WRONG_USE = 1, 2
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Returns:
        The exit code: 0; 1 after a failure; 2 if the command line is wrong; 130 after Ctrl-C, 143
        after SIGTERM, 129 after SIGHUP.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    name, command, module = NAME, "stylize", "stylize"
    if words and words[0] in COMMANDS:
        command, module = words[0], COMMANDS[words[0]]
        name, words = f"{NAME} {command}", words[1:]
    try:
        run = getattr(importlib.import_module(f"neural_style.cli.{module}"), command)
        with showing_warnings(lambda text: print(f"{name}: {text}", file=sys.stderr)):
            code: int = run(words)
    except UsageError as error:
        return _say(name, str(error), WRONG_USE)
    except NeuralStyleError as error:
        from neural_style.config.options import in_options

        return _say(name, in_options(str(error)), FAILED)
    except KeyboardInterrupt:
        return _say(name, "interrupted.", INTERRUPTED)
    except BrokenPipeError:  # such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _say(name: str, text: str, code: int) -> int:
    print(f"{name}: {text}", file=sys.stderr, flush=True)
    return code
