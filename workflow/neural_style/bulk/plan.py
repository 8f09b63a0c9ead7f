"""Where the bookkeeping of a data set lies: below `_bulk` in its output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

from neural_style.config.settings import (
    BUILT_IN,
    BULK_RULES,
    ENGINE_VERSION,
    ORIGINAL,
    Settings,
    find_conflicts,
    settings_from_facts,
)
from neural_style.config.sweep import expand_settings
from neural_style.errors import NeuralStyleError
from neural_style.io import sha256

BOOKKEEPING = "_bulk"
"""No id begins with an underscore, so no style's folder can have this name."""


@dataclass(frozen=True)
class DatasetPaths:
    """The paths of a data set's bookkeeping.

    Attributes:
        output: the root of the pictures.
    """

    output: Path

    @property
    def root(self) -> Path:
        """The folder of all that follows."""
        return self.output / BOOKKEEPING

    @property
    def plan(self) -> Path:
        """What was asked for when the last run began."""
        return self.root / "plan.json"

    @property
    def listing(self) -> Path:
        """The photographs, in the order in which they were found."""
        return self.root / "listing.tsv"

    @property
    def styles(self) -> Path:
        """The styles, in the order in which they were found."""
        return self.root / "styles.tsv"

    def manifest(self, shard: int | str) -> Path:
        """What became of each picture of a finished shard; its number, or a wildcard for it."""
        return self.root / "manifests" / f"{_name(shard)}.tsv"

    def journal(self, shard: int) -> Path:
        """The same while the shard is being worked on, and its memory for later runs."""
        return self.root / "journals" / f"{_name(shard)}.tsv"

    def partial(self, shard: int) -> Path:
        """Where pictures are written before they are moved to their place."""
        return self.root / "partial" / _name(shard)


def _name(shard: int | str) -> str:
    return f"{shard:06}" if isinstance(shard, int) else shard


# MERGED: What a data set is to be: the section `bulk` of the configuration with its settings.


RANDOM = "random"


class BulkError(NeuralStyleError):
    """A data set cannot be made as the configuration says."""


@dataclass(frozen=True)
class BulkPlan:
    """A data set to make; the keys of the section `bulk` are described in the schema.

    Attributes:
        content: the folder of the photographs.
        style: files and folders of the style images.
        output: the folder that gets the pictures.
        assign: `cross` or `random`.
        styles_per_content: how many styles a photograph gets, with `random`.
        seed: of the random choice.
        shard_size: photographs in a shard.
        size: of the pictures, `original` or `fitted`.
        batch: pictures at a time; None chooses by the memory.
        failed_fraction: more failures than this share fail a shard.
        settings: id → values of each setting.
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
        """Where the bookkeeping lies."""
        return DatasetPaths(self.output)


def bulk_plan(config: Mapping[str, Any]) -> BulkPlan:
    """The data set of a configuration that `config.complete` has checked.

    Raises:
        BulkError: no data set is configured, or its folders or sizes contradict each other.
    """
    section = config["bulk"]
    if section["content"] is None:
        raise BulkError(
            "bulk.content: no data set is named; set bulk.content to the folder of its "
            "photographs, and bulk.style to that of its styles."
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
    _check(plan)
    return plan


def _check(plan: BulkPlan) -> None:
    content, output = plan.content.resolve(), plan.output.resolve()
    if content.is_relative_to(output) or output.is_relative_to(content):
        raise BulkError(
            f"bulk.output: {str(plan.output)!r} and bulk.content {str(plan.content)!r} lie within "
            "each other; choose a folder beside the photographs."
        )
    if plan.size == ORIGINAL and any(each.fit == "crop" for each in plan.settings.values()):
        raise BulkError(
            "bulk.size: original cannot bring back what image.fit: crop cuts off; "
            "use image.fit: stretch, pad or keep, or bulk.size: fitted."
        )
    found = (find_conflicts(each, BULK_RULES) for each in plan.settings.values())
    if conflicts := list(dict.fromkeys(chain.from_iterable(found))):
        raise BulkError("\n".join(conflicts))


def plan_text(plan: BulkPlan) -> str:
    """The plan as JSON, for `plan.json`."""
    facts = {
        **{field.name: getattr(plan, field.name) for field in fields(BulkPlan)},
        "content": str(plan.content),
        "style": list(map(str, plan.style)),
        "output": str(plan.output),
        "settings": {name: asdict(settings) for name, settings in plan.settings.items()},
    }
    return json.dumps(facts, indent=2) + "\n"


def read_plan(output: Path) -> BulkPlan:
    """The plan that the last run of `bulk` wrote below its output.

    Raises:
        BulkError: there is none, or it cannot be read.
    """
    path = DatasetPaths(output).plan
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        settings = {name: settings_from_facts(values) for name, values in facts["settings"].items()}
        places = {"content": Path(facts["content"]), "output": output}
        styles = tuple(map(Path, facts["style"]))
        return BulkPlan(**{**facts, **places, "style": styles, "settings": settings})
    except FileNotFoundError:
        raise BulkError(
            f"there is no data set in {str(output)!r}; run `snakemake bulk` or mend the path."
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BulkError(
            f"cannot read {path}: {error}; remove it and run `snakemake bulk` again."
        ) from error


def recipes(plan: BulkPlan) -> dict[str, str]:
    """Setting → its part of the keys."""
    engine = ENGINE_VERSION
    return {name: recipe(settings, plan.size, engine) for name, settings in plan.settings.items()}


def recipe(settings: Settings, size: str, engine: int) -> str:
    """A digest of all that decides a picture except its two images.

    Args:
        settings: of the picture.
        size: `original` or `fitted`.
        engine: `ENGINE_VERSION` of the code.
    """
    facts = asdict(settings)
    del facts["save_every"]  # only the finished picture is kept
    del facts["dimensions"]  # `size` says it
    if settings.weights not in BUILT_IN:
        facts["weights"] = sha256(Path(settings.weights))
    text = json.dumps([facts, size, engine], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def picture_key(recipe_digest: str, content: str, style: str) -> str:
    """The key of a picture: 20 hexadecimal digits.

    Args:
        recipe_digest: see `recipe`.
        content: SHA-256 of the photograph's file.
        style: SHA-256 of the style image's file.
    """
    return hashlib.sha256(f"{recipe_digest} {content} {style}".encode()).hexdigest()[:20]
