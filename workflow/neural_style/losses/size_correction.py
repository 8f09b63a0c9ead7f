"""The weights of the losses at a size: `optimization.size_correction`.

The network sees a fixed number of pixels, so an image looks smoother to it at a larger size. These
functions say what the weights of the settings, which hold at `REFERENCE_SIZE`, become at others.
"""

from __future__ import annotations

from collections.abc import Sequence

from neural_style.config.settings import Settings
from neural_style.config.sizes import REFERENCE_SIZE, halved_sizes

TOTAL_VARIATION_GROWTH = 1.5
"""Power of the size that the weight of squared total variation grows with."""


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
    losses are averaged. They are compared with the content at the smallest of these sizes.
    Snelgrove, *High-Resolution Multi-Scale Neural Texture Synthesis* (2017), does this with Gram
    matrices, and with one network; here, that of the finer levels has other poolings and padding
    (see `Vgg19.for_finer_levels`). Without a pyramid, strokes of large outputs fall apart into dots
    (benchmarks/LOOK.md).

    Args:
        settings: the style loss, and whether there is a correction.
        height: of the image as it is optimized, in pixels.
        width: of the same image.
    """
    if not settings.size_correction or settings.style_loss != "wasserstein":
        return [(height, width)]
    return halved_sizes(height, width)


def total_variation_at(settings: Settings, height: int, width: int) -> float:
    """Return the weight of the total variation loss at a size.

    Above `REFERENCE_SIZE`, the weight of squared differences grows with the long edge to the power
    `TOTAL_VARIATION_GROWTH`. An image that is enlarged n times has 1/n² of them if it is as blurred
    as that, and 1/n if its edges are as sharp as before. The power is between the two: with 2,
    large outputs are blurred, and with 1, they are grainy (benchmarks/LOOK.md).

    Args:
        settings: the weight, the exponent, and whether it is corrected.
        height: of the image as it is optimized, in pixels.
        width: of the same image.
    """
    if not settings.size_correction or settings.total_variation_exponent == 1:
        return settings.total_variation
    growth: float = max(1.0, max(height, width) / REFERENCE_SIZE) ** TOTAL_VARIATION_GROWTH
    return settings.total_variation * growth
