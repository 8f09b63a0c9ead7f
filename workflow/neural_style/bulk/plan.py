"""What a data set should contain: the section `bulk` of the configuration, its settings, its paths.

Every output has a key, a digest of everything that determines it. An output whose key is the
recorded one is up to date.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from neural_style.config.folders import is_folder
from neural_style.config.sections import Bulk
from neural_style.config.settings import (
    BULK_CHECKS,
    ENGINE_VERSION,
    ORIGINAL,
    Settings,
    find_conflicts,
    settings_from_record,
)
from neural_style.config.sweep import expand_settings, overlap
from neural_style.errors import NeuralStyleError
from neural_style.io import read_regular, sha256

BOOKKEEPING = "_bulk"
"""The folder of the bookkeeping files. It is never the folder of a style, because no id begins with
an underscore."""

RANDOM = "random"
"""Value of `bulk.assign`: each content image gets randomly drawn styles."""


class BulkError(NeuralStyleError):
    """A data set cannot be made as the configuration says."""


@dataclass(frozen=True)
class DatasetPaths:
    """The paths of the bookkeeping files of a data set.

    Attributes:
        output: the folder of the outputs.
    """

    output: Path

    @property
    def root(self) -> Path:
        """The folder of all other paths."""
        return self.output / BOOKKEEPING

    @property
    def plan(self) -> Path:
        """The plan of the last run."""
        return self.root / "plan.json"

    @property
    def listing(self) -> Path:
        """The content images, in the order in which they were found."""
        return self.root / "listing.tsv"

    @property
    def styles(self) -> Path:
        """The styles, in the order in which they were found."""
        return self.root / "styles.tsv"

    def manifest(self, shard: int | str) -> Path:
        """The results of a finished shard, given by its number or by a wildcard for it."""
        return self.root / "manifests" / f"{_shard_name(shard)}.tsv"

    def journal(self, shard: int) -> Path:
        """The results of a shard so far, kept for later runs."""
        return self.root / "journals" / f"{_shard_name(shard)}.tsv"

    def redo(self, shard: int) -> Path:
        """The outputs of a shard that verification found wrong."""
        return self.root / "redo" / f"{_shard_name(shard)}.tsv"

    def worker(self, shard: int) -> Path:
        """Which process works on a shard; see `journal.Worker`."""
        return self.root / "workers" / _shard_name(shard)

    def partial(self, shard: int) -> Path:
        """The folder in which outputs are written before they are moved to their place."""
        return self.root / "partial" / _shard_name(shard)

    def require_inside(self) -> None:
        """Refuse a link that leads out of the output folder, which may be a link itself.

        Call it before anything is written or removed: a data set may come from someone else.

        Raises:
            BulkError: the folder of the bookkeeping files, a folder in it, or what is in that, is
                such a link.
        """
        top = os.path.realpath(self.output)
        try:
            places = [self.root, *_links(self.root, depth=1)]
        except OSError as error:
            raise BulkError(
                f"bulk.output: {str(error.filename or self.root)!r} cannot be used: "
                f"{error.strerror}; choose another folder, or one that you may read."
            ) from error
        for place in places:
            if not Path(os.path.realpath(place)).is_relative_to(top):
                raise BulkError(
                    f"{str(place)!r} is a link that leads out of bulk.output; remove the link, "
                    "then run `snakemake bulk` again."
                )


def _links(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the links in a folder, and in the folders in it down to a depth."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield Path(entry.path)
            elif depth and entry.is_dir():
                yield from _links(Path(entry.path), depth - 1)


def _shard_name(shard: int | str) -> str:
    return f"{shard:06}" if isinstance(shard, int) else shard


@dataclass(frozen=True)
class BulkPlan:
    """A data set to make; the schema describes the keys of the section `bulk`.

    Attributes:
        content: folder of the content images.
        style: files and folders of the style images.
        output: folder of the outputs.
        assign: `cross` or `random`.
        styles_per_content: number of styles of each content image, with `random`.
        seed: of the random choice.
        shard_size: content images in a shard.
        size: dimensions of the outputs, `original` or `fitted`.
        batch: images that are optimized together; None chooses by the memory.
        failed_fraction: a shard with a larger share of failed outputs fails.
        settings: id of each setting → its values.
    """

    content: Path
    style: tuple[Path, ...]
    output: Path
    assign: str
    styles_per_content: int
    seed: int
    shard_size: int
    size: str
    batch: int | None
    failed_fraction: float
    settings: Mapping[str, Settings]

    @property
    def paths(self) -> DatasetPaths:
        """Where the bookkeeping files are."""
        return DatasetPaths(self.output)


def make_bulk_plan(config: Mapping[str, Any]) -> BulkPlan:
    """Make the plan of a data set from a configuration that `schema.complete` has checked.

    Raises:
        BulkError: no data set is configured, or its folders or sizes contradict each other.
    """
    section = config["bulk"]
    if section["content"] is None:
        raise BulkError(
            "bulk.content: no data set is named; set bulk.content to the folder of its "
            "content images, and bulk.style to that of its styles."
        )
    style = section["style"] if section["style"] is not None else config["style"]
    paths = [style] if isinstance(style, str) else style
    plan = BulkPlan(
        content=Path(section["content"]),
        style=tuple(map(Path, paths)),
        output=Path(section["output"]),
        settings=expand_settings(config),
        **{
            name: section[name]
            for name in (
                *("assign", "styles_per_content", "seed", "shard_size"),
                *("size", "batch", "failed_fraction"),
            )
        },
    )
    _check_folders(plan, config)
    _check(plan)
    return plan


def _check_folders(plan: BulkPlan, config: Mapping[str, Any]) -> None:
    """Refuse folders in which the data set or the sweep would find outputs of one of them.

    `plan_sweep` checks the sweep's own output, also that it is not within that of the data set.
    """
    styles = [("bulk.style", str(path)) for path in plan.style if is_folder(path)]
    own = [("bulk.content", str(plan.content)), *styles]
    sweep = [(key, name) for key in ("content", "style") for name in config[key] if is_folder(name)]
    for key, output, images in (
        ("bulk.output", str(plan.output), [*own, *sweep]),
        ("output", config["output"], own),
    ):
        for other_key, folder in images:
            if overlap(output, folder):
                raise BulkError(
                    f"{key}: one of {output!r} and {other_key} {folder!r} contains the other; "
                    "choose a folder beside the images."
                )


def _check(plan: BulkPlan) -> None:
    if plan.size == ORIGINAL and any(each.fit == "crop" for each in plan.settings.values()):
        raise BulkError(
            "bulk.size: original cannot bring back what image.fit: crop cuts off; "
            "use image.fit: stretch, pad or keep, or bulk.size: fitted."
        )
    found = (find_conflicts(each, BULK_CHECKS) for each in plan.settings.values())
    if conflicts := list(dict.fromkeys(chain.from_iterable(found))):
        raise BulkError("\n".join(conflicts))


def plan_to_json(plan: BulkPlan) -> str:
    """Return the plan as the text of `plan.json`."""
    facts = {
        **{field.name: getattr(plan, field.name) for field in fields(BulkPlan)},
        "content": str(plan.content),
        "style": list(map(str, plan.style)),
        "output": str(plan.output),
        "settings": {name: asdict(settings) for name, settings in plan.settings.items()},
    }
    return json.dumps(facts, indent=2) + "\n"


def read_plan(output: Path) -> BulkPlan:
    """Read the plan that the last run of `bulk` wrote into its output folder.

    Former names of settings are understood. Its values are checked as those of the configuration.

    Raises:
        BulkError: the plan does not exist, cannot be read, or is damaged.
    """
    path = DatasetPaths(output).plan
    try:
        facts = json.loads(read_regular(path))
        settings = {name: settings_from_record(each) for name, each in facts["settings"].items()}
        if not settings:
            raise ValueError("it has no setting")
        section = {key.name: facts[key.name] for key in fields(Bulk)}
        checked = vars(TypeAdapter(Bulk).validate_python(section))
        places = {"content": Path(checked["content"]), "output": output}
        styles = tuple(map(Path, checked["style"]))
        return BulkPlan(**{**checked, **places, "style": styles, "settings": settings})
    except FileNotFoundError:
        raise BulkError(
            f"there is no data set in {str(output)!r}; run `snakemake bulk` or fix the path."
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        reason = "it is damaged"
    raise BulkError(
        f"cannot read {str(path)!r}: {reason}; remove it and run `snakemake bulk` again."
    )


def settings_digests(plan: BulkPlan) -> dict[str, str]:
    """Return the `settings_digest` of each setting by its id."""
    return {
        name: settings_digest(settings, plan.size, ENGINE_VERSION)
        for name, settings in plan.settings.items()
    }


def settings_digest(settings: Settings, size: str, engine_version: int) -> str:
    """Return a digest of everything that determines an output except its two images.

    Args:
        settings: of the output.
        size: `original` or `fitted`.
        engine_version: `ENGINE_VERSION` of the code.
    """
    facts = asdict(settings)
    del facts["save_every"]  # only the final output is saved
    del facts["dimensions"]  # `size` takes its place
    if settings.weights_file is not None:
        facts["weights"] = sha256(settings.weights_file)
    text = json.dumps([facts, size, engine_version], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class OutputKeys:
    """Makes the key of an output: 20 hexadecimal digits of everything that determines it.

    Each style image is read once, for all outputs.

    Args:
        plan: of the data set.
    """

    def __init__(self, plan: BulkPlan) -> None:
        self._settings_digests = settings_digests(plan)
        self._style_sha256 = lru_cache(maxsize=None)(sha256)

    def __call__(self, setting: str, content_sha256: str, style: Path) -> str:
        """Return a key.

        Args:
            setting: id of the output's setting.
            content_sha256: checksum of the content image's file.
            style: file of the style image.

        Raises:
            NeuralStyleError: the style image cannot be read.
        """
        facts = (self._settings_digests[setting], content_sha256, self._style_sha256(style))
        return hashlib.sha256(" ".join(facts).encode()).hexdigest()[:20]
