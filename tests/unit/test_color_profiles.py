"""Color profiles: converted to sRGB, or ignored where they are broken or do not fit."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.unit.images import (
    P3_TO_XYZ,
    SRGB_TO_XYZ,
    Pixels,
    assert_close,
    levels,
    loaded,
    rgb_profile,
)

from neural_style.images.srgb import srgb_profile

GRID = Image.fromarray(
    np.stack(np.meshgrid(*[np.arange(0, 256, 15, dtype=np.uint8)] * 3), -1).reshape(-1, 18, 3)
)


def profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC version 2 profile from its tags' data."""
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, kind, space,
                         connection)  # fmt: skip
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)  # the illuminant, D50
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def white_point() -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)


def linear_gray_profile() -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": white_point(), b"kTRC": curve})


def black_ink_only_profile() -> bytes:
    """A CMYK profile in which cyan, magenta and yellow leave no trace: black alone darkens."""
    ramp = bytes(range(256))
    corners = b"".join(bytes([0 if i & 1 else 255, 128, 128]) for i in range(16))
    identity = struct.pack(">9i", *np.rint(np.eye(3) * 65536).astype(int).ravel())
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + corners + ramp * 3
    return profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": white_point(), b"A2B0": lut})


def through_srgb_curve(linear: Pixels) -> Pixels:
    """Linear light to sRGB levels, IEC 61966-2-1."""
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded).astype(int)


def linear_light(values: Pixels) -> Pixels:
    encoded = values / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("profiled", [srgb_profile(), rgb_profile(SRGB_TO_XYZ)])
def test_srgb_tagged_pixels_stay(tmp_path: Path, profiled: bytes) -> None:
    GRID.save(tmp_path / "a.png", icc_profile=profiled)
    assert_close(loaded(tmp_path / "a.png"), levels(GRID), 1)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_display_p3_is_converted(tmp_path: Path, suffix: str) -> None:
    red = Image.new("RGB", (16, 16), (200, 100, 100))
    red.save(tmp_path / f"a{suffix}", icc_profile=rgb_profile(P3_TO_XYZ), quality=100)
    light = np.linalg.inv(SRGB_TO_XYZ) @ P3_TO_XYZ @ linear_light(np.array([200, 100, 100]))
    expected = through_srgb_curve(light)
    assert expected[0] > 205
    assert expected[1] < 98
    assert_close(loaded(tmp_path / f"a{suffix}")[8, 8], expected, 3)


def test_display_p3_matches_the_formula_over_the_whole_cube(tmp_path: Path) -> None:
    GRID.save(tmp_path / "a.png", icc_profile=rgb_profile(P3_TO_XYZ))
    light = linear_light(levels(GRID)) @ (np.linalg.inv(SRGB_TO_XYZ) @ P3_TO_XYZ).T
    assert_close(loaded(tmp_path / "a.png"), through_srgb_curve(light), 2)


def test_a_profile_applies_to_a_palette_and_spares_alpha(tmp_path: Path) -> None:
    swapped = rgb_profile(SRGB_TO_XYZ[:, ::-1])
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "p.png", icc_profile=swapped)
    rgba = Image.fromarray(np.array([[[255, 0, 0, 255], [255, 0, 0, 0]]], dtype=np.uint8))
    rgba.save(tmp_path / "a.png", icc_profile=swapped)
    assert_close(loaded(tmp_path / "p.png")[0], np.array([[0, 0, 255], [255, 0, 0]]), 1)
    assert_close(loaded(tmp_path / "a.png")[0], np.array([[0, 0, 255], [255] * 3]), 1)


def test_a_gray_profile_is_applied(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=linear_gray_profile())
    expected = through_srgb_curve(ramp / 255)
    assert_close(loaded(tmp_path / "a.png")[:, :, 0], expected, 2)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_a_cmyk_profile_is_applied(tmp_path: Path, suffix: str) -> None:
    for name, inks in {"cyan": (255, 0, 0, 0), "black": (0, 0, 0, 255)}.items():
        image = Image.new("CMYK", (16, 16), inks)
        image.save(tmp_path / f"{name}{suffix}", icc_profile=black_ink_only_profile())
    assert loaded(tmp_path / f"cyan{suffix}").min() >= 250
    assert loaded(tmp_path / f"black{suffix}").max() <= 5


@pytest.mark.parametrize(
    "broken",
    [
        b"no profile at all",
        srgb_profile()[:200],
        srgb_profile()[:128] + bytes(460),
        linear_gray_profile(),  # sound, but not for color
        black_ink_only_profile(),
    ],
)
def test_a_broken_or_unfitting_profile_counts_as_absent(tmp_path: Path, broken: bytes) -> None:
    GRID.save(tmp_path / "a.png", icc_profile=broken)
    assert_close(loaded(tmp_path / "a.png"), levels(GRID), 0)


def test_a_color_profile_on_gray_counts_as_absent(tmp_path: Path) -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    ramp.save(tmp_path / "a.png", icc_profile=rgb_profile(SRGB_TO_XYZ[:, ::-1]))
    assert_close(loaded(tmp_path / "a.png"), levels(ramp.convert("RGB")), 0)


def test_the_profile_is_srgb_and_bears_a_fixed_date() -> None:
    data = srgb_profile()
    assert struct.unpack(">6H", data[24:36]) == (2000, 1, 1, 0, 0, 0)
    opened = ImageCms.ImageCmsProfile(io.BytesIO(data))
    assert "sRGB" in ImageCms.getProfileDescription(opened)
