"""The whole configuration: sections of one output (`config.keys`), the sweep, and all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_type_hints

from pydantic import Field
from typing_extensions import TypedDict

from neural_style.config.keys import Image, Network, Optimization, Transfer, Weights
from neural_style.config.presets import STYLE_LAYERS
from neural_style.config.values import (
    DISTINCT,
    NULL,
    TEXT_KEYS,
    Alpha,
    AnyPath,
    Beta,
    Boolean,
    Factor,
    LayerList,
    LearningRate,
    Name,
    Number,
    OutputPath,
    Paths,
    PresetName,
    Quality,
    Seed,
    Text,
    Value,
    WholeNumber,
    closed,
)


def _partial(name: str, *sections: type, **keys: Value) -> Value:
    """Return the type of a mapping with some keys of the sections, and with further keys."""
    hints = [get_type_hints(section, include_extras=True) for section in sections]
    some = {key: hint for section in hints for key, hint in section.items()}
    return closed(TypedDict(name, keys | some, total=False))  # type: ignore[operator]


NamedSetting = _partial(
    "NamedSetting",
    Weights,
    preset=PresetName,
    image=_partial("SomeImage", Image),
    network=_partial("SomeNetwork", Network),
    optimization=_partial("SomeOptimization", Optimization),
    transfer=_partial("SomeTransfer", Transfer),
)
"""A setting with a name: what it overrides."""


@closed
@dataclass(frozen=True)
class SweepSettings:
    """Settings of the sweep, every combination of the three lists plus presets and named ones."""

    alpha: Annotated[
        tuple[Alpha, ...],
        *DISTINCT,
        Field(min_length=1, description="weights of the content loss"),
    ] = (1.0,)
    beta: Annotated[
        tuple[Beta, ...], *DISTINCT, Field(min_length=1, description="weights of the style loss")
    ] = (1e6,)
    learning_rate: Annotated[
        tuple[LearningRate, ...],
        *DISTINCT,
        Field(min_length=1, description="learning rates, factors on the optimizer's steps"),
    ] = (1.0,)
    presets: Annotated[
        tuple[PresetName, ...],
        *DISTINCT,
        Field(
            description="further settings by the names of presets; what a preset does not set "
            "comes from the first entry of each list and from the sections below"
        ),
    ] = ()
    named: Annotated[
        Mapping[Name, NamedSetting],  # type: ignore[valid-type]
        TEXT_KEYS,
        Field(
            description="further settings, each with a name, such as {deep: {beta: 1.0e+5}}; each "
            "overrides what it names and takes the rest from the first entry of each list and from "
            "the sections below"
        ),
    ] = field(default_factory=dict)


@closed
class Jobs(TypedDict, total=False):
    """How jobs run; no effect on outputs, and a change does not rerun jobs."""

    checkpoint_every: Annotated[
        WholeNumber,
        Field(
            ge=0,
            le=100_000,
            description="iterations between two checkpoints, from which a killed job resumes; "
            "without a value about once a minute, less often if saving takes more than 5 % of the "
            "time; 0 turns checkpoints off",
        ),
    ]
    max_pixels: Annotated[
        WholeNumber,
        Field(
            ge=1,
            le=10**10,
            description="largest width × height of an image file that is read; without a value "
            "250 million; a larger image takes more memory, about 10 bytes for each pixel, 25 "
            "with transparency",
        ),
    ]
    share_process: Annotated[
        Boolean,
        Field(
            description="whether jobs on this machine share a process; true, as without a value, "
            "saves the start of Python and torch for each job; false starts a process for each"
        ),
    ]


@closed
@dataclass(frozen=True)
class Grids:
    """Grids, pages that show outputs side by side, and time-lapses."""

    format: Annotated[Literal["jpg", "png"], Field(description="file type of the pages")] = "jpg"
    quality: Annotated[
        Quality,
        Field(
            description="quality of JPEG, also inside grids.pdf and of the layer study's figure, "
            "and of time-lapses"
        ),
    ] = 90
    tile_size: Annotated[
        WholeNumber,
        Field(
            ge=32,
            le=2048,
            description="long side in pixels of an image on a page or in the layer study's figure; "
            "smaller if the page would get too large",
        ),
    ] = 256
    tiles_per_page: Annotated[
        WholeNumber,
        Field(
            ge=1,
            le=1000,
            description="largest number of outputs on a page; the others go to further pages",
        ),
    ] = 60
    pdf_size: Annotated[
        WholeNumber,
        Field(
            ge=800,
            le=16_000,
            description="largest long side of a page of grids.pdf in pixels; smaller if there are "
            "thousands of pages",
        ),
    ] = 2000
    time_lapse: Annotated[
        Annotated[WholeNumber, Field(ge=32, le=1024)] | None,
        NULL,
        Field(
            description="long side in pixels of a time-lapse of each output; an animated WebP of "
            "its saved iterations; null makes none",
        ),
    ] = None


@closed
@dataclass(frozen=True)
class LayerStudyKeys:
    """Images that show what each depth of the network keeps, made by `snakemake layer_study`.

    Fit, network weights, pooling, padding, optimizer, learning rate, start, seed, and precision are
    those of the sweep. The figure has the size and the quality of `grids`. Everything else has its
    default.
    """

    content: Annotated[
        Text | None, NULL, Field(description="id of the content image; null takes the first one")
    ] = None
    style: Annotated[
        Text | None, NULL, Field(description="id of the style image; null takes the first one")
    ] = None
    size: Annotated[
        WholeNumber, Field(ge=32, le=1024, description="long edge of its images in pixels")
    ] = 160
    epochs: Annotated[
        WholeNumber, Field(ge=1, le=10_000, description="number of iterations for each image")
    ] = 200
    content_layers: Annotated[
        LayerList,
        Field(description="layers whose features are matched, one for each row of the figure"),
    ] = STYLE_LAYERS
    style_layers: Annotated[
        LayerList,
        Field(
            description="layers whose Gram matrices are matched; the first column of the figure "
            "uses the first layer by depth, the next the first two, and so on"
        ),
    ] = STYLE_LAYERS
    alpha: Annotated[Number, Field(gt=0, le=1e12, description="weight of the content loss")] = 1.0
    beta: Annotated[
        Number,
        Field(gt=0, le=1e15, description="weight of the style loss, not corrected for the size"),
    ] = 1e6


@closed
@dataclass(frozen=True)
class Bulk:
    """A data set, for the target bulk: each content image in its assigned styles.

    Every setting of the sweep is used. Only final outputs are saved.
    """

    content: Annotated[
        AnyPath | None,
        NULL,
        Field(
            description="folder of its content images, or null for no data set; searched "
            "recursively; the outputs mirror its tree"
        ),
    ] = None
    style: Annotated[
        Paths | None,
        NULL,
        Field(description="its style images, or null for those of the key style of the sweep"),
    ] = None
    output: Annotated[
        OutputPath,
        Field(
            description="folder of its outputs, in style/setting; also of the manifests and the "
            "logs; neither within a folder of content or style images nor around one"
        ),
    ] = "results/bulk"
    assign: Annotated[
        Literal["cross", "random"],
        Field(
            description="which styles a content image gets; cross combines it with every style; "
            "random draws styles for each, which stay the same when images or styles are added, "
            "and saves in random_1 and so on"
        ),
    ] = "cross"
    styles_per_content: Annotated[
        WholeNumber,
        Field(
            ge=1,
            le=1000,
            description="number of different styles of a content image, with random",
        ),
    ] = 1
    seed: Annotated[Seed, Field(description="seed of the random draw")] = 0
    shard_size: Annotated[
        WholeNumber,
        Field(
            ge=1,
            le=100_000,
            description="content images of a job; cannot be changed after the data set was begun",
        ),
    ] = 256
    size: Annotated[
        Literal["original", "fitted"],
        Field(
            description="size of the outputs; original resamples each output to the dimensions of "
            "its content image (with fit keep, image.size is the largest long edge, and smaller "
            "images are optimized at their own size); fitted saves outputs as they were optimized"
        ),
    ] = "original"
    batch: Annotated[
        Annotated[WholeNumber, Field(ge=1, le=4096)] | None,
        NULL,
        Field(
            description="outputs that are optimized at a time; null takes as many as the memory "
            "allows",
        ),
    ] = None
    failed_fraction: Annotated[
        Number,
        Field(
            ge=0,
            le=1,
            description="a job fails if more than this share of its outputs cannot be made",
        ),
    ] = 0.1


@closed
@dataclass(frozen=True)
class Cluster:
    """What a job requests from a cluster, with --profile profiles/slurm; no effect on outputs."""

    gpu_as: Annotated[
        Literal["gpus", "gres", "none"],
        Field(
            description="how a job requests its GPU from Slurm; with --gpus=1, with --gres=gpu:1, "
            "or not at all, for a cluster without GPUs"
        ),
    ] = "gpus"
    threads: Annotated[WholeNumber, Field(ge=1, le=1024, description="CPU cores of a job")] = 4
    memory_factor: Annotated[
        Factor, Field(description="factor on the memory; it is estimated from the image size")
    ] = 1.0
    runtime_factor: Annotated[
        Factor,
        Field(
            description="factor on the time; it is estimated from the image size and the iterations"
        ),
    ] = 1.0

    @property
    def has_gpus(self) -> bool:
        """Whether a job gets a GPU."""
        return self.gpu_as != "none"


@closed
@dataclass(frozen=True)
class Config:
    """Configuration of the style transfer pipeline."""

    content: Annotated[
        Paths,
        Field(
            description="folder of content images, searched recursively; or a file, or a list of "
            "both"
        ),
    ] = ("images/content",)
    style: Annotated[
        Paths,
        Field(
            description="folder of style images, searched recursively; or a file, or a list of both"
        ),
    ] = ("images/style",)
    output: Annotated[
        OutputPath,
        Field(
            description="folder for everything that the sweep makes; that is outputs, grids, "
            "plots, gallery, layer study, index and logs; use another folder to keep experiments "
            "side by side; a data set has bulk.output"
        ),
    ] = "results"
    image: Image = field(default_factory=Image)
    settings: SweepSettings = field(default_factory=SweepSettings)
    network: Network = field(default_factory=Network)
    optimization: Optimization = field(default_factory=Optimization)
    transfer: Transfer = field(default_factory=Transfer)
    jobs: Jobs = field(default_factory=Jobs)
    grids: Grids = field(default_factory=Grids)
    layer_study: LayerStudyKeys = field(default_factory=LayerStudyKeys)
    bulk: Bulk = field(default_factory=Bulk)
    cluster: Cluster = field(default_factory=Cluster)
