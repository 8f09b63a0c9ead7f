"""Mistakes on the command line of `neural-style`: a sentence, an exit code, and no file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.command_lines import SMALL, files, refused

from neural_style.cli.main import main
from neural_style.config.presets import PRESETS
from neural_style.engine import engine
from neural_style.model.weights import load_weights

pytestmark = pytest.mark.usefixtures("random_network")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give a content image and a style image"),
        (["cat.png"], "'cat.png' is one image; give a content image and a style image."),
        (["statsu"], "(did you mean the command status?)"),
        (["cat.png", "wave.png"], "say where the output should be: -o out.jpg."),
        (["cat.png", "wave.png", "-o", ""], "say where the output should be"),
        (["cat.png", "wave.png", "sea.png", "-o", "o"], "then --style and the style images."),
        (["--style", "wave.png", "-o", "o"], "there is no content image"),
        (
            ["cat.png", "wave.png", "-o", "out.gif"],
            "use .jpg, .jpeg, .png, .webp, .avif, .tiff, .tif.",
        ),
        (["cat.png", "wave.png", "-o", "out"], "its suffix is not that of an output format"),
        (["cat.png", "wave.png", "-o", "o.png", "--format=jpg"], "is a png file, but --format is"),
        (["cat.png", "wave.png", "-o", "o.jpg", "--format=jgp"], "--format: 'jgp' is not allowed"),
        (["photos", "wave.png", "-o", "o.png"], "the name of an image, but there are 2 outputs"),
        (["photos", "wave.png", "-o", "x" * 300 + ".png"], "image, but there are 2 outputs"),
        (
            ["cat.png", "wave.png", "-o", "o.png/"],
            "of an image, but ends as a folder does",
        ),
        (["cat.png", "wave.png", "-o", "o.png", "--sise=3"], "did you mean --size?"),
        (["cat.png", "wave.png", "-o", "o.png", "--device=gpu"], "use one of auto, cpu"),
        (["cat.png", "wave.png", "-o", "o.png", "--threads=x"], "--threads: 'x' is not a whole"),
        (["cat.png", "wave.png", "-o", "o.png", "--save-every=0"], "--save-every: '0' is not"),
        (["cat.png", "wave.png", "-o", "$HOME/o.png"], "has the variable $HOME"),
        (
            ["cat.png", "wave.png", "-o", "o.jpg", "--transparency=keep"],
            "--transparency keep is not",
        ),
        (
            ["cat.png", "wave.png", "-o", "o.jpg", "--fit=crop", "--dimensions=original"],
            "--fit crop",
        ),
        (["cat.png", "wave.png", "-o", "o.jpg", "--checkpoint-every=5"], "needs --record"),
        (["remake"], "required: IMAGE"),
        (["remake", "cat.png"], "say where the output should be"),
        (["status"], "required: FOLDER"),
        (["settings", "betta"], "there is no setting 'betta'; did you mean beta?"),
        (["init"], "required: FOLDER"),
        (["presets", "x"], "unrecognized arguments: x"),
        (["gallery", "--configfil=x"], "did you mean --configfile?"),
    ],
)
def test_wrong_use_gets_a_sentence_and_exit_code_2(photo_folder: Path, arguments, words, capsys):
    said = refused(capsys, arguments)
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dgo.png", "wave.png", "-o", "o.png"], "there is no file or folder 'dgo.png'"),
        (["statsu", "x", "-o", "o.png"], "'statsu' (did you mean the command status?)"),
        (["x" * 5000, "wave.png", "-o", "o.png"], "there is no file or folder"),
        (["empty", "wave.png", "-o", "o"], "there is no image in the folder 'empty'"),
        (["*.xyz", "wave.png", "-o", "o"], "no image matches '*.xyz'"),
        (["text.png", "wave.png", "-o", "o.png"], "cannot read 'text.png': it is not an image"),
        (["cat.png", "text.png", "-o", "o.png"], "cannot read 'text.png': it is not an image"),
        (["cat.png", "wave.png", "-o", "text.png/o.png"], "is not a folder that you may write to"),
        (["cat.png", "wave.png", "-o", "x" * 300 + ".png"], "File name too long; choose another"),
        (["photos", "wave.png", "-o", "x" * 300], "File name too long; choose another name"),
        (["cat.png", "wave.png", "-o", "o.png", "--mask=no.png"], "--mask: there is no file"),
        (["cat.png", "wave.png", "-o", "o.png", "--blend=no.png:1"], "--blend: there is no file"),
        (["cat.png", "wave.png", "-o", "o.png", "--init=nois"], "--init: there is no file 'nois'"),
        (["cat.png", "wave.png", "-o", "o.png", "--weights=no.pth"], "--weights: there is no file"),
        (["cat.png", "wave.png", "-o", "o.png", "--max-pixels=9"], "over the limit of 9"),
        (["remake", "cat.png", "-o", "o.png"], "does not say how it was made"),
        (["remake", "none.png", "-o", "o.png"], "there is no such file"),
        (["status", "empty"], "empty"),
        (["gallery"], "cannot read 'config.yaml': No such file or directory"),
        (["gallery", "--configfile=deep.yaml"], "cannot read 'deep.yaml': it is nested too deep"),
        (["init", "photos"], "'photos' is not an empty folder"),
        (["init", "cat.png"], "'cat.png' is not an empty folder"),
        (["init", "text.png/project"], "text.png/project"),
    ],
)
def test_a_failure_gets_a_sentence_and_exit_code_1(
    photo_folder: Path, arguments, words, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEURAL_STYLE_MAX_PIXELS", "")
    Path("empty").mkdir()
    Path("text.png").write_text("a text")
    Path("deep.yaml").write_text(f"image: {'[' * 5000}{']' * 5000}\n")
    assert words in refused(capsys, arguments, code=1)


@pytest.mark.parametrize("record", [[], ["--record=run"]])
def test_a_wrong_file_of_weights_has_the_name_of_its_option(
    photo_folder: Path, record, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "load_weights", load_weights)
    words = ["cat.png", "wave.png", "-o", "o.png", *SMALL, "--weights=cat.png", *record]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said.startswith("neural-style: --weights: 'cat.png' cannot be read as a file of PyTorch")


def test_all_wrong_options_are_named_at_once(photo_folder: Path, capsys):
    wrong = ["--beta=x", "--size=3", "--preset=strnog"]
    said = refused(capsys, ["cat.png", "wave.png", "-o", "o.png", *wrong])
    assert said == (
        "neural-style: invalid options:\n"
        "  --size: '3' is not allowed; give a number from 32 up to 4096.\n"
        "  --beta: 'x' is not allowed; give a number.\n"
        "  --preset: 'strnog' is not allowed; did you mean strong? Allowed: "
        f"{', '.join(PRESETS)}.\n"
    )


def test_a_run_removes_no_image_that_is_read_from_its_folder(photo_folder: Path, capsys):
    assert main(["cat.png", "wave.png", "-o", "a.png", "--record=run", *SMALL]) == 0
    earlier = next(Path("run").glob("generated_*.png"))
    before = files(photo_folder)
    capsys.readouterr()
    again = [str(earlier), "wave.png", "-o", "b.png", "--record=run", *SMALL]
    assert f"--record: '{earlier}' is read, and a run" in refused(capsys, again)
    assert files(photo_folder) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [("losses.csv", "step,loss\n"), ("run.json", "{}"), ("generated_100.png", "an image")],
)
def test_a_run_removes_no_file_that_is_not_from_a_run(photo_folder: Path, name, text, capsys):
    mine = Path("mine") / name
    mine.parent.mkdir()
    mine.write_text(text)
    words = ["cat.png", "wave.png", "-o", "out.png", "--record=mine", *SMALL]
    assert f"--record: '{mine}' is not from an earlier run" in refused(capsys, words)
    assert mine.read_text() == text
