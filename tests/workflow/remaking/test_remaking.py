"""`neural-style remake`: an image is made again from what it says of itself, to the byte."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from PIL import Image
from tests.workflow.remaking.conftest import EXACT, forged, pixels, refused

from neural_style.api import Stylizer
from neural_style.config.presets import PRESETS
from neural_style.images.encode import load_comment
from neural_style.io import sha256


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


def test_a_changed_file_that_is_given_by_its_option_is_taken(made, remade, pair, project):
    picture = made(*EXACT)
    pair[0].unlink()
    moved = project.add("content", "moved.png", seed=0)
    assert np.array_equal(pixels(remade(picture, f"--content={moved}")), pixels(picture))


def test_a_preset_given_beside_it_wins_too(made, remade):
    picture = made(*EXACT)
    again = remade(picture, "--preset=texture", "--epochs=3", "--size=32")
    facts = json.loads(load_comment(again))["settings"]
    preset = PRESETS["texture"].values
    assert facts["beta"] == preset["beta"]
    assert facts["precision"] == "fp32", "what the preset does not say is the picture's"
