"""Fitting an image: the size and the pixels of each fit, and what is too narrow for it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.unit.images import assert_close, levels, noise, smooth

from neural_style.config.settings import FITS
from neural_style.images.decode import ImageError
from neural_style.images.fit import fit_image, resize


@pytest.mark.parametrize(
    ("fit", "expected"),
    [("stretch", (32, 32)), ("crop", (32, 32)), ("pad", (32, 32)), ("keep", (32, 16))],
)
def test_sizes_of_the_fits(fit: str, expected: tuple[int, int]) -> None:
    width, height = expected
    assert fit_image(smooth(80, 40), 32, fit).size == expected
    assert fit_image(smooth(40, 80), 32, fit).size == (height, width)
    assert fit_image(smooth(8, 4), 32, fit).size == expected


def test_the_fits_are_those_of_the_config() -> None:
    for fit in FITS:
        assert fit_image(smooth(20, 20), 20, fit).mode == "RGB"
    with pytest.raises(ValueError, match="stretch, crop, pad, keep"):
        fit_image(smooth(20, 20), 20, "cover")


@pytest.mark.parametrize("fit", FITS)
def test_a_square_of_the_right_size_is_untouched(fit: str) -> None:
    assert_close(levels(fit_image(noise(24, 24), 24, fit)), levels(noise(24, 24)), 0)


def test_crop_takes_the_center_in_both_directions() -> None:
    values = np.zeros((16, 48, 3), dtype=np.uint8)
    values[:, 16:32] = 200
    wide = Image.fromarray(values)
    tall = wide.transpose(Image.Transpose.ROTATE_90)
    for image in (wide, tall):
        assert np.unique(levels(fit_image(image, 16, "crop"))).tolist() == [200]
        assert np.unique(levels(fit_image(image, 16, "stretch"))).size > 1


@pytest.mark.parametrize("size", [(32, 20), (20, 32), (32, 3), (32, 1)])
def test_pad_mirrors_about_the_edges(size: tuple[int, int]) -> None:
    """Already of the right long side, so the image itself must be found untouched."""
    image = levels(noise(*size))
    padded = levels(fit_image(noise(*size), 32, "pad"))
    top, left = (32 - size[1]) // 2, (32 - size[0]) // 2
    assert_close(padded[top : top + size[1], left : left + size[0]], image, 0)
    for axis, start, length in ((0, top, size[1]), (1, left, size[0])):
        rows = np.moveaxis(padded, axis, 0)
        for distance in range(min(start, 32 - start - length)):
            above, below = rows[start - 1 - distance], rows[start + length + distance]
            place = distance % (2 * length)
            mirrored = place if place < length else 2 * length - 1 - place
            assert (above == rows[start + mirrored]).all()
            assert (below == rows[start + length - 1 - mirrored]).all()


def test_keep_rounds_the_short_side() -> None:
    assert fit_image(smooth(100, 67), 50, "keep").size == (50, 34)
    assert fit_image(smooth(100, 66), 50, "keep").size == (50, 33)


@pytest.mark.parametrize(
    ("fit", "size", "target"), [("pad", (3000, 2), 512), ("keep", (600, 15), 600)]
)
def test_too_narrow_an_image_is_refused(fit: str, size: tuple[int, int], target: int) -> None:
    with pytest.raises(ImageError, match=rf"{size[0]} × {size[1]} px.*{fit}.*{target}"):
        fit_image(Image.new("RGB", size), target, fit)
    assert fit_image(Image.new("RGB", size), 64, "crop").size == (64, 64)


def test_keep_allows_sixteen_pixels() -> None:
    assert fit_image(Image.new("RGB", (600, 16)), 600, "keep").size == (600, 16)


def test_shrinking_averages_instead_of_skipping() -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = Image.fromarray(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    assert_close(levels(fit_image(image, 16, "stretch")), np.full((16, 16, 3), 128), 3)


LONG = 50_000_000


@pytest.mark.parametrize("size", [(LONG, 1), (1, LONG), (4_000_000, 20), (20, 4_000_000)])
def test_a_long_and_narrow_image_is_resized_in_bounded_memory(size: tuple[int, int]):
    """Pillow's table for a filter over 50 million pixels, or an image of 64 × 50 million pixels
    between its two passes, would not fit into the memory."""
    image = Image.new("L", size, 200)
    image.paste(40, (0, 0, max(1, size[0] // 2), max(1, size[1] // 2)))
    for fit in ("stretch", "crop"):
        assert fit_image(image, 64, fit).size == (64, 64)
    small = np.asarray(resize(image, (64, 64))).astype(int)
    along = small[0] if size[0] > size[1] else small[:, 0]
    assert (np.abs(along[:28] - 40) < 3).all()
    assert (np.abs(along[36:] - 200) < 3).all()
    for fit in ("keep", "pad"):
        with pytest.raises(ImageError, match="choose a larger size"):
            fit_image(image, 64, fit)


@pytest.mark.parametrize("size", [(2_000_000, 20), (20, 2_000_000)])
def test_a_small_image_becomes_long_and_narrow_in_bounded_memory(size: tuple[int, int]):
    assert resize(Image.new("L", (4096, 4096), 77), size).getextrema() == (77, 77)


def test_too_little_memory_for_a_size_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "resize", fail)
    with pytest.raises(ImageError, match="not enough memory to resize an image of 20 × 10 px to"):
        fit_image(Image.new("RGB", (20, 10)), 64, "stretch")


@pytest.mark.parametrize("resampling", [Image.Resampling.LANCZOS, Image.Resampling.BILINEAR])
@pytest.mark.parametrize("size", [(33, 20), (300, 7), (7, 300)])
def test_other_images_are_resized_as_by_pillow(size: tuple[int, int], resampling: Image.Resampling):
    image = noise(123, 77)
    assert resize(image, size, resampling).tobytes() == image.resize(size, resampling).tobytes()
