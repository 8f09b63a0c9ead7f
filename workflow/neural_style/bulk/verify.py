"""Every picture against its manifest: what is missing, corrupt or stale is made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from neural_style.bulk.journal import FAILED, GONE, REDO, Row, latest_rows, note
from neural_style.bulk.listing import read_listing, walk_photographs, with_found
from neural_style.bulk.plan import BulkError, BulkPlan, picture_key, recipes
from neural_style.bulk.shard import Picture, frozen_assignment, pictures_of
from neural_style.errors import NeuralStyleError
from neural_style.io import sha256

GOOD = "good"
MISSING = "missing"
CORRUPT = "corrupt"
STALE = "stale"
UNFINISHED = "unfinished"
NEW = "new"
WRONG = (MISSING, CORRUPT, STALE, UNFINISHED, NEW)
"""The kinds of finding after which `bulk` has something to do."""


@dataclass(frozen=True)
class Finding:
    """What is the matter with a picture.

    Attributes:
        kind: `good`, `missing`, `corrupt`, `stale` (photograph, style, settings or code have
            changed), `unfinished` (its shard has no manifest), `new` (a photograph that is not
            listed yet), or as in its row: `failed`, `gone`.
        name: the picture below the output; with `new`, the photograph below the content root.
        reason: more about it.
    """

    kind: str
    name: str
    reason: str = ""


def verify(plan: BulkPlan) -> Iterator[Finding]:
    """Look at every picture of a data set.

    A shard with something wrong loses its manifest, and its journal says what to redo, so that
    the next run of `bulk` makes just that. Pictures are neither changed nor removed.

    Yields:
        A finding for each picture and each new photograph.

    Raises:
        NeuralStyleError: the bookkeeping cannot be read or written.
    """
    listing = read_listing(plan.paths.listing, plan.shard_size)
    check = _Check(plan)
    assignment = frozen_assignment(plan, listing)
    for shard in listing.shards:
        pictures = [
            picture
            for photograph in listing.photographs(listing.bounds(shard))
            for picture in pictures_of(plan, assignment, photograph)
        ]
        manifest = plan.paths.manifest(shard)
        if not manifest.exists():
            yield from (Finding(UNFINISHED, picture.path) for picture in pictures)
            continue
        rows = latest_rows(manifest)
        findings = [check(picture, rows.get(picture.path)) for picture in pictures]
        wrong = [finding for finding in findings if finding.kind in WRONG]
        if wrong:
            redo = [
                replace(rows[each.name], status=REDO, reason=each.kind)
                for each in wrong
                if each.name in rows
            ]
            note(plan.paths.journal(shard), redo)
            manifest.unlink()
        yield from findings
    fresh = with_found(listing, walk_photographs(plan.content)).fresh
    yield from (Finding(NEW, name) for name in fresh)


class _Check:
    """Compares pictures with their rows."""

    def __init__(self, plan: BulkPlan) -> None:
        self._plan = plan
        self._recipes = recipes(plan)
        self._checksum = lru_cache(maxsize=None)(sha256)

    def __call__(self, picture: Picture, row: Row | None) -> Finding:
        """What is the matter with a picture."""
        if row is None:
            return Finding(MISSING, picture.path, "it is not in the manifest")
        if row.status in (FAILED, GONE):
            return Finding(row.status, picture.path, row.reason)
        damage = self._damage(row)
        if damage is not None:
            return damage
        change = self._change(picture, row)
        return Finding(STALE, picture.path, change) if change else Finding(GOOD, picture.path)

    def _damage(self, row: Row) -> Finding | None:
        path = self._plan.output / row.picture
        if not path.is_file():
            return Finding(MISSING, row.picture)
        try:
            same = sha256(path) == row.checksum
        except NeuralStyleError as error:
            return Finding(CORRUPT, row.picture, str(error))
        return None if same else Finding(CORRUPT, row.picture, "the checksum is another")

    def _change(self, picture: Picture, row: Row) -> str:
        """What has changed since the picture was made; nothing, if its photograph is gone."""
        photograph, style = self._plan.content / row.photograph, picture.style.path
        assert style is not None, "only styles that are there are assigned"
        try:
            status = photograph.stat()
        except OSError:
            return ""
        noted = (row.source_size, row.source_time)
        if (status.st_size, status.st_mtime_ns) != noted and sha256(photograph) != row.source:
            return "the photograph has changed"
        key = picture_key(self._recipes[picture.setting], row.source, self._checksum(style))
        return "" if key == row.key else "the style, the settings or the code have changed"


def require_none(wrong: int) -> None:
    """Raise BulkError if anything is wrong."""
    if wrong:
        raise BulkError(f"{wrong} pictures are not as they should be; run `snakemake bulk` again.")
