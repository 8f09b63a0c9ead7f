"""What the page knows: every picture of the sweep with its names, losses and settings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from neural_style.files import remove_leftovers_below
from neural_style.gallery.command import shell_word
from neural_style.gallery.pictures import make_copy, make_original, make_thumbnail
from neural_style.gallery.runs import read_curve, read_run
from neural_style.jobs.failures import reason
from neural_style.pictures.images import ImageError
from neural_style.plan.commandline import SHARES, words, write_value
from neural_style.plan.formats import SHOWN_BY_BROWSERS
from neural_style.plan.settings import ORIGINAL, Settings
from neural_style.plan.sweep import (
    LOSSES,
    RUN,
    WEIGHTS,
    Job,
    format_number,
    picture_name,
    snapshot_names,
)

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
