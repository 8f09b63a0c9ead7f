"""Files that are either whole or not there, and the checksums that name their content."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neural_style.errors import NeuralStyleError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Lend a temporary path beside `path` and move it onto `path` when the block ends well.

    A reader sees the old file or the new one, never half of one: the data are on the disk
    before the name is. If the block raises, the temporary file is removed and `path` stays
    as it was. The temporary name keeps the suffix, for libraries that choose a format by it.

    Raises:
        NeuralStyleError: the folder cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {path}: {error.strerror or error}; "
            "free some space or choose a folder that you may write to."
        ) from error
    finally:
        with suppress(OSError):  # where nothing can be written, there is nothing to remove
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, names: Collection[str]) -> None:
    """Remove the temporary files of `atomic` that killed writers of these files left in a folder.

    Only for a folder that no one else writes to at the time.
    """
    ours = [
        re.compile(rf"\.{re.escape(path.stem[:40])}\.[0-9a-f]{{8}}{re.escape(path.suffix)}")
        for path in map(Path, names)
    ]
    with suppress(OSError):  # no such folder, nothing to remove
        for path in list(folder.iterdir()):
            if any(pattern.fullmatch(path.name) for pattern in ours):
                path.unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """Wait until the names of the files in a folder are on the disk, not only their bytes."""
    with suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically (see `atomic`)."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """The SHA-256 checksum of a file's bytes, in hexadecimal.

    Raises:
        NeuralStyleError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NeuralStyleError(
            f"cannot read {path}: {error.strerror or error}; mend the path or its permissions."
        ) from error
