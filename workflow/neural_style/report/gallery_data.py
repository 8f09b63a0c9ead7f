"""What the gallery shows: outputs with their losses and settings.

The commands that make an output again are text for a shell, safe for any file name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from neural_style.config.options import (
    SHARES,
    option_strings,
    positional,
    shell_argument,
    write_value,
)
from neural_style.config.settings import (
    ORIGINAL,
    SHOWN_BY_BROWSERS,
    Settings,
    output_name,
    output_names,
)
from neural_style.config.sweep import Job, format_number
from neural_style.images.decode import ImageError
from neural_style.io import remove_leftovers_below
from neural_style.report.copies import (
    COPIES,
    ORIGINALS,
    THUMBNAILS,
    make_copy,
    make_original,
    make_thumbnail,
)
from neural_style.report.loss_table import read_losses
from neural_style.report.names import (
    differing_keys,
    display_names,
    replace_undecodable,
    setting_label,
    setting_labels,
)
from neural_style.report.outcome import failure_reason
from neural_style.report.outputs import spread, time_lapse
from neural_style.report.runs import KINDS, EpochLosses, Run, RunError, read_run

MOST_SNAPSHOTS = 100
"""The most outputs of a job that the epoch slider offers; of more, an even choice."""

WHOLE = "whole"
"""Names the copy of an original in its own proportions."""

REMADE = Path("remade")
"""Where the commands write outputs, so that none overwrites a result."""


def collect(jobs: Sequence[Job], defaults: Settings, folder: Path) -> Mapping[str, Any]:
    """Collect the data of the page, and make the copies of images that it shows.

    Args:
        jobs: of the sweep, in the order to show them; finished or not.
        defaults: settings of the command `neural-style` without options.
        folder: of the page; no other process may write the copies below it meanwhile.

    Returns:
        An object for JSON. `outputs` refer to `contents`, `styles`, `settings`, and `devices` by
        position; addresses are percent-encoded and relative to the page.

    Raises:
        NeuralStyleError: a copy cannot be written.
    """
    for copies in (ORIGINALS, THUMBNAILS, COPIES):
        remove_leftovers_below(folder / copies)
    contents = {job.content: job.content_path for job in jobs}
    styles = {job.style: job.style_path for job in jobs}
    settings = {job.setting: job.settings for job in jobs}
    labels, common = setting_labels(settings) if settings else ({}, "")
    differing = differing_keys(settings)
    devices: dict[str, int] = {}
    return {
        "root": _root(jobs),
        "common": common,
        "contents": _originals("content", contents, settings.values(), folder),
        "styles": _originals("style", styles, (), folder),
        "settings": [
            {
                "label": labels[name],
                "slug": _slug(name, value, differing),
                **_setting(name, value, defaults),
            }
            for name, value in settings.items()
        ],
        "outputs": [
            {
                "content": content,
                "style": style,
                "setting": setting,
                **_output(job, folder, devices),
            }
            for job, (content, style, setting) in zip(
                jobs, _positions(jobs, contents, styles, settings), strict=True
            )
        ],
        "devices": list(devices),
    }


def fit_name(settings: Settings) -> str:
    """Return a name for how a content image fits its outputs: `keep_320`, or `whole`."""
    return WHOLE if settings.dimensions == ORIGINAL else f"{settings.fit}_{settings.size}"


def curve_epochs(settings: Settings) -> list[int]:
    """Return the epochs whose losses are shown: 0, powers of two, and those of the outputs."""
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


def _root(jobs: Sequence[Job]) -> dict[str, str]:
    """The folder of the outputs, to read and quoted for a shell."""
    root = str(jobs[0].root) if jobs else ""
    return {"path": replace_undecodable(root), "argument": shell_argument(root)}


def _slug(name: str, settings: Settings, differing: Iterable[str]) -> str:
    """Return what tells a setting from the others, for the name of a file: `beta1e6`."""
    if setting_label(name, settings) == name:
        return name
    return "_".join(f"{key}{format_number(getattr(settings, key))}" for key in differing)


def _originals(
    kind: str, files: Mapping[str, Path], settings: Iterable[Settings], folder: Path
) -> list[dict[str, Any]]:
    """Return the content or style images; content images have a copy for each fit of the jobs."""
    fits = {fit_name(each): each if each.dimensions != ORIGINAL else None for each in settings}
    names = display_names(files)
    return [
        {
            "id": key,
            "name": names[key],
            "file": replace_undecodable(str(path)),
            "option": shell_argument(positional(path)),
            **_copies(path, folder / ORIGINALS / kind / key, fits or {WHOLE: None}, folder),
        }
        for key, path in files.items()
    ]


def _copies(
    path: Path, home: Path, fits: Mapping[str, Settings | None], folder: Path
) -> dict[str, Any]:
    """Make the copies of an original; there are none if it cannot be read."""
    copies: dict[str, Path] = {}
    for fit, settings in fits.items():
        copy = home / f"{fit}.jpg"
        with suppress(ImageError):
            make_original(path, copy, settings)
            copies[fit] = copy
    thumbnail = home / "thumbnail.jpg"
    for copy in list(copies.values())[:1]:  # faster than from the original
        make_thumbnail(copy, thumbnail)
    return {
        "copies": {fit: _url(copy, folder) for fit, copy in copies.items()},
        "thumbnail": _url(thumbnail, folder) if copies else None,
    }


def _setting(name: str, settings: Settings, defaults: Settings) -> dict[str, Any]:
    epochs = _shown_snapshots(settings)
    files = dict(zip(settings.snapshots, output_names(settings), strict=True))
    return {
        "id": name,
        "name": setting_label(name, settings),
        "named": setting_label(name, settings) == name,
        "fit": fit_name(settings),
        "starts_from_content": settings.starts_from_content,
        "facts": {
            field.name: _fact(field.name, getattr(settings, field.name))
            for field in fields(Settings)
        },
        "options": list(map(shell_argument, option_strings(settings, defaults))),
        "snapshots": [{"epoch": epoch, "file": quote(files[epoch])} for epoch in epochs],
        "epochs": curve_epochs(settings),
    }


def _fact(name: str, value: object) -> str:
    """Return a value of a setting as text: numbers as in ids, others as on a command line."""
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, Mapping) and name in SHARES:
        value = {replace_undecodable(Path(file).stem): weight for file, weight in value.items()}
    return ("" if value is None else write_value(value)) or "none"


def _output(job: Job, folder: Path, devices: dict[str, int]) -> dict[str, Any]:
    """One output: where it is, or why it is missing; its losses and its run."""
    suffix = job.final_output.suffix
    again = REMADE / job.content / job.style / f"{job.setting}{suffix}"
    option = shell_argument(f"--output={again}")
    entry: dict[str, Any] = {"folder": _url(job.folder, folder), "option": option}
    missing = failure_reason(job)
    thumbnail = folder / THUMBNAILS / job.content / job.style / f"{job.setting}.jpg"
    if missing is None:
        try:
            make_thumbnail(job.final_output, thumbnail)
        except ImageError as error:
            missing = str(error)
    if missing is not None:
        return {**entry, "missing": missing}
    epochs = curve_epochs(job.settings)
    losses = read_losses(job.folder, epochs)
    entry |= {"thumbnail": _url(thumbnail, folder), "shown": _shown(job, folder)}
    film = time_lapse(job.root, job.content, job.style, job.setting)
    # An older one is of an output that has been made again. Those of a failed sweep have date 0.
    if film.exists() and not 0 < film.stat().st_mtime_ns < job.final_output.stat().st_mtime_ns:
        entry["time_lapse"] = _url(film, folder)
    run: Run | None = None
    with suppress(RunError):  # an output is shown without its record
        run = read_run(job.folder)
        entry |= {
            "losses": _saved_losses(run),
            "size": run.size,
            "seconds": run.seconds,
            "finished": run.finished,
            "measures": {name: _rounded(value) for name, value in run.measures.items()} or None,
            "device": run.device and devices.setdefault(run.device, len(devices)),
        }
    entry["curve"] = [_curve_point(run, epoch, losses.get(epoch)) for epoch in epochs]
    return {key: value for key, value in entry.items() if value is not None}


def _saved_losses(run: Run) -> list[float | None] | None:
    """Total loss as it was minimized, content and style loss without alpha and beta, as saved."""
    if run.totals is None:
        return None
    kinds = [None if run.error else run.saved_loss(kind) for kind in KINDS]
    return [_rounded(value) for value in (run.totals[0], *kinds)]


def _curve_point(
    run: Run | None, epoch: int, losses: EpochLosses | None
) -> list[float | None] | None:
    """The same three losses of an iteration."""
    if losses is None:
        return None
    kinds = run.without_weight(losses, epoch) if run else (None, None)
    return [_rounded(value) for value in (losses.total, *kinds)]


def _shown(job: Job, folder: Path) -> str | None:
    """Return the folder of JPEGs of outputs whose format browsers do not show; None for others."""
    if job.settings.format in SHOWN_BY_BROWSERS:
        return None
    home = folder / COPIES / job.content / job.style / job.setting
    for epoch in _shown_snapshots(job.settings):
        source = job.folder / output_name(epoch, job.settings.format)
        with suppress(ImageError):
            make_copy(source, home / f"{source.stem}.jpg")
    return _url(home, folder)


def _rounded(value: float | None) -> float | None:
    """Round to five digits, enough to read and to sort by."""
    return None if value is None else float(f"{value:.5g}")


def _url(path: Path, folder: Path) -> str:
    """Return the address of a file from a page in `folder`."""
    relative = os.path.relpath(path, folder)
    return quote(os.fsencode(relative))
