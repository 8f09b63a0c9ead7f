"""The base class of errors that users see; warnings, and how a caller gets them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


class NeuralStyleError(Exception):
    """An error that the user can fix.

    The message has one sentence per line: what is wrong, in which file or under which key, and what
    to do about it. The scripts print it without a traceback and exit with 1.
    """


class NeuralStyleWarning(UserWarning):
    """Something that the user should know, although the work goes on.

    The message is one sentence. The library gives it to `warnings.warn`, since it prints nothing;
    the scripts show it in their log, once.
    """


@contextmanager
def showing_warnings(log: Callable[[str], None]) -> Iterator[None]:
    """Give each `NeuralStyleWarning` in the block to `log`, once."""
    said = set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, NeuralStyleWarning):
            before(message, category, filename, lineno, file, line)
        elif str(message) not in said:
            said.add(str(message))
            log(str(message))

    with warnings.catch_warnings():
        before = warnings.showwarning
        warnings.simplefilter("always", NeuralStyleWarning)
        warnings.showwarning = show
        yield
