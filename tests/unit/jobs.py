"""What the tests of one job share: its images, a run of it, and what it leaves behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import torch
from tests import samples

from neural_style.config.settings import Settings
from neural_style.engine.job import run_job
from neural_style.optim.loop import Progress

CPU = torch.device("cpu")
CONTENT, STYLE = samples.CONTENT["chelsea"], samples.CONTENT["coffee"]


def make(
    folder: Path, settings: Settings, content: Path = CONTENT, style: Path = STYLE
) -> list[Progress]:
    return list(run_job(content, style, folder, settings, CPU))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return facts


def files(folder: Path) -> dict[str, object]:
    """What a job wrote: tables without the column of the seconds, run.json by its name."""
    found: dict[str, object] = {}
    for path in folder.iterdir():
        if path.suffix == ".csv":
            rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
            found[path.name] = [row[:1] + row[2:] for row in rows]
        else:
            found[path.name] = path.suffix == ".json" or path.read_bytes()
    return found
