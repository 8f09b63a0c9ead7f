"""`stylize.py --from-image`: a picture is made again from what it says of itself, to the byte."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neural_style.config.presets import PRESETS
from neural_style.images.encode import load_comment, save_pixels
from neural_style.io import sha256

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"

SMALL = ["--size=32", "--epochs=3", "--save-every=2", "--threads=1", "--style-layers=conv1_1:1"]
EXACT = [*SMALL, "--precision=fp32", "--content-layers=conv2_1:0.1,conv1_2:3"]


@pytest.fixture
def pair(project) -> tuple[Path, Path]:
    return project.add("content", "cat.png", seed=0), project.add("style", "sea.png", seed=1)


@pytest.fixture
def main(monkeypatch) -> Callable[[list[str]], int]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("stylize").main


@pytest.fixture
def made(main, pair, tmp_path) -> Callable[..., Path]:
    """Makes a picture and says where it is."""

    def make(*options: str, name: str = "first", suffix: str = "png") -> Path:
        files = [f"--content={pair[0]}", f"--style={pair[1]}", f"--output={tmp_path / name}"]
        assert main([*files, "--format=png", *options]) == 0
        return tmp_path / name / f"generated_3.{suffix}"

    return make


@pytest.fixture
def remade(main, tmp_path) -> Callable[..., Path]:
    """Makes a picture again and says where it is."""

    def make(picture: Path, *options: str) -> Path:
        output = f"--output={tmp_path / 'again'}"
        assert main([f"--from-image={picture}", output, "--threads=1", *options]) == 0
        return tmp_path / "again" / picture.name

    return make


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        (["--format=jpg", "--quality=90", "--init=noise", "--seed=7"], "jpg"),
        (["--format=png", "--fit=pad", "--dimensions=original", "--alpha=0.3"], "png"),
        (["--format=webp", "--color=luminance"], "webp"),
        (["--format=png16", "--color=match", "--learning-rate=0.5"], "png"),
        (["--format=tiff", "--pooling=average", "--beta=123456.789"], "tiff"),
    ],
)
def test_the_same_picture_to_the_byte(made, remade, options, suffix):
    picture = made(*EXACT, *options, suffix=suffix)
    assert remade(picture).read_bytes() == picture.read_bytes()


def test_a_picture_on_the_way_is_made_with_its_own_epochs(made, remade):
    last = made(*EXACT)
    picture = last.with_name("generated_2.png")
    again = remade(picture)
    assert again.read_bytes() == picture.read_bytes()
    assert not again.with_name(last.name).exists()


def test_options_beside_it_win(made, remade, pair, project):
    first = made(*EXACT)
    assert remade(first, "--seed=1", "--init=noise").read_bytes() != first.read_bytes()
    other = project.add("style", "other.png", seed=2)
    again = remade(first, f"--style={other}")
    facts = json.loads((again.parent / "run.json").read_text(encoding="utf-8"))
    assert facts["style"] == {"path": str(other), "sha256": sha256(other)}
    assert facts["content"]["path"] == str(pair[0])
    assert facts["settings"]["content_layers"] == {"conv2_1": 0.1, "conv1_2": 3}


def test_a_blend_and_masks_are_remembered_and_checked(
    main, capfd, made, remade, pair, project, tmp_path
):
    other = project.add("style", "ot:her,1.png", seed=2)
    mask = pair[0].with_name("cat.mask.png")
    Image.linear_gradient("L").resize((64, 64)).save(mask)
    blend = [f"--blend={other}:0.5", "--mask=beside", "--style-scales=0.5,1", "--size=64"]
    picture = made(*EXACT, *blend, "--color=match")
    assert remade(picture).read_bytes() == picture.read_bytes()
    Image.new("L", (64, 64), 9).save(mask)
    Image.new("RGB", (64, 64), "teal").save(other)
    said = refused(main, capfd, tmp_path, picture)
    assert f"mask: {str(mask)!r} has changed" in said
    assert f"blend_1: {str(other)!r} has changed" in said


def test_a_hostile_name_survives(main, remade, project, tmp_path):
    content = project.add("content", 'q"uote \\ 🎨\n$(reboot).png', seed=0)
    style = project.root / "images" / "style" / os.fsdecode(b"caf\xe9.png")
    project.add("style", "plain.png", seed=1).rename(style)
    files = [f"--content={content}", f"--style={style}", f"--output={tmp_path / 'first'}"]
    assert main([*files, *EXACT]) == 0
    picture = tmp_path / "first" / "generated_3.jpg"
    assert load_comment(picture).isascii()
    assert remade(picture).read_bytes() == picture.read_bytes()


def refused(main, capfd, tmp_path, picture: Path, *options: str) -> str:
    """What is said of a picture that is not made again."""
    capfd.readouterr()
    assert main([f"--from-image={picture}", f"--output={tmp_path / 'no'}", *options]) == 1
    assert not (tmp_path / "no").exists()
    said = capfd.readouterr().err
    assert said.startswith("stylize: ")
    assert "Traceback" not in said
    return said


def test_files_that_changed_or_vanished_are_named(main, capfd, made, pair, tmp_path):
    picture = made(*EXACT)
    Image.new("RGB", (40, 40), "teal").save(pair[0])
    pair[1].unlink()
    said = refused(main, capfd, tmp_path, picture)
    assert f"content: {str(pair[0])!r} has changed" in said
    assert f"style: {str(pair[1])!r} cannot be read" in said


def test_a_changed_file_that_is_given_by_its_option_is_taken(made, remade, pair, project):
    picture = made(*EXACT)
    pair[0].unlink()
    moved = project.add("content", "moved.png", seed=0)
    assert np.array_equal(pixels(remade(picture, f"--content={moved}")), pixels(picture))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_picture_of_another_version_is_made_with_a_word(main, capfd, made, tmp_path):
    picture = forged(tmp_path, made(*EXACT), engine="0123456789ab")
    capfd.readouterr()
    assert main([f"--from-image={picture}", f"--output={tmp_path / 'again'}"]) == 0
    assert "was made by another version" in capfd.readouterr().err


def forged(
    folder: Path, picture: Path, settings: dict[str, Any] | None = None, **facts: Any
) -> Path:
    """A picture whose note says something else."""
    note = json.loads(load_comment(picture)) | facts
    note["settings"] |= settings or {}
    path = folder / "forged.png"
    save_pixels(np.zeros((32, 32, 3), np.uint8), path, "png", comment=json.dumps(note))
    return path


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": 1_000_000}, ["image.size", "1000000"]),
        ({"size": "12; reboot"}, ["image.size", "reboot"]),
        ({"epochs": None}, ["optimization.epochs", "None"]),
        ({"beta": 1e400}, ["settings.beta", "inf"]),
        ({"beta": [1, 2]}, ["settings.beta", "[1, 2]"]),
        ({"style_layers": {"conv9_9": 1}}, ["style_layers", "conv9_9"]),
        ({"format": "exe"}, ["image.format", "exe"]),
        ({"format": "jpg", "transparency": "keep"}, ["image.transparency", "image.format"]),
        ({"weights": "../../{x}"}, ["network.weights"]),
        ({"output": "/etc"}, ["output", "there is no such key"]),
    ],
)
def test_settings_of_a_stranger_go_through_the_same_check(
    main, capfd, made, tmp_path, settings, words
):
    said = refused(main, capfd, tmp_path, forged(tmp_path, made(*EXACT), settings))
    for word in words:
        assert word in said


def test_an_older_output_with_old_names_is_understood(made, remade, tmp_path):
    picture = made(*EXACT, "--color=match")
    note = json.loads(load_comment(picture))
    del note["settings"]["dimensions"], note["settings"]["blend"]
    note["settings"]["colour"] = note["settings"].pop("color")
    old = tmp_path / "old" / picture.name
    save_pixels(np.zeros((32, 32, 3), np.uint8), old, "png", comment=json.dumps(note))
    assert remade(old).read_bytes() == picture.read_bytes()


def test_no_picture_of_ours(main, capfd, pair, tmp_path):
    assert "does not say how it was made" in refused(main, capfd, tmp_path, pair[0])
    assert "no such file" in refused(main, capfd, tmp_path, tmp_path / "none.png")
    (tmp_path / "pipe.png").write_bytes(b"\x89PNG")
    assert "pipe.png" in refused(main, capfd, tmp_path, tmp_path / "pipe.png")


def test_a_preset_given_beside_it_wins_too(made, remade):
    picture = made(*EXACT)
    again = remade(picture, "--preset=texture", "--epochs=3", "--size=32")
    facts = json.loads((again.parent / "run.json").read_text(encoding="utf-8"))["settings"]
    preset = PRESETS["texture"]
    assert facts["beta"] == preset["beta"]
    assert facts["precision"] == "fp32", "what the preset does not say is the picture's"
