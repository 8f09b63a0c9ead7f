"""Why a picture is missing, in the words of the job that should have made it."""

from __future__ import annotations

from pathlib import Path

from neural_style.plan.sweep import Job

VOICE = "stylize: "
"""What a job's last word begins with when it fails."""

_TAIL = 8192  # bytes at the end of a log


def reason(job: Job) -> str | None:
    """What the log of a job without a picture says; None if the picture is there."""
    if job.result.exists():
        return None
    sentences = [line for line in _last_lines(job.log) if line.startswith(VOICE)]
    if sentences:
        return sentences[-1].removeprefix(VOICE)
    return "did not finish" if job.log.exists() else "not made yet"


def _last_lines(log: Path) -> list[str]:
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL))
            return stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
