"""From what pictures are to be to the terms of their loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from neural_style.brief import Brief
from neural_style.losses import ContentTerm, StyleTerm, Term
from neural_style.objective import Objective, features_of
from neural_style.style_grams import StyleGrams
from neural_style.vgg import Vgg19


@torch.no_grad()
def gatys_objective(
    network: Vgg19, briefs: Sequence[Brief], grams: StyleGrams | None = None
) -> Objective:
    """The objective of the paper: features of the content, Gram matrices of the style.

    Args:
        network: gives the features.
        briefs: one for each picture; contents are of one size. Layers are those of the first;
            alpha and beta are each picture's own.
        grams: keeps the Gram matrices of style images from one call to the next.
    """
    return Objective(
        network, [*_content_terms(network, briefs), *_style_terms(network, briefs, grams)]
    )


def _content_terms(network: Vgg19, briefs: Sequence[Brief]) -> list[Term]:
    """Alpha · weight · MSE of the features, for each content layer."""
    contents = torch.cat([brief.content for brief in briefs])
    alpha = contents.new_tensor([brief.settings.alpha for brief in briefs])
    features = features_of(network, contents)
    layers = briefs[0].settings.content_layers
    return [ContentTerm(layer, alpha * weight, features[layer]) for layer, weight in layers.items()]


def _style_terms(network: Vgg19, briefs: Sequence[Brief], grams: StyleGrams | None) -> list[Term]:
    """Beta · weight · MSE of the Gram matrices, for each style layer."""
    grams = grams or StyleGrams(network)
    beta = briefs[0].content.new_tensor([brief.settings.beta for brief in briefs])
    layers = briefs[0].settings.style_layers
    targets = [grams.target(region, tuple(layers)) for brief in briefs for region in brief.regions]
    return [
        StyleTerm(layer, beta * weight, torch.cat([target[layer] for target in targets]))
        for layer, weight in layers.items()
    ]
