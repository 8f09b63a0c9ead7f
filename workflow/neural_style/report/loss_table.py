"""Read the `losses.csv` of finished jobs: all of it as curves, or the rows of some epochs.

The table holds weighted losses, as `runs` says; `Curves.loss` and `Curves.unweighted` divide the
weights out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from neural_style.config.settings import LOSS_COLUMNS, LOSSES
from neural_style.report.runs import (
    KINDS,
    LARGEST_EPOCH,
    LARGEST_NUMBER,
    REMEDY,
    EpochLosses,
    Run,
    RunError,
    open_record,
    read_run,
)

Values = NDArray[np.float64]

LARGEST_LOSSES = 100_000_000
"""Bytes of a `losses.csv` that is read; 100,000 iterations of 36 layers have half as many."""

LONGEST_ROW = 10_000
"""Characters of a row of `losses.csv`; one with 36 layers of each kind has about 1,000."""


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
        with open_record(path, LARGEST_LOSSES) as stream:
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
        raise RunError(f"{str(path)!r} is missing {error}; {REMEDY}.") from error
    except _DamageError as error:
        raise RunError(f"cannot use {str(path)!r}: {error}; {REMEDY}.") from error
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
        with open_record(folder / LOSSES, LARGEST_LOSSES) as stream:
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


def _with_one_beta(epochs: Values, betas: Mapping[int, float]) -> Values:
    """The factors that give the style losses of all epochs the beta of the last stage, [E]."""
    ends, values = np.array(list(betas)), np.array(list(betas.values()))
    each = values[np.searchsorted(ends, epochs).clip(max=len(ends) - 1)]
    factors: Values = np.divide(values[-1], each, out=np.ones_like(epochs), where=each > 0)
    return factors
