"""What an image says of itself may be incomplete, out of date, or a stranger's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.workflow.remaking.conftest import EXACT, forged, pixels, refused

from neural_style.images.encode import load_comment, save_pixels
from neural_style.io import sha256


def test_files_that_changed_or_vanished_are_named(main, capfd, made, pair, tmp_path):
    picture = made(*EXACT)
    Image.new("RGB", (40, 40), "teal").save(pair[0])
    pair[1].unlink()
    said = refused(main, capfd, tmp_path, picture)
    assert f"content: {str(pair[0])!r} has changed" in said
    assert f"style: {str(pair[1])!r} cannot be read" in said


def test_an_image_of_another_version_is_made_with_a_word(main, capfd, made, tmp_path):
    picture = forged(tmp_path, made(*EXACT), engine="0123456789ab")
    capfd.readouterr()
    assert main(["remake", str(picture), f"--output={tmp_path / 'again.png'}"]) == 0
    assert "was made by another version; the output may differ." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": 1_000_000}, ["--size", "1000000"]),
        ({"size": "12; reboot"}, ["--size", "reboot"]),
        ({"epochs": None}, ["--epochs", "None"]),
        ({"beta": 1e400}, ["--beta", "inf"]),
        ({"beta": [1, 2]}, ["--beta", "[1, 2]"]),
        ({"style_layers": {"conv9_9": 1}}, ["--style-layers", "conv9_9"]),
        ({"format": "exe"}, ["--format", "exe"]),
        ({"format": "jpg", "transparency": "keep"}, ["--transparency", "--format"]),
        ({"weights": "../../{x}"}, ["weights: '../../{x}' is neither in this folder"]),
        ({"output": "/etc"}, ["output", "there is no such setting"]),
    ],
)
def test_settings_of_a_stranger_go_through_the_same_check(
    main, capfd, made, tmp_path, settings, words
):
    said = refused(main, capfd, tmp_path, forged(tmp_path, made(*EXACT), settings))
    for word in words:
        assert word in said


def test_no_image_of_ours(main, capfd, pair, tmp_path):
    assert "does not say how it was made" in refused(main, capfd, tmp_path, pair[0])
    assert "no such file" in refused(main, capfd, tmp_path, tmp_path / "none.png")
    (tmp_path / "pipe.png").write_bytes(b"\x89PNG")
    assert "pipe.png" in refused(main, capfd, tmp_path, tmp_path / "pipe.png")


def of_a_stranger(folder: Path, output: Path, role: str, path: Path, checksum: str = "") -> Path:
    """An output whose metadata name another file."""
    sources = json.loads(load_comment(output))["sources"]
    sources[role] = {"path": str(path), "sha256": checksum or "0" * 64}
    files = {"mask", "style_mask", "init", "weights"}
    settings = {role: str(path)} if role in files else {}
    if role == "blend_1":
        settings = {"blend": {str(path): 1.0}}  # type: ignore[dict-item]
    return forged(folder, output, settings, sources=sources)


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.png")
    return folder / "pipe.png"


def link_to_a_device(folder: Path) -> Path:
    (folder / "link.png").symlink_to("/dev/zero")
    return folder / "link.png"


def text_file(folder: Path) -> Path:
    (folder / "secret.png").write_text("my secrets")
    return folder / "secret.png"


def huge_file(folder: Path) -> Path:
    smooth = folder / "huge.png"
    Image.new("RGB", (32, 32)).save(smooth)
    os.truncate(smooth, 3 << 40)
    return smooth


def empty_file(folder: Path) -> Path:
    (folder / "empty.png").touch()
    return folder / "empty.png"


def outside(folder: Path) -> Path:
    path = folder.parent / f"{folder.name} outside" / "private.png"
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (32, 32), "teal").save(path)
    return path


def link_to_the_outside(folder: Path) -> Path:
    (folder / "inside.png").symlink_to(outside(folder))
    return folder / "inside.png"


def way_out(folder: Path) -> Path:
    return folder / "project" / ".." / ".." / outside(folder).relative_to(folder.parent)


def links_in_a_circle(folder: Path) -> Path:
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")
    return folder / "a.png"


TRAPS: list[tuple[Callable[[Path], Path], str]] = [
    (lambda folder: Path("/dev/zero"), "is neither in this folder nor in that of the image"),
    (lambda folder: Path("/dev/stdin"), "is neither in this folder nor in that of the image"),
    (lambda folder: Path("/etc/passwd"), "is neither in this folder nor in that of the image"),
    (outside, "is neither in this folder nor in that of the image"),
    (link_to_the_outside, "is neither in this folder nor in that of the image"),
    (way_out, "is neither in this folder nor in that of the image"),
    (link_to_a_device, "is neither in this folder nor in that of the image"),
    (pipe, "is not a regular file"),
    (empty_file, "is not a regular file with content"),
    (huge_file, "has more than 1024 MiB"),
    (text_file, "is not an image"),
    (links_in_a_circle, "cannot be read"),
]


@pytest.mark.parametrize(
    ("trap", "words", "role"),
    [
        *((trap, words, "content") for trap, words in TRAPS),
        *(
            (*TRAPS[number], role)
            for number in (0, 3, 7)
            for role in ("style", "mask", "style_mask", "init", "blend_1", "weights")
        ),
    ],
)
def test_files_that_a_stranger_names_are_not_read(
    main, capfd, made, tmp_path, monkeypatch, trap, words, role
):
    output = made(*EXACT)
    path = trap(tmp_path)
    forgery = of_a_stranger(tmp_path, output, role, path)
    real = Path.open

    def watched(opened: Path, *options: Any, **named: Any) -> Any:
        assert opened.name != path.name or trap in (text_file, huge_file)
        return real(opened, *options, **named)

    monkeypatch.setattr(Path, "open", watched)
    said = refused(main, capfd, tmp_path, forgery)
    monkeypatch.undo()
    assert f"{role}: {str(path)!r} {words}" in said


def test_a_file_outside_is_read_if_the_user_names_it_or_its_folder(main, made, remade, tmp_path):
    output = made(*EXACT)
    path = outside(tmp_path)
    forgery = of_a_stranger(tmp_path, output, "content", path, sha256(path))
    arguments = ["remake", str(forgery), "--threads=1"]
    one, other = (tmp_path / f"{name}.png" for name in ("named", "allowed"))
    assert main([*arguments, f"--output={one}", f"--content={path}"]) == 0
    assert main([*arguments, f"--output={other}", f"--sources={path.parent}"]) == 0
    assert np.array_equal(pixels(one), pixels(other))


def test_files_beside_the_output_are_read(main, made, pair, tmp_path, monkeypatch):
    output = made(*EXACT)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    arguments = ["remake", str(output), f"--output={tmp_path / 'again.png'}", "--threads=1"]
    assert main(arguments) == 1
    folder = tmp_path / "unpacked"
    folder.mkdir()
    sources = {}
    for role, path in zip(("content", "style"), pair, strict=True):
        beside = path.rename(folder / path.name)
        sources[role] = {"path": str(beside), "sha256": sha256(beside)}
    arguments[1] = str(forged(folder, output, sources=sources))
    assert main(arguments) == 0


@pytest.mark.parametrize("kept", [[], ["alpha"], ["alpha", "beta", "size", "epochs"]])
def test_incomplete_settings_are_said_and_not_replaced_by_defaults(
    main, capfd, made, tmp_path, kept
):
    note = json.loads(load_comment(made(*EXACT)))
    note["settings"] = {key: note["settings"][key] for key in kept}
    path = tmp_path / "incomplete.png"
    save_pixels(np.zeros((32, 32, 3), np.uint8), path, "png", comment=json.dumps(note))
    said = refused(main, capfd, tmp_path, path)
    assert "are incomplete: they lack the settings" in said
    assert ("alpha" in said) == ("alpha" not in kept) and "style_layers" in said


@pytest.mark.parametrize(("name", "value"), [("seed", 0), ("format", "png"), ("epochs", 3)])
def test_a_setting_that_the_metadata_lack_may_be_given_by_its_option(
    made, remade, tmp_path, name, value
):
    output = made(*EXACT)
    note = json.loads(load_comment(output))
    del note["settings"][name]
    path = tmp_path / "incomplete" / output.name
    save_pixels(np.zeros((32, 32, 3), np.uint8), path, "png", comment=json.dumps(note))
    assert np.array_equal(pixels(remade(path, f"--{name}={value}")), pixels(output))


def test_metadata_without_images_are_said(main, capfd, made, tmp_path):
    forgery = forged(tmp_path, made(*EXACT), sources={})
    said = refused(main, capfd, tmp_path, forgery)
    assert "does not name its content image; give --content." in said


def test_an_older_output_with_old_names_is_understood(made, remade, tmp_path):
    picture = made(*EXACT, "--color=match")
    note = json.loads(load_comment(picture))
    for later in ("dimensions", "blend", "history", "style_loss", "style_scales", "stages"):
        del note["settings"][later]
    note["settings"]["colour"] = note["settings"].pop("color")
    old = tmp_path / "old" / picture.name
    save_pixels(np.zeros((32, 32, 3), np.uint8), old, "png", comment=json.dumps(note))
    assert remade(old).read_bytes() == picture.read_bytes()
