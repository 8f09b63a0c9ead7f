"""The names of picture formats and fits that the config, the Snakefile and the library share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

#: Lower-case suffixes of the files that are read as images.
IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
)

#: Lower-case endings of the files that are masks: `cat.mask.png` is that of `cat.jpg`.
MASK_SUFFIXES: frozenset[str] = frozenset(f".mask{suffix}" for suffix in IMAGE_SUFFIXES)

#: The value of `image.format` in the config → the suffix of the pictures that are written.
OUTPUT_FORMATS: Mapping[str, str] = MappingProxyType(
    {"jpg": ".jpg", "png": ".png", "webp": ".webp", "png16": ".png", "tiff": ".tiff"}
)

#: Those of 16 bits a channel.
DEEP: frozenset[str] = frozenset({"png16", "tiff"})

#: Those that give back the very samples that they were given.
LOSSLESS: frozenset[str] = frozenset({"png"}) | DEEP

#: The one without room for opacity.
OPAQUE: frozenset[str] = frozenset({"jpg"})

#: Those that browsers show.
SHOWN_BY_BROWSERS: frozenset[str] = frozenset({"jpg", "png", "webp", "png16"})

#: The values of `image.fit` in the config; `images.fit_image` says what each does.
FITS: tuple[str, ...] = ("stretch", "crop", "pad", "keep")


# MERGED: Some epochs at a size, and the lengths of a picture there. Free of torch.


SHORTEST = 16
"""Pixels of a side: the deepest layer has one feature then, and with fewer none."""


@dataclass(frozen=True)
class Stage:
    """Some epochs at a size.

    Attributes:
        size: edge of the picture in pixels, as `image.size`.
        epochs: iterations.
    """

    size: int
    epochs: int


def scaled_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """The height and width of a picture with each side `scale` times as long, not too short."""
    return max(SHORTEST, round(height * scale)), max(SHORTEST, round(width * scale))


# MERGED: How many pairs of L-BFGS a picture can afford. Free of torch: estimates for clusters need it.


HISTORY_SIZE = 20
"""Pairs that are kept unless they would take too much memory."""

MOST_BYTES = 3.6e9
"""Of all pairs of a picture: 20 pairs of a picture of 2700 × 2700, 8 of one of 4096 × 4096."""

BYTES_PER_HISTORY_ENTRY = 24
"""For a pixel: two vectors of three channels in float32."""


def history_size(asked: int | None, height: int, width: int) -> int:
    """The number of pairs that L-BFGS keeps for a picture.

    It follows from the size alone, so that a picture does not depend on the machine.

    Args:
        asked: `optimization.history`; None leaves it to the size.
        height: of the picture, in pixels.
        width: of the picture.
    """
    if asked is not None:
        return asked
    return min(HISTORY_SIZE, int(MOST_BYTES / (BYTES_PER_HISTORY_ENTRY * height * width)))


# MERGED: Everything that decides how one picture turns out. Free of torch: the Snakefile reads it.


ENGINE_VERSION = 1
"""Raised by whoever changes the pixels of outputs on purpose.

An output is current if the hashes of its inputs, its settings and this number are the recorded
ones. The golden test fails until it is raised.
"""

BUILT_IN = ("caffe", "torchvision")
"""The sources of weights that are no file of the user's."""

ORIGINAL = "original"
"""The dimensions of pictures that get those of their photograph."""

KEEP = "keep"
"""The transparency of pictures that get that of their photograph."""
BESIDE = "beside"
"""The value for a mask that lies beside its image, if there is one: `cat.mask.png`."""

UNTIL_NAMED: Mapping[str, Any] = MappingProxyType({"size_correction": False})
"""What held before there was a key, where its default is something else: for older records."""

STARTS = ("content", "noise")
"""What a picture can start from that is no file of the user's."""


