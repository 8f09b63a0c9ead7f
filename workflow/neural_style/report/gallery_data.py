"""The command that makes a picture again, as text for a shell."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from neural_style.config.options import SHARES, words, write_value
from neural_style.config.settings import ORIGINAL, SHOWN_BY_BROWSERS, Settings
from neural_style.config.sweep import (
    LOSSES,
    RUN,
    WEIGHTS,
    Job,
    format_number,
    picture_name,
    snapshot_names,
)
from neural_style.images.decode import ImageError, fit_image, load_image
from neural_style.images.encode import save_image
from neural_style.io import remove_leftovers_below
from neural_style.report.gallery_runs import read_curve, read_run
from neural_style.report.runs import reason


def shell_word(word: str) -> str:
    r"""A word as a shell has to be told it, quoted where it has to be.

    What cannot be seen or is no UTF-8 is written as `$'caf\351'`, which bash and zsh
    understand, since it would not survive the way through a page and a clipboard.
    """
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escape, os.fsencode(word)))}'"


def _escape(byte: int) -> str:
    if byte in b"'\\":
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


# MERGED: The copies of pictures that the gallery shows, made again only when their source changed.


THUMBNAIL_EDGE = 360
"""The longer side of a thumbnail in pixels, at most."""

ORIGINAL_EDGE = 1024
"""The longer side of the copy of an original in pixels, at most."""

_THUMBNAIL_QUALITY = 82
_COPY_QUALITY = 95
_ORIGINAL_QUALITY = 90


def make_thumbnail(source: Path, target: Path) -> None:
    """Make a small JPEG of a picture, unless the one that is there is of the same picture.

    Raises:
        ImageError: the picture cannot be read.
        NeuralStyleError: the thumbnail cannot be written.
    """
    if not _is_current(source, target):
        small = shrink(load_image(source), THUMBNAIL_EDGE)
        _save(small, source, target, _THUMBNAIL_QUALITY)


def make_copy(source: Path, target: Path) -> None:
    """Make a JPEG of a picture in its own size, unless the one that is there is of that picture.

    Raises:
        ImageError: the picture cannot be read.
        NeuralStyleError: the copy cannot be written.
    """
    if not _is_current(source, target):
        _save(load_image(source), source, target, _COPY_QUALITY)


def make_original(source: Path, target: Path, settings: Settings | None = None) -> None:
    """Make a copy of an original for the screen, unless it is there already.

    Args:
        source: a content or style image of the user's.
        target: a JPEG.
        settings: show what a job of these settings saw (size and fit), so that the copy lies
            exactly over the job's picture; without, the whole image in its own proportions.

    Raises:
        ImageError: the image cannot be read, or not be fitted.
        NeuralStyleError: the copy cannot be written.
    """
    if not _is_current(source, target):
        image = load_image(source)
        if settings is not None:
            image = fit_image(image, settings.size, settings.fit)
        _save(shrink(image, ORIGINAL_EDGE), source, target, _ORIGINAL_QUALITY)


def shrink(image: Image.Image, edge: int) -> Image.Image:
    """The image with its longer side at most `edge` px, the other in proportion, at least 1 px."""
    scale = edge / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _is_current(source: Path, target: Path) -> bool:
    """Whether the copy bears its source's date; `_save` gave it that.

    Equal, not newer: a source may be replaced by an older file.
    """
    try:
        return source.stat().st_mtime_ns == target.stat().st_mtime_ns
    except OSError:
        return False


def _save(image: Image.Image, source: Path, target: Path, quality: int) -> None:
    try:
        date = source.stat().st_mtime_ns
    except OSError as error:
        raise ImageError(f"cannot read {str(source)!r}: it vanished; run again.") from error
    save_image(image, target, quality)
    os.utime(target, ns=(date, date))


# MERGED: What the page knows: every picture of the sweep with its names, losses and settings.


MOST_SNAPSHOTS = 100
"""Pictures that the epoch slider offers of one job; of more, an even choice."""

ORIGINALS, THUMBNAILS, PICTURES = "originals", "thumbnails", "pictures"
"""The folders of the small copies, beside the page."""

WHOLE = "whole"
"""The copy of an original in its own proportions."""

REMADE = Path("remade")
"""Where the commands put their pictures: nothing in the results is overwritten by a paste."""

_SIGNS = ("α", "β", "lr")


def collect(
    jobs: Sequence[Job], defaults: Settings, stylize: Path, folder: Path
) -> Mapping[str, Any]:
    """Gather the data of the page, and make the small copies of pictures that it shows.

    Args:
        jobs: of the sweep, in the order to show them in; made or not.
        defaults: what the stylize script does without options.
        stylize: that script.
        folder: of the page; the small copies go below it, and are written by nobody else.

    Returns:
        An object for JSON. `pictures` refer to `contents`, `styles`, `settings` and `devices` by
        position; addresses are percent-encoded and relative to the page.

    Raises:
        NeuralStyleError: a small copy cannot be written.
    """
    for copies in (ORIGINALS, THUMBNAILS, PICTURES):
        remove_leftovers_below(folder / copies)
    contents = {job.content: job.content_path for job in jobs}
    styles = {job.style: job.style_path for job in jobs}
    settings = {job.setting: job.settings for job in jobs}
    devices: dict[str, int] = {}
    return {
        "command": list(map(shell_word, ["python", str(stylize)])),
        "contents": _originals("content", contents, settings.values(), folder),
        "styles": _originals("style", styles, (), folder),
        "settings": [_setting(name, value, defaults) for name, value in settings.items()],
        "pictures": [
            {
                "content": content,
                "style": style,
                "setting": setting,
                **_picture(job, folder, devices),
            }
            for job, (content, style, setting) in zip(
                jobs, _positions(jobs, contents, styles, settings), strict=True
            )
        ],
        "devices": list(devices),
    }


def fit_name(settings: Settings) -> str:
    """What tells how a photograph lies in the pictures: `keep_320`, or `whole`."""
    return WHOLE if settings.dimensions == ORIGINAL else f"{settings.fit}_{settings.size}"


def setting_name(name: str, settings: Settings) -> str:
    """A setting in a heading: `α 1   β 1e6   lr 1` where the id is its numbers, else the id."""
    numbers = [format_number(getattr(settings, weight)) for weight in WEIGHTS]
    if name != "_".join(numbers):
        return name
    pairs = zip(_SIGNS, numbers, strict=True)
    return "  ".join(f"{sign}\N{NO-BREAK SPACE}{number}" for sign, number in pairs)


def display_names(files: Mapping[str, Path]) -> dict[str, str]:
    """By id: the name that people gave to the file, or the id where several files have that name.

    Bytes that are no UTF-8 become replacement characters.
    """
    stems = {key: _visible(path.stem) for key, path in files.items()}
    shared = Counter(stems.values())
    return {key: stem if stem.strip() and shared[stem] == 1 else key for key, stem in stems.items()}


def spread(values: Sequence[int], most: int) -> list[int]:
    """The values, or `most` of them at even distances, with the first and the last."""
    if len(values) <= most:
        return list(values)
    last = len(values) - 1
    return [values[round(step * last / (most - 1))] for step in range(most)]


def curve_epochs(settings: Settings) -> list[int]:
    """The epochs whose losses are shown: of the pictures, 0, and the powers of two."""
    powers = [1 << power for power in range(settings.epochs.bit_length())]
    return sorted({0, *powers, *_shown_snapshots(settings)})


def _shown_snapshots(settings: Settings) -> list[int]:
    return spread(settings.snapshots, MOST_SNAPSHOTS)


def _positions(
    jobs: Iterable[Job], *indexed: Mapping[str, object]
) -> Iterable[tuple[int, int, int]]:
    contents, styles, settings = (
        {name: number for number, name in enumerate(each)} for each in indexed
    )
    for job in jobs:
        yield contents[job.content], styles[job.style], settings[job.setting]


def _originals(
    kind: str, files: Mapping[str, Path], settings: Iterable[Settings], folder: Path
) -> list[dict[str, Any]]:
    """The content or style images; of contents a copy for each way in which jobs saw them."""
    ways = {fit_name(each): each if each.dimensions != ORIGINAL else None for each in settings}
    names = display_names(files)
    return [
        {
            "id": key,
            "name": names[key],
            "file": _visible(str(path)),
            "option": shell_word(f"--{kind}={path}"),
            **_copies(path, folder / ORIGINALS / kind / key, ways or {WHOLE: None}, folder),
        }
        for key, path in files.items()
    ]


def _copies(
    path: Path, home: Path, ways: Mapping[str, Settings | None], folder: Path
) -> dict[str, Any]:
    """Make the small copies of an original; there are none of one that cannot be read."""
    copies: dict[str, Path] = {}
    for way, settings in ways.items():
        copy = home / f"{way}.jpg"
        with suppress(ImageError):
            make_original(path, copy, settings)
            copies[way] = copy
    thumbnail = home / "thumbnail.jpg"
    for copy in list(copies.values())[:1]:  # quicker than from the original
        make_thumbnail(copy, thumbnail)
    return {
        "copies": {way: _url(copy, folder) for way, copy in copies.items()},
        "thumbnail": _url(thumbnail, folder) if copies else None,
    }


def _setting(name: str, settings: Settings, defaults: Settings) -> dict[str, Any]:
    epochs = _shown_snapshots(settings)
    files = dict(zip(settings.snapshots, snapshot_names(settings), strict=True))
    return {
        "id": name,
        "name": setting_name(name, settings),
        "fit": fit_name(settings),
        "facts": {
            field.name: _fact(field.name, getattr(settings, field.name))
            for field in fields(Settings)
        },
        "options": list(map(shell_word, words(settings, defaults))),
        "snapshots": [{"epoch": epoch, "file": quote(files[epoch])} for epoch in epochs],
        "epochs": curve_epochs(settings),
    }


def _fact(name: str, value: object) -> str:
    """A value of a setting to read: numbers as in ids, the rest as on a command line."""
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, Mapping) and name in SHARES:
        value = {_visible(Path(file).stem): weight for file, weight in value.items()}
    return ("" if value is None else write_value(value)) or "none"


def _visible(text: str) -> str:
    """Text with replacement characters for bytes that are no UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")


