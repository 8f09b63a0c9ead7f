"""How a command line ends: with one sentence if it could not do its work, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Protocol

from neural_style.errors import NeuralStyleError

INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C has ended."""

Work = Callable[[list[str] | None], None]


class Main(Protocol):
    """The main function of a script."""

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Take the words of a command line, by default the process's; return its exit code."""


def command(name: str, kept: str = "") -> Callable[[Work], Main]:
    """Make the main function of a script: its exit code is 0 if all went well.

    It is 1 after a mistake that the user can mend or a fault of the machine, `INTERRUPTED` after
    Ctrl-C; both are said on the error stream, without a traceback.

    Args:
        name: what the sentence begins with.
        kept: what an interrupted user would like to know, as the end of a sentence.
    """

    def decorate(work: Work) -> Main:
        @wraps(work)
        def main(arguments: list[str] | None = None) -> int:
            try:
                work(arguments)
            except NeuralStyleError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
            except KeyboardInterrupt:
                print(f"{name}: interrupted{kept and f'; {kept}'}.", file=sys.stderr)
                return INTERRUPTED
            return 0

        return main

    return decorate
