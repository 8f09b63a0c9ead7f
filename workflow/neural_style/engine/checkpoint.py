"""The state of an unfinished job on disk, from which the next run of the job goes on.

It lies in a hidden folder beside the job's pictures, since Snakemake removes all declared outputs
of a job that was killed. The pictures saved so far are kept there, too, under a second name.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import torch

from neural_style.errors import NeuralStyleError
from neural_style.io import atomic, remove_leftovers, sha256, sync_folder
from neural_style.losses.objective import Evaluation
from neural_style.optim.adam import AdamState
from neural_style.optim.lbfgs import LbfgsState
from neural_style.optim.loop import SafeguardState, State

FOLDER = ".checkpoint"
STATE = "state.pt"

FORMAT = 1
"""Of the file; a part of what a checkpoint has to match."""

SECONDS_BETWEEN = 60.0
"""Work that may be lost where no number of epochs was asked for."""

LARGEST_SHARE = 0.05
"""Of the time, for saving, where no number of epochs was asked for."""

_DIGEST_SIZE = hashlib.sha256().digest_size


class CheckpointError(NeuralStyleError):
    """A checkpoint is there that cannot be gone on from."""


@dataclass(frozen=True)
class Checkpoint:
    """A job after an epoch.

    Attributes:
        state: of the optimization.
        rows: of the table of losses so far.
        seconds: that it took so far.
        pictures: file name → SHA-256 of each picture saved so far.
    """

    state: State
    rows: Sequence[Sequence[str]]
    seconds: float
    pictures: Mapping[str, str]


def key_of(*facts: object) -> str:
    """A name for all that decides the pictures of a job: `repr` must tell the facts apart.

    Another version of torch may round otherwise, and so it counts, too.
    """
    return hashlib.sha256(repr((FORMAT, torch.__version__, *facts)).encode()).hexdigest()


class Pace:
    """Says when to save.

    Args:
        every: epochs between two checkpoints; 0 for none, and None for one a minute, or fewer
            where saving would take more than `LARGEST_SHARE` of the time.
    """

    def __init__(self, every: int | None) -> None:
        self._every = every
        self._pause = SECONDS_BETWEEN
        self._saved = time.monotonic()

    @property
    def never(self) -> bool:
        """Whether nothing is to be saved at all."""
        return self._every == 0

    def due(self, epoch: int) -> bool:
        """Whether to save after this epoch."""
        if self._every is None:
            return time.monotonic() - self._saved >= self._pause
        return self._every > 0 and epoch % self._every == 0

    def took(self, seconds: float) -> None:
        """Note that a checkpoint has been saved, and what it cost."""
        self._saved = time.monotonic()
        self._pause = max(SECONDS_BETWEEN, seconds / LARGEST_SHARE)


class CheckpointStore:
    """The checkpoint of one job, at most one at a time.

    Args:
        results: the folder of the job's pictures.
        key: names all that decides the pictures; a checkpoint of another key is of no use.
    """

    def __init__(self, results: Path, key: str) -> None:
        self._results = results
        self._folder = results / FOLDER
        self._file = self._folder / STATE
        self._key = key

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, whole or not at all; waits until it is on the disk.

        Raises:
            NeuralStyleError: it cannot be written; the older one is still there.
        """
        with atomic(self._file) as temporary:
            for name, checksum in checkpoint.pictures.items():
                _link(self._results / name, self._folder / name, checksum)
            sync_folder(self._folder)  # the pictures are there before the state that names them
            with temporary.open("wb") as file:
                _write({"key": self._key, "checkpoint": checkpoint}, file)
        sync_folder(self._folder)

    def load(self, device: torch.device) -> Checkpoint | None:
        """Read the checkpoint and put its pictures back; None if there is none.

        Raises:
            CheckpointError: it is damaged, or belongs to other images, settings or code.
            NeuralStyleError: a picture cannot be written.
        """
        remove_leftovers([self._file])
        if not self._file.exists():
            return None
        saved = _read(self._file, device)
        if saved.get("key") != self._key:
            raise CheckpointError(
                f"{self._file} is of other images, settings or another version; starting anew."
            )
        checkpoint: Checkpoint = saved["checkpoint"]
        for name, checksum in checkpoint.pictures.items():
            if not _holds(self._folder / name, checksum):
                raise CheckpointError(f"{self._folder / name} is lost or damaged; starting anew.")
        for name, checksum in checkpoint.pictures.items():
            _link(self._folder / name, self._results / name, checksum)
        return checkpoint

    def remove(self) -> None:
        """Remove it, when what it was for is on the disk.

        Raises:
            NeuralStyleError: it cannot be removed.
        """
        if not self._folder.exists():
            return
        sync_folder(self._results)
        try:
            self._file.unlink(missing_ok=True)  # first: a state without its pictures is no use
            shutil.rmtree(self._folder)
        except OSError as error:
            raise NeuralStyleError(
                f"cannot remove {self._folder}: {error.strerror or error}; remove it by hand."
            ) from error


def _link(picture: Path, second: Path, checksum: str) -> None:
    """Give a picture a second name; a copy where the disk knows no second names."""
    if _holds(second, checksum):
        return
    with atomic(second) as temporary:
        try:
            temporary.hardlink_to(picture)
        except OSError:
            shutil.copyfile(picture, temporary)


def _holds(path: Path, checksum: str) -> bool:
    """Whether a file is there and has this checksum."""
    with suppress(NeuralStyleError):
        return sha256(path) == checksum
    return False


class _Digesting:
    """A file for `torch.save` that computes the checksum of what goes through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _write(content: object, file: IO[bytes]) -> None:
    """A file of torch with its checksum behind it, since torch does not notice a changed bit."""
    digesting = _Digesting(file)
    try:
        torch.save(content, cast(IO[bytes], digesting))  # it needs no more of a file
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # the disk is full; torch hides it
            raise error.__context__ from error
        raise
    file.write(digesting.digest.digest())


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `_write` wrote.

    Raises:
        CheckpointError: it is not what was written.
    """
    if not _is_whole(path):
        raise CheckpointError(f"{path} is damaged; starting anew.")
    known: list[Any] = [Checkpoint, State, Evaluation, SafeguardState, LbfgsState, AdamState]
    try:
        with torch.serialization.safe_globals(known):
            content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read; starting anew.") from error
    return content


def _is_whole(path: Path) -> bool:
    """Whether a file ends with the checksum of what is before."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - _DIGEST_SIZE
            while left > 0 and (block := file.read(min(1 << 20, left))):
                digest.update(block)
                left -= len(block)
            return file.read() == digest.digest()
    except OSError:
        return False
