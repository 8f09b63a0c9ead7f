"""What is written about a run: `losses.csv`, a row an epoch, and `run.json`, all its facts."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neural_style.config.settings import UNTIL_NAMED, Settings, beta_at, scaled_size
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import LONGEST, load_note
from neural_style.io import sha256, write_text
from neural_style.model.weights import Weights
from neural_style.optim.loop import Progress

KINDS = ("content/", "style/")
"""How the names of the terms begin that have a column for their sum."""

_COLUMNS = ("epoch", "seconds", "total", "content", "style")


@dataclass(frozen=True)
class Losses:
    """The weighted losses of one picture.

    Attributes:
        total: the sum of all parts.
        content: alpha · content loss.
        style: beta · style loss, with beta as corrected for the size.
        parts: each term's share of the total, by its name.
    """

    total: float
    content: float
    style: float
    parts: Mapping[str, float]

    @property
    def further(self) -> Mapping[str, float]:
        """The sums of the terms of each other kind, such as `smoothness`."""
        sums: dict[str, float] = {}
        for name, value in self.parts.items():
            kind = name.partition("/")[0]
            if kind not in ("content", "style"):
                sums[kind] = sums.get(kind, 0.0) + value
        return sums


def losses_of(names: tuple[str, ...], parts: Tensor) -> Losses:
    """The losses of one picture from the values of its terms, [T]. Waits for the device."""
    shares = dict(zip(names, parts.tolist(), strict=True))
    content = sum(value for name, value in shares.items() if name.startswith("content/"))
    style = sum(value for name, value in shares.items() if name.startswith("style/"))
    further = sum(value for name, value in shares.items() if not name.startswith(KINDS))
    return Losses(content + style + further, content, style, shares)


class LossTable:
    """Collects the losses of a run of one picture and writes them as `losses.csv`.

    Values stay on the device until they are asked for, so that an epoch never waits for them.

    Args:
        rows: of a table to go on with, the header first, see `rows`.
        seconds: that it took.
    """

    def __init__(self, rows: Sequence[Sequence[str]] = (), seconds: float = 0.0) -> None:
        self._began = time.monotonic() - seconds
        self._pending: list[tuple[int, float, Tensor]] = []
        self._rows: list[Sequence[str]] = list(rows)
        self._names: tuple[str, ...] = tuple(rows[0][len(_COLUMNS) :]) if rows else ()
        self.seconds = seconds
        """From the start to the last epoch added, without what was lost between two runs."""

    def add(self, progress: Progress) -> None:
        """Note the losses of an epoch."""
        self._names = progress.term_names
        self.seconds = time.monotonic() - self._began
        self._pending.append((progress.epoch, self.seconds, progress.losses[:, 0]))

    def rows(self) -> list[Sequence[str]]:
        """The header, then a row an epoch, as they are written. Waits for the device."""
        if not self._rows:
            self._rows.append([*_COLUMNS, *self._names])
        for epoch, seconds, parts in self._fetch_pending():
            losses = losses_of(self._names, parts)
            values = (losses.total, losses.content, losses.style, *losses.parts.values())
            self._rows.append([str(epoch), f"{seconds:.3f}", *(f"{value:.6g}" for value in values)])
        return list(self._rows)

    def _fetch_pending(self) -> list[tuple[int, float, Tensor]]:
        """What is pending, on the CPU in one copy."""
        pending, self._pending = self._pending, []
        if not pending:
            return []
        epochs, seconds, parts = zip(*pending, strict=True)
        return list(zip(epochs, seconds, torch.stack(parts).cpu(), strict=True))


def write_losses(rows: Sequence[Sequence[str]], path: Path) -> None:
    """Write a table: epoch, seconds since the start, total, content, style, each layer."""
    write_text(path, "".join(f"{','.join(row)}\n" for row in rows))


@dataclass(frozen=True)
class Source:
    """An image as it was when it was read.

    Attributes:
        path: its file.
        checksum: SHA-256 of its bytes.
    """

    path: Path
    checksum: str


@dataclass(frozen=True)
class Run:
    """The facts of a finished run; see `write_run`."""

    sources: Mapping[str, Source]
    settings: Settings
    weights: Weights
    engine: int
    device: str
    precision: torch.dtype
    seconds: float
    size: tuple[int, int]
    picture: Path
    picture_size: tuple[int, int]
    saved: Losses


def _stages(settings: Settings, width: int, height: int) -> Iterator[dict[str, Any]]:
    """Each stage: the size that it was optimized at, its epochs, and what beta was there."""
    for stage in settings.all_stages:
        scaled = scaled_size(height, width, stage.size / settings.size)
        yield {
            "width": scaled[1],
            "height": scaled[0],
            "epochs": stage.epochs,
            "beta": beta_at(settings, *scaled),
        }


def write_run(run: Run, path: Path) -> None:
    """Write `run.json`: with it and the images, the picture can be made again."""
    facts: dict[str, Any] = {
        **{
            role: {"path": str(source.path), "sha256": source.checksum}
            for role, source in run.sources.items()
        },
        "settings": asdict(run.settings),
        "weights": {"source": run.weights.source, "sha256": run.weights.checksum},
        "picture": {
            "file": run.picture.name,
            "sha256": sha256(run.picture),
            "width": run.picture_size[0],
            "height": run.picture_size[1],
        },
        "optimized": {"width": run.size[0], "height": run.size[1]},
        "stages": list(_stages(run.settings, *run.size)),
        "saved_losses": asdict(run.saved),
        "device": run.device,
        "precision": str(run.precision).removeprefix("torch."),
        "seconds": round(run.seconds, 3),
        "seconds_per_epoch": round(run.seconds / run.settings.epochs, 5),
        "engine": run.engine,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "pillow")},
        },
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Only bytes of a file's name that are no UTF-8 are replaced, and by JSON's own escapes.
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


# MERGED: Where a picture comes from, carried along in its file: enough to make the picture again.
#
# The note is JSON in ASCII: a version, `ENGINE_VERSION`, path and checksum of each image,
# and the settings. It holds no date and nothing of the machine, so that the same picture, made again,
# has the same bytes. What is read is a stranger's text: bounded, and believed in nothing.


VERSION = 1
"""Of the note's form."""

