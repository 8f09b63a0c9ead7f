"""The record of a run: run.json with all its facts, and the losses that it and losses.csv hold."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neural_style.config.settings import ENGINE_VERSION, Settings
from neural_style.engine.measures import Measures
from neural_style.engine.provenance import Source
from neural_style.io import write_text
from neural_style.losses.size_correction import (
    beta_at,
    coherence_at,
    pyramid_at,
)
from neural_style.model.weights import Weights

MAIN_KINDS = frozenset({"content", "style"})
"""Kinds of loss terms with a column of their own in losses.csv."""

Loss = TypeVar("Loss", float, NDArray[np.float64])
"""A weighted loss, or those of several iterations."""


@dataclass(frozen=True)
class Losses:
    """The weighted losses of one image.

    Attributes:
        total: sum of all terms.
        content: alpha · content loss.
        style: beta · style loss, with beta as corrected for the size.
        parts: weighted loss of each term by its name, such as `style/conv1_1`.
    """

    total: float
    content: float
    style: float
    parts: Mapping[str, float]

    @property
    def further(self) -> Mapping[str, float]:
        """The sum of the terms of each kind that is not in `MAIN_KINDS`, such as `smoothness`."""
        sums = sum_by_kind(self.parts)
        return {kind: value for kind, value in sums.items() if kind not in MAIN_KINDS}


def summarize_losses(term_names: tuple[str, ...], losses: Tensor) -> Losses:
    """Sum up the weighted losses [T] of one image. Synchronizes with the GPU."""
    parts = dict(zip(term_names, losses.tolist(), strict=True))
    sums = sum_by_kind(parts)
    content, style = sums.pop("content", 0.0), sums.pop("style", 0.0)
    return Losses(content + style + sum(sums.values()), content, style, parts)


def sum_by_kind(parts: Mapping[str, Loss]) -> dict[str, Loss]:
    """The sum of the terms of each kind, which is the part of their names before the `/`."""
    sums: dict[str, Loss] = {}
    for name, loss in parts.items():
        kind = name.partition("/")[0]
        sums[kind] = sums[kind] + loss if kind in sums else loss
    return sums


@dataclass(frozen=True)
class RunRecord:
    """The facts of a finished run, for run.json.

    Attributes:
        sources: every image file that was read, by role.
        settings: of the run.
        weights: of the network.
        device: name of the device.
        precision: dtype of the network.
        seconds: time of the optimization.
        graph: what was recorded as a CUDA graph in the last stage, see `Optimization.graph`.
        stage_sizes: width and height in pixels of each of `Settings.all_stages`.
        output: the final output.
        output_size: its width and height in pixels.
        saved: losses of the final output as its file holds it.
        further_weights: weight of each term that is neither content nor style.
        measures: how it looks, see `engine.measures`; None where they do not apply.
    """

    sources: Mapping[str, Source]
    settings: Settings
    weights: Weights
    device: str
    precision: torch.dtype
    seconds: float
    graph: str
    stage_sizes: Sequence[tuple[int, int]]
    output: Source
    output_size: tuple[int, int]
    saved: Losses
    further_weights: Mapping[str, float]
    measures: Measures | None


def write_run(run: RunRecord, path: Path) -> None:
    """Write run.json."""
    width, height = run.stage_sizes[-1]
    facts = {
        **facts_of_inputs(run.sources, run.settings, run.weights),
        "output": {
            "file": run.output.path.name,
            "sha256": run.output.checksum,
            "width": run.output_size[0],
            "height": run.output_size[1],
        },
        "optimized": {"width": width, "height": height},
        "stages": list(_stages(run.settings, run.stage_sizes)),
        "saved_losses": asdict(run.saved),
        "further_weights": dict(run.further_weights),
        "measures": run.measures and _rounded(asdict(run.measures)),
        "device": run.device,
        "precision": str(run.precision).removeprefix("torch."),
        "graph": run.graph,
        "seconds": round(run.seconds, 3),
        "seconds_per_epoch": round(run.seconds / run.settings.epochs, 5),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "pillow")},
        },
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_facts(facts, path)


def facts_of_inputs(
    sources: Mapping[str, Source], settings: Settings, weights: Weights
) -> dict[str, Any]:
    """Return what a run.json says of what a run was made from, see `changes.changed_inputs`."""
    return {
        **{
            role: {"path": str(source.path), "sha256": source.checksum}
            for role, source in sources.items()
        },
        "settings": asdict(settings),
        "weights": {"source": weights.source, "sha256": weights.checksum},
        "engine_version": ENGINE_VERSION,
    }


def write_facts(facts: Mapping[str, Any], path: Path) -> None:
    """Write facts as JSON."""
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Only bytes of a file name that are not UTF-8 are replaced, by escapes of JSON.
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _rounded(numbers: Mapping[str, float | None]) -> dict[str, float]:
    """Numbers with four digits, as many as mean something; None is left out."""
    return {name: float(f"{number:.4g}") for name, number in numbers.items() if number is not None}


def _stages(settings: Settings, sizes: Sequence[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """Each stage: its size in pixels, its iterations, and its weights as corrected for its size."""
    for stage, (width, height) in zip(settings.all_stages, sizes, strict=True):
        yield {
            "width": width,
            "height": height,
            "epochs": stage.epochs,
            "beta": beta_at(settings, height, width),
            "levels": len(pyramid_at(settings, height, width)),
            "coherence": coherence_at(settings, height, width, max(sizes[-1])),
        }
