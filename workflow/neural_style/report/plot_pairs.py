"""What a figure of a pair shows: the runs of a content and a style image, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neural_style.config.sweep import Job, Sweep
from neural_style.report.figure import names_of
from neural_style.report.names import common_weights, labels_of
from neural_style.report.runs import Curves, CurvesError, Run, read_curves, reason

MOST_SETTINGS = 36
"""Settings in a figure; as many looks can be told apart in print."""

_NAMED = 4  # runs that a note names, before it counts the rest


@dataclass(frozen=True)
class Member:
    """A setting of a pair.

    Attributes:
        label: what the legend calls it.
        number: its place among the shown settings of the sweep, which decides its look.
        curves: its losses.
    """

    label: str
    number: int
    curves: Curves

    @property
    def run(self) -> Run:
        """The facts of its run."""
        return self.curves.run


@dataclass(frozen=True)
class Pair:
    """The runs of a content and a style image.

    Attributes:
        content: name of the content image.
        style: name of the style image.
        labels: of all shown settings, whether they were run or not.
        common: what all settings share, such as `α 1   lr 1`.
        members: the settings that were run.
        notes: sentences about those that are left out.
    """

    content: str
    style: str
    labels: tuple[str, ...]
    common: str
    members: tuple[Member, ...]
    notes: tuple[str, ...]


class Pairs:
    """Reads the pairs of a sweep."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._contents = names_of(sweep.contents)
        self._styles = names_of(sweep.styles)
        self._settings = list(sweep.settings)[:MOST_SETTINGS]
        self._labels = labels_of(sweep.settings)
        self._common = common_weights(sweep.settings)

    def read(self, content: str, style: str) -> Pair:
        """The pair of two ids; a job that has not ended well becomes a note."""
        members: list[Member] = []
        missing: list[tuple[str, str]] = []
        for number, setting in enumerate(self._settings):
            job = self._sweep.job(content, style, setting)
            try:
                curves = _curves(job)
                members.append(Member(self._labels[setting], number, curves))
            except CurvesError as error:
                missing.append((self._labels[setting], str(error)))
        return Pair(
            content=self._contents[content],
            style=self._styles[style],
            labels=tuple(self._labels[setting] for setting in self._settings),
            common=self._common,
            members=tuple(members),
            notes=(*missing_notes(missing), *self._cut()),
        )

    def _cut(self) -> list[str]:
        shown, every = len(self._settings), len(self._sweep.settings)
        return [f"The first {shown} of {every} settings are shown."] if shown < every else []


def missing_notes(missing: Sequence[tuple[str, str]]) -> list[str]:
    """Sentences about jobs that cannot be drawn, from their labels and the reasons."""
    named = [f"Not drawn: {label} ({why.rstrip('.')})." for label, why in missing[:_NAMED]]
    rest = len(missing) - len(named)
    return [*named, f"And {rest} more are not drawn."] if rest else named


def _curves(job: Job) -> Curves:
    """The losses of a job.

    Raises:
        CurvesError: it has not ended well; the message is why.
    """
    why = reason(job)
    if why:
        raise CurvesError(why)
    return read_curves(job.folder)
