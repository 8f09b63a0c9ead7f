"""Read finished jobs: `run.json`, `losses.csv` and the log.

The one reader for grids, plots and the gallery, free of torch and matplotlib. A record may be
missing, old, cut short, or damaged: what cannot be used is a `RunError` with its reason or, where
a reader can do without it, None.

Both files hold weighted losses: alpha · content loss, beta · style loss, with beta as it was
corrected for the size. Settings can be compared only without these factors, so `Run.saved_loss`,
`Run.without_weight`, `Curves.loss`, and `Curves.unweighted` divide them out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from neural_style.config.settings import (
    LOG_PREFIX,
    LOSS_COLUMNS,
    LOSSES,
    RUN,
)
from neural_style.config.sweep import Job
from neural_style.errors import NeuralStyleError
from neural_style.io import format_duration

Values = NDArray[np.float64]

KINDS = ("content", "style")
"""Kinds of the terms that every run has."""

MEASURES = ("palette", "speckle", "grain", "edges")
"""How an output looks; see `images.measures.Measures`."""

LARGEST_RUN = 1 << 20
"""Bytes of a `run.json` that is read; a real one has about 2,000."""

LARGEST_LOSSES = 100_000_000
"""Bytes of a `losses.csv` that is read; 100,000 iterations of 36 layers have half as many."""

LONGEST_ROW = 10_000
"""Characters of a row of `losses.csv`; one with 36 layers of each kind has about 1,000."""

LARGEST_EPOCH = 100_000
"""The most iterations that a run can have."""

LARGEST_NUMBER = 1e100
"""No loss and no weight is as large, and no weight but 0 as small as its inverse. With these, no
product and no quotient of two of them overflows."""

LARGEST_SIDE = 1_000_000
"""Pixels of an edge of an output."""

_LONGEST_TIME = 1e9  # seconds: thirty years
_TERM = re.compile(r"[a-z_]{1,40}/[a-z0-9_]{1,40}")
_LONGEST_TEXT = 200  # characters of a recorded text
_MOST_FAILURES = 8  # that a summary names
_LONGEST_REASON = 300  # characters
_LOG_TAIL = 8192  # bytes at the end of a log
_REMEDY = "delete this folder and run the job again"


class RunError(NeuralStyleError):
    """The record of a run is missing or damaged."""


@dataclass(frozen=True)
class Run:
    """What the `run.json` of a finished job says.

    Attributes:
        error: why the losses cannot be compared with those of other runs; None if they can. With an
            error, `settings`, `term_factors`, `betas`, and `saved` may be empty.
        settings: all settings, as they were written.
        term_factors: factor of each term in the total, such as `style/conv1_1`: alpha or beta times
            the weight of the layer; the weight of each further term.
        betas: last iteration of each stage → its beta, corrected for the size. `term_factors` have
            the beta of the last stage.
        saved: weighted losses of the saved output, by term.
        output: file of the finished output.
        totals: total, content and style loss of the saved output, weighted.
        size: width and height of the output in pixels.
        seconds: duration of the optimization.
        device: where it ran, and in which precision.
        finished: when, as ISO 8601.
        measures: how the output looks, by the names of `images.measures.Measures`; may be empty.
    """

    error: str | None
    settings: Mapping[str, Any]
    term_factors: Mapping[str, float]
    betas: Mapping[int, float]
    saved: Mapping[str, float]
    output: Path
    totals: tuple[float, float, float] | None = None
    size: tuple[int, int] | None = None
    seconds: float | None = None
    device: str | None = None
    finished: str | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def alpha(self) -> float:
        """Weight of the content loss."""
        return _number(self.settings["alpha"])

    @property
    def beta(self) -> float:
        """Weight of the style loss as it was set, for 512 pixels; see `betas`."""
        return _number(self.settings["beta"])

    def factor(self, kind: str) -> float:
        """Return alpha for `content`, the beta of the last stage for `style`."""
        return self.alpha if kind == "content" else list(self.betas.values())[-1]

    def terms_of_kind(self, kind: str) -> list[str]:
        """Return the terms of a kind, one for each of its layers."""
        return [term for term in self.term_factors if term.startswith(f"{kind}/")]

    def saved_loss(self, kind: str) -> float | None:
        """Return the content or style loss of the saved output, without alpha or beta.

        Returns:
            None where alpha or beta is 0: the loss was not recorded then.
        """
        factor = self.factor(kind)
        if not factor:
            return None
        return sum(self.saved[term] for term in self.terms_of_kind(kind)) / factor

    def without_weight(self, losses: EpochLosses, epoch: int) -> tuple[float | None, float | None]:
        """Return the content and style loss of an epoch without alpha and the beta of its stage.

        Each is None where its weight is 0, or where `error` says that the weights are unknown.
        """
        if self.error:
            return None, None
        ends = list(self.betas)
        beta = self.betas[next((end for end in ends if epoch <= end), ends[-1])]
        return (
            losses.content / self.alpha if self.alpha else None,
            losses.style / beta if beta else None,
        )


@dataclass(frozen=True)
class Curves:
    """The losses of a run over its epochs.

    Attributes:
        run: its record, without an error.
        epochs: [E], from 0, the start.
        total: [E], what was minimized: alpha · content + beta · style + further terms.
        terms: each term's weighted share of the total, [E]; style terms with the beta of the last
            stage, although earlier stages minimized them with their own.
    """

    run: Run
    epochs: NDArray[np.int64]
    total: Values
    terms: Mapping[str, Values]

    def loss(self, kind: str) -> Values | None:
        """Return the content or style loss without alpha or beta, [E].

        Σ weight · MSE over the layers of the kind; None where alpha or beta is 0.
        """
        factor = self.run.factor(kind)
        if not factor:
            return None
        weighted = np.stack([self.terms[term] for term in self.run.terms_of_kind(kind)])
        loss: Values = weighted.sum(axis=0) / factor
        return loss

    def unweighted(self, term: str) -> Values | None:
        """Return a term without its factor, such as the mean squared error at a layer, [E].

        None where the run does not have the term, or its factor is 0.
        """
        factor = self.run.term_factors.get(term)
        return self.terms[term] / factor if factor else None


class EpochLosses(NamedTuple):
    """Weighted losses of one epoch."""

    total: float
    content: float
    style: float


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


def read_run(folder: Path) -> Run:
    """Read `run.json` of the finished job in `folder`.

    Raises:
        RunError: the file is missing, too large, or not a JSON object. A fact that is missing or
            damaged is None instead, and `Run.error` says why the losses cannot be used.
    """
    path = folder / RUN
    try:
        with _open(path, LARGEST_RUN) as stream:
            facts = json.load(stream)
        if not isinstance(facts, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise RunError(f"cannot use {path}: it is damaged; {_REMEDY}.") from error
    image = _object(facts.get("output", facts.get("picture")))  # `picture` in older records
    # The name alone: a record that was tampered with cannot lead to another folder.
    output = folder / Path(str(image.get("file", ""))).name
    settings: dict[str, Any] = {}
    factors: dict[str, float] = {}
    betas: dict[int, float] = {}
    saved: dict[str, float] = {}
    problem = None
    try:
        settings = {**facts["settings"]}
        betas = _betas(facts)
        factors = _term_factors(settings, betas, _further_weights(facts))
        saved = {term: _number(facts["saved_losses"]["parts"][term]) for term in factors}
        if "width" in image and _size(image) is None:
            raise ValueError("no output has such a size")
    except KeyError as error:
        problem = f"{path} is missing {str(error)[:_LONGEST_TEXT]}; {_REMEDY}."
    except (ValueError, TypeError, AttributeError, OverflowError):
        problem = f"cannot use {path}: it is damaged; {_REMEDY}."
    return Run(problem, settings, factors, betas, saved, output, **_facts(facts, image))


def read_curves(folder: Path) -> Curves:
    """Read all of `run.json` and `losses.csv` of the finished job in `folder`.

    Raises:
        RunError: one of them is missing, too large, damaged, or does not hold what the other
            promises.
    """
    run, path = read_run(folder), folder / LOSSES
    if run.error:
        raise RunError(run.error)
    try:
        with _open(path, LARGEST_LOSSES) as stream:
            rows = (line.rstrip("\n").split(",") for line in _lines(stream))
            columns = next(rows, [])
            if tuple(columns[: len(LOSS_COLUMNS)]) != LOSS_COLUMNS or len({*columns}) < len(
                columns
            ):
                raise _DamageError("its header is not that of a table of losses")
            table = _table(rows, len(columns))
        values = dict(zip(columns, table, strict=True))
        style = _with_one_beta(table[0], run.betas)
        terms = {
            term: values[term] * (style if term.startswith("style/") else 1.0)
            for term in run.term_factors
        }
    except KeyError as error:
        raise RunError(f"{path} is missing {error}; {_REMEDY}.") from error
    except _DamageError as error:
        raise RunError(f"cannot use {path}: {error}; {_REMEDY}.") from error
    return Curves(run, table[0].astype(np.int64), values["total"], terms)


class _DamageError(ValueError):
    """What is wrong with a table; never with its content, which may be megabytes."""


def _lines(stream: TextIO) -> Iterator[str]:
    """Yield the lines of a table.

    Raises:
        _DamageError: a line is longer than `LONGEST_ROW`.
    """
    while line := stream.readline(LONGEST_ROW + 1):
        if len(line) > LONGEST_ROW:
            raise _DamageError("a row is too long")
        yield line


def _table(rows: Iterable[Sequence[str]], width: int) -> Values:
    """Return a table of losses by its columns, [C, E].

    Raises:
        _DamageError: it is not one of a run.
    """
    parsed: list[Values] = []
    for row in rows:
        if len(row) != width:
            raise _DamageError("its rows have different lengths")
        if len(parsed) > LARGEST_EPOCH:
            raise _DamageError("it has more rows than a run has iterations")
        try:
            parsed.append(np.array(row, dtype=np.float64))
        except ValueError:
            raise _DamageError("it has fields that are not numbers") from None
    if not parsed:
        raise _DamageError("it has no row")
    table: Values = np.stack(parsed, axis=1)
    epochs = table[0]
    if not (np.isfinite(epochs) & (epochs >= 0) & (epochs <= LARGEST_EPOCH)).all():
        raise _DamageError("its epochs are not numbers of iterations")
    if (epochs % 1).any() or (np.diff(epochs) <= 0).any():
        raise _DamageError("its epochs do not ascend")
    if (np.isfinite(table) & (abs(table) > LARGEST_NUMBER)).any():
        raise _DamageError("it has losses that no run can have")
    table[abs(table) < 1 / LARGEST_NUMBER] = 0
    return table


def read_losses(folder: Path, epochs: Collection[int]) -> dict[int, EpochLosses]:
    """Read the weighted losses of some epochs from `losses.csv` of the job in `folder`.

    Only the rows of these epochs are parsed, so a table of many thousands costs little.

    Returns:
        By epoch; without rows that are missing or damaged, and empty if the file cannot be read.
    """
    wanted = {str(epoch): epoch for epoch in epochs}
    found: dict[int, EpochLosses] = {}
    try:
        with _open(folder / LOSSES, LARGEST_LOSSES) as stream:
            lines = _lines(stream)
            header = next(lines, "").rstrip("\n").split(",")
            columns = [header.index(name) for name in ("total", *KINDS)]
            for line in lines:
                epoch = line[: line.find(",")]
                if epoch in wanted and (row := _losses(line, columns)):
                    found[wanted[epoch]] = row
    except (RunError, ValueError):
        pass  # the rows before the damage are good
    return found


def _losses(line: str, columns: list[int]) -> EpochLosses | None:
    """Return the losses of a row; None if it is damaged."""
    cells = line.split(",")
    try:
        losses = EpochLosses(*(float(cells[column]) for column in columns))
    except (ValueError, IndexError):
        return None
    return losses if all(abs(loss) <= LARGEST_NUMBER for loss in losses) else None


def _last_lines(log: Path) -> list[str]:
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _LOG_TAIL))
            return stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []


@contextmanager
def _open(path: Path, largest: int) -> Iterator[TextIO]:
    """Open a record of at most `largest` bytes to read.

    Raises:
        RunError: it cannot be read, is too large, or is not text.
    """
    try:
        if path.stat().st_size > largest:
            raise RunError(f"cannot use {path}: it is too large; {_REMEDY}.")
        with path.open(encoding="utf-8") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise RunError(f"cannot read {path}: it is not text; {_REMEDY}.") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}; {_REMEDY}.") from error


def _facts(facts: Mapping[str, object], image: Mapping[str, object]) -> dict[str, Any]:
    """Return what is shown of a run; None for what the record does not say."""
    saved = _object(facts.get("saved_losses"))
    totals = tuple(_finite(saved.get(name)) for name in ("total", *KINDS))
    seconds = _finite(facts.get("seconds"))
    measures = {name: _finite(value) for name, value in _object(facts.get("measures")).items()}
    machine = [_text(facts.get(name)) for name in ("device", "precision")]
    return {
        "totals": None if None in totals else totals,
        "size": _size(image),
        "seconds": seconds if seconds is not None and 0 <= seconds <= _LONGEST_TIME else None,
        "device": ", ".join(text for text in machine if text) or None,
        "finished": _text(facts.get("finished")),
        "measures": {name: value for name in MEASURES if (value := measures.get(name)) is not None},
    }


def _size(image: Mapping[str, object]) -> tuple[int, int] | None:
    """Return width and height of an output; None if they are not those of an image."""
    width, height = (_finite(image.get(name)) for name in ("width", "height"))
    if width is None or height is None:
        return None
    sides = (int(width), int(height))
    return sides if min(sides) >= 1 and max(sides) <= LARGEST_SIDE else None


def _further_weights(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the weights of the terms beside content and style."""
    if "further_weights" in facts:
        return {**facts["further_weights"]}
    if total_variation := _number(facts["settings"].get("total_variation", 0)):  # older records
        return {"smoothness/total_variation": 100 * total_variation}
    return {}


