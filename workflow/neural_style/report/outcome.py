"""What became of jobs: which outputs were made, and why others failed, as their logs say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from neural_style.config.settings import LOG_PREFIX
from neural_style.config.sweep import Job
from neural_style.io import format_duration, open_regular

_MOST_FAILURES = 8  # that a summary names
_LONGEST_REASON = 300  # characters
_LOG_TAIL = 8192  # bytes at the end of a log


def failure_reason(job: Job) -> str | None:
    """Return why a job has no output, as the end of its log says; None if the output exists."""
    if job.final_output.exists():
        return None
    lines = [
        line.removeprefix(LOG_PREFIX)
        for line in _last_lines(job.log)
        if line.startswith(LOG_PREFIX)
    ]
    if lines:
        # The lines after the first of a failure are indented.
        first = max((n for n, line in enumerate(lines) if line[:1] != " "), default=0)
        return " ".join(map(str.strip, lines[first:]))
    return "did not finish" if job.log.exists() else "not made yet"


def run_summary(jobs: Iterable[Job], began: float, ended: float, gallery: Path) -> list[str]:
    """Return what a run of the sweep did, a line each: what was made, what failed, where it is.

    Args:
        jobs: of the sweep.
        began: when the run began, in seconds since the epoch.
        ended: when it ended.
        gallery: page of the gallery.

    Returns:
        Nothing if the run concerned no output of the sweep.
    """
    made, failed = 0, []
    for job in jobs:
        if _changed_since(job.final_output, began):
            made += 1
        elif not job.final_output.exists() and _changed_since(job.log, began):
            failed.append(job)
    if not made and not failed:
        return []
    lines = [f"{made} output{'' if made == 1 else 's'} made in {format_duration(ended - began)}."]
    for job in failed[:_MOST_FAILURES]:
        reason = "".join(c if c.isprintable() else " " for c in failure_reason(job) or "")
        lines.append(f"Failed: {job.content}/{job.style}/{job.setting}: {reason[:_LONGEST_REASON]}")
    if len(failed) > _MOST_FAILURES:
        lines.append(f"Failed: {len(failed) - _MOST_FAILURES} more; the gallery says why.")
    return [*lines, *([f"open {gallery}"] if gallery.exists() else [])]


def _changed_since(file: Path, began: float) -> bool:
    try:
        return file.stat().st_mtime >= began
    except OSError:
        return False


def _last_lines(log: Path) -> list[str]:
    try:
        with open_regular(log) as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _LOG_TAIL))
            return stream.read(_LOG_TAIL).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
