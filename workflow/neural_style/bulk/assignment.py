"""Which styles a photograph gets; a decision that later files, styles and settings leave alone."""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_style.bulk.plan import RANDOM, BulkError, BulkPlan
from neural_style.io import write_text


@dataclass(frozen=True)
class Style:
    """A style that a photograph may get.

    Attributes:
        id: made of its file's name, see `inputs.slug`.
        since: how many photographs were listed before it; `random` draws it for later ones only.
        path: its file, or None if that is gone.
    """

    id: str
    since: int
    path: Path | None


@dataclass(frozen=True)
class Assigned:
    """A style for a photograph.

    Attributes:
        folder: of its pictures: the style's id, or `random_1` … with random assignment.
        style: which.
    """

    folder: str
    style: Style


class Assignment:
    """Chooses styles by place and path of a photograph.

    With `random`, a photograph draws from the styles that were there when it was listed, so that
    a style that is added changes no earlier draw; one that is gone is drawn again.

    Args:
        plan: says how.
        styles: all there ever were, in the order of `since`.

    Raises:
        BulkError: fewer styles are there than every photograph is to get.
    """

    def __init__(self, plan: BulkPlan, styles: Sequence[Style]) -> None:
        self._plan = plan
        self._styles = styles
        self.there = [style for style in styles if style.path is not None]
        """The styles whose files exist."""
        self._since = [style.since for style in styles]
        self._counts = [0, *itertools.accumulate(style.path is not None for style in styles)]
        wanted = plan.styles_per_content if plan.assign == RANDOM else 1
        if wanted > len(self.there):
            raise BulkError(
                f"bulk.styles_per_content: {wanted} styles for a photograph, but only "
                f"{len(self.there)} are there; add styles or lower it."
            )

    @property
    def folders(self) -> list[str]:
        """The folders of pictures, one level below the output."""
        if self._plan.assign == RANDOM:
            return [f"random_{number}" for number in range(1, self._plan.styles_per_content + 1)]
        return [style.id for style in self.there]

    def of(self, index: int, path: str) -> list[Assigned]:
        """The styles of the photograph at a place of the listing."""
        if self._plan.assign != RANDOM:
            return [Assigned(style.id, style) for style in self.there]
        return [
            Assigned(folder, style)
            for folder, style in zip(self.folders, self._draw(index, path), strict=True)
        ]

    def _draw(self, index: int, path: str) -> list[Style]:
        """Different styles, by hashing; each further one leaves those before it as they are."""
        count = bisect_right(self._since, index)
        if self._counts[count] < self._plan.styles_per_content:  # too few are left of those
            count = len(self._styles)
        drawn: dict[str, Style] = {}
        for attempt in itertools.count():
            style = self._styles[_hash(self._plan.seed, attempt, path) % count]
            if style.path is not None:
                drawn.setdefault(style.id, style)
            if len(drawn) == self._plan.styles_per_content:
                return list(drawn.values())
        raise AssertionError("counting does not end")


def _hash(seed: int, attempt: int, path: str) -> int:
    text = f"{seed} {attempt} {path}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def styles_of(
    listed: Mapping[str, int], files: Mapping[str, Path], photographs: int
) -> list[Style]:
    """The frozen styles with their files, then those that were found since, sorted by id.

    Args:
        listed: id → `Style.since` of the frozen ones.
        files: id → file of those that are there.
        photographs: how many are frozen.
    """
    frozen = [Style(name, since, files.get(name)) for name, since in listed.items()]
    fresh = sorted(files.keys() - listed.keys())
    return [*frozen, *(Style(name, photographs, files[name]) for name in fresh)]


def read_styles(path: Path) -> dict[str, int]:
    """Id → `Style.since` of the frozen styles; none if the file is not there.

    Raises:
        BulkError: it cannot be read.
    """
    try:
        return dict(_parsed(path.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BulkError(f"cannot read the list of styles {path}: {error}; restore it.") from error


def _parsed(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for line in lines:
        since, name = line.split("\t")
        yield name, int(since)


def freeze_styles(styles: Iterable[Style], path: Path) -> None:
    """Write the list of styles."""
    write_text(path, "".join(f"{style.since}\t{style.id}\n" for style in styles))
