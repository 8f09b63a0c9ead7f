"""Which outputs are out of date: compares the checksums in run.json with those of the files.

The Snakefile does this, and not Snakemake, which compares dates: a file that is replaced while its
job runs is older than the outputs, and one of a camera with a wrong clock is always newer. It
imports no torch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from neural_style.config.folders import exists
from neural_style.config.settings import BUILT_IN, LARGEST_RUN
from neural_style.errors import NeuralStyleError
from neural_style.io import file_state, read_regular, sha256, write_text

NANOSECONDS_OF_A_CLOCK = 2_000_000_000
"""A file may change again within the same tick of its clock; FAT has the coarsest one. A checksum
is kept only if it was computed later than that."""


class Checksums:
    """SHA-256 checksums of files. One is computed again only if its file has changed since.

    A file counts as unchanged if its `file_state` is the same.

    Args:
        store: file in which the checksums are kept from run to run.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._seen: dict[str, str | None] = {}
        self._has_new = False
        self._known: dict[str, list[Any]] = {}
        with suppress(OSError, ValueError, RecursionError):
            known = json.loads(read_regular(store))
            self._known = known if isinstance(known, dict) else {}

    def of(self, path: Path) -> str | None:
        """Return the checksum of a file; None if it cannot be read. Each file is read once."""
        name = str(path)
        if name not in self._seen:
            with suppress(OSError, NeuralStyleError):
                self._seen[name] = self._find(name)
        return self._seen.setdefault(name, None)

    def _find(self, name: str) -> str:
        state = file_state(Path(name))
        match self._known.get(name):
            case [*known, str(checksum)] if known == list(state):
                return checksum
        checksum = sha256(Path(name))
        if time.time_ns() - state[2] > NANOSECONDS_OF_A_CLOCK:
            self._known[name] = [*state, checksum]
            self._has_new = True
        return checksum

    def save(self) -> None:
        """Keep the checksums for later runs, where that is possible."""
        if self._has_new:
            known = {name: each for name, each in self._known.items() if exists(name)}
            with suppress(NeuralStyleError):
                write_text(self._store, json.dumps(known))


def changed_inputs(record: Path, files: Mapping[str, Path], checksums: Checksums) -> Iterator[Path]:
    """Yield each input whose checksum is not the one in a run.json, or which is not in it.

    Yields the run.json itself if it cannot be read or records an input that there is no more.

    Args:
        record: run.json; if there is none, nothing has changed.
        files: the files that the job reads now, by role.
        checksums: of the files.
    """
    try:
        recorded = dict(_recorded_checksums(json.loads(read_regular(record, LARGEST_RUN))))
    except FileNotFoundError:
        return
    except (OSError, ValueError, AttributeError, RecursionError):
        recorded = {"": ""}
    if recorded.keys() - files.keys():
        yield record
    for role, path in files.items():
        if checksums.of(path) != recorded.get(role):
            yield path


def _recorded_checksums(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The role and checksum of each file in a run.json, with weights if they are a user's file."""
    for role, fact in facts.items():
        match fact:
            case {"path": str(), "sha256": str(checksum)}:
                yield role, checksum
            case {"source": str(source), "sha256": str(checksum)} if source not in BUILT_IN:
                yield role, checksum
