"""Numbers for what the eye sees in an output: palette, false color, grain, shared edges, and style.

They compare an output with its content image and its style image, as fitted to its size. No loss
contains them, so that they can also compare outputs of different losses, and of other programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from neural_style.images.tensors import LUMA, to_tensor
from neural_style.model.vgg import Vgg19, extract_features, full_precision

UNSEEN_LAYERS = ("relu2_2", "relu3_3", "relu4_3")
"""Layers of `unseen_style`; the method and the presets optimize none of them."""

LARGEST_EDGE = 512
"""Long edge, in pixels, at which `unseen_style` looks at larger outputs and style images."""

SMALLEST_EDGE = 8
"""Width and height to which it enlarges smaller images: the layers lie behind three poolings."""

SMALLEST_DISTANCE = 1e-3
"""Smallest distance of the content image from the style that counts, in units of the mean square of
the style's features. It avoids a division by nearly 0."""

DIRECTIONS = 64
"""Directions of color that `palette_distance` looks along."""

QUANTILES = 4096
"""Quantiles that it compares along each of them."""

STEPS = 64
"""Steps of a level of 255 to which it rounds: the largest number, 64 · √3 · 255, has 16 bits."""

MOST_PIXELS = 1 << 18
"""About as many pixels of an image, evenly spaced, stand for its palette."""

CB, CR = 0.564, 0.713
"""Factors of BT.601 on B - Y and R - Y."""

SMALLEST = 0.05
"""Levels of 255: a style image with less speckle or grain than this counts as having this much."""

Pixels = NDArray[np.uint8]
"""An image [H, W, 3] in sRGB."""

Plane = NDArray[np.float32]
"""One channel of an image, [H, W], in levels of 255."""

