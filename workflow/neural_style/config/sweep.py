"""The sweep of a configuration: content images × style images × settings, with ids and paths.

The Snakefile imports this module, and every job of Snakemake evaluates the Snakefile, so it does
not import torch.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from neural_style.config.folders import is_folder
from neural_style.config.inputs import (
    Images,
    InputError,
    find_images,
    find_missing,
    named_files,
    slug,
    with_blended_files,
)
from neural_style.config.presets import stages_of, with_preset
from neural_style.config.settings import LISTED_KEYS, SECTIONS, Settings, make_settings, output_name
from neural_style.errors import NeuralStyleError


class SweepError(NeuralStyleError):
    """The sweep cannot be planned; the message has one line for each mistake."""


@dataclass(frozen=True)
class Job:
    """One output to make: a content image, a style image and a setting.

    `content`, `style` and `setting` are ids, which name folders; the rest is what they stand for.

    Attributes:
        content: id of the content image.
        style: id of the style image.
        setting: id of the setting, such as `1_1e6_1`.
        content_path: file of the content image.
        style_path: file of the style image.
        settings: all values of the setting.
        root: folder of the sweep, see `Sweep.root`.
    """

    content: str
    style: str
    setting: str
    content_path: Path
    style_path: Path
    settings: Settings
    root: Path

    @property
    def folder(self) -> Path:
        """Folder of this job's outputs, losses and record."""
        return self.root / self.content / self.style / self.setting

    @property
    def final_output(self) -> Path:
        """File of the final output."""
        return self.folder / output_name(self.settings.epochs, self.settings.format)

    @property
    def log(self) -> Path:
        """Log file of the job."""
        return self.root / "logs" / self.content / self.style / f"{self.setting}.log"


@dataclass(frozen=True)
class Sweep:
    """Content images × style images × settings.

    Attributes:
        contents: id → file of each content image.
        styles: id → file of each style image.
        settings: id → values of each setting.
        refused: the reason for each image that is skipped.
        root: folder for everything that the sweep makes (key `output`).
        not_taken: sentences about files of the folders that are not images.
    """

    contents: Mapping[str, Path]
    styles: Mapping[str, Path]
    settings: Mapping[str, Settings]
    refused: tuple[str, ...]
    root: Path
    not_taken: tuple[str, ...] = ()

    def job(self, content: str, style: str, setting: str) -> Job:
        """Return the job of three ids."""
        return Job(
            content,
            style,
            setting,
            self.contents[content],
            self.styles[style],
            self.settings[setting],
            self.root,
        )

    @property
    def jobs(self) -> Iterator[Job]:
        """Every job, ordered by content, style, setting."""
        return itertools.chain.from_iterable(map(self.jobs_of, self.contents))

    def jobs_of(self, content: str) -> Iterator[Job]:
        """Yield the jobs of one content image."""
        for style, setting in itertools.product(self.styles, self.settings):
            yield self.job(content, style, setting)


def plan_sweep(config: Mapping[str, Any]) -> Sweep:
    """Plan the sweep of a configuration that `complete` has checked.

    Raises:
        SweepError: a folder is missing or holds no image that can be used, the folder for the
            results cannot be used, two settings would share an id, or a setting names an image that
            is not there.
    """
    contents, no_contents = _images(config, "content")
    styles, no_styles = _images(config, "style")
    mistakes = [*no_contents, *no_styles, *_refusals_of_output(config)]
    settings: dict[str, Settings] = {}
    try:
        settings = expand_settings(config)
    except NeuralStyleError as error:
        mistakes.append(str(error))
    if not mistakes:
        missing = (find_missing(each, styles.files) for each in settings.values())
        mistakes += dict.fromkeys(itertools.chain.from_iterable(missing))  # each once
    if mistakes:
        raise SweepError("\n".join(mistakes))
    refused = (*contents.refused, *styles.refused)
    resolved = {name: with_blended_files(each, styles.files) for name, each in settings.items()}
    sweep = Sweep(
        contents.files,
        styles.files,
        resolved,
        refused,
        Path(config["output"]),
        (*contents.not_taken, *styles.not_taken),
    )
    if mistakes := [*_own_outputs(sweep, config)]:
        raise SweepError("\n".join(mistakes))
    return sweep


def _images(config: Mapping[str, Any], key: str) -> tuple[Images, list[str]]:
    """Return the images of a key, and what is wrong with the key."""
    try:
        return find_images(map(Path, config[key]), key), []
    except InputError as error:
        return Images({}), [str(error)]


