"""From a configuration to the list of jobs: ids, paths and settings. Free of torch.

Every job of Snakemake evaluates the Snakefile anew, and the Snakefile imports this module.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from neural_style.config.inputs import (
    Images,
    InputError,
    find_images,
    find_missing,
    slug,
    with_blended_files,
)
from neural_style.config.presets import with_preset
from neural_style.config.schema import complete
from neural_style.config.settings import OUTPUT_FORMATS, Settings, Stage, find_conflicts
from neural_style.errors import NeuralStyleError

SECTIONS = ("image", "network", "optimization", "paint")
WEIGHTS = ("alpha", "beta", "learning_rate")
RESULTS = Path("results")
LOGS = Path("logs")
LOSSES = "losses.csv"
RUN = "run.json"


class SweepError(NeuralStyleError):
    """The sweep cannot be laid out."""


@dataclass(frozen=True)
class Job:
    """One picture to make: a content image, a style image and a setting.

    Attributes:
        content: id of the content image.
        style: id of the style image.
        setting: id of the setting.
        content_path: its file.
        style_path: its file.
        settings: the values of the setting.
    """

    content: str
    style: str
    setting: str
    content_path: Path
    style_path: Path
    settings: Settings

    @property
    def folder(self) -> Path:
        """Where everything about this picture lies."""
        return RESULTS / self.content / self.style / self.setting

    @property
    def result(self) -> Path:
        """The finished picture."""
        return self.folder / picture_name(self.settings.epochs, self.settings.format)

    @property
    def log(self) -> Path:
        """What the job said."""
        return LOGS / self.content / self.style / f"{self.setting}.log"


@dataclass(frozen=True)
class Sweep:
    """Contents × styles × settings.

    Attributes:
        contents: id → file of each content image.
        styles: id → file of each style image.
        settings: id → values of each setting.
        refused: a sentence for each image file that cannot take part.
    """

    contents: Mapping[str, Path]
    styles: Mapping[str, Path]
    settings: Mapping[str, Settings]
    refused: tuple[str, ...]

    def job(self, content: str, style: str, setting: str) -> Job:
        """The job of three ids."""
        return Job(
            content,
            style,
            setting,
            self.contents[content],
            self.styles[style],
            self.settings[setting],
        )

    @property
    def jobs(self) -> Iterator[Job]:
        """Every job, ordered by content, style, setting."""
        return itertools.chain.from_iterable(map(self.jobs_of, self.contents))

    def jobs_of(self, content: str) -> Iterator[Job]:
        """The jobs of one content image."""
        for style, setting in itertools.product(self.styles, self.settings):
            yield self.job(content, style, setting)


def plan(config: Mapping[str, Any]) -> Sweep:
    """Lay out the sweep of a configuration that `config.complete` has checked.

    Raises:
        SweepError: a folder is missing or holds no image that can take part, two settings would
            share an id, or a setting names an image that is not there; the message says all that
            is wrong.
    """
    mistakes: list[str] = []
    contents, styles = (_images(config, key, mistakes) for key in ("content", "style"))
    try:
        settings = expand_settings(config)
    except SweepError as error:
        mistakes.append(str(error))
    if not mistakes:
        missing = (find_missing(each, styles.files) for each in settings.values())
        mistakes += dict.fromkeys(itertools.chain.from_iterable(missing))  # each is told once
    if mistakes:
        raise SweepError("\n".join(mistakes))
    refused = (*contents.refused, *styles.refused)
    resolved = {name: with_blended_files(each, styles.files) for name, each in settings.items()}
    return Sweep(contents.files, styles.files, resolved, refused)


def _images(config: Mapping[str, Any], key: str, mistakes: list[str]) -> Images:
    """The images of a key, which holds one path or several; what is wrong joins `mistakes`."""
    value = config[key]
    try:
        return find_images(map(Path, [value] if isinstance(value, str) else value), key)
    except InputError as error:
        mistakes.append(str(error))
        return Images({}, ())


def expand_settings(config: Mapping[str, Any]) -> dict[str, Settings]:
    """The settings of a sweep by their ids: the cross product, the presets, then the named ones.

    Raises:
        SweepError: two settings would share an id.
    """
    sections = {section: config[section] for section in SECTIONS}
    lists = [config["settings"][name] for name in WEIGHTS]
    expanded: dict[str, Settings] = {}
    for values in itertools.product(*lists):
        weights = dict(zip(WEIGHTS, values, strict=True))
        expanded["_".join(map(format_number, values))] = make_settings(weights, sections)
    first = {name: values[0] for name, values in zip(WEIGHTS, lists, strict=True)}
    presets = [(name, {"preset": name}) for name in config["settings"]["presets"]]
    for name, entry in (*presets, *config["settings"]["named"].items()):
        setting, overrides = slug(str(name)), with_preset(entry)
        if setting in expanded:
            raise SweepError(
                f"settings.named.{name}: another setting has the id {setting} already; rename it."
            )
        merged = {key: {**sections[key], **overrides.get(key, {})} for key in SECTIONS}
        weights = {key: overrides.get(key, first[key]) for key in WEIGHTS}
        expanded[setting] = make_settings(weights, merged)
    return expanded


def make_settings(
    weights: Mapping[str, float], sections: Mapping[str, Mapping[str, Any]]
) -> Settings:
    """Settings from alpha, beta and learning rate and the sections of a configuration.

    Raises:
        SweepError: every content layer or every style layer has the weight 0, or the settings
            contradict each other.
    """
    values = {key: value for section in SECTIONS for key, value in sections[section].items()}
    values |= {name: float(weights[name]) for name in WEIGHTS}
    values |= {key: _weighted(key, values[key]) for key in ("content_layers", "style_layers")}
    values["blend"] = _in_order(values["blend"])
    values["style_scales"] = tuple(sorted(map(float, values["style_scales"])))
    values["stages"] = tuple(Stage(**stage) for stage in values["stages"])
    settings = Settings(**{field.name: values[field.name] for field in fields(Settings)})
    if conflicts := find_conflicts(settings):
        raise SweepError("\n".join(conflicts))
    return settings


def _weighted(key: str, layers: Mapping[str, float]) -> dict[str, float]:
    """The layers that count. Snakemake merges configurations; 0 takes a layer out again."""
    weighted = {layer: float(weight) for layer, weight in layers.items() if weight}
    if not weighted:
        raise SweepError(f"network.{key}: every weight is 0; give one layer a weight.")
    return weighted


def _in_order(blend: Mapping[str, float]) -> dict[str, float]:
    """The styles that count, in an order that is not the configuration's: sums are made in it."""
    return {style: float(weight) for style, weight in sorted(blend.items()) if weight}


def default_settings(schema: Mapping[str, Any]) -> Settings:
    """The settings of an empty configuration."""
    (settings,) = expand_settings(complete({}, schema)).values()
    return settings


def format_number(number: float) -> str:
    """A number as a part of an id, different for different numbers: 1, 0.5, 1e6, 2.5e-7.

    Exponents are used from 10 000 on and below a thousandth.
    """
    sign, digits, exponent = Decimal(repr(float(number))).normalize().as_tuple()
    magnitude = len(digits) + int(exponent) - 1
    if -4 < magnitude < 4 or not number:
        return repr(float(number)) if number != int(number) else str(int(number))
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{first}{'.' if rest else ''}{rest}e{magnitude}"


def picture_name(epoch: int, format_name: str) -> str:
    """The file name of the picture after an epoch."""
    return f"generated_{epoch}{OUTPUT_FORMATS[format_name]}"


def snapshot_names(settings: Settings) -> Sequence[str]:
    """The file names of all pictures of a job, the finished one last."""
    return [picture_name(epoch, settings.format) for epoch in settings.snapshots]
