"""What the terms of the loss are shown of a picture: the features of all of it, or of a tile."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from neural_style.network.receptive_fields import stride
from neural_style.network.tiling import Tile, tiles_of
from neural_style.network.vgg import Vgg19
from neural_style.pictures.tensors import normalise

PIXELS = "pixels"
"""The name under which terms find the pictures themselves, [B, 3, H, W] in [0, 1]."""

Features = Mapping[str, Tensor]
"""Layer name, or `PIXELS` → features [B, C, H, W]."""


class View(Protocol):
    """A rectangle of a picture, or of each picture of a batch."""

    def features(self, layer: str) -> Tensor:
        """The features of the rectangle at a layer, [B, C, h, w]."""

    def with_next(self, layer: str) -> Tensor:
        """The same, and the next row and column where the picture goes on."""

    def size(self, layer: str) -> tuple[int, int]:
        """How high and wide the features of the whole picture are at a layer."""

    def part(self, layer: str, whole: Tensor) -> Tensor:
        """The rectangle's part of a map [..., H, W] of the whole picture at a layer."""


@dataclass(frozen=True)
class Whole:
    """The view of a whole picture.

    Attributes:
        seen: its features.
    """

    seen: Features

    def features(self, layer: str) -> Tensor:
        """All features at a layer, [B, C, H, W]."""
        return self.seen[layer]

    def with_next(self, layer: str) -> Tensor:
        """The same: the picture does not go on."""
        return self.seen[layer]

    def size(self, layer: str) -> tuple[int, int]:
        """How high and wide its features are at a layer."""
        height, width = self.seen[layer].shape[2:]
        return height, width

    def part(self, layer: str, whole: Tensor) -> Tensor:
        """All of a map."""
        return whole


@dataclass(frozen=True)
class TileView:
    """The view of a tile.

    Attributes:
        seen: features of the tile with its surroundings.
        tile: where that is.
    """

    seen: Features
    tile: Tile

    def features(self, layer: str) -> Tensor:
        """The tile's own features at a layer, [B, C, h, w]."""
        return self._own(layer, 0)

    def with_next(self, layer: str) -> Tensor:
        """The same, and the next row and column where the picture goes on."""
        return self._own(layer, 1)

    def size(self, layer: str) -> tuple[int, int]:
        """How high and wide the features of the whole picture are at a layer."""
        step = _step(layer)
        return self.tile.rows.length // step, self.tile.columns.length // step

    def part(self, layer: str, whole: Tensor) -> Tensor:
        """The tile's part of a map [..., H, W] of the whole picture at a layer."""
        step = _step(layer)
        return whole[..., self.tile.rows.own(step), self.tile.columns.own(step)]

    def _own(self, layer: str, more: int) -> Tensor:
        step = _step(layer)
        rows = self.tile.rows.own_of_seen(step, more)
        columns = self.tile.columns.own_of_seen(step, more)
        return self.seen[layer][..., rows, columns]


def features_of(network: Vgg19, pictures: Tensor) -> dict[str, Tensor]:
    """Features of pictures [B, 3, H, W] in [0, 1], in the network's precision."""
    ready = normalise(pictures).to(dtype=network.dtype, memory_format=torch.channels_last)
    features: dict[str, Tensor] = network(ready)
    return features


def whole_view(network: Vgg19, pictures: Tensor) -> Whole:
    """The view of whole pictures [B, 3, H, W] in [0, 1]."""
    return Whole(features_of(network, pictures) | {PIXELS: pictures})


def tile_view(network: Vgg19, seen: Tensor, tile: Tile) -> TileView:
    """The view of a tile, from its pixels and those around it: the part `tile.seen` of pictures."""
    return TileView(features_of(network, seen) | {PIXELS: seen}, tile)


def views_of(network: Vgg19, pictures: Tensor, edge: int | None) -> Iterator[View]:
    """Views that together make up pictures.

    Args:
        network: gives the features.
        pictures: [B, 3, H, W] in [0, 1].
        edge: of the tiles, see `tiling.tiles_of`; None for the whole in one go.
    """
    if edge is None:
        yield whole_view(network, pictures)
        return
    for tile in tiles_of(pictures.shape[2], pictures.shape[3], edge, network.layers):
        yield tile_view(network, pictures[(..., *tile.seen)], tile)


def maps_of(
    network: Vgg19, pictures: Tensor, layers: Collection[str], edge: int | None
) -> dict[str, Tensor]:
    """Features [B, C, H, W] of whole pictures at some layers, put together from views of them."""
    if edge is None:
        seen = features_of(network, pictures)
        return {layer: seen[layer] for layer in layers}
    maps: dict[str, Tensor] = {}
    for view in views_of(network, pictures, edge):
        for layer in layers:
            features = view.features(layer)
            shape = (*features.shape[:2], *view.size(layer))
            if layer not in maps:
                empty = features.new_empty(shape)
                maps[layer] = empty.to(memory_format=torch.channels_last)
            view.part(layer, maps[layer]).copy_(features)
    return maps


def _step(layer: str) -> int:
    """The stride of a layer or of the pixels."""
    return 1 if layer == PIXELS else stride(layer)