Gaussian = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean [C] and covariance [C, C] of features."""


@dataclass(frozen=True)
class Measures:
    """How an output looks beside its content image and its style image.

    Attributes:
        palette: `palette_distance` from the style image, in levels of 255.
        speckle: residual of a median filter in the chroma, in units of the style image's own.
        grain: the same in the luma.
        edges: `shared_edges` with the content image, -1 to 1.
        unseen_style: distance from the style at layers that are not optimized, see `unseen_style`;
            None where the features are not finite.
    """

    palette: float
    speckle: float
    grain: float
    edges: float
    unseen_style: float | None


def measure(output: Pixels, content: Pixels, style: Pixels, network: Vgg19) -> Measures:
    """Measure an output.

    Args:
        output: [H, W, 3].
        content: the content image, of the same shape.
        style: the style image as fitted to the size of the output, [h, w, 3].
        network: gives the features of `UNSEEN_LAYERS`, in float32.

    Raises:
        ValueError: output and content differ in shape.
    """
    if output.shape != content.shape:
        raise ValueError(f"an output {output.shape} and a content image {content.shape} differ")
    luma, blue, red = _luma_and_chroma(output)
    style_luma, style_blue, style_red = _luma_and_chroma(style)
    chroma_residual = median_residual(blue) + median_residual(red)
    style_residual = median_residual(style_blue) + median_residual(style_red)
    return Measures(
        palette=palette_distance(output, style),
        speckle=chroma_residual / max(style_residual, SMALLEST),
        grain=median_residual(luma) / max(median_residual(style_luma), SMALLEST),
        edges=shared_edges(luma, _luma_and_chroma(content)[0]),
        unseen_style=unseen_style(output, content, style, network),
    )


def unseen_style(output: Pixels, content: Pixels, style: Pixels, network: Vgg19) -> float | None:
    """Compute the distance from the style at `UNSEEN_LAYERS`, in units of the content image's.

    It is the mean over the layers. The distance is the squared Wasserstein-2 distance of the
    features as Gaussians, which the Wasserstein style loss regularizes.

    Args:
        output: [H, W, 3].
        content: the content image, of the same shape.
        style: the style image, [h, w, 3].
        network: gives the features of `UNSEEN_LAYERS`, in float32.

    Returns:
        None if the features are not finite.
    """
    scale = LARGEST_EDGE / max(output.shape)
    images = (_scaled(image, scale) for image in (output, content, style))
    made, plain, wanted = (_gaussians(network, image) for image in images)
    ratios = []
    for layer in UNSEEN_LAYERS:
        gaussians = (made[layer], plain[layer], wanted[layer])
        if not all(np.isfinite(covariance).all() for _, covariance in gaussians):
            return None
        mean, covariance = wanted[layer]
        smallest = SMALLEST_DISTANCE * float(mean @ mean + covariance.trace())
        distance, before = squared_distances(gaussians[:2], wanted[layer])
        ratios.append(distance / max(before, smallest, np.finfo(float).tiny))
    return sum(ratios) / len(ratios)


def squared_distances(gaussians: Sequence[Gaussian], other: Gaussian) -> list[float]:
    """Compute W² = |m - m'|² + tr(Σ + Σ' - 2 (Σ'^½ Σ Σ'^½)^½) of Gaussians and another one."""
    other_mean, other_covariance = other
    values, vectors = np.linalg.eigh(other_covariance)
    root = vectors * np.sqrt(values.clip(min=0))
    distances = []
    for mean, covariance in gaussians:
        common = np.linalg.eigvalsh(root.T @ covariance @ root).clip(min=0)
        difference = mean - other_mean
        total = difference @ difference + np.trace(covariance + other_covariance)
        distances.append(max(0.0, float(total - 2 * np.sqrt(common).sum())))  # but for rounding
    return distances


@torch.no_grad()
@full_precision()
def _gaussians(network: Vgg19, image: Image.Image) -> Mapping[str, Gaussian]:
    """Mean and covariance of the features at `UNSEEN_LAYERS`."""
    from neural_style.losses.wasserstein import moments  # only where an output is measured

    device = network.get_buffer("conv1_1_weight").device
    features = extract_features(network, to_tensor(image).to(device))
    gaussians = {}
    for layer in UNSEEN_LAYERS:
        mean, *second = moments(features[layer])[0].mT.cpu().double().numpy()
        gaussians[layer] = mean, np.stack(second) - np.outer(mean, mean)
    return gaussians


def _scaled(image: Pixels, scale: float) -> Image.Image:
    """The image, made smaller by a factor and to `LARGEST_EDGE`, but not below `SMALLEST_EDGE`."""
    made = Image.fromarray(image)
    factor = min(1.0, scale, LARGEST_EDGE / max(made.size))
    width, height = (max(SMALLEST_EDGE, round(side * factor)) for side in made.size)
    return made.resize((width, height), Image.Resampling.LANCZOS)  # of the same size: a copy


def palette_distance(one: Pixels, other: Pixels) -> float:
    """Compute the sliced Wasserstein-1 distance of the colors of two images, in levels of 255.

    Along each of some random directions, it is the mean difference of the sorted colors.
    """
    directions = np.random.default_rng(0).normal(size=(3, DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    first, second = (_quantiles(image, directions) for image in (one, other))
    return float(np.abs(first - second).mean())


def _quantiles(image: Pixels, directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quantiles of the colors along each direction, [QUANTILES, D]."""
    colors = image.reshape(-1, 3)
    colors = np.ascontiguousarray(colors[:: -(-len(colors) // MOST_PIXELS)].T, np.float32)
    positions = (np.arange(QUANTILES) + 0.5) / QUANTILES * colors.shape[1]
    # numpy sorts 16-bit integers by radix; floating-point numbers took more than ten times as long.
    scaled = (STEPS * directions.T).astype(np.float32)
    steps = (np.rint(each @ colors).astype(np.int16) for each in scaled)
    ordered = (np.sort(each, kind="stable")[positions.astype(np.int64)] for each in steps)
    return np.stack([*ordered], axis=1) / STEPS


def median_residual(plane: Plane) -> float:
    """The mean of |x - median of the 3 × 3 pixels around x|, in levels of 255."""
    smooth = Image.fromarray(plane).filter(ImageFilter.MedianFilter(3))
    return float(np.abs(plane - np.asarray(smooth)).mean())


def shared_edges(one: Plane, other: Plane) -> float:
    """The correlation of the gradient magnitudes of two planes of one shape, at half their size.

    It is 0 if one of the planes is even.
    """
    first, second = (_gradient_magnitude(plane).ravel() for plane in (one, other))
    if not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _gradient_magnitude(plane: Plane) -> NDArray[np.float32]:
    height, width = (max(2, side // 2) for side in plane.shape)
    half = Image.fromarray(plane).resize((width, height), Image.Resampling.BOX)
    down, across = np.gradient(np.asarray(half))
    magnitude: NDArray[np.float32] = np.hypot(down, across)
    return magnitude


def _luma_and_chroma(image: Pixels) -> tuple[Plane, Plane, Plane]:
    """Y, Cb and Cr."""
    red, green, blue = np.moveaxis(image.astype(np.float32), 2, 0)
    luma = np.float32(LUMA[0]) * red + np.float32(LUMA[1]) * green + np.float32(LUMA[2]) * blue
    return luma, np.float32(CB) * (blue - luma), np.float32(CR) * (red - luma)
