"""What Snakemake needs to know about a data set: its shards, and when one has to run again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from neural_style.bulk.assignment import Assignment, Style, merge_styles, read_styles, write_styles
from neural_style.bulk.journal import read_table
from neural_style.bulk.listing import (
    Listing,
    read_listing,
    search,
    stat_digest,
    write_listing,
)
from neural_style.bulk.plan import BulkError, BulkPlan, plan_to_json, settings_digests
from neural_style.config.inputs import InputError, find_images
from neural_style.io import write_text


@dataclass(frozen=True)
class Target:
    """A data set as it is configured now. Only `write` writes files.

    Attributes:
        plan: the configured data set.
        listing: its content images.
        styles: its styles, including removed ones.
        assignment: which styles each content image gets.
        not_taken: sentences about files of the folders that are not images.
    """

    plan: BulkPlan
    listing: Listing
    styles: Sequence[Style]
    assignment: Assignment
    not_taken: Sequence[str] = ()

    @property
    def manifests(self) -> list[Path]:
        """The manifest of each shard."""
        return [self.plan.paths.manifest(shard) for shard in self.listing.shards]

    def content_range(self, shard: int) -> str:
        """The positions of a shard's content images: `0-256`, without the last number."""
        positions = self.listing.range_of(shard)
        return f"{positions.start}-{positions.stop}"

    def inputs_digest(self, shard: int) -> str:
        """A digest of the sizes and dates of a shard's content images and styles.

        It also changes when verification finds outputs of the shard wrong.

        Raises:
            BulkError: what verification has found cannot be read.
        """
        positions = self.listing.range_of(shard)
        latest = self.assignment.latest_since(positions.stop - 1)
        styles = [digest for since, digest in self._style_digests if since <= latest]
        contents = stat_digest(self.plan.content, self.listing.paths(positions))
        redo = read_table(self.plan.paths.redo(shard))
        return _digest([contents, styles, *([redo] if redo else [])])

    @cached_property
    def plan_digest(self) -> str:
        """A digest of how outputs are made, and of how styles are assigned."""
        plan = self.plan
        facts = (plan.assign, plan.styles_per_content, plan.seed, str(plan.content))
        return _digest([settings_digests(plan), *facts])

    @cached_property
    def _style_digests(self) -> list[tuple[int, str]]:
        return [
            (style.since, f"{style.id} {stat_digest(Path(), [os.fspath(style.path)])}")
            for style in self.styles
            if style.path is not None
        ]

    def write(self) -> None:
        """Write the listing, the styles and the plan, which the workers read."""
        paths = self.plan.paths
        write_listing(self.listing, paths.listing)
        write_styles(self.styles, paths.styles)
        write_text(paths.plan, plan_to_json(self.plan))


def discover(plan: BulkPlan, walk: bool) -> Target:
    """Find the content images and styles of a data set.

    Args:
        plan: the configured data set.
        walk: whether to search for content images that are not in the listing yet.

    Raises:
        BulkError: there are no content images or too few styles, or they cannot be read, or a link
            leads out of the output folder, see `DatasetPaths.require_inside`; or there is no
            listing, without a walk.
    """
    plan.paths.require_inside()
    if not walk and not plan.paths.listing.exists():
        raise BulkError(
            f"there is no data set in {str(plan.output)!r}; run `snakemake bulk` or fix the path."
        )
    listing = read_listing(plan.paths.listing, plan.shard_size)
    not_taken: list[str] = []
    if walk:
        listing, others = search(listing, plan.content)
        not_taken += others.sentences("bulk.content")
    if not len(listing):
        empty = f"bulk.content: {str(plan.content)!r} contains no image; put one there."
        raise BulkError("\n".join([empty, *not_taken]))
    try:
        images = find_images(plan.style, "bulk.style")
    except InputError as error:
        raise BulkError(str(error)) from error
    if images.refused:
        raise BulkError("\n".join(images.refused))
    listed = read_styles(plan.paths.styles)
    styles = merge_styles(listed, images.files, len(listing.lines))
    assignment = Assignment(plan, styles)
    return Target(plan, listing, styles, assignment, (*not_taken, *images.not_taken))


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
