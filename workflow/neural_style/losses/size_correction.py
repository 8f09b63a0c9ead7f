"""The weights of the losses at a size: `optimization.size_correction`.

The network sees a fixed number of pixels, so an image looks smoother to it at a larger size. These
functions say what the weights of the settings, which hold at `REFERENCE_SIZE`, become at others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neural_style.config.settings import Settings
from neural_style.config.sizes import REFERENCE_SIZE, halved_sizes
from neural_style.model.layers import stride

SMALLEST_STRIDE = 4
"""Pixels: the stride of the style layers that the smaller sizes of a pyramid have, at least."""

COHERENCE_FALL = 6
"""Power of the size that the weight of the coherence loss has in small stages."""

SHARE_GROWTH = 3
"""How many times the share of a size of a pyramid in the style loss is that of its double."""


def beta_at(settings: Settings, height: int, width: int) -> float:
    """Return the weight of the style loss at a size: beta · (long edge / `REFERENCE_SIZE`)^p.

    The network sees a fixed number of pixels. The larger the image, the smoother is what it sees,
    and the smaller the style loss is against the content loss. With a constant beta, a small output
    would keep less of the content than a large one. With Gram matrices, p = 1 is a compromise: the
    exponent measured (benchmarks/RESULTS.md, "The balance at a size") was 0.8 to 2.2, depending on
    the pair, on beta and on the sizes. The brush strokes do not grow with the image at any beta;
    use `stages` for that.

    With the Wasserstein loss, beta is not corrected. In trials of the preset `best`, p < 0 gave
    bolder skies, but broke faces (benchmarks/LOOK.md).

    Args:
        settings: beta, and whether it is corrected.
        height: of the image as it is optimized, in pixels.
        width: of the same image.
    """
    if not settings.size_correction or settings.style_loss == "wasserstein":
        return settings.beta
    return settings.beta * max(height, width) / REFERENCE_SIZE


def pyramid_at(settings: Settings, height: int, width: int) -> Sequence[tuple[int, int]]:
    """Return the sizes at which an image is compared with the style, largest first.

    The network sees strokes and shapes of a fixed number of pixels, and those of a large image are
    larger. So with the Wasserstein loss, large images are compared with the style at their own
    size, at half of it, and so on, down to about `REFERENCE_SIZE` (see `halved_sizes`), and the
    losses are averaged (see `style_shares`). Content and colors are compared at the smallest of
    these sizes. Snelgrove, *High-Resolution Multi-Scale Neural Texture Synthesis* (2017), does this
    with Gram matrices, and with one network; here, that of the finer levels has other poolings and
    padding (see `Vgg19.for_finer_levels`). Without a pyramid, strokes of large outputs fall apart
    into dots (benchmarks/LOOK.md).

    Args:
        settings: the style loss, and whether there is a correction.
        height: of the image as it is optimized, in pixels.
        width: of the same image.
    """
    return halved_sizes(height, width) if has_pyramid(settings) else [(height, width)]


def has_pyramid(settings: Settings) -> bool:
    """Return whether large images are compared with the style at several sizes."""
    return settings.size_correction and settings.style_loss == "wasserstein"


def style_layers_at_half(layers: Mapping[str, float]) -> Mapping[str, float]:
    """Return the style layers at all sizes of a pyramid but the largest, with their weights.

    These are the deeper ones. What the others see there, single pixels, deeper layers see at the
    larger sizes, where it is a part of a stroke. With all layers at all sizes, the single pixels of
    the smallest one become dots of eight pixels in an output of 4096 (benchmarks/LOOK.md).

    Args:
        layers: of the settings. If all are shallow, all are returned.
    """
    deeper = {layer: weight for layer, weight in layers.items() if stride(layer) >= SMALLEST_STRIDE}
    return deeper or layers


def style_shares(levels: int) -> Sequence[float]:
    """Return the shares of the sizes of a pyramid in the style loss, largest size first.

    They sum to 1. The smaller ones, at which strokes and shapes are decided, have more: with equal
    shares, flat areas of large outputs have more of a fine texture (benchmarks/LOOK.md).
    """
    shares = [SHARE_GROWTH**level for level in range(levels)]
    return [share / sum(shares) for share in shares]


def coherence_at(settings: Settings, height: int, width: int, output_size: int) -> float:
    """Return the weight of the coherence loss at a size.

    The loss is a mean of differences of neighboring pixels. An image that is enlarged n times has
    1/n of them if its edges are as sharp as before. So the weight grows with the size, and the loss
    stays.

    Stages that are smaller than `REFERENCE_SIZE` and the output have less of it: there, windows and
    branches are single pixels, and would be taken away (benchmarks/LOOK.md).

    Args:
        settings: the weight, and whether it is corrected.
        height: of the image as it is optimized, in pixels.
        width: of the same image.
        output_size: long edge of the output, in pixels. In a data set, it may be smaller than the
            size of the settings.
    """
    if not settings.size_correction:
        return settings.coherence
    part = max(height, width) / min(output_size, REFERENCE_SIZE)
    if part < 1:
        return settings.coherence * part**COHERENCE_FALL
    return settings.coherence * max(1.0, max(height, width) / REFERENCE_SIZE)
