"""The settings of an output: names, defaults, the sizes that follow from them, and conflicts.

The Snakefile imports this module, so it does not import torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from pydantic import TypeAdapter

from neural_style.config.keys import Image, Network, Optimization, Stage, Transfer, Weights
from neural_style.config.sizes import LARGEST_SIZE, REFERENCE_SIZE, SMALLEST_SIZE
from neural_style.config.values import Fit
from neural_style.errors import NeuralStyleError

ENGINE_VERSION = 19
"""Raise this number when you change the pixels of outputs on purpose.

An output is current if the hashes of its inputs, its settings and this number are the recorded
ones. The golden test fails until the number is raised.
"""

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
    | {".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
    | {".heic", ".heif", ".hif", ".avif", ".jxl"}
)
"""Lower-case suffixes of the files that are read as images."""

MASK_SUFFIXES: frozenset[str] = frozenset(f".mask{suffix}" for suffix in IMAGE_SUFFIXES)
"""Lower-case endings of mask files: `cat.mask.png` is the mask of `cat.jpg`."""

MAX_PIXELS = 250_000_000
"""The largest width × height of an image file that is read: phones make images of 200 million."""

MAX_PIXELS_VARIABLE = "NEURAL_STYLE_MAX_PIXELS"
"""Environment variable with another limit; `jobs.max_pixels` sets it."""

OUTPUT_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        **{"jpg": ".jpg", "png": ".png", "webp": ".webp", "avif": ".avif"},
        **{"png16": ".png", "tiff": ".tiff"},
    }
)
"""Value of `image.format` → suffix of the outputs."""

DEEP: frozenset[str] = frozenset({"png16", "tiff"})
"""Formats with 16 bits a channel."""

LOSSLESS: frozenset[str] = frozenset({"png"}) | DEEP
"""Formats that keep every sample exactly."""

OPAQUE: frozenset[str] = frozenset({"jpg"})
"""Formats without an alpha channel."""

SHOWN_BY_BROWSERS: frozenset[str] = frozenset({"jpg", "png", "webp", "avif", "png16"})
"""Formats that browsers display."""

FITS: tuple[str, ...] = get_args(Fit)
"""Values of `image.fit`; `images.fit.fit_image` describes each."""

BUILT_IN = ("caffe", "torchvision")
"""Values of `network.weights` that are not a file of the user."""

ORIGINAL = "original"
"""Value of `image.dimensions` and `bulk.size`: outputs have the content image's dimensions."""

KEEP = "keep"
"""Value of `image.transparency`: outputs get the opacity of their content image."""

BESIDE = "beside"
"""Value of a mask key: use the mask beside the image, `cat.mask.png`, if there is one."""

STARTS = ("recolored", "content", "noise")
"""Values of `optimization.init` that are not a file of the user."""

LOSSES = "losses.csv"
"""File name of the table of losses of an output."""

RUN = "run.json"
"""File name of the record of a run."""

LARGEST_RUN = 1 << 20
"""Bytes of a record that is read; a real one has about 2,000."""

LOSS_COLUMNS = ("epoch", "seconds", "total", "content", "style")
"""The first columns of `LOSSES`; a column for each term follows."""

LOG_PREFIX = "stylize: "
"""How each line about a failure begins in a job's log; reports quote the rest."""

SECTIONS = ("image", "network", "optimization", "transfer")
"""Sections of the configuration whose keys are fields of `Settings`."""

LISTED_KEYS = tuple(key.name for key in fields(Weights))
"""Fields of `Settings` of which the configuration has lists, in its section `settings`."""

SHARED_IN_BATCH = (
    *("weights", "pooling", "padding", "tile", "precision"),
    *("optimizer", "history", "size_correction"),
    *("color", "content_loss", "content_focus", "style_loss"),
    *("total_variation_exponent", "total_variation_chroma"),
)
"""Fields of `Settings` that images of a batch have in common; see `Settings.batch_key`."""


class SettingsError(NeuralStyleError):
    """Settings contradict each other; the message has one line for each conflict."""


