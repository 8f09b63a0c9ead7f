"""The method of Gatys et al.: from transfer problems to their objective.

`gatys_objective` computes the targets, which are features of the content images and statistics of
the features of the style images, and makes the terms of the loss from them. The statistics are
Gram matrices, or mean and covariance with `transfer.style_loss: wasserstein`. `StyleTargets`
computes them and caches them for other images with the same style.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from neural_style.config.settings import Settings, beta_at
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


class StyleTargets:
    """Computes what the style terms compare with: statistics of style images, each once, cached.

    Args:
        network: computes the features.
    """

    def __init__(self, network: Vgg19) -> None:
        self._network = network
        self._cached_statistics = lru_cache(maxsize=CACHE_SIZE)(self._compute_statistics)
        self._cached_gaussian = lru_cache(maxsize=CACHE_SIZE * 5)(_gaussian_target)
        self.resample_style: ResampleStyle = lru_cache(maxsize=CACHE_SIZE)(resample_style)
        """`problem.resample_style`, cached, so that equal arguments give the same tensor."""

    def target(self, region: Region, settings: Settings) -> dict[str, Any]:
        """The target of a region at each style layer: the weighted sum of its styles' statistics.

        A blend of styles needs one term only: the losses against several Gram matrices,
        Σ wᵢ‖G - Gᵢ‖² with Σ wᵢ = 1, differ from the loss against their sum, ‖G - Σ wᵢGᵢ‖², by a
        constant. For the Wasserstein loss the target is the Gaussian with the moments of the blend.

        Args:
            region: its styles.
            settings: the style loss and its layers; large style images are processed in tiles, see
                `tiles.tile_size`.

        Returns:
            Layer → Gram matrix [1, C, C], or `wasserstein.GaussianTarget`.
        """
        layers = tuple(settings.style_layers)
        weighted = [(style.weight, self._statistics_of(style, settings)) for style in region.styles]
        sums = weighted[0][1]
        if len(weighted) > 1:
            sums = {
                layer: torch.stack([weight * each[layer] for weight, each in weighted]).sum(dim=0)
                for layer in layers
            }
        if settings.style_loss == "gram":
            return sums
        return {layer: self._cached_gaussian(sums[layer]) for layer in layers}

    def _statistics_of(self, style: StyleReference, settings: Settings) -> dict[str, Tensor]:
        """The statistics of a style image at each style layer."""
        tile = tile_size(settings.tile, *style.image.shape[2:])
        layers = tuple(settings.style_layers)
        return self._cached_statistics(style.image, style.guide, layers, tile, settings.style_loss)

    @torch.no_grad()
    def _compute_statistics(
        self,
        image: Tensor,
        guide: Tensor | None,
        layers: tuple[str, ...],
        tile: int | None,
        style_loss: str,
    ) -> dict[str, Tensor]:
        share = _share if guide is None else _guided_shares(guide, layers)
        statistics = sum_statistics(
            [share(view, layer, style_loss) for layer in layers]
            for view in iterate_views(self._network, image, tile)
        )
        return dict(zip(layers, statistics, strict=True))


def _share(view: View, layer: str, style_loss: str) -> Tensor:
    """The view's share of a style image's statistic at a layer, [1, C, C] or [1, C, C + 1]."""
    positions = math.prod(view.full_size(layer))
    if style_loss == "gram":
        return gram_matrix(view.features(layer), positions)
    from neural_style.losses.wasserstein import moments  # with this style loss only

    return moments(view.features(layer), positions)


def _guided_shares(guide: Tensor, layers: Sequence[str]) -> Callable[[View, str, str], Tensor]:
    """The same for a style image with a guide [1, 1, h, w]."""
    from neural_style.losses.guided import downsample_guide, guided_gram_matrix  # masks only

    guides = {layer: downsample_guide(guide, layer) for layer in layers}
    totals = {layer: each.sum(dim=(1, 2, 3)) for layer, each in guides.items()}

    def share(view: View, layer: str, style_loss: str) -> Tensor:
        weights = view.crop(layer, guides[layer])
        if style_loss == "gram":
            return guided_gram_matrix(view.features(layer), weights, totals[layer])
        from neural_style.losses.wasserstein import guided_moments  # with this style loss only

        return guided_moments(view.features(layer), weights, totals[layer])

    return share


def _gaussian_target(moments: Tensor) -> Any:  # noqa: ANN401 - loaded only with this style loss
    from neural_style.losses.wasserstein import gaussian_target

    return gaussian_target(moments)


@torch.no_grad()
@full_precision()
def gatys_objective(
    network: Vgg19, problems: Sequence[TransferProblem], targets: StyleTargets | None = None
) -> Objective:
    """Make the objective of a batch of transfer problems.

    Args:
        network: computes the features of at least the layers of the settings.
        problems: one per image, with contents of one size. Style loss, layers and tiles are those
            of the first; alpha, beta (see `settings.beta_at`) and total variation are each
            problem's own.
        targets: caches the statistics of style images between calls.
    """
    tile = tile_size(problems[0].settings.tile, *problems[0].content.shape[2:])
    terms = [
        *_content_terms(network, problems, tile),
        *_style_terms(problems, targets or StyleTargets(network)),
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


def _style_terms(problems: Sequence[TransferProblem], targets: StyleTargets) -> list[Term]:
    """A style term for each style layer, summed over the regions."""
    height, width = problems[0].content.shape[2:]
    betas = [beta_at(problem.settings, height, width) for problem in problems]
    beta = problems[0].content.new_tensor(betas)
    settings = problems[0].settings
    regions = [
        ([region.mask for region in batch], [targets.target(each, settings) for each in batch])
        for batch in _batch_regions(problems)
    ]
    make = _gram_term if settings.style_loss == "gram" else _wasserstein_term
    return [
        _sum_of(
            [
                make(layer, beta * weight, masks, [each[layer] for each in batch_targets])
                for masks, batch_targets in regions
            ]
        )
        for layer, weight in settings.style_layers.items()
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


def _gram_term(
    layer: str, weight: Tensor, masks: Sequence[Tensor | None], targets: Sequence[Tensor]
) -> Term:
    """The style term of one region; `masks` has a mask for each problem, or None for each."""
    guide = _batch_guide(layer, masks)
    if guide is None:
        return StyleTerm(layer, weight, torch.cat(list(targets)))
    from neural_style.losses.guided import GuidedStyleTerm  # masks only

    return GuidedStyleTerm(layer, weight, guide, torch.cat(list(targets)))


def _wasserstein_term(
    layer: str, weight: Tensor, masks: Sequence[Tensor | None], targets: Sequence[Any]
) -> Term:
    """The same for `transfer.style_loss: wasserstein`."""
    from neural_style.losses.wasserstein import WASSERSTEIN_SCALE, WassersteinTerm, cat_targets

    target = cat_targets(targets)
    scaled = weight * (WASSERSTEIN_SCALE / target.mean.shape[1])
    return WassersteinTerm(layer, scaled, target, _batch_guide(layer, masks))


def _batch_guide(layer: str, masks: Sequence[Tensor | None]) -> Tensor | None:
    """The masks of a batch at a layer, [B, 1, H', W']; None if there are none."""
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    from neural_style.losses.guided import downsample_guide  # masks only

    return downsample_guide(torch.cat(given), layer)


def _sum_of(terms: Sequence[Term]) -> Term:
    """Several terms as one."""
    if len(terms) == 1:
        return terms[0]
    from neural_style.losses.guided import SumOfTerms  # several regions only

    return SumOfTerms(terms)
