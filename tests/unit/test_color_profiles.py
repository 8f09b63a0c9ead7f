"""Color profiles: converted to sRGB, or ignored where they are broken or do not fit."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.unit.images import (
    P3_TO_XYZ,
    SRGB_TO_XYZ,
    Pixels,
    assert_close,
    chunk,
    encode,
    levels,
    loaded,
    png,
    rgb_profile,
    write,
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


SRGB_XY = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
ADOBE_XY = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
"""x and y of white, red, green and blue, times 100,000, as in a PNG file."""


def adobe_rgb_in_srgb(color: tuple[int, ...]) -> list[int]:
    """The formulas of Adobe RGB (1998) and of IEC 61966-2-1; both have the white D65."""
    light = (np.array(color) / 255) ** (563 / 256)
    to_xyz = np.array(
        [
            [0.57667, 0.18556, 0.18823],
            [0.29734, 0.62736, 0.07529],
            [0.02703, 0.07069, 0.99134],
        ]
    )
    from_xyz = np.array(
        [
            [3.2404542, -1.5371385, -0.4985314],
            [-0.9692660, 1.8760108, 0.0415560],
            [0.0556434, -0.2040259, 1.0572252],
        ]
    )
    linear = np.clip(from_xyz @ to_xyz @ light, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded).astype(int).tolist()


def camera_exif(index: str | None, space: int | None, order: str) -> bytes:
    """An EXIF block with an interoperability index and a color space, as cameras write it."""

    def directory(start: int, *entries: tuple[int, int, int, bytes]) -> bytes:
        packed = [struct.pack(f"{order}2HI4s", *entry) for entry in entries]
        return struct.pack(f"{order}H", len(packed)) + b"".join(packed) + bytes(4)

    def number(value: int) -> bytes:
        return struct.pack(f"{order}I", value)

    details = 8 + 18
    entries = []
    if space is not None:
        entries.append((0xA001, 3, 1, struct.pack(f"{order}H2x", space)))
    interop = details + 6 + 12 * (len(entries) + (index is not None))
    if index is not None:
        entries.append((0xA005, 4, 1, number(interop)))
    block = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    block += directory(8, (0x8769, 4, 1, number(details))) + directory(details, *entries)
    if index is not None:
        block += directory(interop, (1, 2, 4, index.encode() + b"\0"))
    return b"Exif\0\0" + block


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("index", "space", "adobe"),
    [
        ("R03", 0xFFFF, True),
        ("R03", None, True),
        (None, 2, True),
        ("R98", 0xFFFF, False),
        ("R98", 1, False),
        ("R03", 1, False),
        (None, 0xFFFF, False),
        (None, None, False),
    ],
)
def test_cameras_mark_adobe_rgb_in_exif(
    tmp_path: Path, encoder: str, order: str, index: str | None, space: int | None, adobe: bool
) -> None:
    options: dict[str, dict[str, Any]] = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}
    kept = options.get(encoder, {})
    for color in [(200, 100, 50), (90, 160, 90), (128, 128, 128), (20, 40, 10)]:
        image = Image.new("RGB", (16, 16), color)
        data = encode(image, encoder, exif=camera_exif(index, space, order), **kept)
        expected = adobe_rgb_in_srgb(color) if adobe else list(color)
        actual = loaded(write(tmp_path / "a", data))[8, 8]
        assert_close(actual, np.array(expected), 3 if encoder == "JPEG" else 2)


def test_an_embedded_profile_wins_over_exif(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    exif = camera_exif("R03", 0xFFFF, "<")
    data = encode(image, "PNG", exif=exif, icc_profile=srgb_profile())
    assert_close(loaded(write(tmp_path / "a.png", data))[8, 8], np.array((200, 100, 50)), 1)


@pytest.mark.parametrize("cut", range(8, 80, 3))
def test_damaged_exif_is_no_color_space(tmp_path: Path, cut: int) -> None:
    exif = camera_exif("R03", 0xFFFF, "<")[:cut]
    data = encode(Image.new("RGB", (16, 16), (200, 100, 50)), "PNG")
    damaged = data[:33] + chunk(b"eXIf", exif[6:]) + data[33:]
    assert loaded(write(tmp_path / "a.png", damaged)).shape == (16, 16, 3)


def gamma_chunks(gamma: float | None, xy: tuple[int, ...] | None) -> bytes:
    gama = chunk(b"gAMA", struct.pack(">I", round(100_000 * gamma))) if gamma is not None else b""
    return gama + (chunk(b"cHRM", struct.pack(">8I", *xy)) if xy else b"")


RAMP = np.arange(256, dtype=np.uint8)


def through_gamma(gamma: float) -> Pixels:
    """Samples that are light to the power of gamma, as sRGB."""
    light = (RAMP / 255) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded).astype(int)


@pytest.mark.parametrize("xy", [None, SRGB_XY])
@pytest.mark.parametrize("gamma", [1.0, 0.55556, 0.3, 2.0])
@pytest.mark.parametrize("color", [0, 2, 3, 4, 6])
def test_the_gamma_of_a_png_is_applied(
    tmp_path: Path, color: int, gamma: float, xy: tuple[int, ...] | None
) -> None:
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    pixels = np.stack([RAMP] * samples, -1)
    if color in (4, 6):
        pixels[:, -1] = 255
    palette = chunk(b"PLTE", np.stack([RAMP] * 3, -1).tobytes()) if color == 3 else b""
    before = gamma_chunks(gamma, xy) + palette
    path = write(tmp_path / "a.png", png(256, 1, 8, color, b"\0" + pixels.tobytes(), before))
    for channel in range(3):
        assert_close(loaded(path)[0, :, channel], through_gamma(gamma), 0)


def test_the_gamma_of_a_deep_png_is_applied(tmp_path: Path) -> None:
    rows = b"\0" + (RAMP.astype(">u2") * 257).tobytes()
    path = write(tmp_path / "a.png", png(256, 1, 16, 0, rows, gamma_chunks(1.0, None)))
    assert_close(loaded(path)[0, :, 0], through_gamma(1.0), 0)


@pytest.mark.parametrize(
    "before",
    [
        gamma_chunks(1 / 2.2, None),
        gamma_chunks(1 / 2.2, SRGB_XY),
        gamma_chunks(None, SRGB_XY),
        gamma_chunks(1.0, ADOBE_XY) + chunk(b"sRGB", b"\0"),
        gamma_chunks(0.0, None),
        gamma_chunks(0.00001, None),
        gamma_chunks(30_000.0, None),
        gamma_chunks(None, (0,) * 8),
        gamma_chunks(None, (31270, 32900) * 4),
    ],
    ids=range(9),
)
def test_a_png_that_means_srgb_stays_as_it_is(tmp_path: Path, before: bytes) -> None:
    pixels = np.stack([RAMP, RAMP[::-1], RAMP // 2], -1)
    path = write(tmp_path / "a.png", png(256, 1, 8, 2, b"\0" + pixels.tobytes(), before))
    assert np.array_equal(loaded(path)[0], pixels)


def test_the_primaries_of_a_png_are_applied(tmp_path: Path) -> None:
    for color in [(200, 100, 50), (90, 160, 90), (128, 128, 128)]:
        before = gamma_chunks(256 / 563, ADOBE_XY)
        path = write(tmp_path / "a.png", png(1, 1, 8, 2, b"\0" + bytes(color), before))
        assert_close(loaded(path)[0, 0], np.array(adobe_rgb_in_srgb(color)), 2)


def test_a_profile_wins_over_gamma(tmp_path: Path) -> None:
    data = encode(Image.new("RGB", (16, 16), (200, 100, 50)), "PNG", icc_profile=srgb_profile())
    path = write(tmp_path / "a.png", data[:33] + gamma_chunks(1.0, ADOBE_XY) + data[33:])
    assert_close(loaded(path)[8, 8], np.array((200, 100, 50)), 1)
