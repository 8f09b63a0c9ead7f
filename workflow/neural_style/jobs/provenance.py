"""Where a picture comes from, carried along in its file: enough to make the picture again.

The note is JSON in ASCII: a version, the engine's fingerprint, path and checksum of each image,
and the settings. It holds no date and nothing of the machine, so that the same picture, made again,
has the same bytes. What is read is a stranger's text: bounded, and believed in nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neural_style.errors import NeuralStyleError
from neural_style.files import sha256
from neural_style.jobs.record import Source
from neural_style.pictures.notes import LONGEST, load_note
from neural_style.plan.settings import UNTIL_NAMED, Settings

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
        engine: fingerprint of the code.
        sources: `content`, `style` and what else there was → file.
        settings: by their names, unchecked.
    """

    engine: str
    sources: Mapping[str, Source]
    settings: Mapping[str, Any]


def note_of(sources: Mapping[str, Source], settings: Settings, engine: str) -> str:
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
            "engine": str(engine),
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