@dataclass(frozen=True)
class Settings:
    """One setting of a sweep, complete. The defaults live in `config.schema.yaml`.

    Attributes:
        alpha: weight of the content loss, ≥ 0.
        beta: weight of the style loss, ≥ 0.
        learning_rate: factor on every step of the optimizer, > 0.
        size: edge of the picture in pixels.
        fit: how an image comes to that size, one of `formats.FITS`.
        format: type of the pictures written, a key of `formats.OUTPUT_FORMATS`.
        quality: of JPEG and WebP, 1 … 100.
        dimensions: of the pictures written, `fitted` or `original`, see `finishing.Finish`.
        transparency: of the photograph, `white` or `keep`, see `finishing.Finish`.
        weights: source of the network, see `weights.load_weights`.
        content_layers: weight of each layer whose features are compared.
        style_layers: weight of each layer whose Gram matrices are compared.
        pooling: between the network's blocks, `max` or `average`.
        padding: of its convolutions, `zeros`, `reflect` or `replicate`.
        tile: edge of the tiles that the network sees a picture in, in pixels; None leaves it to
            `tiling.tile_edge`.
        optimizer: `lbfgs` or `adam`.
        history: pairs that L-BFGS keeps; None leaves it to `history.history_size`.
        stages: what goes before the picture's own size, from coarse to fine.
        size_correction: whether beta is that of 512 pixels, see `balance.beta_at`.
        epochs: iterations of the optimizer, those of the stages included.
        save_every: epochs between two pictures.
        init: what the picture starts from, one of `STARTS` or an image file.
        init_noise: share of noise that is mixed into that, 0 … 1.
        seed: of the noise.
        precision: of the network, `auto`, `fp32` or `bf16`.
        color: what becomes of the photograph's colors, see `color.recolored`.
        blend: weight of each further style image, by its file; that of the style itself is 1.
        style_scales: edges of the style images in units of `size`, ascending.
        mask: where the style acts: a file, `BESIDE`, or None for everywhere.
        style_mask: where the style is looked at, likewise.
        total_variation: weight of the smoothness of what is painted, ≥ 0.
    """

    alpha: float
    beta: float
    learning_rate: float
    size: int
    fit: str
    format: str
    quality: int
    dimensions: str
    transparency: str
    weights: str
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    pooling: str
    padding: str
    tile: int | None
    optimizer: str
    history: int | None
    stages: tuple[Stage, ...]
    size_correction: bool
    epochs: int
    save_every: int
    init: str
    init_noise: float
    seed: int
    precision: str
    color: str
    blend: Mapping[str, float]
    style_scales: tuple[float, ...]
    mask: str | None
    style_mask: str | None
    total_variation: float

    @property
    def style_sizes(self) -> tuple[int, ...]:
        """The edges in pixels at which style images are looked at."""
        return tuple(int(self.size * scale + 0.5) for scale in self.style_scales)

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """All stages; the last has the picture's own size, and the epochs that are left."""
        before = sum(stage.epochs for stage in self.stages)
        return (*self.stages, Stage(self.size, self.epochs - before))

    def up_to(self, epoch: int) -> Settings:
        """Settings of which the picture after that epoch is the last one."""
        done = 0
        for number, stage in enumerate(self.stages):
            done += stage.epochs
            if epoch <= done:
                before = self.stages[:number]
                return replace(self, size=stage.size, stages=before, epochs=epoch)
        return replace(self, epochs=epoch)

    @property
    def layers(self) -> frozenset[str]:
        """Every layer whose features are needed."""
        return frozenset(self.content_layers) | frozenset(self.style_layers)

    @property
    def saved_fit(self) -> str:
        """How the photograph lies in the saved pictures: `keep` where they have its dimensions."""
        return "keep" if self.dimensions == ORIGINAL else self.fit

    @property
    def noise_share(self) -> float:
        """How much of the start is noise, 0 … 1."""
        return 1.0 if self.init == "noise" else self.init_noise

    @property
    def snapshots(self) -> tuple[int, ...]:
        """The epochs whose pictures are saved: each multiple of `save_every`, and the last."""
        return (*range(self.save_every, self.epochs, self.save_every), self.epochs)


