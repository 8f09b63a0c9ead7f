"""The outputs of a shard: which ones are up to date, and what it takes to make the others.

It imports no torch: a worker whose outputs are all up to date only looks at files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from PIL import Image

from neural_style.bulk.assignment import (
    Assignment,
    OutputSpec,
    merge_styles,
    outputs_of,
    read_styles,
)
from neural_style.bulk.journal import DONE, FAILED, GONE, Row
from neural_style.bulk.listing import ContentImage, Listing, read_listing
from neural_style.bulk.plan import BulkPlan, OutputKeys
from neural_style.config.inputs import find_images
from neural_style.config.settings import ORIGINAL, Settings
from neural_style.config.sizes import REFERENCE_SIZE, SHORTEST_SIDE
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import load_sized
from neural_style.images.fit import FitError, fit_image, load_fitted
from neural_style.io import sha256


@dataclass(frozen=True)
class Task:
    """An output to make.

    Attributes:
        output: which output.
        image: the content image as the network gets it.
        original_size: width and height of the content image's file, in pixels.
        settings: of the output.
        row: what is known before it is made: names, key, and the content image's file.
        at_reference: the content image as the network gets it with the settings
            `Settings.at_reference`; None if all stages are resampled from `image`.
    """

    output: OutputSpec
    image: Image.Image
    original_size: tuple[int, int]
    settings: Settings
    row: Row
    at_reference: Image.Image | None = None


@dataclass(frozen=True)
class Prepared:
    """The outputs of a content image after a look at its files.

    Attributes:
        settled: rows of the outputs that are up to date or cannot be made.
        tasks: the outputs to make.
    """

    settled: tuple[Row, ...]
    tasks: tuple[Task, ...]


class Shard:
    """The outputs of a range of the listing.

    Args:
        plan: of the data set.
        number: of the shard.
        rows: last row of each output in the journal, by the output's path.

    Raises:
        NeuralStyleError: the listing or the styles cannot be read.
    """

    def __init__(self, plan: BulkPlan, number: int, rows: Mapping[str, Row]) -> None:
        self._plan = plan
        self._rows = rows
        listing = read_listing(plan.paths.listing, plan.shard_size)
        self.content_images = list(listing.content_images(listing.range_of(number)))
        self._assignment = read_assignment(plan, listing)
        self._key = OutputKeys(plan)

    def outputs_of(self, content: ContentImage) -> Iterator[OutputSpec]:
        """The outputs that a content image should have."""
        return outputs_of(self._plan, self._assignment, content)

    def prepare(self, content: ContentImage) -> Prepared:
        """Find out which outputs of a content image are up to date, and prepare the others.

        The image is decoded only if one of its outputs has to be made.
        """
        outputs = list(self.outputs_of(content))
        file = self._plan.content / content.path
        try:
            status = file.stat()
        except OSError as error:
            return Prepared(tuple(self._row_without_content(each, error) for each in outputs), ())
        try:
            checksum = self._content_sha256(outputs, file, status)
        except NeuralStyleError as error:
            return Prepared(tuple(_failed_row(each, status, error) for each in outputs), ())
        settled: list[Row] = []
        missing: list[tuple[OutputSpec, Row]] = []
        for output in outputs:
            try:
                row = self._initial_row(output, checksum, status)
            except NeuralStyleError as error:  # only the outputs of this style fail
                settled.append(_failed_row(output, status, error))
                continue
            current = self._current_row(row)
            if current is None:
                missing.append((output, row))
            else:
                settled.append(current)
        return self._with_tasks(file, settled, missing)

    def _with_tasks(
        self, file: Path, settled: Sequence[Row], missing: Sequence[tuple[OutputSpec, Row]]
    ) -> Prepared:
        """Decode the content image for the outputs to make."""
        if not missing:
            return Prepared(tuple(settled), ())
        fitted: dict[tuple[int, str], Image.Image] = {}
        try:
            side = max(self._plan.settings[output.setting].size for output, _ in missing)
            image, original_size = load_sized(file, side)
            for output, _ in missing:
                settings = self._plan.settings[output.setting]
                shape = (settings.size, settings.fit)
                if shape not in fitted:
                    fitted[shape] = fit_content(image, settings, self._plan.size)
            at_reference = cache(partial(_at_reference, file))
            tasks = []
            for output, row in missing:
                settings = self._plan.settings[output.setting]
                resized = fitted[settings.size, settings.fit]
                has_size = max(resized.size) == settings.size  # see the exception of `fit_content`
                small = at_reference(settings.fit) if has_size and settings.at_reference else None
                tasks.append(Task(output, resized, original_size, settings, row, small))
        except NeuralStyleError as error:
            failed = (replace(row, status=FAILED, reason=str(error)) for _, row in missing)
            return Prepared((*settled, *failed), ())
        return Prepared(tuple(settled), tuple(tasks))

    def _content_sha256(
        self, outputs: Sequence[OutputSpec], file: Path, status: os.stat_result
    ) -> str:
        """The content image's checksum, from the journal if size and date are the recorded ones."""
        for output in outputs:
            row = self._rows.get(output.path)
            if row is None or not row.content_sha256:
                continue
            if (row.content_bytes, row.content_mtime_ns) == (status.st_size, status.st_mtime_ns):
                return row.content_sha256
        return sha256(file)

    def _initial_row(self, output: OutputSpec, content_sha256: str, status: os.stat_result) -> Row:
        """The row of an output with what is known before it is made."""
        key = self._key(output.setting, content_sha256, output.style.file)
        return replace(_row(output, DONE, status), key=key, content_sha256=content_sha256)

    def _current_row(self, row: Row) -> Row | None:
        """The journal's row of an output that is up to date; None if it has to be made."""
        known = self._rows.get(row.output)
        if known is None or known.status != DONE or known.key != row.key:
            return None
        current = row_if_unchanged(known, self._plan.output / known.output)
        if current is None:
            return None
        return replace(
            current, content_bytes=row.content_bytes, content_mtime_ns=row.content_mtime_ns
        )

    def _row_without_content(self, output: OutputSpec, error: OSError) -> Row:
        """The row of an output whose content image is not there; an existing output stays."""
        known = self._rows.get(output.path)
        if known is not None and known.status == DONE:
            current = row_if_unchanged(known, self._plan.output / known.output)
            if current is not None:
                return current
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return replace(_row(output, GONE), reason="the content image does not exist any more")
        reason = f"cannot read {error.filename!r}: {error.strerror}; check the file and its disk."
        return replace(_row(output, FAILED), reason=reason)


