"""The metadata inside each output, which say how it was made.

With them and the images, an output can be made again. They are JSON in ASCII: a format version,
`ENGINE_VERSION`, path and checksum of each source, the settings of the run, and the iteration of an
image on the way. They hold no date and nothing about the machine, so that the same output, made
again, has the same bytes. Metadata that are read may come from anyone: their length is limited, and
they are validated.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neural_style.config.folders import is_file
from neural_style.config.settings import ENGINE_VERSION, Settings, upgrade_record
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import upright_size
from neural_style.images.encode import MAX_COMMENT_LENGTH, load_comment
from neural_style.io import sha256

METADATA_VERSION = 1
"""Version of the form of the metadata."""

PAIR = frozenset({"content", "style"})
"""Roles of the two images of a pair, which may have masks beside them."""

LARGEST_SOURCE = 1 << 30
"""Bytes of a file up to which it is read because an output names it."""

RECORDED_FROM_THE_FIRST = frozenset(
    {"alpha", "beta", "learning_rate", "size", "fit", "format", "quality", "weights"}
    | {"content_layers", "style_layers", "pooling", "padding", "optimizer", "epochs"}
    | {"save_every", "init", "seed", "precision", "color"}
)
"""Settings that the metadata of every output hold. Later ones have their default if they lack."""

_CHECKSUM = re.compile(r"[0-9a-f]{64}")


class ProvenanceError(NeuralStyleError):
    """An output does not say how it was made, or its sources are missing or have changed."""


@dataclass(frozen=True)
class Source:
    """A file as it was when it was read.

    Attributes:
        path: the file.
        checksum: SHA-256 of its bytes, in hexadecimal.
    """

    path: Path
    checksum: str


@dataclass(frozen=True)
class Provenance:
    """How an output was made, according to its metadata.

    Attributes:
        engine: `ENGINE_VERSION`; older programs wrote a text.
        sources: file of each role: `content`, `style` and those of `inputs.companions_of`.
        settings: of the run, by name, not checked.
        epoch: iteration after which it was saved; None for the last one of the run.
    """

    engine: int | str
    sources: Mapping[str, Source]
    settings: Mapping[str, Any]
    epoch: int | None


def metadata_text(sources: Mapping[str, Source], settings: Settings, epoch: int) -> str:
    """The metadata of an output, at most `encode.MAX_COMMENT_LENGTH` characters.

    If the paths are too long, they are cut to the names of the files; if that is not enough, there
    are no metadata and the text is empty.

    Args:
        sources: the files that were read, by role.
        settings: of the whole run. No other run makes this image: what a stage does depends on the
            stages after it.
        epoch: iteration after which the output is saved.
    """
    for shorten in (str, lambda path: path.name):
        facts = {
            "neural_style_pipeline": METADATA_VERSION,
            "engine": ENGINE_VERSION,
            "sources": {
                role: {"path": shorten(source.path), "sha256": source.checksum}
                for role, source in sources.items()
            },
            "settings": asdict(settings),
            **({} if epoch == settings.epochs else {"epoch": epoch}),
        }
        text = json.dumps(facts, separators=(",", ":"), allow_nan=False)
        if len(text) <= MAX_COMMENT_LENGTH:
            return text
    return ""


def read_provenance(output: Path) -> Provenance:
    """Read how an output was made from its metadata.

    Raises:
        ImageError: the file is not an image.
        ProvenanceError: it has no such metadata.
    """
    facts: Any = None
    with suppress(ValueError, RecursionError):
        facts = json.loads(load_comment(output))
    provenance = _parse_provenance(facts)
    if provenance is None:
        raise ProvenanceError(
            f"{str(output)!r} does not say how it was made: another program made it, or has saved "
            "it since; name its images and settings instead."
        )
    return provenance


def missing_settings(provenance: Provenance) -> list[str]:
    """The names of settings that every output records and these metadata lack, sorted."""
    return sorted(RECORDED_FROM_THE_FIRST - provenance.settings.keys())


def require_trusted(output: Path, files: Mapping[str, Path], folders: Sequence[Path]) -> None:
    """Check files that only the metadata of an output name, which may come from a stranger.

    They must be in folders that the user named, after all links are followed, and must be regular
    files of at most `LARGEST_SOURCE` bytes. All but the weights must be images. Files that do not
    exist are left to `require_unchanged`.

    Args:
        output: for messages.
        files: by role.
        folders: whose files may be read.

    Raises:
        ProvenanceError: a file must not be read; the message lists each.
    """
    roots = [folder.resolve() for folder in folders]
    found = {role: _distrust(role, path, roots) for role, path in files.items()}
    lines = [f"  {role}: {str(files[role])!r} {text}" for role, text in found.items() if text]
    if lines:
        raise ProvenanceError(
            "\n".join([f"{str(output)!r} names files that are not read on its word:", *lines])
        )


def _distrust(role: str, path: Path, roots: Sequence[Path]) -> str:
    """Why not to read a file that only an output names; nothing if it may be read."""
    try:
        place = path.resolve()
        if not any(place.is_relative_to(root) for root in roots):
            return (
                "is neither in this folder nor in that of the image; name it by its option, or its "
                "folder by --sources."
            )
        status = place.stat()
    except FileNotFoundError:
        return ""
    except (OSError, RuntimeError) as error:  # such as links in a circle
        return f"cannot be read: {error}; name it by its option."
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return "is not a regular file with content; name another one by its option."
    if status.st_size > LARGEST_SOURCE:
        return f"has more than {LARGEST_SOURCE >> 20} MiB; name it by its option to read it."
    if role != "weights" and upright_size(path) is None:
        return "is not an image that can be read; name another one by its option."
    return ""


def require_unchanged(output: Path, provenance: Provenance, files: Mapping[str, Path]) -> None:
    """Check that the sources of an output still have the recorded checksums.

    Args:
        output: for messages.
        provenance: of the output.
        files: by role, the files to make it from now. A file at another path than the recorded
            one was chosen by the user and is accepted.

    Raises:
        ProvenanceError: a source is missing or has changed; the message lists each.
    """
    changes = list(_changes(provenance, files))
    if changes:
        raise ProvenanceError(
            "\n".join([f"{str(output)!r} cannot be made again from the same files:", *changes])
        )


def _changes(provenance: Provenance, files: Mapping[str, Path]) -> Iterator[str]:
    for role, path in files.items():
        recorded = provenance.sources.get(role)
        if recorded is None or recorded.path != path:
            continue
        try:
            if sha256(path) != recorded.checksum:
                yield (
                    f"  {role}: {str(path)!r} has changed, its checksum differs; put the old file "
                    "back, or name another one by its option."
                )
        except NeuralStyleError:
            yield f"  {role}: {str(path)!r} cannot be read; put it back, or name it by its option."
    own = PAIR & files.keys() & provenance.sources.keys()
    if any(files[role] != provenance.sources[role].path for role in own):
        return  # another pair may have no masks
    for role, recorded in provenance.sources.items():
        if role not in files and not is_file(recorded.path):
            yield f"  {role}: {str(recorded.path)!r} is missing; put it back."


def _parse_provenance(facts: object) -> Provenance | None:
    """The provenance in parsed metadata; None if they are something else."""
    match facts:
        case {
            "neural_style_pipeline": format_version,
            "engine": int() | str() as engine,
            "sources": dict(sources),
            "settings": dict(settings),
            **further,
        } if format_version == METADATA_VERSION:
            epoch = further.get("epoch")
            if not (epoch is None or (type(epoch) is int and epoch >= 0)):
                return None
            files = {str(role): _parse_source(each) for role, each in sources.items()}
            known = {role: source for role, source in files.items() if source is not None}
            if len(known) == len(files):
                return Provenance(engine, known, upgrade_record(settings), epoch)
    return None


def _parse_source(fact: object) -> Source | None:
    """A source in parsed metadata; None if its path or checksum cannot be one."""
    match fact:
        case {"path": str(path), "sha256": str(checksum)} if _CHECKSUM.fullmatch(checksum):
            with suppress(UnicodeEncodeError):  # half of a surrogate pair
                if b"\0" not in os.fsencode(path):
                    return Source(Path(path), checksum)
    return None
