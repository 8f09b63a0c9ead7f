"""Gram matrices of style images: what the style terms compare a picture with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from neural_style.config.settings import beta_at
from neural_style.losses.guided import RegionTerm, SumOfTerms, guide_at, guided_gram_matrix
from neural_style.losses.objective import Objective, TiledObjective, sums
from neural_style.losses.problem import (
    Region,
    ResampleStyle,
    StyleReference,
    TransferProblem,
    resampled_style,
)
from neural_style.losses.terms import (
    UNIT,
    ContentTerm,
    SmoothnessTerm,
    StyleTerm,
    Term,
    gram_matrix,
)
from neural_style.model.tiles import tile_edge
from neural_style.model.vgg import Vgg19, View, full_precision, maps_of, views_of

KEPT = 64
"""Images whose matrices are kept: 0.9 MB each at the default layers."""


class StyleGrams:
    """Computes the Gram matrices of an image once, however many pictures and batches want them.

    Args:
        network: gives the features of the images.
    """

    def __init__(self, network: Vgg19) -> None:
        self._network = network
        self._of = lru_cache(maxsize=KEPT)(self._compute)
        self.resampled: ResampleStyle = lru_cache(maxsize=KEPT)(resampled_style)
        """As `resampled_style`, and an image comes back as the same tensor each time."""

    def target(
        self, region: Region, layers: tuple[str, ...], tile: int | None = None
    ) -> Mapping[str, Tensor]:
        """What a region is to have: layer → the weighted sum of its styles' matrices, [1, C, C].

        Images too large for the network in one go are looked at in tiles, see `tiling.tile_edge`.

        The losses against several matrices, Σ wᵢ‖G - Gᵢ‖² with Σ wᵢ = 1, differ from the one
        against their sum, ‖G - Σ wᵢGᵢ‖², by a constant: a blend needs no term of its own.
        """
        matrices = [(style.weight, self._matrices(style, layers, tile)) for style in region.styles]
        if len(matrices) == 1:
            return matrices[0][1]
        return {
            layer: torch.stack([weight * each[layer] for weight, each in matrices]).sum(dim=0)
            for layer in layers
        }

    def _matrices(
        self, style: StyleReference, layers: tuple[str, ...], tile: int | None
    ) -> dict[str, Tensor]:
        """The matrix of a style image at each layer."""
        edge = tile_edge(tile, *style.image.shape[2:])
        return self._of(style.image, style.guide, layers, edge)

    @torch.no_grad()
    def _compute(
        self, image: Tensor, guide: Tensor | None, layers: tuple[str, ...], edge: int | None
    ) -> dict[str, Tensor]:
        guides = {layer: guide if guide is None else guide_at(guide, layer) for layer in layers}
        matrices = sums(
            [_share(view, layer, guides[layer]) for layer in layers]
            for view in views_of(self._network, image, edge)
        )
        return dict(zip(layers, matrices, strict=True))


def _share(view: View, layer: str, guide: Tensor | None) -> Tensor:
    """What a view of a style image adds to its matrix at a layer, [1, C, C]."""
    features = view.features(layer)
    if guide is None:
        return gram_matrix(features, math.prod(view.size(layer)))
    return guided_gram_matrix(features, view.part(layer, guide), guide.sum(dim=(1, 2, 3)))


# MERGED: From what pictures are to be to the terms of their loss.


@torch.no_grad()
@full_precision()
def gatys_objective(
    network: Vgg19, problems: Sequence[TransferProblem], grams: StyleGrams | None = None
) -> Objective:
    """The objective of the paper, features of the content and Gram matrices of the style, and more.

    Args:
        network: gives the features.
        problems: one for each picture; contents are of one size. Layers and tiles are those of the
            first; alpha and beta, which is that at this size, are each picture's own.
        grams: keeps the Gram matrices of style images from one call to the next.
    """
    edge = tile_edge(problems[0].settings.tile, *problems[0].content.shape[2:])
    terms = [
        *_content_terms(network, problems, edge),
        *_style_terms(network, problems, grams),
        *_smoothness_terms(problems),
    ]
    return Objective(network, terms) if edge is None else TiledObjective(network, terms, edge)


def _content_terms(
    network: Vgg19, problems: Sequence[TransferProblem], edge: int | None
) -> list[Term]:
    """Alpha · weight · MSE of the features, for each content layer."""
    contents = torch.cat([problem.content for problem in problems])
    alpha = contents.new_tensor([problem.settings.alpha for problem in problems])
    layers = problems[0].settings.content_layers
    maps = maps_of(network, contents, layers, edge)
    return [ContentTerm(layer, alpha * weight, maps[layer]) for layer, weight in layers.items()]


def _style_terms(
    network: Vgg19, problems: Sequence[TransferProblem], grams: StyleGrams | None
) -> list[Term]:
    """Beta · weight · MSE of the Gram matrices, for each style layer, summed over the regions."""
    grams = grams or StyleGrams(network)
    height, width = problems[0].content.shape[2:]
    betas = [beta_at(problem.settings, height, width) for problem in problems]
    beta = problems[0].content.new_tensor(betas)
    common = problems[0].settings
    layers = common.style_layers
    regions = [
        (each, [grams.target(region, tuple(layers), common.tile) for region in each])
        for each in _batched_regions(problems)
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


def _smoothness_terms(problems: Sequence[TransferProblem]) -> list[Term]:
    """The total variation of the parts that a style acts on, if any picture has a weight for it."""
    weights = [problem.settings.total_variation for problem in problems]
    if not any(weights):
        return []
    painted = [_painted(problem.regions) for problem in problems]
    masks = [mask for mask in painted if mask is not None]
    weight = UNIT * problems[0].content.new_tensor(weights)
    return [SmoothnessTerm(weight, torch.cat(masks) if masks else None)]


def _painted(regions: Sequence[Region]) -> Tensor | None:
    """How strongly any style acts on each pixel, [1, 1, H, W]; None for fully everywhere."""
    masks = [region.where for region in regions if region.where is not None]
    return torch.stack(masks).sum(dim=0).clamp(max=1) if len(masks) == len(regions) else None


def _batched_regions(problems: Sequence[TransferProblem]) -> list[tuple[Region, ...]]:
    """The first region of each picture, then the second of each, and so on.

    Raises:
        ValueError: the pictures have other numbers of regions, or some of them no masks.
    """
    kinds = {tuple(region.where is None for region in problem.regions) for problem in problems}
    if len(kinds) > 1:
        raise ValueError("pictures of a batch must have as many regions and masks as each other")
    return list(zip(*(problem.regions for problem in problems), strict=True))


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