def _row(output: OutputSpec, status: str, file: os.stat_result | None = None) -> Row:
    """A row with the names of an output, and size and date of its content image's file."""
    return Row(
        output=output.path,
        content=output.content.path,
        style=output.style.id,
        setting=output.setting,
        status=status,
        content_bytes=file.st_size if file else 0,
        content_mtime_ns=file.st_mtime_ns if file else 0,
    )


def _failed_row(output: OutputSpec, file: os.stat_result, error: NeuralStyleError) -> Row:
    """The row of an output one of whose images cannot be read."""
    return replace(_row(output, FAILED, file), reason=str(error))


def row_if_unchanged(row: Row, output: Path) -> Row | None:
    """Return the row with the date of its output's file; None if the file is another one.

    Size and date are compared. If only the date differs, as after a copy, the checksum decides.
    """
    try:
        status = output.lstat()
        if status.st_size != row.output_bytes:
            return None
        if status.st_mtime_ns == row.output_mtime_ns:
            return row
        same = sha256(output) == row.output_sha256
        return replace(row, output_mtime_ns=status.st_mtime_ns) if same else None
    except (OSError, NeuralStyleError):
        return None


def read_assignment(plan: BulkPlan, listing: Listing) -> Assignment:
    """Read the assignment: the listed styles, with those of their files that exist now.

    Raises:
        NeuralStyleError: the list or the folder of the styles cannot be read, or too few styles
            are left.
    """
    files = find_images(plan.style, "bulk.style").files
    listed = read_styles(plan.paths.styles)
    found = {name: path for name, path in files.items() if name in listed}
    return Assignment(plan, merge_styles(listed, found, len(listing)))


def _at_reference(file: Path, fit: str) -> Image.Image | None:
    """A content image at `REFERENCE_SIZE`; None if it is too narrow for that."""
    with suppress(FitError):
        return load_fitted(file, REFERENCE_SIZE, fit)
    return None


def fit_content(image: Image.Image, settings: Settings, size: str) -> Image.Image:
    """Resize a content image for the network, as `image.size` and `image.fit` say.

    Exception: with the dimensions `original` and the fit `keep`, an image whose long edge is
    shorter than `image.size` keeps its size.

    Args:
        image: the content image.
        settings: `size` (pixels) and `fit` matter.
        size: `bulk.size`, `original` or `fitted`.

    Raises:
        ImageError: the image is too narrow, see `fit.fit_image`.
    """
    small = max(image.size) <= settings.size and min(image.size) >= SHORTEST_SIDE
    if size == ORIGINAL and settings.fit == "keep" and small:
        return image
    return fit_image(image, settings.size, settings.fit)
