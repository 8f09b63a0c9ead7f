"""Files that are missing, hostile, too large or damaged end in one sentence that names them."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile
from tests.unit.images import P3_TO_XYZ, encode, noise, png, rgb_profile, smooth, write

from neural_style.config.settings import MAX_PIXELS_VARIABLE
from neural_style.images.decode import ImageError, load_image, load_opacity, upright_size
from neural_style.images.fit import fit_image


def refusal(path: Path) -> str:
    """The message of the error that loading must end with: one sentence that names the file."""
    with pytest.raises(ImageError) as caught:
        load_image(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_missing(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "a.jpg")


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    assert "no such file" in refusal(tmp_path / "a.jpg")


def test_endless_link(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "a.jpg")
    assert "symbolic links" in refusal(tmp_path / "a.jpg")


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    assert "is a directory" in refusal(tmp_path / "a.jpg")


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert "not a regular file" in refusal(tmp_path / "a.jpg")


def test_empty(tmp_path: Path) -> None:
    assert "is empty" in refusal(write(tmp_path / "a.jpg", b""))


def test_text_in_disguise(tmp_path: Path) -> None:
    assert "not an image" in refusal(write(tmp_path / "a.jpg", b"<html>404 Not Found</html>\n" * 9))


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated, since chmod does not stop root."""
    path = write(tmp_path / "a.png", encode(smooth(8, 8), "PNG"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "permission denied" in refusal(path)


def test_a_hostile_name_stays_on_one_printable_line(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path / "a\n\x1b[31m\udcff.jpg")
    message = str(caught.value)
    assert message.isprintable()
    message.encode("utf-8")


def test_a_name_with_a_null_byte(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        load_image(tmp_path / "a\0.jpg")


def test_other_decoders_never_run(tmp_path: Path) -> None:
    """PostScript would be handed to an interpreter; Pillow knows some 40 more formats."""
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    for name, data in {"a.eps": eps, "b.jpg": eps, "c.png": encode(smooth(8, 8), "PPM")}.items():
        assert "not an image" in refusal(write(tmp_path / name, data))


@pytest.mark.parametrize("kept", [0.05, 0.2, 0.5, 0.8, 0.97])
@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_truncated(tmp_path: Path, encoder: str, options: dict[str, Any], kept: float) -> None:
    data = encode(noise(64, 48), encoder, **options)
    path = write(tmp_path / f"cut.{encoder.lower()}", data[: int(len(data) * kept)])
    refusal(path)


def test_truncated_images_stay_forbidden(tmp_path: Path) -> None:
    data = encode(noise(64, 48), "JPEG")
    refusal(write(tmp_path / "a.jpg", data[: len(data) // 2]))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("side", [15_812, 60_000, 2**31 - 1])
def test_a_header_that_claims_too_much_is_refused(tmp_path: Path, side: int) -> None:
    message = refusal(write(tmp_path / "a.png", png(side, side, 8, 2, b"")))
    assert "over the limit of 250000000; make it smaller, or raise jobs.max_pixels" in message


def test_the_limit_holds_before_any_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image of zeros packs a thousand to one; nothing of it may be unpacked."""
    path = tmp_path / "bomb.png"
    Image.new("L", (3000, 3000)).save(path)
    assert path.stat().st_size < 50_000

    def unpack(_: ImageFile.ImageFile) -> None:
        pytest.fail("the image was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", unpack)
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "8999999")
    assert "3000 × 3000 px, over the limit of 8999999" in refusal(path)


def test_the_limit_itself_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth(20, 10).save(tmp_path / "a.png")
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "200")
    assert load_image(tmp_path / "a.png").size == (20, 10)
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "199")
    refusal(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {}),
        ("a.mpo", {"save_all": True, "append_images": [noise(150, 100)]}),
        ("a.png", {}),
        ("a.tif", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
        ("a.bmp", {}),
        ("a.gif", {}),
    ],
)
@pytest.mark.parametrize("guard", [10_000, 5_000])
def test_pillow_neither_warns_nor_refuses_below_our_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], guard: int
) -> None:
    """Pillow warns above 89 million pixels, and refuses twice as many."""
    noise(150, 100).save(tmp_path / name, **options)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", guard)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_image(tmp_path / name).size == (150, 100)
        assert load_opacity(tmp_path / name) is None
        assert upright_size(tmp_path / name) == (150, 100)
        assert fit_image(load_image(tmp_path / name), 99, "crop").size == (99, 99)
    assert guard == Image.MAX_IMAGE_PIXELS


def test_the_environment_sets_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth(20, 10).save(tmp_path / "a.png")
    monkeypatch.setenv("NEURAL_STYLE_MAX_PIXELS", "199")
    assert "over the limit of 199; make it smaller, or raise" in refusal(tmp_path / "a.png")
    monkeypatch.setenv("NEURAL_STYLE_MAX_PIXELS", "200")
    assert load_image(tmp_path / "a.png").size == (20, 10)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_no_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    refusal(write(tmp_path / "a.png", png(*size, 8, 0, b"")))
    gif = b"GIF89a" + struct.pack("<2H", *size) + bytes([0, 0, 0]) + b";"
    refusal(write(tmp_path / "a.gif", gif))


def mutants(data: bytes, count: int, generator: np.random.Generator) -> list[bytes]:
    """Damaged copies: some bytes changed, a stretch lost, or noise after the header."""
    copies = []
    for index in range(count):
        copy = bytearray(data)
        start = int(generator.integers(8, len(copy)))
        match index % 3:
            case 0:
                for place in generator.integers(8, len(copy), size=4):
                    copy[place] = int(generator.integers(256))
            case 1:
                del copy[start : start + int(generator.integers(1, 40))]
            case _:
                copy[start:] = generator.bytes(len(copy) - start)
        copies.append(bytes(copy))
    return copies


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF-LZW", "BMP", "GIF"])
def test_damage_ends_in_an_image_or_an_image_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str
) -> None:
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "1000000")
    name, _, packed = encoder.partition("-")
    options: dict[str, Any] = {"compression": "tiff_lzw"} if packed else {}
    exif = Image.Exif()
    exif[0x0112] = 6
    if name in ("JPEG", "PNG", "WEBP"):
        options |= {"exif": exif, "icc_profile": rgb_profile(P3_TO_XYZ)}
    data = encode(noise(12, 9), name, **options)
    generator = np.random.default_rng(zlib.crc32(encoder.encode()))
    outcomes = set()
    for mutant in mutants(data, 30, generator):
        path = write(tmp_path / "mutant", mutant)
        try:
            image = load_image(path)
        except ImageError:
            outcomes.add("refused")
        else:
            assert image.mode == "RGB"
            outcomes.add("read")
    assert "refused" in outcomes
