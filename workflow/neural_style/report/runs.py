"""Why a picture is missing, in the words of the job that should have made it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_style.config.sweep import LOSSES, RUN, Job
from neural_style.errors import NeuralStyleError

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


# MERGED: What a finished job wrote about itself, read back: `run.json` and `losses.csv`. Free of torch.
#
# Both files hold weighted losses, alpha · content and beta · style, with beta as corrected for the
# size. Different settings can be compared only without those factors, so that they are divided out.


Values = NDArray[np.float64]

KINDS = ("content", "style")
SMOOTHNESS = "smoothness/total_variation"
LARGEST = 100_000_000
"""Bytes: 100 000 epochs of 36 layers have half as many."""

_COLUMNS = ("epoch", "seconds", "total", "content", "style")


class CurvesError(NeuralStyleError):
    """A record of a run is missing or damaged."""


@dataclass(frozen=True)
class Run:
    """The facts of a finished run that its plots need.

    Attributes:
        settings: all settings, as they were written.
        weights: factor of each term in the total, such as `style/conv1_1`: alpha or beta times
            the weight of the layer, or the weight of the total variation.
        betas: the last epoch of each stage → its beta, which is corrected for its size. The
            weights are those of the last stage.
        saved: weighted losses of the finished file, by term.
        picture: the finished file.
        size: its width and height in pixels.
    """

    settings: Mapping[str, Any]
    weights: Mapping[str, float]
    betas: Mapping[int, float]
    saved: Mapping[str, float]
    picture: Path
    size: tuple[int, int]

    @property
    def alpha(self) -> float:
        """Weight of the content loss."""
        return float(self.settings["alpha"])

    @property
    def beta(self) -> float:
        """Weight of the style loss as it was set, at 512 pixels; `betas` are those that it had."""
        return float(self.settings["beta"])

    def factor(self, kind: str) -> float:
        """Alpha for `content`; beta, as it was at the end, for `style`."""
        return self.alpha if kind == "content" else list(self.betas.values())[-1]

    def layers(self, kind: str) -> list[str]:
        """The terms of a kind."""
        return [term for term in self.weights if term.startswith(f"{kind}/")]

    def saved_loss(self, kind: str) -> float | None:
        """The content or style loss of the finished file, without alpha or beta.

        Returns:
            None where the factor is 0: the loss was not recorded then.
        """
        factor = self.factor(kind)
        return sum(self.saved[term] for term in self.layers(kind)) / factor if factor else None


@dataclass(frozen=True)
class Curves:
    """The losses of a run over its epochs.

    Attributes:
        run: the facts of the run.
        epochs: [E], from 0, the start.
        total: [E], what was minimized: alpha · content + beta · style + total variation.
        terms: each term's weighted share of the total, [E]; those of the style with the beta of
            the last stage, whatever they were minimized with.
    """

    run: Run
    epochs: NDArray[np.int64]
    total: Values
    terms: Mapping[str, Values]

    def loss(self, kind: str) -> Values | None:
        """The content or style loss without alpha or beta, [E].

        Σ weight · MSE over the layers of the kind; None where its factor is 0.
        """
        factor = self.run.factor(kind)
        if not factor:
            return None
        weighted = np.stack([self.terms[term] for term in self.run.layers(kind)])
        loss: Values = weighted.sum(axis=0) / factor
        return loss

    def layer(self, term: str) -> Values | None:
        """A term without its weight, such as the mean squared error at a layer, [E].

        None where it has no weight here.
        """
        weight = self.run.weights.get(term)
        return self.terms[term] / weight if weight else None


def read_curves(folder: Path) -> Curves:
    """Read the record of the finished job in `folder`.

    Raises:
        CurvesError: `run.json` or `losses.csv` is missing, too large, damaged, or does not hold
            what the other promises.
    """
    run = read_run(folder)
    path = folder / LOSSES
    try:
        header, *lines = _read(path).splitlines()
        columns = header.split(",")
        if tuple(columns[: len(_COLUMNS)]) != _COLUMNS or len(set(columns)) != len(columns):
            raise ValueError("its header is another")
        rows = [[float(word) for word in line.split(",")] for line in lines]
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(columns)).T
        if not rows or not np.isfinite(table[0]).all() or (np.diff(table[0]) <= 0).any():
            raise ValueError("its epochs do not ascend")
        values = dict(zip(columns, table, strict=True))
        style = _with_one_beta(table[0], run.betas)
        terms = {
            term: values[term] * (style if term.startswith("style/") else 1.0)
            for term in run.weights
        }
    except KeyError as error:
        raise CurvesError(f"cannot use {path}: it lacks {error}; make it again.") from error
    except (ValueError, OverflowError) as error:
        raise CurvesError(f"cannot use {path}: {error}; make it again.") from error
    return Curves(run, table[0].astype(np.int64), values["total"], terms)


def _with_one_beta(epochs: Values, betas: Mapping[int, float]) -> Values:
    """The factors that give the style losses of all epochs the beta of the last stage, [E]."""
    ends, values = np.array(list(betas)), np.array(list(betas.values()))
    each = values[np.searchsorted(ends, epochs).clip(max=len(ends) - 1)]
    factors: Values = np.divide(values[-1], each, out=np.ones_like(epochs), where=each > 0)
    return factors


def read_run(folder: Path) -> Run:
    """Read `run.json` of the finished job in `folder`.

    Raises:
        CurvesError: it is missing, too large or damaged.
    """
    path = folder / RUN
    try:
        facts = json.loads(_read(path))
        settings, picture = facts["settings"], facts["picture"]
        betas = _betas(facts)
        factors = (_number(settings["alpha"]), list(betas.values())[-1])
        weights = {
            f"{kind}/{layer}": factor * _number(weight)
            for kind, factor in zip(KINDS, factors, strict=True)
            for layer, weight in settings[f"{kind}_layers"].items()
        }
        if smoothness := _number(settings.get("total_variation", 0)):  # none in older records
            weights[SMOOTHNESS] = smoothness
        saved = {term: _number(facts["saved_losses"]["parts"][term]) for term in weights}
        size = (int(picture["width"]), int(picture["height"]))
        # The name alone: a record that was tampered with leads to no other folder.
        return Run(settings, weights, betas, saved, folder / Path(str(picture["file"])).name, size)
    except KeyError as error:
        raise CurvesError(f"cannot use {path}: it lacks {error}; make it again.") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CurvesError(f"cannot use {path}: it is damaged; make it again.") from error


def _betas(facts: Mapping[str, Any]) -> dict[int, float]:
    """Last epoch → beta of each stage of a record."""
    betas: dict[int, float] = {}
    whole = {"epochs": facts["settings"]["epochs"], "beta": facts["settings"]["beta"]}
    for stage in facts.get("stages", facts.get("course", [whole])):  # older records
        last = max(betas, default=0) + int(_number(stage["epochs"]))
        betas[last] = _number(stage["beta"])
    if not betas:
        raise ValueError("there is no stage")
    return betas


def _number(value: object) -> float:
    """A finite number from 0 up, as weights and losses are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{value!r} is out of range")
    return float(value)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise CurvesError(f"cannot use {path}: it is too large; make it again.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        raise CurvesError(f"cannot read {path}: {why}; make it again.") from error
