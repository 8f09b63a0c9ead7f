"""The folder of a run: what a new run removes from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from neural_style.config.settings import LOSS_COLUMNS, LOSSES, OUTPUT_FORMATS, RUN
from neural_style.errors import NeuralStyleError
from neural_style.io import open_regular

_OUTPUT = re.compile(rf"generated_\d+({'|'.join(map(re.escape, set(OUTPUT_FORMATS.values())))})")


def files_of_run(folder: Path) -> list[Path]:
    """Return the files of a folder with names as a run gives them.

    These are `generated_{epoch}.*`, `run.json`, and `losses.csv`, which comes last: until all
    others are removed, it shows that the folder is that of a run (see `holds_run`).

    Raises:
        NeuralStyleError: the folder cannot be read.
    """
    try:
        files = list(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NeuralStyleError(
            f"cannot read the folder {str(folder)!r}: {error.strerror or error}; choose another."
        ) from error
    named = [file for file in files if file.name in (LOSSES, RUN) or _OUTPUT.fullmatch(file.name)]
    return sorted(named, key=lambda file: file.name == LOSSES)


def holds_run(folder: Path) -> bool:
    """Return whether a run has written to a folder: it begins with its table of losses."""
    start = ",".join(LOSS_COLUMNS).encode()
    try:
        with open_regular(folder / LOSSES) as table:
            return table.read(len(start)) == start
    except OSError:
        return False


def remove_files(files: Iterable[Path]) -> None:
    """Remove files of an earlier run; those that are not there do not matter.

    Raises:
        NeuralStyleError: a file cannot be removed.
    """
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise NeuralStyleError(
                f"cannot remove {str(file)!r}: {error.strerror or error}; remove it, or choose "
                "another output."
            ) from error
