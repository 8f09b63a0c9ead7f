"""`results/index.tsv`: which file, style and setting each id stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from neural_style.files import write_text
from neural_style.sweep import Job


@dataclass(frozen=True)
class IndexRow:
    """One job of the sweep.

    Attributes:
        content: id of the content image.
        style: id of the style image.
        setting: id of the setting.
        content_path: file of the content image.
        style_path: file of the style image.
        alpha: weight of the content loss.
        beta: weight of the style loss.
        learning_rate: factor on the optimiser's steps.
        epochs: iterations.
        result: the finished picture, whether it is there or not.
    """

    content: str
    style: str
    setting: str
    content_path: Path
    style_path: Path
    alpha: float
    beta: float
    learning_rate: float
    epochs: int
    result: Path


COLUMNS = tuple(field.name for field in fields(IndexRow))


def rows_of(jobs: Iterable[Job]) -> list[IndexRow]:
    """A row for each job, in their order."""
    return [
        IndexRow(
            content=job.content,
            style=job.style,
            setting=job.setting,
            content_path=job.content_path,
            style_path=job.style_path,
            alpha=job.settings.alpha,
            beta=job.settings.beta,
            learning_rate=job.settings.learning_rate,
            epochs=job.settings.epochs,
            result=job.result,
        )
        for job in jobs
    ]


def write_index(rows: Iterable[IndexRow], path: Path) -> None:
    """Write the rows, atomically. Tabs, line breaks and backslashes in names are escaped."""
    lines = [COLUMNS, *([_escape(str(getattr(row, name))) for name in COLUMNS] for row in rows)]
    write_text(path, "".join("\t".join(line) + "\n" for line in lines))


def _escape(text: str) -> str:
    """Backslash escapes for what would break a line or a column, and for undecodable bytes."""
    return text.encode("unicode_escape").decode("ascii") if _needs_escape(text) else text


def _needs_escape(text: str) -> bool:
    return "\\" in text or not text.isprintable()
