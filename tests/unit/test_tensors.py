"""From images to tensors and back."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from neural_style.images.tensors import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    normalize,
    to_pil_images,
    to_tensor,
)


def test_every_level_survives_the_way_there_and_back():
    levels = np.arange(256 * 3, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    (image,) = to_pil_images(to_tensor(Image.fromarray(levels)))
    assert np.array_equal(np.asarray(image), levels)


def test_channels_rows_and_columns_keep_their_places():
    levels = np.zeros((2, 3, 3), dtype=np.uint8)
    levels[1, 2] = (255, 51, 102)
    tensor = to_tensor(Image.fromarray(levels))
    assert tensor.shape == (1, 3, 2, 3)
    assert tensor.dtype == torch.float32
    torch.testing.assert_close(tensor[0, :, 1, 2], torch.tensor([1.0, 0.2, 0.4]))
    assert tensor.sum() == tensor[0, :, 1, 2].sum()


def test_images_are_clipped_and_rounded_not_cut():
    values = torch.tensor([-3.0, 0.0019, 0.0021, 0.4999 / 255, 254.6 / 255, 7.0])
    (image,) = to_pil_images(values.expand(1, 3, 1, 6))
    assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 1, 0, 255, 255]


def test_a_batch_becomes_a_list_in_order():
    batch = torch.stack([torch.full((3, 2, 2), value) for value in (0.0, 0.2, 1.0)])
    assert [image.getpixel((0, 0)) for image in to_pil_images(batch)] == [
        (0, 0, 0),
        (51, 51, 51),
        (255, 255, 255),
    ]


def test_normalize_is_the_convention_of_imagenet():
    assert IMAGENET_MEAN == (0.485, 0.456, 0.406)
    assert IMAGENET_STD == (0.229, 0.224, 0.225)
    pictures = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    expected = (pictures.numpy() - np.array(IMAGENET_MEAN)[:, None, None]) / np.array(IMAGENET_STD)[
        :, None, None
    ]
    np.testing.assert_allclose(normalize(pictures).numpy(), expected, rtol=1e-12)
