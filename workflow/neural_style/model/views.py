"""Views: the features of a whole image or of one of its tiles, as a loss term sees them.

`iterate_views` makes the views of images: a `WholeView`, or a `TileView` for each tile (see
`layers`). `feature_maps` assembles the features of tiles to those of the whole image.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional

from neural_style.model.layers import Tile, split_into_tiles, stride
from neural_style.model.vgg import PIXELS, Features, Vgg19, extract_features, memory_format


class View(Protocol):
    """A rectangle of each image of a batch, with its features; a loss term sees only this.

    `layer` may also be `PIXELS` in all methods.
    """

    def features(self, layer: str) -> Tensor:
        """The features of the rectangle at a layer, [B, C, h, w]."""

    def features_with_next(self, layer: str) -> Tensor:
        """The same with the next row and column, where the image has them."""

    def full_size(self, layer: str) -> tuple[int, int]:
        """Height and width of the features of the whole image at a layer."""

    def crop(self, layer: str, full_map: Tensor) -> Tensor:
        """The rectangle's part of a map [..., H, W] of the whole image at a layer."""

    def place(self, layer: str, part: Tensor) -> Tensor:
        """A map [..., H, W] of the whole image at a layer: `part` in the rectangle, else 0."""


@dataclass(frozen=True)
class WholeView:
    """The view of whole images; `all_features` are their features."""

    all_features: Features

    def features(self, layer: str) -> Tensor:
        """All features at a layer, [B, C, H, W]."""
        return self.all_features[layer]

    def features_with_next(self, layer: str) -> Tensor:
        """All features at a layer: there is no next row or column."""
        return self.all_features[layer]

    def full_size(self, layer: str) -> tuple[int, int]:
        """Height and width of the features at a layer."""
        height, width = self.all_features[layer].shape[2:]
        return height, width

    def crop(self, layer: str, full_map: Tensor) -> Tensor:
        """The whole map."""
        return full_map

    def place(self, layer: str, part: Tensor) -> Tensor:
        """The part, which is the whole map."""
        return part


@dataclass(frozen=True)
class TileView:
    """The view of one tile; `input_features` are the features of `tile.input`."""

    input_features: Features
    tile: Tile

    def features(self, layer: str) -> Tensor:
        """The tile's own features at a layer, [B, C, h, w]."""
        return self._own_features(layer, 0)

    def features_with_next(self, layer: str) -> Tensor:
        """The same with the next row and column, where the image has them."""
        return self._own_features(layer, 1)

    def full_size(self, layer: str) -> tuple[int, int]:
        """Height and width of the features of the whole image at a layer."""
        step = _stride(layer)
        return self.tile.rows.length // step, self.tile.columns.length // step

    def crop(self, layer: str, full_map: Tensor) -> Tensor:
        """The tile's part of a map [..., H, W] of the whole image at a layer."""
        step = _stride(layer)
        return full_map[
            ..., self.tile.rows.within_image(step), self.tile.columns.within_image(step)
        ]

    def place(self, layer: str, part: Tensor) -> Tensor:
        """A map [..., H, W] of the whole image at a layer: `part` in the tile, else 0."""
        rows = self.tile.rows.within_image(_stride(layer))
        columns = self.tile.columns.within_image(_stride(layer))
        height, width = self.full_size(layer)
        return functional.pad(
            part, (columns.start, width - columns.stop, rows.start, height - rows.stop)
        )

    def _own_features(self, layer: str, extra: int) -> Tensor:
        step = _stride(layer)
        rows = self.tile.rows.within_input(step, extra)
        columns = self.tile.columns.within_input(step, extra)
        # Channels last also in the gradient, whose sum with another one is slow otherwise.
        positions = self.input_features[layer].movedim(1, 3)
        return positions[:, rows, columns].movedim(3, 1)


def _stride(layer: str) -> int:
    """The stride of a layer or of the pixels."""
    return 1 if layer == PIXELS else stride(layer)


def iterate_views(network: Vgg19, images: Tensor, tile: int | None) -> Iterator[View]:
    """Yield views that together cover images.

    Args:
        network: computes the features.
        images: [B, 3, H, W] in [0, 1].
        tile: the size of the tiles, see `layers.split_into_tiles`; None for one view of the whole.
    """
    if tile is None:
        yield WholeView(extract_features(network, images))
        return
    height, width = images.shape[2:]
    for each in split_into_tiles(height, width, tile, network.layers):
        yield TileView(extract_features(network, images[(..., *each.input)]), each)


def feature_maps(
    network: Vgg19, images: Tensor, layers: Collection[str], tile: int | None
) -> dict[str, Tensor]:
    """Compute the features of whole images at some layers, tile by tile if needed.

    Args:
        network: computes the features.
        images: [B, 3, H, W] in [0, 1].
        layers: some of the layers of the network.
        tile: the size of the tiles, as in `iterate_views`; None for images in one piece.

    Returns:
        Layer → features [B, C, H', W'], the same with and without tiles.
    """
    if tile is None:
        features = extract_features(network, images)
        return {layer: features[layer] for layer in layers}
    maps: dict[str, Tensor] = {}
    for view in iterate_views(network, images, tile):
        for layer in layers:
            part = view.features(layer)
            if layer not in maps:
                empty = part.new_empty((*part.shape[:2], *view.full_size(layer)))
                maps[layer] = empty.to(memory_format=memory_format(images.device))
            view.crop(layer, maps[layer]).copy_(part)
    return maps