def _refusals_of_output(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the folder for the results; the schema has checked its characters.

    If one of the folders were within the other, the next run would take outputs for inputs.
    """
    output = config["output"]
    if os.path.lexists(output) and not is_folder(output):
        yield f"output: {output!r} is not a folder; choose another name."
    inputs = [(key, name) for key in ("content", "style") for name in config[key]]
    for key, name in inputs:
        if is_folder(name) and overlap(output, name):
            yield (
                f"output: {output!r} and {key} {name!r} are the same folder, or one is within the "
                "other; choose a folder beside the images."
            )
    bulk = config.get("bulk", {})
    if bulk.get("content") is not None and is_within(output, bulk["output"]):
        yield (
            f"output: {output!r} is within bulk.output {bulk['output']!r}; choose another folder "
            "for one of them."
        )


def _own_outputs(sweep: Sweep, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each input that lies in the folder of a job of the sweep itself.

    The job removes what is there before it makes its outputs again.
    """
    inputs = [(key, name) for key in ("content", "style") for name in config[key]]
    found = (("content", sweep.contents), ("style", sweep.styles))
    links = ((key, file) for key, files in found for file in files.values() if file.is_symlink())
    inputs += [(key, str(file)) for key, file in links]
    inputs += itertools.chain.from_iterable(map(named_files, sweep.settings.values()))
    root = sweep.root.resolve()
    for key, name in dict.fromkeys(inputs):
        path = Path(name).resolve()
        match path.relative_to(root).parts if path.is_relative_to(root) else ():
            case [content, style, setting, _, *_] if (
                content in sweep.contents and style in sweep.styles and setting in sweep.settings
            ):
                yield (
                    f"{key}: {name!r} is in the folder of an output of this sweep, and its job "
                    "would remove it; copy the file to another folder."
                )


def overlap(one: str | Path, other: str | Path) -> bool:
    """Return whether two folders are the same, or one is in the other, after all links."""
    return is_within(one, other) or is_within(other, one)


def is_within(one: str | Path, other: str | Path) -> bool:
    """Return whether a folder is another one or in it, after all links."""
    # Unlike Path.resolve, this leaves links that lead in a circle.
    return Path(os.path.realpath(one)).is_relative_to(os.path.realpath(other))


def expand_settings(config: Mapping[str, Any]) -> dict[str, Settings]:
    """Return the settings of a sweep by id: the cross product, the presets, then the named ones.

    Raises:
        SweepError: two settings would share an id.
        SettingsError: settings contradict each other.
    """
    sections = {section: config[section] for section in SECTIONS}
    lists = [config["settings"][name] for name in LISTED_KEYS]
    expanded: dict[str, Settings] = {}
    for values in itertools.product(*lists):
        listed = dict(zip(LISTED_KEYS, values, strict=True))
        expanded[setting_id(values)] = make_settings(listed, sections)
    first = {name: values[0] for name, values in zip(LISTED_KEYS, lists, strict=True)}
    presets = [(name, {"preset": name}) for name in config["settings"]["presets"]]
    for name, entry in (*presets, *config["settings"]["named"].items()):
        setting, overrides = slug(str(name)), with_preset(entry)
        if setting in expanded:
            raise SweepError(
                f"settings.named.{name}: another setting has the id {setting} already; rename it."
            )
        merged = {key: {**sections[key], **overrides.get(key, {})} for key in SECTIONS}
        own, size = entry.get("optimization", {}), merged["image"]["size"]
        merged["optimization"] |= stages_of(entry.get("preset"), own, size)
        listed = {key: overrides.get(key, first[key]) for key in LISTED_KEYS}
        expanded[setting] = make_settings(listed, merged)
    return expanded


def setting_id(values: Iterable[float]) -> str:
    """Return the id of a setting by its values of `LISTED_KEYS`: `1_1e6_1`."""
    return "_".join(map(format_number, values))


def format_number(number: float) -> str:
    """Return a number as part of an id; different numbers differ: 1, 0.5, 1e6, 2.5e-7.

    Scientific notation is used for values ≥ 10,000 or < 0.001.
    """
    sign, digits, exponent = Decimal(repr(float(number))).normalize().as_tuple()
    magnitude = len(digits) + int(exponent) - 1
    if -4 < magnitude < 4 or not number:
        return repr(float(number)) if number != int(number) else str(int(number))
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{first}{'.' if rest else ''}{rest}e{magnitude}"
