"""From transfer problems to their objective: targets, terms, and whether to evaluate in tiles.

`make_objective` computes the targets, which are features of the content images and statistics of
the features of the style images, and makes the terms of the loss from them. `StyleTargets` computes
the statistics of style images and caches them for other images with the same style. Which
statistics these are, and how they are compared, is up to `find_style_loss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import Any

import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.losses.content import CONTENT_TERMS, importance
from neural_style.losses.objective import (
    Objective,
    PyramidObjective,
    TiledObjective,
    sum_statistics,
)
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    combined_mask,
)
from neural_style.losses.resampling import (
    ChangeStyle,
    ResampleStyle,
    halve_problem,
    halve_style,
    resample_style,
)
from neural_style.losses.size_correction import (
    beta_at,
    coherence_at,
    pyramid_at,
    style_shares,
)
from neural_style.losses.terms import (
    TOTAL_VARIATION_SCALE,
    GramLoss,
    StyleLoss,
    Term,
    TotalVariationTerm,
)
from neural_style.model.layers import tile_size
from neural_style.model.vgg import Vgg19, full_precision
from neural_style.model.views import feature_maps, iterate_views

CACHE_SIZE = 64
"""Style images whose statistics are cached, and as many blends of them. At the default layers each
takes 2.4 MB of the device as Gram matrices, and twice that with the Wasserstein loss."""


def find_style_loss(name: str) -> StyleLoss[Any]:
    """Return the style loss that `transfer.style_loss` names.

    Raises:
        ValueError: there is none of this name.
    """
    match name:
        case "gram":
            return GramLoss()
        case "wasserstein":
            from neural_style.losses.wasserstein import WassersteinLoss  # with this loss only

            return WassersteinLoss()
        case _:
            raise ValueError(f"unknown style loss {name!r}; the style losses are gram, wasserstein")


class StyleTargets:
    """Computes what the style terms compare with: statistics of style images, each once, cached."""

    def __init__(self) -> None:
        self._cached_statistics = lru_cache(maxsize=CACHE_SIZE)(self._compute_statistics)
        self._cached_target = lru_cache(maxsize=CACHE_SIZE)(self._compute_target)
        self._cached_histograms = lru_cache(maxsize=CACHE_SIZE)(self._compute_histograms)
        self._cached_strength = lru_cache(maxsize=CACHE_SIZE)(self._compute_strength)
        self.resample_style: ResampleStyle = lru_cache(maxsize=CACHE_SIZE)(resample_style)
        """`resampling.resample_style`, cached, so that equal arguments give the same tensor."""
        self.halve_style: ChangeStyle = lru_cache(maxsize=CACHE_SIZE)(halve_style)
        """`resampling.halve_style`, cached."""

    def target(self, network: Vgg19, region: Region, settings: Settings) -> dict[str, Any]:
        """The target of a region at each style layer: that of the weighted sum of its styles.

        A blend of styles needs one term only: the losses against several Gram matrices,
        Σ wᵢ‖G - Gᵢ‖² with Σ wᵢ = 1, differ from the loss against their sum, ‖G - Σ wᵢGᵢ‖², by a
        constant. For the Wasserstein loss the target is the Gaussian with the moments of the blend.

        Args:
            network: computes the features.
            region: its styles.
            settings: the style loss and its layers; large style images are processed in tiles, see
                `layers.tile_size`.

        Returns:
            Layer → what the terms of the style loss compare with, such as a Gram matrix [1, C, C].
        """
        layers = tuple(settings.style_layers)
        return self._cached_target(
            network, region.styles, layers, settings.tile, settings.style_loss
        )

    def histograms(self, region: Region) -> Tensor:
        """The color histograms of the blend of styles of a region, [1, K, BINS]."""
        return self._cached_histograms(region.styles)

    def coherence_strength(self, region: Region) -> Tensor:
        """How strongly the coherence loss acts: the weighted mean of `strength_of_style`."""
        return self._cached_strength(region.styles)

    def _compute_strength(self, styles: tuple[StyleReference, ...]) -> Tensor:
        from neural_style.losses.coherence import strength_of_style  # with this loss only

        strengths = [style.weight * strength_of_style(style.image, style.guide) for style in styles]
        return torch.stack(strengths).sum()

    def _compute_histograms(self, styles: tuple[StyleReference, ...]) -> Tensor:
        from neural_style.losses.histogram import blended_histograms  # with this loss only

        return blended_histograms(styles)

    def _compute_target(
        self,
        network: Vgg19,
        styles: tuple[StyleReference, ...],
        layers: tuple[str, ...],
        tile: int | None,
        style_loss: str,
    ) -> dict[str, Any]:
        statistics = [
            self._cached_statistics(network, style.image, style.guide, layers, tile, style_loss)
            for style in styles
        ]
        loss = find_style_loss(style_loss)
        targets = {}
        for layer in layers:
            if len(styles) == 1:
                blend = statistics[0][layer]
            else:
                weighted = [
                    style.weight * each[layer]
                    for style, each in zip(styles, statistics, strict=True)
                ]
                blend = torch.stack(weighted).sum(dim=0)
            targets[layer] = loss.target(blend)
        return targets

    @torch.no_grad()
    def _compute_statistics(
        self,
        network: Vgg19,
        image: Tensor,
        guide: Tensor | None,
        layers: tuple[str, ...],
        tile: int | None,
        style_loss: str,
    ) -> dict[str, Tensor]:
        """The statistics of one style image at each style layer."""
        height, width = image.shape[2:]
        tile = tile_size(tile, height, width, network.layers)
        loss = find_style_loss(style_loss)
        guides = {layer: _guide_at(layer, guide) for layer in layers}
        statistics = sum_statistics(
            [loss.statistic(view, layer, guides[layer]) for layer in layers]
            for view in iterate_views(network, image, tile)
        )
        return dict(zip(layers, statistics, strict=True))


@torch.no_grad()
@full_precision()
def make_objective(
    network: Vgg19,
    problems: Sequence[TransferProblem],
    targets: StyleTargets | None = None,
    *,
    output_size: int | None = None,
) -> Objective:
    """Make the objective of a batch of transfer problems.

    Args:
        network: computes the features of at least the layers of the settings.
        problems: one per image, which `problem.check_batch` accepts. Style loss, layers, their
            weights and tiles are those of the first; alpha, beta, and the weights of the color
            histogram, the coherence, and the total variation are each problem's own.
            `size_correction` says what they are at the size, and how images are compared at several
            sizes.
        targets: caches the statistics of style images between calls.
        output_size: long edge of the outputs if the problems are those of a stage before the last.

    Raises:
        ValueError: the problems differ in their number of regions, or in which have masks.
    """
    targets = targets or StyleTargets()
    height, width = problems[0].content.shape[2:]
    output_size = output_size or max(height, width)
    levels = [problems]
    for _ in pyramid_at(problems[0].settings, height, width)[1:]:
        levels.append([halve_problem(each, targets.halve_style) for each in levels[-1]])
    objectives = []
    for level, share in zip(levels, style_shares(len(levels)), strict=True):
        settings, (height, width) = level[0].settings, level[0].content.shape[2:]
        tile = tile_size(settings.tile, height, width, network.layers)
        is_coarsest = level is levels[-1]
        own = network if is_coarsest else network.for_finer_levels
        # Content at finer levels shortens strokes, and makes houses look like photos.
        terms = _content_terms(own, level, tile) if is_coarsest else []
        terms += _style_terms(own, level, targets, share)
        if is_coarsest:
            # At finer levels, the style image has grain that the output lacks. Its histograms would
            # be met by more contrast of everything (benchmarks/LOOK.md).
            terms += _histogram_terms(level, targets)
        if level is problems:
            terms += _coherence_terms(levels, targets, output_size)
            terms += _total_variation_terms(level)
        objectives.append(_objective(own, terms, tile))
    return reduce(lambda half, full: PyramidObjective(full, half), reversed(objectives))


def _objective(network: Vgg19, terms: Sequence[Term], tile: int | None) -> Objective:
    """The objective at one size, in tiles if there is a size of tiles."""
    return Objective(network, terms) if tile is None else TiledObjective(network, terms, tile)


def _content_terms(
    network: Vgg19, problems: Sequence[TransferProblem], tile: int | None
) -> list[Term]:
    """A content term for each content layer."""
    contents = torch.cat([problem.content for problem in problems])
    alpha = contents.new_tensor([problem.settings.alpha for problem in problems])
    first = problems[0].settings
    term, focus = CONTENT_TERMS[first.content_loss], first.content_focus
    targets = feature_maps(network, contents, first.content_layers, tile)
    return [
        term(layer, alpha * weight, targets[layer], importance(targets[layer], focus))
        for layer, weight in first.content_layers.items()
    ]


def _style_terms(
    network: Vgg19, problems: Sequence[TransferProblem], targets: StyleTargets, share: float
) -> list[Term]:
    """A style term for each style layer, times a share, summed over the regions."""
    height, width = problems[0].content.shape[2:]
    betas = [share * beta_at(problem.settings, height, width) for problem in problems]
    beta = problems[0].content.new_tensor(betas)
    settings = problems[0].settings
    style_loss = find_style_loss(settings.style_loss)
    regions = [
        (_batch_mask(batch), [targets.target(network, region, settings) for region in batch])
        for batch in _batch_regions(problems)
    ]
    return [
        _sum_of(
            [
                style_loss.term(
                    layer,
                    beta * weight,
                    [each[layer] for each in batch_targets],
                    _guide_at(layer, mask),
                )
                for mask, batch_targets in regions
            ]
        )
        for layer, weight in settings.style_layers.items()
    ]


def _histogram_terms(problems: Sequence[TransferProblem], targets: StyleTargets) -> list[Term]:
    """The color histogram term, summed over the regions, if any problem has a weight for it."""
    weights = [problem.settings.beta * problem.settings.color_histogram for problem in problems]
    if not any(weights):
        return []
    from neural_style.losses.histogram import (  # with this loss only
        HISTOGRAM_SCALE,
        ColorAxes,
        HistogramTerm,
    )

    axes = ColorAxes.like(problems[0].content)
    weight = HISTOGRAM_SCALE * problems[0].content.new_tensor(weights)
    terms = []
    for batch in _batch_regions(problems):
        target = torch.cat([targets.histograms(region) for region in batch])
        terms.append(HistogramTerm(weight, target, axes, _batch_mask(batch)))
    return [_sum_of(terms)]


def _coherence_terms(
    levels: Sequence[Sequence[TransferProblem]], targets: StyleTargets, output_size: int
) -> list[Term]:
    """Coherence where styles with strokes act, if any problem has a weight for it.

    Args:
        levels: the problems at each size of the pyramid, largest first. The smallest size decides
            how much of a style is strokes.
        targets: caches the strength of each style, see `coherence.strength_of_style`.
        output_size: see `make_objective`.
    """
    problems, coarsest = levels[0], levels[-1]
    height, width = problems[0].content.shape[2:]
    weights = [coherence_at(each.settings, height, width, output_size) for each in problems]
    if not any(weights):
        return []
    from neural_style.losses.coherence import COHERENCE_SCALE, CoherenceTerm  # with this loss only

    like = problems[0].content
    strength = like.new_zeros(len(problems), 1, height, width)
    for batch, styles in zip(_batch_regions(problems), _batch_regions(coarsest), strict=True):
        strengths = torch.stack([targets.coherence_strength(region) for region in styles])
        mask = _batch_mask(batch)
        strength += strengths.view(-1, 1, 1, 1) * (1 if mask is None else mask)
    return [CoherenceTerm(COHERENCE_SCALE * like.new_tensor(weights), strength, len(levels))]


def _total_variation_terms(problems: Sequence[TransferProblem]) -> list[Term]:
    """Total variation where styles act, if any problem has a weight for it."""
    weights = [problem.settings.total_variation for problem in problems]
    if not any(weights):
        return []
    masks = [mask for mask in map(combined_mask, problems) if mask is not None]
    weight = TOTAL_VARIATION_SCALE * problems[0].content.new_tensor(weights)
    mask = torch.cat(masks) if masks else None
    first = problems[0].settings
    exponent, chroma = first.total_variation_exponent, first.total_variation_chroma
    return [TotalVariationTerm(weight, mask, exponent, chroma)]


def _batch_regions(problems: Sequence[TransferProblem]) -> list[tuple[Region, ...]]:
    """The first region of each problem, then the second of each, and so on.

    Raises:
        ValueError: the problems differ in their number of regions, or in which have masks.
    """
    kinds = {tuple(region.mask is None for region in problem.regions) for problem in problems}
    if len(kinds) > 1:
        raise ValueError("problems of a batch must have the same number of regions and masks")
    return list(zip(*(problem.regions for problem in problems), strict=True))


def _batch_mask(regions: Sequence[Region]) -> Tensor | None:
    """The masks of a region of each problem, [B, 1, H, W]; None if they have none."""
    masks = [region.mask for region in regions if region.mask is not None]
    return torch.cat(masks) if masks else None


def _guide_at(layer: str, mask: Tensor | None) -> Tensor | None:
    """A mask [B, 1, H, W] at a layer, [B, 1, H', W']; None for None."""
    if mask is None:
        return None
    from neural_style.losses.guided import downsample_guide  # masks only

    return downsample_guide(mask, layer)


def _sum_of(terms: Sequence[Term]) -> Term:
    """Several terms as one."""
    if len(terms) == 1:
        return terms[0]
    from neural_style.losses.guided import SumOfTerms  # several regions only

    return SumOfTerms(terms)
