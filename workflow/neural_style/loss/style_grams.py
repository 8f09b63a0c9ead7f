"""Gram matrices of style images: what the style terms compare a picture with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from neural_style.briefs.brief import Region, StyleReference
from neural_style.briefs.resampling import ResampleStyle, resampled_style
from neural_style.loss.guides import guide_at, guided_gram_matrix
from neural_style.loss.losses import gram_matrix
from neural_style.loss.tiled import sums
from neural_style.network.tiling import tile_edge
from neural_style.network.vgg import Vgg19
from neural_style.network.views import View, views_of

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
