"""Checkpoints: the state of an unfinished run on disk, from which the next run resumes.

A checkpoint lies in a hidden folder beside the outputs, because Snakemake removes all declared
outputs of a job that was killed. The outputs saved so far are linked there under a second name.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, cast

import torch

from neural_style.config.settings import ENGINE_VERSION
from neural_style.errors import NeuralStyleError
from neural_style.io import atomic, atomic_file, open_regular, remove_leftovers, sha256, sync_folder
from neural_style.losses.objective import Evaluation
from neural_style.optim.lbfgs import LbfgsState
from neural_style.optim.safeguard import SafeguardState
from neural_style.optim.state import State, StateError
from neural_style.runtime.failures import is_device_failure, is_shortage

FOLDER = ".checkpoint"
STATE = "state.pt"

FORMAT = 6
"""Version of the file format; a part of the key that a checkpoint must match."""

SECONDS_BETWEEN = 60.0
"""Seconds between two checkpoints, unless a number of iterations is configured."""

LARGEST_SHARE = 0.05
"""Largest share of the time spent on saving, unless a number of iterations is configured."""

_NAME = re.compile(r"[^/\0]+")  # of a file in the folder
_DIGEST_SIZE = hashlib.sha256().digest_size


class CheckpointError(NeuralStyleError):
    """There is a checkpoint, but the run cannot resume from it."""


@dataclass(frozen=True)
class Checkpoint:
    """A run after an iteration.

    Attributes:
        state: of the optimization.
        rows: the rows of losses.csv so far, the header first.
        seconds: time that the run took so far.
        outputs: file name → SHA-256 of each output saved so far.
    """

    state: State
    rows: Sequence[Sequence[str]]
    seconds: float
    outputs: Mapping[str, str]


_FIELDS = {field.name for field in fields(Checkpoint)}


def checkpoint_key(*facts: object) -> str:
    """Return a digest of everything that decides the outputs of a run.

    The version of the engine is included, and that of torch, which may round differently.

    Args:
        facts: everything else; what differs must have another `repr`.
    """
    known = (FORMAT, ENGINE_VERSION, torch.__version__, *facts)
    return hashlib.sha256(repr(known).encode()).hexdigest()


class CheckpointStore:
    """The checkpoint of one run, at most one at a time.

    Args:
        folder: the folder of the run's outputs.
        key: digest of everything that decides the outputs, see `checkpoint_key`; a checkpoint with
            another key is not used.
        every: iterations between two checkpoints; 0 for none, and None for one a minute, or fewer
            where saving would take more than `LARGEST_SHARE` of the time.
    """

    def __init__(self, folder: Path, key: str, every: int | None = None) -> None:
        self._results = folder
        self._folder = folder / FOLDER
        self._file = self._folder / STATE
        self._key = key
        self._every = every
        self._interval = SECONDS_BETWEEN
        self._saved = time.monotonic()
        self._linked: dict[str, str] = {}  # outputs of the checkpoint, not to be hashed each time

    @property
    def is_enabled(self) -> bool:
        """Whether checkpoints are saved at all."""
        return self._every != 0

    def is_due(self, epoch: int) -> bool:
        """Whether to save a checkpoint after this iteration."""
        if self._every is None:
            return time.monotonic() - self._saved >= self._interval
        return self._every > 0 and epoch % self._every == 0

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint atomically; returns when it is on the disk.

        Raises:
            NeuralStyleError: it cannot be written; the older one is still there.
        """
        began = time.monotonic()
        with atomic_file(self._file) as file:
            for name, checksum in checkpoint.outputs.items():
                link = self._folder / name
                if self._linked.get(name) != checksum or not link.exists():
                    _link(self._results / name, link, checksum)
                    self._linked[name] = checksum
            sync_folder(self._folder)  # the outputs are there before the state that names them
            _write({"key": self._key, "checkpoint": checkpoint}, file)
        sync_folder(self._folder)
        self._saved = time.monotonic()
        self._interval = max(SECONDS_BETWEEN, (self._saved - began) / LARGEST_SHARE)

    def load(
        self, device: torch.device, accept: Callable[[Checkpoint], None] = lambda checkpoint: None
    ) -> Checkpoint | None:
        """Read the checkpoint and restore its outputs; None if there is none.

        Args:
            device: of its tensors.
            accept: called with the checkpoint before anything is restored; raises a StateError if
                the run cannot resume from it.

        Raises:
            CheckpointError: it is damaged, belongs to other images, settings or another version,
                or holds something else than a checkpoint of this run.
            NeuralStyleError: an output cannot be written.
        """
        remove_leftovers([self._file])
        absent = self._folder.is_dir() or not (self._folder.exists() or self._folder.is_symlink())
        if absent and not self._file.exists():
            return None
        saved = _read(self._file, device)
        if saved.get("key") != self._key:
            raise CheckpointError(
                f"{str(self._file)!r} belongs to other images, settings or another version; "
                "starting over."
            )
        checkpoint = saved.get("checkpoint")
        try:
            checkpoint = _checked(checkpoint)
        except StateError as error:
            raise _unfit(self._file, error) from error
        for name, checksum in checkpoint.outputs.items():
            if not _holds(self._folder / name, checksum):
                raise CheckpointError(
                    f"{str(self._folder / name)!r} is missing or damaged; starting over."
                )
        try:
            accept(checkpoint)
        except StateError as error:
            raise _unfit(self._file, error) from error
        for name, checksum in checkpoint.outputs.items():
            _link(self._folder / name, self._results / name, checksum)
        self._linked = dict(checkpoint.outputs)
        return checkpoint

    def remove(self) -> None:
        """Remove the checkpoint, once the finished outputs are on the disk.

        Raises:
            NeuralStyleError: it cannot be removed.
        """
        self._linked.clear()
        if not self._folder.exists() and not self._folder.is_symlink():
            return
        sync_folder(self._results)
        try:
            if self._folder.is_symlink() or not self._folder.is_dir():  # not made by this program
                self._folder.unlink()
                return
            if not self._file.is_dir():
                self._file.unlink(missing_ok=True)  # first: a state without its outputs is useless
            shutil.rmtree(self._folder)
        except OSError as error:
            raise NeuralStyleError(
                f"cannot remove {str(self._folder)!r}: {error.strerror or error}; "
                "remove it by hand."
            ) from error