def _picture(job: Job, folder: Path, devices: dict[str, int]) -> dict[str, Any]:
    """One picture: where it is, or why it is missing; its losses and its run."""
    output = shell_word(f"--output={REMADE / job.content / job.style / job.setting}")
    entry: dict[str, Any] = {"folder": _url(job.folder, folder), "output": output}
    missing = reason(job)
    thumbnail = folder / THUMBNAILS / job.content / job.style / f"{job.setting}.jpg"
    if missing is None:
        try:
            make_thumbnail(job.result, thumbnail)
        except ImageError as error:
            missing = str(error)
    if missing is not None:
        return {**entry, "missing": missing}
    run = read_run(job.folder / RUN)
    curve = read_curve(job.folder / LOSSES, curve_epochs(job.settings))
    parts = [curve.get(epoch) for epoch in curve_epochs(job.settings)]
    entry |= {
        "thumbnail": _url(thumbnail, folder),
        "shown": _shown(job, folder),
        "losses": run.losses and [_rounded(value) for value in run.losses],
        "curve": [[_rounded(value) for value in each] if each else None for each in parts],
        "size": run.size,
        "seconds": run.seconds,
        "finished": run.finished,
        "device": run.device and devices.setdefault(run.device, len(devices)),
    }
    return {key: value for key, value in entry.items() if value is not None}


def _shown(job: Job, folder: Path) -> str | None:
    """Where JPEGs of a job's pictures lie, made here for what no browser shows; else None."""
    if job.settings.format in SHOWN_BY_BROWSERS:
        return None
    home = folder / PICTURES / job.content / job.style / job.setting
    for epoch in _shown_snapshots(job.settings):
        source = job.folder / picture_name(epoch, job.settings.format)
        with suppress(ImageError):
            make_copy(source, home / f"{source.stem}.jpg")
    return _url(home, folder)


def _rounded(value: float) -> float:
    """Enough digits to read and to sort by."""
    return float(f"{value:.5g}")


def _url(path: Path, folder: Path) -> str:
    """The address of a file from a page in `folder`."""
    relative = os.path.relpath(path, folder)
    return quote(os.fsencode(relative))
