"""From a picture as it was optimised to the samples of its file: dimensions, levels, opacity."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neural_style.pictures.encoding import Levels, encode, quantised
from neural_style.pictures.images import fit_image, load_opacity
from neural_style.pictures.pixels import to_srgb
from neural_style.plan.formats import DEEP, LOSSLESS
from neural_style.plan.settings import KEEP, Settings

Picture = NDArray[np.float32]
"""[3, H, W] in [0, 1]."""


@dataclass(frozen=True)
class Finish:
    """What is done to a picture before it is saved.

    Attributes:
        format: a key of `formats.OUTPUT_FORMATS`.
        fit: how the photograph was brought to its size.
        original: width and height that the file is to have; None for those of the picture.
        opacity: mode L, of the finished file's size; None where the file is to be opaque.
    """

    format: str
    fit: str
    original: tuple[int, int] | None = None
    opacity: Image.Image | None = None

    def levels(self, picture: Picture) -> Levels:
        """The samples of the file, resampled (Lanczos, on sRGB values) where they have to be.

        16 bits are resampled as floating-point numbers. 8 bits are rounded first, which is five
        times as fast at the dimensions of a photograph.
        """
        if self.format in DEEP:
            channels = (self._restored(Image.fromarray(channel)) for channel in picture)
            planes = [quantised(np.asarray(channel), self.format) for channel in channels]
            levels = np.stack(planes, axis=-1)
        else:
            rounded = quantised(picture.transpose(1, 2, 0), self.format)
            levels = np.asarray(self._restored(Image.fromarray(rounded)))
        if self.opacity is None:
            return levels
        widest = np.iinfo(levels.dtype).max // 255
        height, width = levels.shape[:2]  # a stage of the optimisation has a size of its own
        opacity = self.opacity
        if opacity.size != (width, height):
            opacity = opacity.resize((width, height), Image.Resampling.LANCZOS)
        return np.dstack([levels, np.asarray(opacity).astype(levels.dtype) * widest])

    def _restored(self, image: Image.Image) -> Image.Image:
        """The image in the photograph's dimensions, without the mirrored margins of `pad`."""
        if self.original is None or self.original == image.size:
            return image
        box = unpadded(image.width, self.original) if self.fit == "pad" else None
        return image.resize(self.original, Image.Resampling.LANCZOS, box)


def unpadded(edge: int, original: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a padded square that shows the photograph; compare `images.fit_image`."""
    width, height = (int(side * edge / max(original) + 0.5) for side in original)
    left, top = (edge - width) // 2, (edge - height) // 2
    return (left, top, left + width, top + height)


def finish_of(photograph: Path, settings: Settings, original: tuple[int, int] | None) -> Finish:
    """What is to be done to the pictures of a photograph.

    Args:
        photograph: its file, of which the opacity is read if it is to be kept.
        settings: of the pictures.
        original: dimensions of the photograph, if the files are to have them.

    Raises:
        ImageError: the photograph cannot be read.
    """
    opacity = load_opacity(photograph) if settings.transparency == KEEP else None
    if opacity is not None and original is None:
        opacity = fit_image(opacity, settings.size, settings.fit)
    return Finish(settings.format, settings.fit, original, opacity)


def as_saved(picture: Picture, settings: Settings) -> Picture:
    """A picture as its format holds it: rounded, and compressed if the format loses by that.

    Dimensions and opacity stay out of it: it is what a loss can be computed of.
    """
    levels = quantised(picture.transpose(1, 2, 0), settings.format)
    white = np.float32(np.iinfo(levels.dtype).max)
    if settings.format not in LOSSLESS:
        file = io.BytesIO(encode(levels, settings.format, settings.quality))
        with Image.open(file) as image:
            levels = np.asarray(to_srgb(image))
    return np.ascontiguousarray(levels.transpose(2, 0, 1)).astype(np.float32) / white