def _checked(checkpoint: object) -> Checkpoint:
    """Check the form of a checkpoint from a file, except for its state.

    Raises:
        StateError: something has another type than was saved.
    """
    if type(checkpoint) is not Checkpoint or vars(checkpoint).keys() != _FIELDS:
        raise StateError("it holds something else than a checkpoint")
    rows, seconds, outputs = checkpoint.rows, checkpoint.seconds, checkpoint.outputs
    if type(rows) is not list or not all(
        type(row) is list and all(type(field) is str for field in row) for row in rows
    ):
        raise StateError("its table of losses is no table")
    if type(seconds) is not float or not 0 <= seconds < math.inf:
        raise StateError(f"its time is {seconds!r}")
    if type(outputs) is not dict or not all(
        type(name) is str and type(checksum) is str and _NAME.fullmatch(name)
        for name, checksum in outputs.items()
    ):
        raise StateError("its list of outputs is no list of files and checksums")
    return checkpoint


def _unfit(path: Path, error: StateError) -> CheckpointError:
    return CheckpointError(f"{str(path)!r} does not fit this run: {error}; starting over.")


def _link(output: Path, second: Path, checksum: str) -> None:
    """Give an output a second name; a copy where the file system has no hard links."""
    if _holds(second, checksum):
        return
    with atomic(second) as temporary:
        try:
            temporary.hardlink_to(output)
        except OSError:
            shutil.copyfile(output, temporary)


def _holds(path: Path, checksum: str) -> bool:
    """Whether a file exists and has this checksum."""
    with suppress(NeuralStyleError):
        return sha256(path) == checksum
    return False


class _Digesting:
    """A file for `torch.save` that computes the checksum of what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _write(content: object, file: IO[bytes]) -> None:
    """Write a file of torch followed by its checksum: torch does not notice a changed bit."""
    digesting = _Digesting(file)
    try:
        torch.save(content, cast(IO[bytes], digesting))  # torch needs no other methods
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # such as a full disk, which torch hides
            raise error.__context__ from error
        raise
    file.write(digesting.digest.digest())


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `_write` wrote.

    Raises:
        CheckpointError: it is not what was written.
    """
    if not _is_whole(path):
        raise CheckpointError(f"{str(path)!r} is damaged; starting over.")
    from neural_style.optim.adam import AdamState  # loaded only where a checkpoint is read

    known: list[Any] = [Checkpoint, State, Evaluation, SafeguardState, LbfgsState, AdamState]
    try:
        with torch.serialization.safe_globals(known):
            content: object = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many types
        if is_shortage(error) or is_device_failure(error):  # the file may be fine
            raise
        raise CheckpointError(f"{str(path)!r} cannot be read; starting over.") from error
    if not isinstance(content, dict) or not isinstance(content.get("key"), str):
        raise CheckpointError(
            f"{str(path)!r} holds something else than a checkpoint; starting over."
        )
    return content


def _is_whole(path: Path) -> bool:
    """Whether a file ends with the checksum of the bytes before it."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            left = os.fstat(file.fileno()).st_size - _DIGEST_SIZE
            while left > 0 and (block := file.read(min(1 << 20, left))):
                digest.update(block)
                left -= len(block)
            return file.read() == digest.digest()
    except OSError:
        return False
