"""`results/index.tsv`: which file, style and setting each id stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from neural_style.files import write_text
from neural_style.plan.sweep import Job

COLUMNS: Mapping[str, Callable[[Job], object]] = MappingProxyType(
    {
        "content": lambda job: job.content,
        "style": lambda job: job.style,
        "setting": lambda job: job.setting,
        "content_path": lambda job: job.content_path,
        "style_path": lambda job: job.style_path,
        "alpha": lambda job: job.settings.alpha,
        "beta": lambda job: job.settings.beta,
        "learning_rate": lambda job: job.settings.learning_rate,
        "epochs": lambda job: job.settings.epochs,
        "result": lambda job: job.result,
    }
)
"""The columns by name, each with what it says of a job; `result` may not be there yet."""


def write_index(jobs: Iterable[Job], path: Path) -> None:
    """Write a line a job, atomically. Tabs, line breaks and backslashes in names are escaped."""
    rows = ([_escape(str(fact(job))) for fact in COLUMNS.values()] for job in jobs)
    write_text(path, "".join("\t".join(line) + "\n" for line in (COLUMNS, *rows)))


def _escape(text: str) -> str:
    """Backslash escapes for what would break a line or a column, and for undecodable bytes."""
    return text.encode("unicode_escape").decode("ascii") if _needs_escape(text) else text


def _needs_escape(text: str) -> bool:
    return "\\" in text or not text.isprintable()
