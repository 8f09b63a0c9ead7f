"""Records of a run: run.json with all its facts, and the metadata inside each output.

With either and the images, an output can be made again. The metadata of an output are JSON in
ASCII: a format version, `ENGINE_VERSION`, path and checksum of each source, the settings of the
run, and the iteration of an image on the way. They hold no date and nothing about the machine, so
that the same output, made again, has the same bytes. Metadata that are read may come from anyone:
their length is limited, and they are validated.
"""

from __future__ import annotations

import json
import os
import platform
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neural_style.config.settings import ENGINE_VERSION, Settings, upgrade_record
from neural_style.config.sizes import scaled_size
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import upright_size
from neural_style.images.encode import MAX_COMMENT_LENGTH, load_comment
from neural_style.images.measures import Measures
from neural_style.io import sha256, write_text
from neural_style.losses.size_correction import (
    beta_at,
    coherence_at,
    pyramid_at,
    total_variation_at,
)
from neural_style.model.weights import Weights

METADATA_VERSION = 1
"""Version of the form of the metadata."""

PAIR = frozenset({"content", "style"})
"""Roles of the two images of a pair, which may have masks beside them."""

MAIN_KINDS = frozenset({"content", "style"})
"""Kinds of loss terms with a column of their own in losses.csv."""

LARGEST_SOURCE = 1 << 30
"""Bytes of a file up to which it is read because an output names it."""

RECORDED_FROM_THE_FIRST = frozenset(
    {"alpha", "beta", "learning_rate", "size", "fit", "format", "quality", "weights"}
    | {"content_layers", "style_layers", "pooling", "padding", "optimizer", "epochs"}
    | {"save_every", "init", "seed", "precision", "color"}
)
"""Settings that the metadata of every output hold. Later ones have their default if they lack."""

Loss = TypeVar("Loss", float, NDArray[np.float64])
"""A weighted loss, or those of several iterations."""

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
class Losses:
    """The weighted losses of one image.

    Attributes:
        total: sum of all terms; what is minimized.
        content: alpha · content loss.
        style: beta · style loss, with beta as corrected for the size.
        parts: weighted loss of each term by its name, such as `style/conv1_1`.
    """

    total: float
    content: float
    style: float
    parts: Mapping[str, float]

    @property
    def further(self) -> Mapping[str, float]:
        """The sum of the terms of each kind that is not in `MAIN_KINDS`, such as `smoothness`."""
        sums = sum_by_kind(self.parts)
        return {kind: value for kind, value in sums.items() if kind not in MAIN_KINDS}


def summarize_losses(term_names: tuple[str, ...], losses: Tensor) -> Losses:
    """Sum up the weighted losses [T] of one image. Synchronizes with the GPU."""
    parts = dict(zip(term_names, losses.tolist(), strict=True))
    sums = sum_by_kind(parts)
    content, style = sums.pop("content", 0.0), sums.pop("style", 0.0)
    return Losses(content + style + sum(sums.values()), content, style, parts)


def sum_by_kind(parts: Mapping[str, Loss]) -> dict[str, Loss]:
    """The sum of the terms of each kind, which is the part of their names before the `/`."""
    sums: dict[str, Loss] = {}
    for name, loss in parts.items():
        kind = name.partition("/")[0]
        sums[kind] = sums[kind] + loss if kind in sums else loss
    return sums


@dataclass(frozen=True)
class RunRecord:
    """The facts of a finished run, for run.json.

    Attributes:
        sources: every image file that was read, by role.
        settings: of the run.
        weights: of the network.
        device: name of the device.
        precision: dtype of the network.
        seconds: time of the optimization.
        graph: what was recorded as a CUDA graph in the last stage, see `Optimization.graph`.
        size: width and height in pixels at which the image was optimized.
        output: the final output.
        output_size: its width and height in pixels.
        saved: losses of the final output as its file holds it.
        further_weights: weight of each term that is neither content nor style.
        measures: how it looks, see `images.measures`; None where they do not apply.
    """

    sources: Mapping[str, Source]
    settings: Settings
    weights: Weights
    device: str
    precision: torch.dtype
    seconds: float
    graph: str
    size: tuple[int, int]
    output: Source
    output_size: tuple[int, int]
    saved: Losses
    further_weights: Mapping[str, float]
    measures: Measures | None


def write_run(run: RunRecord, path: Path) -> None:
    """Write run.json."""
    facts = {
        **facts_of_inputs(run.sources, run.settings, run.weights),
        "output": {
            "file": run.output.path.name,
            "sha256": run.output.checksum,
            "width": run.output_size[0],
            "height": run.output_size[1],
        },
        "optimized": {"width": run.size[0], "height": run.size[1]},
        "stages": list(_stages(run.settings, *run.size)),
        "saved_losses": asdict(run.saved),
        "further_weights": dict(run.further_weights),
        "measures": run.measures and _rounded(asdict(run.measures)),
        "device": run.device,
        "precision": str(run.precision).removeprefix("torch."),
        "graph": run.graph,
        "seconds": round(run.seconds, 3),
        "seconds_per_epoch": round(run.seconds / run.settings.epochs, 5),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "pillow")},
        },
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_facts(facts, path)


def facts_of_inputs(
    sources: Mapping[str, Source], settings: Settings, weights: Weights
) -> dict[str, Any]:
    """Return what a run.json says of what a run was made from, see `changes.changed_inputs`."""
    return {
        **{
            role: {"path": str(source.path), "sha256": source.checksum}
            for role, source in sources.items()
        },
        "settings": asdict(settings),
        "weights": {"source": weights.source, "sha256": weights.checksum},
        "engine_version": ENGINE_VERSION,
    }


def write_facts(facts: Mapping[str, Any], path: Path) -> None:
    """Write facts as JSON."""
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Only bytes of a file name that are not UTF-8 are replaced, by escapes of JSON.
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    """Numbers with four digits, as many as mean something."""
    return {name: float(f"{number:.4g}") for name, number in numbers.items()}


def _stages(settings: Settings, width: int, height: int) -> Iterator[dict[str, Any]]:
    """Each stage: its size in pixels, its iterations, and its weights as corrected for its size."""
    for stage in settings.all_stages:
        stage_height, stage_width = scaled_size(height, width, stage.size / settings.size)
        yield {
            "width": stage_width,
            "height": stage_height,
            "epochs": stage.epochs,
            "beta": beta_at(settings, stage_height, stage_width),
            "levels": len(pyramid_at(settings, stage_height, stage_width)),
            "coherence": coherence_at(settings, stage_height, stage_width),
            "total_variation": total_variation_at(settings, stage_height, stage_width),
        }


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
        if role not in files and not recorded.path.exists():
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