PAIR = frozenset({"content", "style"})
"""What masks beside an image belong to."""

_CHECKSUM = re.compile(r"[0-9a-f]{64}")


class ProvenanceError(NeuralStyleError):
    """A picture does not say where it comes from, or what it came from is not there any more."""


@dataclass(frozen=True)
class Provenance:
    """What a picture was made from.

    Attributes:
        engine: `ENGINE_VERSION` of the code.
        sources: `content`, `style` and what else there was → file.
        settings: by their names, unchecked.
    """

    engine: int | str
    sources: Mapping[str, Source]
    settings: Mapping[str, Any]


def note_of(sources: Mapping[str, Source], settings: Settings, engine: int) -> str:
    """The note of a picture, at most `notes.LONGEST` characters.

    Where paths are so many or so long that there is no room, they are cut to the files' names, and
    where that does not do, there is no note: an empty one.
    """
    for shorten in (str, lambda path: path.name):
        facts = {
            "neural_style_pipeline": VERSION,
            "engine": engine,
            "sources": {
                role: {"path": shorten(source.path), "sha256": source.checksum}
                for role, source in sources.items()
            },
            "settings": asdict(settings),
        }
        note = json.dumps(facts, separators=(",", ":"), allow_nan=False)
        if len(note) <= LONGEST:
            return note
    return ""


def read_provenance(picture: Path) -> Provenance:
    """Read what a picture says of itself.

    Raises:
        ImageError: the file is no picture.
        ProvenanceError: it has no such note.
    """
    note = load_note(picture)
    facts: Any = None
    with suppress(ValueError, RecursionError):
        facts = json.loads(note)
    provenance = _provenance(facts)
    if provenance is None:
        raise ProvenanceError(
            f"{str(picture)!r} does not say how it was made: it is not of this program, or another "
            "one has saved it since; give --content and --style instead."
        )
    return provenance


def require_unchanged(picture: Path, provenance: Provenance, files: Mapping[str, Path]) -> None:
    """Check that the files which a picture came from are what they were.

    Args:
        picture: for messages.
        provenance: what it says of itself.
        files: by the same roles, what it is to be made from now. One that lies elsewhere than
            the picture says was chosen by somebody, and is right as it is.

    Raises:
        ProvenanceError: a file is missing or has changed; the message lists each.
    """
    changes = list(_changes(provenance, files))
    if changes:
        raise ProvenanceError(
            "\n".join([f"{str(picture)!r} cannot be made again from the same files:", *changes])
        )


def _changes(provenance: Provenance, files: Mapping[str, Path]) -> Iterator[str]:
    for role, path in files.items():
        recorded = provenance.sources.get(role)
        if recorded is None or recorded.path != path:
            continue
        try:
            if sha256(path) != recorded.checksum:
                yield (
                    f"  {role}: {str(path)!r} is another file now, its checksum differs; put the "
                    "old one back, or name another by its option."
                )
        except NeuralStyleError:
            yield f"  {role}: {str(path)!r} cannot be read; put it back, or name it by its option."
    own = PAIR & files.keys() & provenance.sources.keys()
    if any(files[role] != provenance.sources[role].path for role in own):
        return  # another pair may have no masks
    for role, recorded in provenance.sources.items():
        if role not in files and not recorded.path.exists():
            yield f"  {role}: {str(recorded.path)!r} is gone; put it back."


def _provenance(facts: object) -> Provenance | None:
    """The facts of a note, if that is what they are."""
    match facts:
        case {
            "neural_style_pipeline": version,
            "engine": int() | str() as engine,
            "sources": dict(sources),
            "settings": dict(settings),
        } if version == VERSION:
            files = {str(role): _source(each) for role, each in sources.items()}
            known = {role: source for role, source in files.items() if source is not None}
            if len(known) == len(files):
                return Provenance(engine, known, {**UNTIL_NAMED, **settings})
    return None


def _source(fact: object) -> Source | None:
    """A file of a note, unless its name is no name or its checksum none."""
    match fact:
        case {"path": str(path), "sha256": str(checksum)} if _CHECKSUM.fullmatch(checksum):
            with suppress(UnicodeEncodeError):  # a half of a character
                if b"\0" not in os.fsencode(path):
                    return Source(Path(path), checksum)
    return None
