"""`neural-style remake`: an image is made again from what it says of itself, to the byte."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neural_style.api import Stylizer
from neural_style.cli.main import main as command
from neural_style.config.presets import PRESETS
from neural_style.images.encode import load_comment, save_pixels
from neural_style.io import sha256

SMALL = ["--size=32", "--epochs=3", "--save-every=2", "--threads=1", "--style-layers=conv1_1:1"]
EXACT = [*SMALL, "--precision=fp32", "--content-layers=conv2_1:0.1,conv1_2:3"]


@pytest.fixture
def pair(project) -> tuple[Path, Path]:
    return project.add("content", "cat.png", seed=0), project.add("style", "sea.png", seed=1)


@pytest.fixture
def main(monkeypatch, tmp_path) -> Callable[[list[str]], int]:
    monkeypatch.chdir(tmp_path)  # files outside of it are not read on the word of an output
    return command


@pytest.fixture
def made(main, pair, tmp_path) -> Callable[..., Path]:
    """Makes an image and says where it is."""

    def make(*options: str, name: str = "first", suffix: str = "png") -> Path:
        output = tmp_path / name / f"out.{suffix}"
        assert main([*map(str, pair), f"--output={output}", *options]) == 0
        return output

    return make


@pytest.fixture
def remade(main, tmp_path) -> Callable[..., Path]:
    """Makes an image again and says where it is."""

    def make(picture: Path, *options: str) -> Path:
        output = tmp_path / "again" / picture.name
        arguments = ["remake", str(picture), f"--output={output}", "--threads=1"]
        assert main([*arguments, *options]) == 0
        return output

    return make


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        (["--quality=90", "--init=noise", "--seed=7"], "jpg"),
        (["--fit=pad", "--dimensions=original", "--alpha=0.3"], "png"),
        (["--color=luminance"], "webp"),
        (["--format=png16", "--color=match", "--learning-rate=0.5"], "png"),
        (["--pooling=average", "--beta=123456.789"], "tiff"),
    ],
)
def test_the_same_image_to_the_byte(made, remade, options, suffix):
    picture = made(*EXACT, *options, suffix=suffix)
    assert remade(picture).read_bytes() == picture.read_bytes()


def test_an_image_on_the_way_is_made_with_its_own_epochs(made, remade):
    last = made(*EXACT)
    picture = last.with_name("out_2.png")
    again = remade(picture)
    assert again.read_bytes() == picture.read_bytes()
    assert not again.with_name(last.name).exists()


@pytest.mark.parametrize("epoch", [2, 4])
def test_an_image_of_any_stage_is_that_of_the_whole_run(made, remade, main, capfd, tmp_path, epoch):
    stages = ["--size=48", "--stages=32:3", "--epochs=5", "--coherence=1", "--total-variation=10"]
    picture = made(*EXACT, *stages).with_name(f"out_{epoch}.png")
    capfd.readouterr()
    again = remade(picture)
    assert f"iteration {epoch}/{epoch}, " in capfd.readouterr().err
    assert again.read_bytes() == picture.read_bytes()
    said = refused(main, capfd, tmp_path, picture, f"--record={tmp_path / 'run'}")
    assert f"is the image after iteration {epoch} of 5, but --record is for whole runs" in said
    last = picture.with_name("out.png")
    assert remade(picture, "--epochs=5").read_bytes() == last.read_bytes()


@pytest.mark.parametrize("option", ["--stages=32:2", "--preset=best"])
def test_with_other_stages_or_iterations_the_last_image_is_made(made, remade, option):
    early = made(*EXACT, "--size=48").with_name("out_2.png")
    again = remade(early, option)
    assert max(pixels(again).shape) == 48
    assert "epoch" not in json.loads(load_comment(again))


def test_an_image_that_names_an_iteration_after_the_last_is_the_last(made, remade, tmp_path):
    picture = made(*EXACT)
    assert np.array_equal(pixels(remade(forged(tmp_path, picture, epoch=9))), pixels(picture))


def test_an_image_saved_by_python_is_made_again(remade, pair, tmp_path):
    settings = {"size": 48, "stages": [{"size": 32, "epochs": 2}], "epochs": 9, "precision": "fp32"}
    layers = {"style_layers": {"conv1_1": 1}, "content_layers": {"conv2_1": 1}}
    for output in Stylizer(device="cpu", **settings, **layers).iterate(*pair):
        if output.epoch in (0, 1):
            picture = output.save(tmp_path / f"out_{output.epoch}.png")
            assert remade(picture).read_bytes() == picture.read_bytes()


def test_options_beside_it_win(made, remade, pair, project):
    first = made(*EXACT)
    assert remade(first, "--seed=1", "--init=noise").read_bytes() != first.read_bytes()
    other = project.add("style", "other.png", seed=2)
    again = remade(first, f"--style={other}")
    facts = json.loads(load_comment(again))
    assert facts["sources"]["style"] == {"path": str(other), "sha256": sha256(other)}
    assert facts["sources"]["content"]["path"] == str(pair[0])
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
    picture = tmp_path / "first.jpg"
    assert main([str(content), str(style), f"--output={picture}", *EXACT]) == 0
    assert load_comment(picture).isascii()
    assert remade(picture).read_bytes() == picture.read_bytes()


def refused(main, capfd, tmp_path, picture: Path, *options: str) -> str:
    """What is said of an image that is not made again."""
    capfd.readouterr()
    output = tmp_path / f"no{picture.suffix}"
    assert main(["remake", str(picture), f"--output={output}", *options]) in (1, 2)
    assert not output.exists()
    said: str = capfd.readouterr().err
    assert said.startswith("neural-style remake: ")
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


def test_an_image_of_another_version_is_made_with_a_word(main, capfd, made, tmp_path):
    picture = forged(tmp_path, made(*EXACT), engine="0123456789ab")
    capfd.readouterr()
    assert main(["remake", str(picture), f"--output={tmp_path / 'again.png'}"]) == 0
    assert "was made by another version; the output may differ." in capfd.readouterr().err


def forged(
    folder: Path, picture: Path, settings: dict[str, Any] | None = None, **facts: Any
) -> Path:
    """An image whose note says something else."""
    note = json.loads(load_comment(picture)) | facts
    note["settings"] |= settings or {}
    path = folder / "forged.png"
    save_pixels(np.zeros((32, 32, 3), np.uint8), path, "png", comment=json.dumps(note))
    return path


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


def test_an_older_output_with_old_names_is_understood(made, remade, tmp_path):
    picture = made(*EXACT, "--color=match")
    note = json.loads(load_comment(picture))
    for later in ("dimensions", "blend", "history", "style_loss", "style_scales", "stages"):
        del note["settings"][later]
    note["settings"]["colour"] = note["settings"].pop("color")
    old = tmp_path / "old" / picture.name
    save_pixels(np.zeros((32, 32, 3), np.uint8), old, "png", comment=json.dumps(note))
    assert remade(old).read_bytes() == picture.read_bytes()


def test_no_image_of_ours(main, capfd, pair, tmp_path):
    assert "does not say how it was made" in refused(main, capfd, tmp_path, pair[0])
    assert "no such file" in refused(main, capfd, tmp_path, tmp_path / "none.png")
    (tmp_path / "pipe.png").write_bytes(b"\x89PNG")
    assert "pipe.png" in refused(main, capfd, tmp_path, tmp_path / "pipe.png")


def test_a_preset_given_beside_it_wins_too(made, remade):
    picture = made(*EXACT)
    again = remade(picture, "--preset=texture", "--epochs=3", "--size=32")
    facts = json.loads(load_comment(again))["settings"]
    preset = PRESETS["texture"].values
    assert facts["beta"] == preset["beta"]
    assert facts["precision"] == "fp32", "what the preset does not say is the picture's"


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
