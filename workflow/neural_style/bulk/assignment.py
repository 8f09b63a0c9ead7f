"""Which styles each content image gets, independent of files that are added later; its outputs."""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_style.bulk.listing import ContentImage
from neural_style.bulk.plan import RANDOM, BulkError, BulkPlan
from neural_style.config.settings import OUTPUT_FORMATS
from neural_style.io import read_regular, write_text


@dataclass(frozen=True)
class Style:
    """A style of the data set.

    Attributes:
        id: made from its file's name, see `inputs.slug`.
        since: number of content images that were listed before it. `random` draws it only for
            content images from this position on.
        path: its file, or None if that was removed.
    """

    id: str
    since: int
    path: Path | None

    @property
    def file(self) -> Path:
        """The file of a style that is assigned to a content image: only styles that exist are."""
        assert self.path is not None, "only styles that exist are assigned"
        return self.path


@dataclass(frozen=True)
class AssignedStyle:
    """A style of a content image.

    Attributes:
        folder: of its outputs: the style's id, or `random_1`, … with random assignment.
        style: the style.
    """

    folder: str
    style: Style


@dataclass(frozen=True)
class OutputSpec:
    """An output of the data set.

    Attributes:
        content: its content image.
        style: its style.
        setting: id of its setting.
        path: below the output folder.
    """

    content: ContentImage
    style: Style
    setting: str
    path: str


class Assignment:
    """Assigns styles to content images by their position and path.

    With `random`, a content image draws from the styles that existed when it was listed, so a new
    style changes no earlier draw. If too few of these are left, it also draws from the next ones
    that make them enough. A draw of a removed style is repeated, until its file comes back.

    Args:
        plan: the plan of the data set.
        styles: all styles that ever existed, in the order of `since`.

    Raises:
        BulkError: each content image should get more styles than there are.
    """

    def __init__(self, plan: BulkPlan, styles: Sequence[Style]) -> None:
        self._plan = plan
        self._styles = styles
        self.available = [style for style in styles if style.path is not None]
        """The styles whose files exist."""
        self._since = [style.since for style in styles]
        wanted = plan.styles_per_content if plan.assign == RANDOM else 1
        if wanted > len(self.available):
            raise BulkError(
                f"bulk.styles_per_content: {wanted} styles for each content image, but there are "
                f"only {len(self.available)}; add styles or lower it."
            )
        counts = list(itertools.accumulate(style.path is not None for style in styles))
        self._enough = self._since[bisect_left(counts, wanted)]

    @property
    def folders(self) -> list[str]:
        """The folders of outputs, directly below the output folder."""
        if self._plan.assign == RANDOM:
            return [f"random_{number}" for number in range(1, self._plan.styles_per_content + 1)]
        return [style.id for style in self.available]

    def styles_of(self, index: int, path: str) -> list[AssignedStyle]:
        """The styles of the content image at a position of the listing."""
        if self._plan.assign != RANDOM:
            return [AssignedStyle(style.id, style) for style in self.available]
        return [
            AssignedStyle(folder, style)
            for folder, style in zip(self.folders, self._draw(index, path), strict=True)
        ]

    def latest_since(self, index: int) -> int:
        """The largest `Style.since` of the styles that the content image at a position may get."""
        return max(index, self._enough) if self._plan.assign == RANDOM else self._since[-1]

    def _draw(self, index: int, path: str) -> list[Style]:
        """Draw different styles by hashing; one more style leaves those before it unchanged."""
        count = bisect_right(self._since, self.latest_since(index))
        drawn: dict[str, Style] = {}
        for attempt in itertools.count():
            style = self._styles[_hash(self._plan.seed, attempt, path) % count]
            if style.path is not None:
                drawn.setdefault(style.id, style)
            if len(drawn) == self._plan.styles_per_content:
                return list(drawn.values())
        raise AssertionError("itertools.count never ends")


def _hash(seed: int, attempt: int, path: str) -> int:
    text = f"{seed} {attempt} {path}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def outputs_of(
    plan: BulkPlan, assignment: Assignment, content: ContentImage
) -> Iterator[OutputSpec]:
    """List the outputs of a content image: its styles × the settings."""
    for assigned in assignment.styles_of(content.index, content.path):
        for setting, settings in plan.settings.items():
            suffix = OUTPUT_FORMATS[settings.format]
            path = f"{assigned.folder}/{setting}/{content.stem}{suffix}"
            yield OutputSpec(content, assigned.style, setting, path)


def merge_styles(
    listed: Mapping[str, int], files: Mapping[str, Path], content_count: int
) -> list[Style]:
    """Return the listed styles with their files, then the new ones, sorted by id.

    Args:
        listed: id → `Style.since` of the listed styles.
        files: id → file of the styles that exist.
        content_count: number of listed content images.
    """
    known = [Style(name, since, files.get(name)) for name, since in listed.items()]
    new = sorted(files.keys() - listed.keys())
    return [*known, *(Style(name, content_count, files[name]) for name in new)]


def read_styles(path: Path) -> dict[str, int]:
    """Read the list of styles: id → `Style.since`; empty if the file does not exist.

    Raises:
        BulkError: it cannot be read.
    """
    try:
        return _parse_styles(read_regular(path).splitlines())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BulkError(
            f"cannot read the list of styles {str(path)!r}: {error}; restore it."
        ) from error


def _parse_styles(lines: Iterable[str]) -> dict[str, int]:
    """Parse a list of styles, which ascends: else draws could have too few styles, and never end.

    Raises:
        ValueError: the list is damaged.
    """
    styles: dict[str, int] = {}
    last = 0
    for line in lines:
        since, name = line.split("\t")
        if int(since) < last or name in styles:
            raise ValueError(f"{line!r} is not in order")
        last = styles[name] = int(since)
    return styles


def write_styles(styles: Iterable[Style], path: Path) -> None:
    """Write the list of styles."""
    write_text(path, "".join(f"{style.since}\t{style.id}\n" for style in styles))
