"""What a run left behind, read with care: the files may be missing, old, cut short or strange."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

_LARGEST_RUN = 1 << 20  # bytes; a real one has about 2000
_LARGEST_TABLE = 1 << 28
_LONGEST_TEXT = 200
_SUMMED = ("content/", "style/")  # terms that a column of its own has the sum of


@dataclass(frozen=True)
class RunFacts:
    """What the gallery tells of a run; None for what its `run.json` does not say.

    Attributes:
        losses: total, content and style loss of the picture as it was saved, weighted.
        size: width and height of the picture in pixels.
        seconds: time of the optimization.
        device: where it ran, and in which precision.
        finished: when, as ISO 8601.
    """

    losses: tuple[float, float, float] | None = None
    size: tuple[int, int] | None = None
    seconds: float | None = None
    device: str | None = None
    finished: str | None = None


def read_run(path: Path) -> RunFacts:
    """Read a `run.json`; one that is missing or unreadable says nothing."""
    try:
        if path.stat().st_size > _LARGEST_RUN:
            return RunFacts()
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return RunFacts()
    run = _object(facts)
    saved, picture = _object(run.get("saved_losses")), _object(run.get("picture"))
    total, content, style = (_number(saved.get(name)) for name in ("total", "content", "style"))
    width, height = (_number(picture.get(name)) for name in ("width", "height"))
    machine = [_text(run.get(name)) for name in ("device", "precision")]
    return RunFacts(
        losses=None
        if total is None or content is None or style is None
        else (total, content, style),
        size=(int(width), int(height)) if width and height and min(width, height) >= 1 else None,
        seconds=_number(run.get("seconds")),
        device=", ".join(text for text in machine if text) or None,
        finished=_text(run.get("finished")),
    )


def read_curve(path: Path, epochs: Collection[int]) -> dict[int, tuple[float, ...]]:
    """The weighted losses of some epochs, from a `losses.csv`: content, style, and any further.

    Epochs that it does not hold are left out; so is everything if it is missing or no such table.
    """
    wanted = {str(epoch): epoch for epoch in epochs}
    curve: dict[int, tuple[float, ...]] = {}
    try:
        if path.stat().st_size > _LARGEST_TABLE:
            return {}
        with path.open(encoding="utf-8", newline="") as lines:
            header = next(lines, "").rstrip("\r\n").split(",")
            further = [name for name in header if "/" in name and not name.startswith(_SUMMED)]
            columns = [header.index(name) for name in ("content", "style", *further)]
            for line in lines:
                epoch = line[: line.find(",")]
                if epoch in wanted:
                    cells = line.rstrip("\r\n").split(",")
                    losses = [float(cells[column]) for column in columns]
                    if all(map(math.isfinite, losses)):
                        curve[wanted[epoch]] = tuple(losses)
    except (OSError, ValueError, IndexError):
        return {}
    return curve


def _object(value: object) -> Mapping[str, object]:
    """An object of a JSON document; an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _text(value: object) -> str | None:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else None
