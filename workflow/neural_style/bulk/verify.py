"""Checks every output against its manifest, so that the next run makes again what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from neural_style.bulk.journal import FAILED, GONE, REDO, Row, append_rows, latest_rows
from neural_style.bulk.listing import find_content_images, read_listing, with_found
from neural_style.bulk.plan import BulkError, BulkPlan, output_key, settings_digests
from neural_style.bulk.shard import OutputSpec, outputs_of, read_assignment
from neural_style.errors import NeuralStyleError
from neural_style.io import sha256

GOOD = "good"
MISSING = "missing"
CORRUPT = "corrupt"
STALE = "stale"
UNFINISHED = "unfinished"
NEW = "new"
WRONG = (MISSING, CORRUPT, STALE, UNFINISHED, NEW)
"""The kinds of finding after which `bulk` has something to make."""


@dataclass(frozen=True)
class Finding:
    """What verification found out about an output.

    Attributes:
        kind: `good`, `missing`, `corrupt`, `stale` (content image, style, settings or engine
            version have changed), `unfinished` (its shard has no manifest), `new` (a content
            image that is not listed yet), or the status of its row, `failed` or `gone`.
        name: path of the output below the output folder; with `new`, path of the content image
            below the folder of the content images.
        reason: a sentence or nothing.
    """

    kind: str
    name: str
    reason: str = ""


def verify(plan: BulkPlan) -> Iterator[Finding]:
    """Check every output of a data set.

    The manifest of a shard with a wrong output is removed, and the journal lists what to make
    again, so that the next run of `bulk` makes exactly that. Outputs are neither changed nor
    removed.

    Yields:
        A finding for each output and for each new content image.

    Raises:
        NeuralStyleError: the bookkeeping files cannot be read or written.
    """
    listing = read_listing(plan.paths.listing, plan.shard_size)
    check = _Checker(plan)
    assignment = read_assignment(plan, listing)
    for shard in listing.shards:
        outputs = [
            output
            for content in listing.content_images(listing.range_of(shard))
            for output in outputs_of(plan, assignment, content)
        ]
        manifest = plan.paths.manifest(shard)
        if not manifest.exists():
            yield from (Finding(UNFINISHED, output.path) for output in outputs)
            continue
        rows = latest_rows(manifest)
        findings = [check(output, rows.get(output.path)) for output in outputs]
        wrong = [finding for finding in findings if finding.kind in WRONG]
        if wrong:
            redo = [
                replace(rows[each.name], status=REDO, reason=each.kind)
                for each in wrong
                if each.name in rows
            ]
            append_rows(plan.paths.journal(shard), redo)
            manifest.unlink()
        yield from findings
    new = with_found(listing, find_content_images(plan.content)).new
    yield from (Finding(NEW, name) for name in new)


class _Checker:
    """Compares outputs with their rows."""

    def __init__(self, plan: BulkPlan) -> None:
        self._plan = plan
        self._settings_digests = settings_digests(plan)
        self._style_sha256 = lru_cache(maxsize=None)(sha256)

    def __call__(self, output: OutputSpec, row: Row | None) -> Finding:
        """Check one output."""
        if row is None:
            return Finding(MISSING, output.path, "it is not in the manifest")
        if row.status in (FAILED, GONE):
            return Finding(row.status, output.path, row.reason)
        damage = self._find_damage(row)
        if damage is not None:
            return damage
        change = self._find_change(output, row)
        return Finding(STALE, output.path, change) if change else Finding(GOOD, output.path)

    def _find_damage(self, row: Row) -> Finding | None:
        """A finding if the output's file is missing or has other bytes."""
        path = self._plan.output / row.output
        if not path.is_file():
            return Finding(MISSING, row.output)
        try:
            same = sha256(path) == row.output_sha256
        except NeuralStyleError as error:
            return Finding(CORRUPT, row.output, str(error))
        return None if same else Finding(CORRUPT, row.output, "its checksum has changed")

    def _find_change(self, output: OutputSpec, row: Row) -> str:
        """What has changed since the output was made; nothing if its content image was removed."""
        content, style = self._plan.content / row.content, output.style.path
        assert style is not None, "only styles that exist are assigned"
        try:
            status = content.stat()
        except OSError:
            return ""
        recorded = (row.content_bytes, row.content_mtime_ns)
        same_stat = (status.st_size, status.st_mtime_ns) == recorded
        if not same_stat and sha256(content) != row.content_sha256:
            return "the content image has changed"
        digest = self._settings_digests[output.setting]
        key = output_key(digest, row.content_sha256, self._style_sha256(style))
        return "" if key == row.key else "the style, the settings or the engine have changed"


def raise_if_wrong(count: int) -> None:
    """Raise a BulkError if verification found anything wrong.

    Args:
        count: of findings whose kind is in `WRONG`.
    """
    if count:
        raise BulkError(f"{count} outputs are wrong or missing; run `snakemake bulk` again.")
