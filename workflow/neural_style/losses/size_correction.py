"""The weights of the losses at a size: `optimization.size_correction`.

The network sees a fixed number of pixels, so an image looks smoother to it at a larger size. These
functions say what the weights of the settings, which hold at `REFERENCE_SIZE`, become at others.
"""

from __future__ import annotations

from neural_style.config.settings import Settings

REFERENCE_SIZE = 512
"""Long edge in pixels at which all weights are used as they are."""


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


def style_weights_at(settings: Settings, height: int, width: int) -> dict[str, float]:
    """Return the weights of the style layers at a size; their sum is the same at all sizes.

    A stroke of a large image is deeper in the network than the same stroke of a small one: for
    twice the size, one block. So with the Wasserstein loss, each weight is multiplied by
    (long edge / `REFERENCE_SIZE`)², but does not become larger than the largest one. The weights of
    the preset `best`, each a quarter to a half of the one before, then move about one block deeper
    each time the size doubles. Without that, strokes of large outputs fall apart into dots
    (benchmarks/LOOK.md).

    Args:
        settings: the weights, and whether they are corrected.
        height: of the image as it is optimized, in pixels.
        width: of the same image.
    """
    weights = settings.style_layers
    scale = max(1.0, max(height, width) / REFERENCE_SIZE)
    largest = max(weights.values(), default=0.0)
    if not settings.size_correction or settings.style_loss != "wasserstein" or not largest:
        return dict(weights)
    raised = {layer: min(largest, weight * scale**2) for layer, weight in weights.items()}
    share = sum(weights.values()) / sum(raised.values())
    return {layer: share * weight for layer, weight in raised.items()}


def total_variation_at(settings: Settings, height: int, width: int) -> float:
    """Return the weight of the total variation loss at a size.

    Above `REFERENCE_SIZE`, the weight of squared differences grows with the square of the long
    edge: an image that is enlarged n times has 1/n² of them, so its loss stays the same, and what
    is new at that size, single pixels of another color, costs n² times as much. Without that, dots
    replace the strokes in plain areas of large outputs (benchmarks/LOOK.md).

    Args:
        settings: the weight, the exponent, and whether it is corrected.
        height: of the image as it is optimized, in pixels.
        width: of the same image.
    """
    if not settings.size_correction or settings.total_variation_exponent == 1:
        return settings.total_variation
    return settings.total_variation * max(1.0, max(height, width) / REFERENCE_SIZE) ** 2