def settings_from_facts(facts: Mapping[str, Any]) -> Settings:
    """Settings from what `dataclasses.asdict` made of them and JSON gave back."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in {**UNTIL_NAMED, **facts}.items()
    }
    values["stages"] = tuple(Stage(**stage) for stage in values["stages"])
    return Settings(**values)


# MERGED: The weight of the style at a size, so that it does there what it does at 512 pixels.
#
# The network sees a fixed number of pixels. The larger a picture, the smoother is what it sees, and
# the less of the style loss is left for the same content loss: with the same beta, less of the
# photograph is left in a small picture than in a large one. Beta grows with the long edge to make
# up for it.
#
# That beta has to grow in proportion was measured (benchmarks/RESULTS.md, "The balance at a
# size"); the power came out between 0.8 and 2.2, depending on the pair, on beta and on the
# sizes. The size of the strokes does not grow with the picture, whatever beta is; stages are for
# that.
#
# Free of torch.


REFERENCE_SIZE = 512
"""Pixels of the long edge at which beta is taken as it is."""


def beta_at(settings: Settings, height: int, width: int) -> float:
    """The weight of the style loss at a size: beta · long edge / `REFERENCE_SIZE`, if it is corrected.

    Args:
        settings: beta, and whether it is to be corrected.
        height: of the picture as it is optimized, in pixels.
        width: of the same.
    """
    if not settings.size_correction:
        return settings.beta
    return settings.beta * (max(height, width) / REFERENCE_SIZE)


# MERGED: Settings that are each allowed and make no sense together. Free of torch.


Rule = Callable[[Settings], Iterator[str]]
"""Yields a sentence for each conflict: the keys, what is wrong, what to do."""
SMALLEST_SIZE, LARGEST_SIZE = 32, 4096
"""The bounds of `image.size`, in pixels; they are those of style images, too."""


def file_to_start_from(settings: Settings) -> Iterator[str]:
    """Every photograph of a data set would start from the same picture."""
    if settings.init not in STARTS:
        yield (
            f"optimization.init: {settings.init!r} is one file, and the photographs of "
            "bulk.content are many; start them from content or noise."
        )


def opacity_without_room(settings: Settings) -> Iterator[str]:
    """JPEG has no channel for opacity."""
    if settings.transparency == KEEP and settings.format in OPAQUE:
        yield (
            f"image.transparency: keep has no room in image.format: {settings.format}; use "
            "image.format: png, webp, png16 or tiff."
        )


def dimensions_after_a_crop(settings: Settings) -> Iterator[str]:
    """What was cut off has no pixels."""
    if settings.dimensions == ORIGINAL and settings.fit == "crop":
        yield (
            "image.dimensions: original cannot bring back what image.fit: crop cuts off; use "
            "image.fit: stretch, pad or keep."
        )


def style_scales_in_bounds(settings: Settings) -> Iterator[str]:
    """A style image needs some pixels, and must not take all memory."""
    for scale, edge in zip(settings.style_scales, settings.style_sizes, strict=True):
        if not SMALLEST_SIZE <= edge <= LARGEST_SIZE:
            yield (
                f"paint.style_scales: {scale:g} of image.size {settings.size} is {edge} px, but a "
                f"style image may have {SMALLEST_SIZE} to {LARGEST_SIZE}; choose another scale or size."
            )


def no_further_files(settings: Settings) -> Iterator[str]:
    """A data set knows photographs and styles alone."""
    for key in ("blend", "mask", "style_mask"):
        if getattr(settings, key):
            yield (
                f"paint.{key}: a data set (bulk.content) takes no further images; leave the key "
                "out, or make such pictures with the sweep."
            )


def stages_from_coarse_to_fine(settings: Settings) -> Iterator[str]:
    """Each stage is larger than the one before, and the picture's own size comes last."""
    sizes = [stage.size for stage in settings.all_stages]
    if any(after <= before for before, after in itertools.pairwise(sizes)):
        shown = ", ".join(map(str, sizes[:-1]))
        yield (
            f"optimization.stages: the sizes {shown} must grow and stay below image.size "
            f"{settings.size}; sort them, or take some out."
        )


def epochs_for_every_stage(settings: Settings) -> Iterator[str]:
    """The picture's own size gets what the stages leave over."""
    coarse = sum(stage.epochs for stage in settings.stages)
    if coarse >= settings.epochs:
        yield (
            f"optimization.stages: their {coarse} epochs leave none of optimization.epochs "
            f"{settings.epochs} for image.size {settings.size}; shorten them, or give more epochs."
        )


def style_scales_in_stages(settings: Settings) -> Iterator[str]:
    """Style images shrink with the picture."""
    size = settings.all_stages[0].size
    for scale in settings.style_scales:
        edge = int(size * scale + 0.5)
        if settings.stages and edge < SMALLEST_SIZE:
            yield (
                f"paint.style_scales: {scale:g} of optimization.stages {size} is {edge} px, "
                f"but a style image needs {SMALLEST_SIZE} px; choose another scale, or begin with a "
                "larger size."
            )


RULES: tuple[Rule, ...] = (
    stages_from_coarse_to_fine,
    epochs_for_every_stage,
    opacity_without_room,
    dimensions_after_a_crop,
    style_scales_in_bounds,
    style_scales_in_stages,
)
"""For every setting of a sweep, and for the options of `scripts/stylize.py`."""

BULK_RULES: tuple[Rule, ...] = (no_further_files, file_to_start_from)
"""For a setting that a data set is made in; they come on top."""


def find_conflicts(settings: Settings, rules: tuple[Rule, ...] = RULES) -> list[str]:
    """The sentences of all rules that the settings break."""
    return [sentence for rule in rules for sentence in rule(settings)]