@dataclass(frozen=True)
class Settings(Transfer, Optimization, Network, Image, Weights):
    """The settings of an output. Every key of these sections of the configuration is a field.

    docs/configuration.md describes them, and `config.keys` has their types, bounds and defaults.
    They are not checked here: `config.schema.settings_of` checks the values of a user. In contrast
    to the configuration, no layer and no image of `blend` has weight 0, and `blend` and
    `style_scales` are sorted.
    """

    @property
    def style_sizes(self) -> tuple[int, ...]:
        """Edges in pixels to which the style images are resized."""
        return tuple(int(self.size * scale + 0.5) for scale in self.style_scales)

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """All stages; the last has the image's own size and the remaining iterations."""
        before = sum(stage.epochs for stage in self.stages)
        return (*self.stages, Stage(self.size, self.epochs - before))

    @property
    def at_reference(self) -> Settings | None:
        """The settings with which the images of stages up to `REFERENCE_SIZE` are loaded.

        They are those of an output of this size. None if there are no such stages, or the output
        is not larger than that.
        """
        sizes = [stage.size for stage in self.stages]
        if not sizes or not min(sizes) <= REFERENCE_SIZE < self.size:
            return None
        return replace(self, size=REFERENCE_SIZE, stages=())

    @property
    def layers(self) -> frozenset[str]:
        """Every layer whose features are needed."""
        return frozenset(self.content_layers) | frozenset(self.style_layers)

    @property
    def batch_key(self) -> tuple[tuple[str, Hashable], ...]:
        """What images of one batch must have in common, besides their size: (name, value).

        Weights of the losses, learning rate, seed and start may differ.
        """
        stages = tuple((stage.size / self.size, stage.epochs) for stage in self.all_stages)
        return (
            *((name, getattr(self, name)) for name in SHARED_IN_BATCH),
            ("content_layers", tuple(self.content_layers.items())),
            ("style_layers", tuple(self.style_layers.items())),
            ("stages", stages),
        )

    @property
    def weights_file(self) -> Path | None:
        """The user's file with the weights of the network; None if `weights` is `BUILT_IN`."""
        return None if self.weights in BUILT_IN else Path(self.weights)

    @property
    def saved_fit(self) -> str:
        """How the content image is fitted in saved outputs; `keep` if they have its dimensions."""
        return "keep" if self.dimensions == ORIGINAL else self.fit

    @property
    def noise_share(self) -> float:
        """Share of noise in the start, 0 to 1."""
        return 1.0 if self.init == "noise" else self.init_noise

    @property
    def starts_from_content(self) -> bool:
        """Whether the start is the content image, recolored or as it is, without noise.

        Grids, gallery and time-lapses show the content image as it is for iteration 0.
        """
        return self.init in ("recolored", "content") and not self.noise_share

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Iterations after which outputs are saved: each multiple of `save_every`, and the last."""
        return (*range(self.save_every, self.epochs, self.save_every), self.epochs)


# Making settings from other forms


def make_settings(
    listed: Mapping[str, float], sections: Mapping[str, Mapping[str, Any]]
) -> Settings:
    """Make settings from checked values of a configuration.

    Args:
        listed: values of `LISTED_KEYS`. Missing ones take their default.
        sections: values of `SECTIONS`, section → key → value. Missing ones take their default.

    Raises:
        SettingsError: all content layers or all style layers have weight 0, or settings contradict
            each other.
    """
    values = {key: value for name in SECTIONS for key, value in sections.get(name, {}).items()}
    values |= {name: float(listed[name]) for name in LISTED_KEYS if name in listed}
    for key in ("content_layers", "style_layers"):
        if key in values:
            # Snakemake merges configurations, so weight 0 is how a layer is taken out again.
            values[key] = {name: float(weight) for name, weight in values[key].items() if weight}
            if not values[key]:
                raise SettingsError(f"network.{key}: every weight is 0; give one layer a weight.")
    if "blend" in values:  # sorted, because the sums over styles are made in this order
        blend = sorted(values["blend"].items())
        values["blend"] = {style: float(weight) for style, weight in blend if weight}
    if "style_scales" in values:
        values["style_scales"] = tuple(sorted(map(float, values["style_scales"])))
    if "stages" in values:
        values["stages"] = tuple(Stage(**stage) for stage in values["stages"])
    settings = Settings(**values)
    if conflicts := find_conflicts(settings):
        raise SettingsError("\n".join(conflicts))
    return settings


def settings_from_record(record: Mapping[str, Any]) -> Settings:
    """Make settings from a record: what `dataclasses.asdict` returned, after a way through JSON.

    Raises:
        TypeError: the record is no mapping.
        ValueError: it has a key that is not a setting, or a value that the setting cannot have.
    """
    return _adapter().validate_python(upgrade_record(record))


@cache
def _adapter() -> TypeAdapter[Settings]:
    return TypeAdapter(Settings)


def upgrade_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a record, perhaps an old one, under their current names.

    Missing keys get their default, except `size_correction`: runs from before that key did not
    correct.
    """
    current = {"size_correction": False, **record}
    if "colour" in current:
        current["color"] = current.pop("colour")
    return current


