"""Read the `run.json` of finished jobs.

The one reader for grids, plots and the gallery, free of torch and matplotlib, with `loss_table` for
`losses.csv`. A record may be missing, old, cut short, or damaged: what cannot be used is a
`RunError` with its reason or, where a reader can do without it, None.

Records hold weighted losses: alpha · content loss, beta · style loss, with beta as it was corrected
for the size. Settings can be compared only without these factors, so `Run.saved_loss` and
`Run.without_weight` divide them out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from neural_style.config.settings import LARGEST_RUN, RUN
from neural_style.errors import NeuralStyleError
from neural_style.io import open_regular

KINDS = ("content", "style")
"""Kinds of the terms that every run has."""

MEASURES = ("palette", "speckle", "grain", "edges", "unseen_style")
"""How an output looks; see `engine.measures.Measures`."""

LARGEST_EPOCH = 100_000
"""The most iterations that a run can have."""

LARGEST_NUMBER = 1e100
"""No loss and no weight is as large, and no weight but 0 as small as its inverse. With these, no
product and no quotient of two of them overflows."""

LARGEST_SIDE = 1_000_000
"""Pixels of an edge of an output."""

REMEDY = "delete this folder and run the job again"
"""How the sentence of a `RunError` ends."""

_LONGEST_TIME = 1e9  # seconds: thirty years
_TERM = re.compile(r"[a-z_]{1,40}/[a-z0-9_]{1,40}")
_LONGEST_TEXT = 200  # characters of a recorded text


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
        measures: how the output looks, by the names of `engine.measures.Measures`; may be empty.
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


class EpochLosses(NamedTuple):
    """Weighted losses of one epoch."""

    total: float
    content: float
    style: float


def read_run(folder: Path) -> Run:
    """Read `run.json` of the finished job in `folder`.

    Raises:
        RunError: the file is missing, too large, or not a JSON object. A fact that is missing or
            damaged is None instead, and `Run.error` says why the losses cannot be used.
    """
    path = folder / RUN
    try:
        with open_record(path, LARGEST_RUN) as stream:
            facts = json.loads(stream.read(LARGEST_RUN))
        if not isinstance(facts, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise RunError(f"cannot use {str(path)!r}: it is damaged; {REMEDY}.") from error
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
        problem = f"{str(path)!r} is missing {str(error)[:_LONGEST_TEXT]}; {REMEDY}."
    except (ValueError, TypeError, AttributeError, OverflowError):
        problem = f"cannot use {str(path)!r}: it is damaged; {REMEDY}."
    return Run(problem, settings, factors, betas, saved, output, **_facts(facts, image))


@contextmanager
def open_record(path: Path, largest: int) -> Iterator[TextIO]:
    """Open a record of at most `largest` bytes to read.

    Raises:
        RunError: it cannot be read, is too large, or is not a regular file or not text.
    """
    try:
        with open_regular(path, largest) as file:
            yield TextIOWrapper(file, encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"cannot read {str(path)!r}: it is not text; {REMEDY}.") from error
    except OSError as error:
        raise RunError(
            f"cannot read {str(path)!r}: {error.strerror or error}; {REMEDY}."
        ) from error


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
