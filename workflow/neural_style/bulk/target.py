"""What Snakemake needs to know of a data set: its shards, and what makes one stale."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from neural_style.bulk.assignment import Assignment, Style, freeze_styles, read_styles, styles_of
from neural_style.bulk.listing import (
    Listing,
    freeze,
    read_listing,
    state_of,
    walk_photographs,
    with_found,
)
from neural_style.bulk.plan import RANDOM, BulkError, BulkPlan, plan_text, recipes
from neural_style.config.inputs import InputError, find_images
from neural_style.io import write_text


@dataclass(frozen=True)
class Target:
    """A data set as it is asked for now; nothing is written before `freeze`.

    Attributes:
        plan: what is asked for.
        listing: its photographs.
        styles: its styles, gone ones among them.
    """

    plan: BulkPlan
    listing: Listing
    styles: Sequence[Style]

    @property
    def manifests(self) -> list[Path]:
        """A file for each shard."""
        return [self.plan.paths.manifest(shard) for shard in self.listing.shards]

    def photographs(self, shard: int) -> str:
        """The range of a shard: `0-256`, without the last."""
        places = self.listing.bounds(shard)
        return f"{places.start}-{places.stop}"

    def inputs(self, shard: int) -> str:
        """A digest of size and date of a shard's photographs and styles."""
        places = self.listing.bounds(shard)
        # With random assignment, a style that came later is for later photographs.
        latest = places.stop - 1 if self.plan.assign == RANDOM else len(self.listing)
        styles = [state for since, state in self._style_states if since <= latest]
        photographs = state_of(self.plan.content, self.listing.paths(places))
        return _digest([photographs, styles])

    @cached_property
    def pictures(self) -> str:
        """A digest of how pictures are made, and of how styles are assigned."""
        plan = self.plan
        return _digest(
            [recipes(plan), plan.assign, plan.styles_per_content, plan.seed, str(plan.content)]
        )

    @cached_property
    def _style_states(self) -> list[tuple[int, str]]:
        return [
            (style.since, f"{style.id} {state_of(Path(), [os.fspath(style.path)])}")
            for style in self.styles
            if style.path is not None
        ]

    def freeze(self) -> None:
        """Write the listing, the styles and the plan, for the workers."""
        paths = self.plan.paths
        freeze(self.listing, paths.listing)
        freeze_styles(self.styles, paths.styles)
        write_text(paths.plan, plan_text(self.plan))


def look(plan: BulkPlan, walk: bool) -> Target:
    """Look at the folders of a data set.

    Args:
        plan: what is asked for.
        walk: whether to look for photographs that are not listed yet.

    Raises:
        BulkError: photographs or styles are missing, or cannot be read.
    """
    listing = read_listing(plan.paths.listing, plan.shard_size)
    if walk:
        listing = with_found(listing, walk_photographs(plan.content))
    if not len(listing):
        raise BulkError(f"bulk.content: {str(plan.content)!r} holds no image; put one there.")
    try:
        images = find_images(plan.style, "bulk.style")
    except InputError as error:
        raise BulkError(str(error)) from error
    if images.refused:
        raise BulkError("\n".join(images.refused))
    listed = read_styles(plan.paths.styles)
    styles = styles_of(listed, images.files, len(listing.lines))
    Assignment(plan, styles)  # raises where there are too few
    return Target(plan, listing, styles)


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
