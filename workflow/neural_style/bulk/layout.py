"""Where the bookkeeping of a data set lies: below `_bulk` in its output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BOOKS = "_bulk"
"""No id begins with an underscore, so no style's folder can have this name."""


@dataclass(frozen=True)
class Books:
    """The paths of a data set's bookkeeping.

    Attributes:
        output: the root of the pictures.
    """

    output: Path

    @property
    def root(self) -> Path:
        """The folder of all that follows."""
        return self.output / BOOKS

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