# Names and numbers that follow from the settings


def output_name(epoch: int, format_name: str) -> str:
    """Return the file name of the output after an iteration, such as `generated_100.jpg`."""
    return f"generated_{epoch}{OUTPUT_FORMATS[format_name]}"


def output_names(settings: Settings) -> Sequence[str]:
    """Return the file names of all outputs of a run, the final one last."""
    return [output_name(epoch, settings.format) for epoch in settings.snapshots]


# Conflicts: settings that are each allowed but do not go together

Check = Callable[[Settings], Iterator[str]]
"""Yields one sentence for each conflict: the keys, what is wrong, what to do."""


def _check_weights(settings: Settings) -> Iterator[str]:
    if not (settings.alpha or settings.beta or settings.coherence or settings.total_variation):
        yield (
            "settings.alpha: 0 and settings.beta: 0 leave no loss to minimize; raise one of them "
            "above 0."
        )


def _check_stage_sizes(settings: Settings) -> Iterator[str]:
    sizes = [stage.size for stage in settings.all_stages]
    if any(after <= before for before, after in itertools.pairwise(sizes)):
        shown = ", ".join(map(str, sizes[:-1]))
        yield (
            f"optimization.stages: the sizes {shown} must grow and stay below image.size "
            f"{settings.size}; sort them, or remove some."
        )


def _check_stage_epochs(settings: Settings) -> Iterator[str]:
    coarse = sum(stage.epochs for stage in settings.stages)
    if coarse >= settings.epochs:
        yield (
            f"optimization.stages: their {coarse} iterations leave none of optimization.epochs "
            f"{settings.epochs} for image.size {settings.size}; shorten the stages, or raise "
            "optimization.epochs."
        )


def _check_transparency(settings: Settings) -> Iterator[str]:
    if settings.transparency == KEEP and settings.format in OPAQUE:
        yield (
            f"image.transparency: keep is not possible with image.format: {settings.format}, which "
            "has no transparency; use image.format: png, webp, avif, png16 or tiff."
        )


def _check_crop_dimensions(settings: Settings) -> Iterator[str]:
    if settings.dimensions == ORIGINAL and settings.fit == "crop":
        yield (
            "image.dimensions: original cannot bring back what image.fit: crop cuts off; use "
            "image.fit: stretch, pad or keep."
        )


def _check_style_scales(settings: Settings) -> Iterator[str]:
    for scale, edge in zip(settings.style_scales, settings.style_sizes, strict=True):
        if not SMALLEST_SIZE <= edge <= LARGEST_SIZE:
            yield (
                f"transfer.style_scales: {scale:g} of image.size {settings.size} is {edge} px, but "
                f"a style image may have {SMALLEST_SIZE} to {LARGEST_SIZE} px; choose another "
                "scale or size."
            )


def _check_style_scales_in_stages(settings: Settings) -> Iterator[str]:
    size = settings.all_stages[0].size
    for scale in settings.style_scales:
        edge = int(size * scale + 0.5)
        if settings.stages and edge < SMALLEST_SIZE:
            yield (
                f"transfer.style_scales: {scale:g} of optimization.stages {size} is {edge} px, but "
                f"a style image needs {SMALLEST_SIZE} px; choose another scale, or begin with a "
                "larger size."
            )


def _check_data_set_images(settings: Settings) -> Iterator[str]:
    for key in ("blend", "mask", "style_mask"):
        if getattr(settings, key):
            yield (
                f"transfer.{key}: a data set (bulk.content) takes no further images; remove the "
                "key, or make these outputs with the sweep."
            )


def _check_data_set_start(settings: Settings) -> Iterator[str]:
    if settings.init not in STARTS:
        yield (
            f"optimization.init: {settings.init!r} is one file, but bulk.content has many content "
            "images; use recolored, content, or noise."
        )


CHECKS: tuple[Check, ...] = (
    _check_weights,
    _check_stage_sizes,
    _check_stage_epochs,
    _check_transparency,
    _check_crop_dimensions,
    _check_style_scales,
    _check_style_scales_in_stages,
)
"""Checks of every setting of a sweep, and of the options of `neural-style`."""

BULK_CHECKS: tuple[Check, ...] = (
    _check_data_set_images,
    _check_data_set_start,
)
"""Further checks for a data set."""


def find_conflicts(settings: Settings, checks: tuple[Check, ...] = CHECKS) -> list[str]:
    """Return the sentences of all checks that the settings do not pass."""
    return [sentence for check in checks for sentence in check(settings)]
