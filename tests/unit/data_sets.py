"""A small data set, and a runner that returns its input, for the tests of shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from neural_style.bulk.journal import latest_rows
from neural_style.bulk.plan import BulkPlan
from neural_style.bulk.shard import Task
from neural_style.bulk.target import discover
from neural_style.bulk.verify import verify
from neural_style.bulk.worker import Result, Take, run_shard
from neural_style.config.settings import Settings
from neural_style.images.encode import FloatImage


class Copying:
    """Returns the content images, and records the tasks.

    Args:
        fail: paths of content images that diverge.
        stop_after: outputs after which the machine fails.
    """

    def __init__(self, fail: Sequence[str] = (), stop_after: int = 1000) -> None:
        self.made: list[str] = []
        self.batches: list[int] = []
        self._fail = fail
        self._stop_after = stop_after

    def batch_size(self, task: Task) -> int:
        return 3

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        self.batches.append(len(tasks))
        assert len({task.image.size for task in tasks}) == 1
        for task in tasks:
            if len(self.made) >= self._stop_after:
                raise RuntimeError("the GPU fell off the bus")
            self.made.append(task.output.path)
            if task.output.content.path in self._fail:
                take(task, Result(reason="the loss became infinite"))
            else:
                take(task, Result(as_float_image(task.image), 3.0, 1.0, 2.0, seconds=0.1))


def as_float_image(image: Image.Image) -> FloatImage:
    levels = np.asarray(image, np.float32) / np.float32(255)
    return np.ascontiguousarray(levels.transpose(2, 0, 1))


class DataSet:
    """A small data set: content images in nested folders, two styles, shards of 4."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.plan = BulkPlan(
            content=root / "photos",
            style=(root / "styles",),
            output=root / "out",
            assign="cross",
            styles_per_content=1,
            seed=0,
            shard_size=4,
            size="original",
            batch=None,
            failed_fraction=0.5,
            settings={"one": replace(settings, fit="keep", format="png")},
        )
        for number in range(6):
            self.add(f"class{number % 2}/deep/{number}.png", number)
        for number in range(2):
            save(root / "styles" / f"s{number}.png", 200 + number, (32, 32))

    def add(self, name: str, level: int, size: tuple[int, int] = (40, 20)) -> Path:
        return save(self.root / "photos" / name, level, size)

    def run(self, runner: Copying | None = None) -> list[str]:
        """Run all shards; return the paths of the outputs that were made."""
        runner = runner or Copying()
        target = discover(self.plan, walk=True)
        target.write()
        for shard in target.listing.shards:
            run_shard(self.plan, shard, lambda: runner, print)
        return sorted(runner.made)

    def dates(self) -> dict[str, int]:
        """Date of each output."""
        found = (path for path in self.plan.output.rglob("*.*") if "_bulk" not in path.parts)
        return {str(path.relative_to(self.plan.output)): path.stat().st_mtime_ns for path in found}

    def statuses(self) -> Counter[str]:
        manifests = self.plan.paths.root.glob("manifests/*.tsv")
        return Counter(row.status for path in manifests for row in latest_rows(path).values())

    def findings(self) -> Counter[str]:
        return Counter(finding.kind for finding in verify(self.plan))


def save(path: Path, level: int, size: tuple[int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, 100, 100)).save(path)
    return path
