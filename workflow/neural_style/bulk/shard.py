"""What a picture of a data set depends on, as a key. Imports little: the Snakefile reads it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from PIL import Image

from neural_style.bulk.assignment import Assignment, Style, read_styles, styles_of
from neural_style.bulk.journal import DONE, FAILED, GONE, Row
from neural_style.bulk.listing import Listing, Photograph, read_listing
from neural_style.bulk.plan import BulkError, BulkPlan, picture_key, recipes
from neural_style.config.inputs import find_images
from neural_style.config.settings import (
    ORIGINAL,
    OUTPUT_FORMATS,
    Settings,
)
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import fit_image, load_image
from neural_style.io import sha256

# MERGED: From a photograph of a data set to what the network gets.


SMALLEST = 16
"""px a side that the network needs."""


def fit_content(image: Image.Image, settings: Settings, size: str) -> Image.Image:
    """A photograph as the network gets it.

    That is what `image.size` and `image.fit` say. With `original` and the fit `keep`, a photograph
    whose long side is shorter than that is taken as it is.

    Raises:
        ImageError: it is too narrow, see `images.fit_image`.
    """
    small = max(image.size) <= settings.size and min(image.size) >= SMALLEST
    if size == ORIGINAL and settings.fit == "keep" and small:
        return image
    return fit_image(image, settings.size, settings.fit)


# MERGED: What there is to do in a shard: which pictures are missing, and what was found out about each.


@dataclass(frozen=True)
class Picture:
    """A picture of the data set.

    Attributes:
        photograph: what it shows.
        style: in whose style.
        setting: id of its setting.
        path: below the output.
    """

    photograph: Photograph
    style: Style
    setting: str
    path: str


@dataclass(frozen=True)
class Task:
    """A picture to make.

    Attributes:
        picture: which.
        image: the photograph as the network gets it.
        original: width and height of the photograph in px.
        settings: how.
        row: what is known of it before it is made: names, key and photograph.
    """

    picture: Picture
    image: Image.Image
    original: tuple[int, int]
    settings: Settings
    row: Row


@dataclass(frozen=True)
class Prepared:
    """A photograph that was looked at.

    Attributes:
        settled: rows of the pictures that need no work, or for which nothing can be done.
        tasks: the pictures to make.
    """

    settled: tuple[Row, ...]
    tasks: tuple[Task, ...]


class Shard:
    """The pictures of a range of the listing, and what is to be done about them.

    Args:
        plan: of the data set.
        number: of the shard.
        rows: what the journal knows.

    Raises:
        NeuralStyleError: the listing or the styles cannot be read.
    """

    def __init__(self, plan: BulkPlan, number: int, rows: Mapping[str, Row]) -> None:
        self._plan = plan
        self._rows = rows
        listing = read_listing(plan.paths.listing, plan.shard_size)
        self.photographs = list(listing.photographs(listing.bounds(number)))
        self._assignment = frozen_assignment(plan, listing)
        self._recipes = recipes(plan)
        # Once a process for each style, whatever the number of photographs.
        self._checksum = lru_cache(maxsize=None)(sha256)

    def pictures_of(self, photograph: Photograph) -> Iterator[Picture]:
        """The pictures that a photograph is to have."""
        return pictures_of(self._plan, self._assignment, photograph)

    def prepare(self, photograph: Photograph) -> Prepared:
        """Look at a photograph: which of its pictures are there, and what the others need.

        An image is decoded only if one of its pictures has to be made.
        """
        pictures = list(self.pictures_of(photograph))
        file = self._plan.content / photograph.path
        try:
            status = file.stat()
        except OSError:
            return Prepared(tuple(map(self._without_photograph, pictures)), ())
        try:
            source = self._source(pictures, file, status)
            rows = [self._begun(picture, source, status) for picture in pictures]
        except NeuralStyleError as error:
            return Prepared(tuple(self._failure(each, status, error) for each in pictures), ())
        kept = {row.picture: self._kept(row) for row in rows}
        there = tuple(row for row in kept.values() if row is not None)
        wanted = [
            (picture, row)
            for picture, row in zip(pictures, rows, strict=True)
            if kept[row.picture] is None
        ]
        return self._with_tasks(file, there, wanted)

    def _with_tasks(
        self, file: Path, settled: tuple[Row, ...], wanted: list[tuple[Picture, Row]]
    ) -> Prepared:
        """Decode the photograph for the pictures that are wanted."""
        if not wanted:
            return Prepared(settled, ())
        fitted: dict[tuple[int, str], Image.Image] = {}
        try:
            image = load_image(file)
            for picture, _ in wanted:
                settings = self._plan.settings[picture.setting]
                shape = (settings.size, settings.fit)
                if shape not in fitted:
                    fitted[shape] = fit_content(image, settings, self._plan.size)
        except NeuralStyleError as error:
            failed = (replace(row, status=FAILED, reason=str(error)) for _, row in wanted)
            return Prepared((*settled, *failed), ())
        tasks = []
        for picture, row in wanted:
            settings = self._plan.settings[picture.setting]
            shown = fitted[settings.size, settings.fit]
            tasks.append(Task(picture, shown, image.size, settings, row))
        return Prepared(settled, tuple(tasks))

    def _source(self, pictures: list[Picture], file: Path, status: os.stat_result) -> str:
        """The photograph's checksum: the journal's, if size and date are those noted there."""
        for picture in pictures:
            row = self._rows.get(picture.path)
            noted = (row.source_size, row.source_time) if row and row.source else None
            if row and noted == (status.st_size, status.st_mtime_ns):
                return row.source
        if not stat.S_ISREG(status.st_mode):
            raise BulkError(f"cannot read {str(file)!r}: it is not a regular file; name an image.")
        return sha256(file)

    def _begun(self, picture: Picture, source: str, status: os.stat_result) -> Row:
        """What is known of a picture before it is made."""
        style = picture.style.path
        assert style is not None, "only styles that are there are assigned"
        key = picture_key(self._recipes[picture.setting], source, self._checksum(style))
        return replace(_named(picture, DONE, status), key=key, source=source)

    def _kept(self, row: Row) -> Row | None:
        """The row of a picture that is there already, made from the same; None if it is not."""
        known = self._rows.get(row.picture)
        if known is None or known.status != DONE or known.key != row.key:
            return None
        current = unchanged(known, self._plan.output / known.picture)
        if current is None:
            return None
        return replace(current, source_size=row.source_size, source_time=row.source_time)

    def _without_photograph(self, picture: Picture) -> Row:
        """The row for a photograph that is gone: its picture stays what it is, if it is there."""
        known = self._rows.get(picture.path)
        if known is not None and known.status == DONE:
            current = unchanged(known, self._plan.output / known.picture)
            if current is not None:
                return current
        return replace(_named(picture, GONE), reason="the photograph is not there any more")

    def _failure(self, picture: Picture, status: os.stat_result, error: Exception) -> Row:
        """The row for a photograph or a style that cannot even be read."""
        return replace(_named(picture, FAILED, status), reason=str(error))


def _named(picture: Picture, status: str, file: os.stat_result | None = None) -> Row:
    return Row(
        picture=picture.path,
        photograph=picture.photograph.path,
        style=picture.style.id,
        setting=picture.setting,
        status=status,
        source_size=file.st_size if file else 0,
        source_time=file.st_mtime_ns if file else 0,
    )


def unchanged(row: Row, picture: Path) -> Row | None:
    """The row with the date of its file, if that is the one that was written; None if it is not.

    Size and date tell; where only the date differs, as in a copy, the checksum decides.
    """
    try:
        status = picture.lstat()
        if status.st_size != row.size:
            return None
        if status.st_mtime_ns == row.time:
            return row
        return replace(row, time=status.st_mtime_ns) if sha256(picture) == row.checksum else None
    except (OSError, NeuralStyleError):
        return None


def pictures_of(
    plan: BulkPlan, assignment: Assignment, photograph: Photograph
) -> Iterator[Picture]:
    """The pictures of a photograph: its styles × the settings."""
    for assigned in assignment.of(photograph.index, photograph.path):
        for setting, settings in plan.settings.items():
            suffix = OUTPUT_FORMATS[settings.format]
            path = f"{assigned.folder}/{setting}/{photograph.stem}{suffix}"
            yield Picture(photograph, assigned.style, setting, path)


def frozen_assignment(plan: BulkPlan, listing: Listing) -> Assignment:
    """The assignment with the styles as they were frozen, and as they are there now."""
    files = find_images(plan.style, "bulk.style").files
    listed = read_styles(plan.paths.styles)
    found = {name: path for name, path in files.items() if name in listed}
    return Assignment(plan, styles_of(listed, found, len(listing)))
