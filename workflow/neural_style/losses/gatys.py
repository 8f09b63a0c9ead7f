"""The method of Gatys et al.: from transfer problems to their objective.

`gatys_objective` computes the targets, which are features of the content images and Gram matrices
of the style images, and makes the terms of the loss from them. `StyleGrams` computes the Gram
matrices and caches them for other images with the same style.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from neural_style.config.settings import beta_at
from neural_style.losses.objective import Objective, TiledObjective, sum_statistics
from neural_style.losses.problem import (
    Region,
    ResampleStyle,
    StyleReference,
    TransferProblem,
    combined_mask,
    resample_style,
)
from neural_style.losses.terms import (
    TOTAL_VARIATION_SCALE,
    ContentTerm,
    StyleTerm,
    Term,
    TotalVariationTerm,
    gram_matrix,
)
from neural_style.model.tiles import tile_size
from neural_style.model.vgg import Vgg19, View, feature_maps, full_precision, iterate_views

CACHE_SIZE = 64
"""Style images whose Gram matrices are cached: 0.9 MB each at the default layers."""


class StyleGrams:
    """Computes the Gram matrices of style images, each once, and caches them.

    Args:
        network: computes the features.
    """

    def __init__(self, network: Vgg19) -> None:
        self._network = network
        self._cached_grams = lru_cache(maxsize=CACHE_SIZE)(self._compute_grams)
        self.resample_style: ResampleStyle = lru_cache(maxsize=CACHE_SIZE)(resample_style)
        """`problem.resample_style`, cached, so that equal arguments give the same tensor."""

    def target(
        self, region: Region, layers: tuple[str, ...], tile: int | None = None
    ) -> Mapping[str, Tensor]:
        """The target of a region at each layer: the weighted sum of its styles' Gram matrices.

        A blend of styles needs one term only: the losses against several Gram matrices,
        Σ wᵢ‖G - Gᵢ‖² with Σ wᵢ = 1, differ from the loss against their sum, ‖G - Σ wᵢGᵢ‖², by a
        constant.

        Args:
            region: its styles.
            layers: of the network.
            tile: `network.tile`; large style images are processed in tiles, see `tiles.tile_size`.

        Returns:
            Layer → [1, C, C].
        """
        weighted = [(style.weight, self._grams_of(style, layers, tile)) for style in region.styles]
        if len(weighted) == 1:
            return weighted[0][1]
        return {
            layer: torch.stack([weight * grams[layer] for weight, grams in weighted]).sum(dim=0)
            for layer in layers
        }

    def _grams_of(
        self, style: StyleReference, layers: tuple[str, ...], tile: int | None
    ) -> dict[str, Tensor]:
        """The Gram matrices of a style image."""
        size = tile_size(tile, *style.image.shape[2:])
        return self._cached_grams(style.image, style.guide, layers, size)

    @torch.no_grad()
    def _compute_grams(
        self, image: Tensor, guide: Tensor | None, layers: tuple[str, ...], tile: int | None
    ) -> dict[str, Tensor]:
        share = _gram_share if guide is None else _guided_gram_shares(guide, layers)
        grams = sum_statistics(
            [share(view, layer) for layer in layers]
            for view in iterate_views(self._network, image, tile)
        )
        return dict(zip(layers, grams, strict=True))


def _gram_share(view: View, layer: str) -> Tensor:
    """The view's share of a style image's Gram matrix at a layer, [1, C, C]."""
    return gram_matrix(view.features(layer), math.prod(view.full_size(layer)))


def _guided_gram_shares(guide: Tensor, layers: Sequence[str]) -> Callable[[View, str], Tensor]:
    """The same for the guided Gram matrix of a style image with a guide [1, 1, h, w]."""
    from neural_style.losses.guided import downsample_guide, guided_gram_matrix  # masks only

    guides = {layer: downsample_guide(guide, layer) for layer in layers}
    totals = {layer: each.sum(dim=(1, 2, 3)) for layer, each in guides.items()}

    def share(view: View, layer: str) -> Tensor:
        weights = view.crop(layer, guides[layer])
        return guided_gram_matrix(view.features(layer), weights, totals[layer])

    return share


@torch.no_grad()
@full_precision()
def gatys_objective(
    network: Vgg19, problems: Sequence[TransferProblem], grams: StyleGrams | None = None
) -> Objective:
    """Make the objective of a batch of transfer problems.

    Args:
        network: computes the features of at least the layers of the settings.
        problems: one per image, with contents of one size. Layers and tiles are those of the
            first; alpha, beta (see `settings.beta_at`) and total variation are each problem's own.
        grams: caches the Gram matrices of style images between calls.
    """
    tile = tile_size(problems[0].settings.tile, *problems[0].content.shape[2:])
    terms = [
        *_content_terms(network, problems, tile),
        *_style_terms(problems, grams or StyleGrams(network)),
        *_total_variation_terms(problems),
    ]
    return Objective(network, terms) if tile is None else TiledObjective(network, terms, tile)


def _content_terms(
    network: Vgg19, problems: Sequence[TransferProblem], tile: int | None
) -> list[Term]:
    """A content term for each content layer."""
    contents = torch.cat([problem.content for problem in problems])
    alpha = contents.new_tensor([problem.settings.alpha for problem in problems])
    layers = problems[0].settings.content_layers
    targets = feature_maps(network, contents, layers, tile)
    return [ContentTerm(layer, alpha * weight, targets[layer]) for layer, weight in layers.items()]


def _style_terms(problems: Sequence[TransferProblem], grams: StyleGrams) -> list[Term]:
    """A style term for each style layer, summed over the regions."""
    height, width = problems[0].content.shape[2:]
    betas = [beta_at(problem.settings, height, width) for problem in problems]
    beta = problems[0].content.new_tensor(betas)
    settings = problems[0].settings
    layers = settings.style_layers
    regions = [
        (batch, [grams.target(region, tuple(layers), settings.tile) for region in batch])
        for batch in _batch_regions(problems)
    ]
    return [
        _sum_of(
            [
                _region_term(
                    layer,
                    beta * weight,
                    [region.mask for region in batch],
                    torch.cat([target[layer] for target in targets]),
                )
                for batch, targets in regions
            ]
        )
        for layer, weight in layers.items()
    ]


def _total_variation_terms(problems: Sequence[TransferProblem]) -> list[Term]:
    """Total variation where styles act, if any problem has a weight for it."""
    weights = [problem.settings.total_variation for problem in problems]
    if not any(weights):
        return []
    masks = [mask for mask in map(combined_mask, problems) if mask is not None]
    weight = TOTAL_VARIATION_SCALE * problems[0].content.new_tensor(weights)
    return [TotalVariationTerm(weight, torch.cat(masks) if masks else None)]


def _batch_regions(problems: Sequence[TransferProblem]) -> list[tuple[Region, ...]]:
    """The first region of each problem, then the second of each, and so on.

    Raises:
        ValueError: the problems differ in their number of regions, or in which have masks.
    """
    kinds = {tuple(region.mask is None for region in problem.regions) for problem in problems}
    if len(kinds) > 1:
        raise ValueError("problems of a batch must have the same number of regions and masks")
    return list(zip(*(problem.regions for problem in problems), strict=True))


def _region_term(
    layer: str, weight: Tensor, masks: Sequence[Tensor | None], target: Tensor
) -> Term:
    """The style term of one region; `masks` has a mask for each problem, or None for each."""
    given = [mask for mask in masks if mask is not None]
    if not given:
        return StyleTerm(layer, weight, target)
    from neural_style.losses.guided import GuidedStyleTerm, downsample_guide  # masks only

    return GuidedStyleTerm(layer, weight, downsample_guide(torch.cat(given), layer), target)


def _sum_of(terms: Sequence[Term]) -> Term:
    """Several terms as one."""
    if len(terms) == 1:
        return terms[0]
    from neural_style.losses.guided import SumOfTerms  # several regions only

    return SumOfTerms(terms)
