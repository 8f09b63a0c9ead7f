"""The weight of the style at a size, so that it does there what it does at 512 pixels.

The network sees a fixed number of pixels. The larger a picture, the smoother is what it sees, and
the less of the style loss is left for the same content loss: with the same beta, less of the
photograph is left in a small picture than in a large one. Beta grows with the long edge to make
up for it.

That beta has to grow in proportion was measured (benchmarks/RESULTS.md, "The balance at a
size"); the power came out between 0.8 and 2.2, depending on the pair, on beta and on the
sizes. The size of the strokes does not grow with the picture, whatever beta is; stages are for
that.

Free of torch.
"""

from __future__ import annotations

from neural_style.plan.settings import Settings

NEUTRAL = 512
"""Pixels of the long edge at which beta is taken as it is."""


def beta_at(settings: Settings, height: int, width: int) -> float:
    """The weight of the style loss at a size: beta · long edge / `NEUTRAL`, if it is corrected.

    Args:
        settings: beta, and whether it is to be corrected.
        height: of the picture as it is optimised, in pixels.
        width: of the same.
    """
    if not settings.size_correction:
        return settings.beta
    return settings.beta * (max(height, width) / NEUTRAL)
