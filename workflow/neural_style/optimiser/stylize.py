"""The optimisation of pixels: a generator that yields every epoch and leaves the rest to you."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from neural_style.briefs.brief import Brief
from neural_style.briefs.resampling import resampled, resampled_brief
from neural_style.briefs.start import start_picture
from neural_style.loss.objective import Evaluator
from neural_style.loss.style_grams import StyleGrams
from neural_style.loss.terms import gatys_objective
from neural_style.network.vgg import Vgg19
from neural_style.optimiser.canvas import canvas_of
from neural_style.optimiser.capture import recorded, worth_recording
from neural_style.optimiser.optimisation import Optimisation, Progress
from neural_style.optimiser.optimizers import optimizer_of
from neural_style.optimiser.schedule import Begin, Schedule
from neural_style.plan.stages import Stage


def stylize(
    network: Vgg19, briefs: Sequence[Brief], grams: StyleGrams | None = None
) -> Iterator[Progress]:
    """Transfer styles onto a batch of content images (Gatys, Ecker and Bethge, 2015).

    Args:
        network: features of at least the layers that the settings name; it decides device and
            precision of the features. Everything else is float32.
        briefs: a picture each, of one size. Layers, tiles, optimiser and epochs are those of the
            first; weights, learning rate, start and seed are each picture's own.
        grams: keeps the Gram matrices of style images from one call to the next.

    Yields:
        The start, then the state after each epoch: one evaluation each.
    """
    yield from optimisation_of(network, briefs, grams)


def optimisation_of(
    network: Vgg19, briefs: Sequence[Brief], grams: StyleGrams | None = None
) -> Schedule:
    """What `stylize` goes through, for callers that save its state; the same arguments.

    It goes from coarse to fine if the settings say so, each stage from what the one before made.
    """
    grams = grams or StyleGrams(network)
    stages: dict[int, Begin] = {}
    begun = 0
    for stage in briefs[0].settings.course:
        last = begun + stage.epochs
        stages[last] = partial(_begin, network, briefs, grams, stage, begun)
        begun = last
    return Schedule(stages)


def _begin(
    network: Vgg19,
    briefs: Sequence[Brief],
    grams: StyleGrams,
    stage: Stage,
    begun: int,
    pictures: Tensor | None,
) -> Optimisation:
    """The optimisation of a stage.

    Args:
        network: gives the features.
        briefs: in the pictures' own size.
        grams: keeps Gram matrices.
        stage: its size and epochs.
        begun: epochs before it.
        pictures: [B, 3, h, w], to start from in place of the briefs' own start.
    """
    scale = stage.size / briefs[0].settings.size
    briefs = [resampled_brief(brief, scale, grams.resampled) for brief in briefs]
    canvas = canvas_of(briefs)
    if pictures is None:
        pictures = torch.cat([start_picture(brief) for brief in briefs])
    else:
        pictures = resampled(pictures, *briefs[0].content.shape[2:])
    start = canvas.take(pictures).clamp(canvas.low, canvas.high)
    objective: Evaluator = gatys_objective(network, briefs, grams)
    if worth_recording(start.shape, start.device, stage.epochs):
        objective = recorded(objective, canvas.picture(start))
    optimizer = optimizer_of(start, [brief.settings for brief in briefs])
    return Optimisation(objective, canvas, start, optimizer, begun + stage.epochs, begun)
