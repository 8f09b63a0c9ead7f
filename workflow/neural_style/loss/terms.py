"""From what pictures are to be to the terms of their loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neural_style.briefs.brief import Brief, Region
from neural_style.loss.balance import beta_at
from neural_style.loss.guides import RegionTerm, SumOfTerms, guide_at
from neural_style.loss.losses import ContentTerm, StyleTerm, Term
from neural_style.loss.objective import Objective
from neural_style.loss.smoothness import UNIT, SmoothnessTerm
from neural_style.loss.style_grams import StyleGrams
from neural_style.loss.tiled import TiledObjective
from neural_style.machine.device import full_precision
from neural_style.network.tiling import tile_edge
from neural_style.network.vgg import Vgg19
from neural_style.network.views import maps_of


@torch.no_grad()
@full_precision()
def gatys_objective(
    network: Vgg19, briefs: Sequence[Brief], grams: StyleGrams | None = None
) -> Objective:
    """The objective of the paper, features of the content and Gram matrices of the style, and more.

    Args:
        network: gives the features.
        briefs: one for each picture; contents are of one size. Layers and tiles are those of the
            first; alpha and beta, which is that at this size, are each picture's own.
        grams: keeps the Gram matrices of style images from one call to the next.
    """
    edge = tile_edge(briefs[0].settings.tile, *briefs[0].content.shape[2:])
    terms = [
        *_content_terms(network, briefs, edge),
        *_style_terms(network, briefs, grams),
        *_smoothness_terms(briefs),
    ]
    return Objective(network, terms) if edge is None else TiledObjective(network, terms, edge)


def _content_terms(network: Vgg19, briefs: Sequence[Brief], edge: int | None) -> list[Term]:
    """Alpha · weight · MSE of the features, for each content layer."""
    contents = torch.cat([brief.content for brief in briefs])
    alpha = contents.new_tensor([brief.settings.alpha for brief in briefs])
    layers = briefs[0].settings.content_layers
    maps = maps_of(network, contents, layers, edge)
    return [ContentTerm(layer, alpha * weight, maps[layer]) for layer, weight in layers.items()]


def _style_terms(network: Vgg19, briefs: Sequence[Brief], grams: StyleGrams | None) -> list[Term]:
    """Beta · weight · MSE of the Gram matrices, for each style layer, summed over the regions."""
    grams = grams or StyleGrams(network)
    height, width = briefs[0].content.shape[2:]
    betas = [beta_at(brief.settings, height, width) for brief in briefs]
    beta = briefs[0].content.new_tensor(betas)
    common = briefs[0].settings
    layers = common.style_layers
    regions = [
        (each, [grams.target(region, tuple(layers), common.tile) for region in each])
        for each in _batched_regions(briefs)
    ]
    return [
        _summed(
            [
                _region_term(
                    layer,
                    beta * weight,
                    [region.where for region in each],
                    torch.cat([target[layer] for target in targets]),
                )
                for each, targets in regions
            ]
        )
        for layer, weight in layers.items()
    ]


def _smoothness_terms(briefs: Sequence[Brief]) -> list[Term]:
    """The total variation of the parts that a style acts on, if any picture has a weight for it."""
    weights = [brief.settings.total_variation for brief in briefs]
    if not any(weights):
        return []
    painted = [_painted(brief.regions) for brief in briefs]
    masks = [mask for mask in painted if mask is not None]
    weight = UNIT * briefs[0].content.new_tensor(weights)
    return [SmoothnessTerm(weight, torch.cat(masks) if masks else None)]


def _painted(regions: Sequence[Region]) -> Tensor | None:
    """How strongly any style acts on each pixel, [1, 1, H, W]; None for fully everywhere."""
    masks = [region.where for region in regions if region.where is not None]
    return torch.stack(masks).sum(dim=0).clamp(max=1) if len(masks) == len(regions) else None


def _batched_regions(briefs: Sequence[Brief]) -> list[tuple[Region, ...]]:
    """The first region of each picture, then the second of each, and so on.

    Raises:
        ValueError: the pictures have other numbers of regions, or some of them no masks.
    """
    kinds = {tuple(region.where is None for region in brief.regions) for brief in briefs}
    if len(kinds) > 1:
        raise ValueError("pictures of a batch must have as many regions and masks as each other")
    return list(zip(*(brief.regions for brief in briefs), strict=True))


def _region_term(
    layer: str, weight: Tensor, where: Sequence[Tensor | None], target: Tensor
) -> Term:
    """The term of one region; `where` holds a mask for each picture, or None for each."""
    masks = [mask for mask in where if mask is not None]
    if not masks:
        return StyleTerm(layer, weight, target)
    return RegionTerm(layer, weight, guide_at(torch.cat(masks), layer), target)


def _summed(terms: Sequence[Term]) -> Term:
    """Several terms as one."""
    return terms[0] if len(terms) == 1 else SumOfTerms(terms)
