"""Checks every output against its manifest, and notes what the next run has to make again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from neural_style.bulk.assignment import OutputSpec, outputs_of
from neural_style.bulk.journal import (
    CORRUPT,
    FAILED,
    GONE,
    MISSING,
    REDO,
    Row,
    excess_of_failures,
    latest_rows,
    with_redo,
    write_rows,
)
from neural_style.bulk.listing import search
from neural_style.bulk.plan import BulkError, BulkPlan, OutputKeys
from neural_style.bulk.target import discover
from neural_style.config.folders import exists
from neural_style.errors import NeuralStyleError
from neural_style.io import sha256

GOOD = "good"
STALE = "stale"
UNFINISHED = "unfinished"
NEW = "new"
BLOCKED = "blocked"
WRONG = (MISSING, CORRUPT, STALE, UNFINISHED, NEW)
"""The kinds of finding after which `bulk` has something to make."""


@dataclass(frozen=True)
class Finding:
    """What verification found out about an output.

    Attributes:
        kind: `good`, `missing`, `corrupt`, `stale` (content image, style, settings or engine
            version have changed), `unfinished` (not made yet, or what made it fail has changed),
            `new` (a content image that is not listed yet), `blocked` (a shard that has no manifest
            because too many of its outputs failed), or the status of its row, `failed` or `gone`.
        name: path of the output below the output folder; with `new`, path of the content image
            below the folder of the content images; with `blocked`, the shard.
        reason: a sentence or nothing.
    """

    kind: str
    name: str
    reason: str = ""


def verify(plan: BulkPlan) -> Iterator[Finding]:
    """Check every output of a data set.

    Outputs, manifests and journals are only read. Wrong outputs are noted in a file of their shard
    (`DatasetPaths.redo`), so that the next run of `bulk` makes these again.

    Args:
        plan: the data set as it should be: the configured one, or that of the last run.

    Yields:
        A finding for each output, each blocked shard and each new content image.

    Raises:
        NeuralStyleError: the bookkeeping files cannot be read or written.
    """
    target = discover(plan, walk=False)
    listing = target.listing
    check = _Checker(plan)
    unwritten: NeuralStyleError | None = None
    for shard in listing.shards:
        outputs = [
            output
            for content in listing.content_images(listing.range_of(shard))
            for output in outputs_of(plan, target.assignment, content)
        ]
        if plan.paths.manifest(shard).exists():
            rows: Mapping[str, Row] = latest_rows(plan.paths.manifest(shard))
            findings = [check(output, rows.get(output.path)) for output in outputs]
        else:
            rows, findings = _unfinished(plan, shard, outputs, check)
        yield from findings
        try:
            _note_wrong(plan, shard, rows, findings)
        except NeuralStyleError as error:  # such as a read-only disk: say at least what is wrong
            unwritten = error
    new = search(listing, plan.content)[0].new
    yield from (Finding(NEW, name) for name in new)
    if unwritten is not None:
        raise unwritten


def _unfinished(
    plan: BulkPlan, shard: int, outputs: Sequence[OutputSpec], check: _Checker
) -> tuple[Mapping[str, Row], list[Finding]]:
    """The rows and the findings of a shard that has no manifest: its journal knows what is made."""
    paths = plan.paths
    rows = with_redo(latest_rows(paths.journal(shard)), latest_rows(paths.redo(shard)))
    findings = [
        check(output, rows[output.path])
        if output.path in rows
        else Finding(UNFINISHED, output.path)
        for output in outputs
    ]
    own = [rows[each.path] for each in outputs if each.path in rows]
    excess = excess_of_failures(own, shard, plan.failed_fraction)
    if excess and not any(finding.kind in WRONG for finding in findings):
        findings.append(Finding(BLOCKED, f"shard {shard}", excess))
    elif findings and not any(finding.kind in WRONG for finding in findings):
        findings.append(Finding(UNFINISHED, f"shard {shard}", "it has no manifest yet"))
    return rows, findings


def _note_wrong(
    plan: BulkPlan, shard: int, rows: Mapping[str, Row], findings: Sequence[Finding]
) -> None:
    """Write the file by which `bulk` notices what is wrong with a shard, if anything is."""
    wrong = [
        replace(rows[each.name], status=REDO, reason=each.kind, finished=time.time())
        for each in findings
        if each.kind in (MISSING, CORRUPT, STALE) and each.name in rows
    ]
    if wrong:
        write_rows(wrong, plan.paths.redo(shard))


class _Checker:
    """Compares outputs with their rows."""

    def __init__(self, plan: BulkPlan) -> None:
        self._plan = plan
        self._key = OutputKeys(plan)

    def __call__(self, output: OutputSpec, row: Row | None) -> Finding:
        """Check one output."""
        if row is None:
            return Finding(MISSING, output.path, "it is not in the manifest")
        try:
            return self._compare(output, row)
        except NeuralStyleError as error:  # the content image or the style cannot be read
            return Finding(FAILED, output.path, str(error))

    def _compare(self, output: OutputSpec, row: Row) -> Finding:
        """Check one output that has a row.

        Raises:
            NeuralStyleError: its content image or its style cannot be read.
        """
        if row.status == FAILED and self._may_succeed_now(output, row):
            return Finding(UNFINISHED, output.path, f"changed since it failed: {row.reason}")
        if row.status == GONE and exists(self._plan.content / row.content):
            return Finding(MISSING, output.path, "its content image is there again")
        if row.status in (FAILED, GONE):
            return Finding(row.status, output.path, row.reason)
        if row.status == REDO:
            return Finding(row.reason if row.reason in WRONG else UNFINISHED, output.path)
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

    def _may_succeed_now(self, output: OutputSpec, row: Row) -> bool:
        """Whether the content image or the settings of a failed output have changed since."""
        try:
            status = (self._plan.content / row.content).stat()
        except (FileNotFoundError, NotADirectoryError):
            return True  # it is `gone` then
        except OSError:
            return False
        if (status.st_size, status.st_mtime_ns) != (row.content_bytes, row.content_mtime_ns):
            return True
        return bool(row.key) and bool(self._find_change(output, row))

    def _find_change(self, output: OutputSpec, row: Row) -> str:
        """What has changed since the output was made; nothing if its content image was removed."""
        content = self._plan.content / row.content
        try:
            status = content.stat()
        except OSError:
            return ""
        recorded = (row.content_bytes, row.content_mtime_ns)
        same_stat = (status.st_size, status.st_mtime_ns) == recorded
        if not same_stat and sha256(content) != row.content_sha256:
            return "the content image has changed"
        key = self._key(output.setting, row.content_sha256, output.style.file)
        return "" if key == row.key else "the style, the settings or the engine have changed"


def raise_if_wrong(counts: Mapping[str, int]) -> None:
    """Raise a BulkError if verification found anything wrong; it says what helps.

    Args:
        counts: number of findings by their kind.
    """
    wrong, blocked = sum(counts.get(kind, 0) for kind in WRONG), counts.get(BLOCKED, 0)
    if wrong:
        raise BulkError(f"{wrong} outputs are wrong or missing; run `snakemake bulk` again.")
    if blocked:
        raise BulkError(
            f"{blocked} shards cannot be finished, because too many of their outputs failed; "
            f"running again does not help: do what the lines that begin with `{BLOCKED}` say."
        )