def _term_factors(
    settings: Mapping[str, Any], betas: Mapping[int, float], further: Mapping[str, Any]
) -> dict[str, float]:
    """Return the factor of each term in the total."""
    kind_factors = (_number(settings["alpha"]), list(betas.values())[-1])
    factors = {
        f"{kind}/{layer}": factor * _number(weight)
        for kind, factor in zip(KINDS, kind_factors, strict=True)
        for layer, weight in settings[f"{kind}_layers"].items()
    }
    factors |= {str(term): _number(weight) for term, weight in further.items()}
    kinds = {term.partition("/")[0] for term in factors if _TERM.fullmatch(term)}
    if not kinds.issuperset(KINDS) or not all(map(_TERM.fullmatch, factors)):
        raise ValueError("its layers are not those of a network")
    return factors


def _betas(facts: Mapping[str, Any]) -> dict[int, float]:
    """Return the last iteration → beta of each stage of a record."""
    betas: dict[int, float] = {}
    settings = facts["settings"]
    whole = {"epochs": settings["epochs"], "beta": _number(settings["beta"])}
    for stage in facts.get("stages", facts.get("course", [whole])):  # `course` in older records
        last = max(betas, default=0) + int(min(_number(stage["epochs"]), LARGEST_EPOCH))
        betas[last] = _number(stage["beta"])
    if not betas:
        raise ValueError("there is no stage")
    return betas


def _with_one_beta(epochs: Values, betas: Mapping[int, float]) -> Values:
    """The factors that give the style losses of all epochs the beta of the last stage, [E]."""
    ends, values = np.array(list(betas)), np.array(list(betas.values()))
    each = values[np.searchsorted(ends, epochs).clip(max=len(ends) - 1)]
    factors: Values = np.divide(values[-1], each, out=np.ones_like(epochs), where=each > 0)
    return factors


def _number(value: object) -> float:
    """Return a number as weights and losses are: from 0 up, within `LARGEST_NUMBER`."""
    number = _finite(value)
    if number is None or number < 0:
        raise ValueError("it is not a number from 0 up")
    return number if number >= 1 / LARGEST_NUMBER else 0.0


def _finite(value: object) -> float | None:
    """Return a finite number within `LARGEST_NUMBER`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= LARGEST_NUMBER else None  # NaN fails this, too


def _object(value: object) -> Mapping[str, object]:
    """Return an object of a JSON document; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else None
