"""The command `neural-style`: what it takes, what it writes, what it says, and how it ends."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.unit.images import noise, smooth
from tests.unit.jobs import make
from torch import Tensor

from neural_style.cli.main import COMMANDS, main
from neural_style.config import options
from neural_style.config.presets import PRESETS
from neural_style.config.schema import setting_homes
from neural_style.config.settings import Settings
from neural_style.engine import engine
from neural_style.engine.record import read_provenance
from neural_style.model.vgg import Vgg19
from neural_style.model.weights import load_weights

SMALL = ["--size=48", "--epochs=2", "--style-layers=conv1_1,conv2_1", "--content-layers=conv2_2"]
SMALL += ["--precision=fp32", "--device=cpu"]

pytestmark = pytest.mark.usefixtures("random_network")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photographs and two styles, in the current folder."""
    for name, size in (("cat", (60, 40)), ("photos/dog", (40, 60)), ("photos/far/sky", (48, 48))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        smooth(*size).save(tmp_path / f"{name}.png")
    for seed, name in enumerate(("wave", "sea"), start=1):
        noise(50, 40, seed).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 2) -> str:
    """What is said of a command line that writes nothing."""
    before = files(Path())
    assert main(arguments) == code
    assert files(Path()) == before
    said = capsys.readouterr()
    assert "Traceback" not in said.err and not said.out
    assert said.err.startswith("neural-style")
    return said.err


# Outputs


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "tiff", "JPG"])
def test_it_writes_exactly_the_file(folder: Path, suffix: str, capsys):
    before = files(folder)
    assert main(["cat.png", "wave.png", "-o", f"new/out.{suffix}", *SMALL]) == 0
    assert files(folder) - before == {f"new/out.{suffix}"}
    with Image.open(f"new/out.{suffix}") as image:
        assert image.size == (48, 32)
    said = capsys.readouterr()
    assert f"new/out.{suffix} has 48 × 32 pixels; 2 iterations took " in said.out
    assert "Try next:\n  neural-style cat.png wave.png -o new/out_strong" in said.out
    assert "iteration 2/2, total " in said.err


def test_the_file_is_that_of_the_pipeline(folder: Path):
    assert main(["cat.png", "wave.png", "-o", "out.jpg", *SMALL, "--beta=1e5"]) == 0
    settings = Settings(**{**read_provenance(Path("out.jpg")).settings, "stages": ()})
    assert settings.beta == 1e5
    make(folder / "job", settings, Path("cat.png"), Path("wave.png"))
    assert Path("out.jpg").read_bytes() == Path("job/generated_2.jpg").read_bytes()


def test_what_it_advises_can_be_run(folder: Path, capsys):
    hard = Path("-o it's.png")
    Path("cat.png").rename(hard)
    assert main([f"./{hard}", "wave.png", "-o", "my out.png", *SMALL, "--beta=3e5"]) == 0
    ideas = [line.partition("  # ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [what for _, _, what in ideas] == [
        *("more style", "more content", "colors of the content", "twice the size")
    ]
    program = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))"]
    for command, _, _ in ideas:
        words = subprocess.run(
            ["bash", "-c", f'neural-style() {{ "$P" -c "$C" "$@"; }}; {command}'],
            env={**os.environ, "P": program[0], "C": program[2]},
            capture_output=True,
            text=True,
            check=True,
        )
        assert main([*json.loads(words.stdout), "--device=cpu", "-q"]) == 0
    for name in ("strong", "subtle", "colors", "large"):
        assert Path(f"my out_{name}.png").exists()
    assert read_provenance(Path("my out_strong.png")).settings["beta"] == 3e6


def test_images_on_the_way_and_a_record_are_written_if_asked_for(folder: Path):
    before = files(folder)
    options = [*SMALL, "--epochs=5", "--save-every=2"]
    assert main(["cat.png", "wave.png", "-o", "out.png", *options]) == 0
    assert files(folder) - before == {"out.png", "out_2.png", "out_4.png"}
    assert main(["cat.png", "wave.png", "-o", "again.png", *options, "--record", "run"]) == 0
    record = {f"run/generated_{epoch}.png" for epoch in (2, 4, 5)}
    assert files(folder) - before == {
        *("out.png", "out_2.png", "out_4.png", "again.png", "run/losses.csv", "run/run.json"),
        *record,
    }
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
    assert Path("run/generated_2.png").read_bytes() == Path("out_2.png").read_bytes()


def test_several_images_go_into_a_folder(folder: Path, capsys):
    arguments = ["photos", "cat.png", "--style", "wave.png", "sea.png", "-o", "outputs", *SMALL]
    assert main(arguments) == 0
    names = {
        f"{name}_{style}.jpg" for name in ("cat", "dog", "far/sky") for style in ("wave", "sea")
    }
    assert files(folder / "outputs") == names
    said = capsys.readouterr().out
    assert "6 outputs are in outputs; they took" in said and "6 of 6: " in said
    assert main([*arguments, "--beta=1"]) == 0, "outputs of this program are replaced"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["photos/*.png", "--style=wave.png"], {"dog_wave.png"}),
        (["photos/**/*.png", "--style=wave.png"], {"dog_wave.png", "sky_wave.png"}),
        (["photos", "wave.png"], {"dog_wave.png", "far/sky_wave.png"}),
        (["cat.png", "[ws]*.png"], {"cat_wave.png", "cat_sea.png"}),
        (["cat.png", "--style=wave.png"], {"cat_wave.png"}),
        (["cat.png", "cat.png", "--style", "wave.png", "wave.png"], {"cat_wave.png"}),
    ],
)
def test_a_folder_and_a_pattern_stand_for_their_images(folder: Path, words, names):
    Path("photos/dog.mask.png").write_bytes(Path("photos/dog.png").read_bytes())
    assert main([*words, "-o", "outputs/", "--format=png", *SMALL]) == 0
    assert files(folder / "outputs") == names


@pytest.mark.parametrize("word", ["photos", "photos/*"])
def test_files_that_are_not_taken_are_named_once(folder: Path, word: str, capsys):
    for name in ("a.nef", "b.svg", "c.mp4", "d.txt", ".hidden.txt", "dog.txt", "dog.xmp"):
        Path("photos", name).write_text("x")
    assert main([word, word, "--style=wave.png", "-o", "outputs/", "-q", *SMALL]) == 0
    said = capsys.readouterr().err
    for name in ("a.nef", "b.svg", "c.mp4", "d.txt"):
        assert said.count(f"'photos/{name}'") == 1
    assert "because they are videos (save" in said
    assert "hidden" not in said and "dog" not in said


def test_an_image_counts_once_however_it_is_named(folder: Path):
    words = ["photos", "photos/dog.png", "photos/../photos", str(folder / "photos")]
    assert main([*words, "--style=wave.png", "-o", "outputs", *SMALL]) == 0
    assert files(folder / "outputs") == {"dog_wave.jpg", "far/sky_wave.jpg"}


def test_a_file_is_taken_before_a_pattern_and_a_command(folder: Path):
    for name in ("[cat].png", "status", "init"):
        Path(name).write_bytes(Path("cat.png").read_bytes())
    assert main(["[cat].png", "wave.png", "-o", "a.png", *SMALL]) == 0
    assert main(["./status", "./init", "-o", "b.png", *SMALL]) == 0
    assert main(["cat.png", "init", "-o", "c.png", *SMALL]) == 0


def test_one_bad_image_does_not_stop_the_others(folder: Path, capsys):
    Path("photos/bad.png").write_bytes(b"no image")
    assert main(["photos", "wave.png", "-o", "outputs", *SMALL]) == 1
    assert files(folder / "outputs") == {"dog_wave.jpg", "far/sky_wave.jpg"}
    said = capsys.readouterr()
    assert "outputs/bad_wave.jpg: cannot read 'photos/bad.png': it is not an image" in said.err
    assert "1 of 3 outputs failed." in said.err and "2 outputs are in outputs" in said.out


def test_after_a_gpu_has_failed_nothing_else_is_tried(
    folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    """Every other output would fail in this process, too."""
    asked: list[object] = []

    class Failing(Vgg19):
        def forward(self, image: Tensor) -> dict[str, Tensor]:
            asked.append(image)
            raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(engine, "Vgg19", Failing)
    said = refused(capsys, ["photos", "wave.png", "-o", "outputs", *SMALL], code=1)
    assert said.count("the GPU failed (CUDA error: unspecified launch failure)") == 1
    assert len(asked) == 1


def test_quiet_says_nothing(folder: Path, capsys):
    assert main(["cat.png", "wave.png", "-o", "out.png", "-q", *SMALL]) == 0
    assert main(["cat.png", "wave.png", "-o", "a.png", "-q", "--record=run", *SMALL]) == 0
    assert capsys.readouterr() == ("", "")


def test_options_and_images_can_stand_in_any_order(folder: Path):
    assert main([*SMALL, "-o", "a.png", "cat.png", "--beta", "1e5", "wave.png"]) == 0
    assert main(["cat.png", *SMALL, "--beta=1e5", "wave.png", "-oa2.png"]) == 0
    assert Path("a.png").read_bytes() == Path("a2.png").read_bytes()


# Nothing is lost


@pytest.mark.parametrize(
    "arguments",
    [
        ["cat.png", "wave.png", "-o", "cat.png"],
        ["cat.png", "wave.png", "-o", "./photos/../wave.png"],
        ["cat.png", "wave.png", "-o", "link.png"],
        ["cat.png", "wave.png", "-o", "hard.png"],
        ["cat.png", "wave.png", "-o", "sea.png", "--blend=sea.png:1"],
        ["cat.png", "wave.png", "-o", "sea.png", "--init=sea.png"],
        ["cat.png", "wave.png", "-o", "sea.png", "--mask=sea.png"],
        ["cat.png", "wave.png", "-o", "cat.mask.png", "--mask=beside"],
        ["cat.png", "cat_1.png", "-o", "cat.png"],
        ["cat.png", "x_1.png", "-o", "x.png", "--save-every=1"],
        ["cat.png", "--style", "wave.png", "cat_wave.png", "-o", ".", "--format=png"],
    ],
)
def test_no_image_that_is_read_is_overwritten(folder: Path, arguments, capsys):
    Path("link.png").symlink_to("cat.png")
    os.link("cat.png", "hard.png")
    for name in ("cat.mask.png", "cat_1.png", "x_1.png", "cat_wave.png"):
        Path(name).write_bytes(Path("cat.png").read_bytes())
    before = {name: Path(name).read_bytes() for name in files(folder)}
    assert "is an image that is read; choose another name." in refused(capsys, [*arguments, *SMALL])
    assert {name: Path(name).read_bytes() for name in files(folder)} == before


def test_a_file_that_the_user_did_not_name_is_replaced_only_if_it_is_ours(folder: Path, capsys):
    for arguments in (
        ["cat.png", "--style", "wave.png", "sea.png", "-o", "out", *SMALL],
        ["cat.png", "wave.png", "-o", "out", *SMALL],
        ["cat.png", "wave.png", "-o", "out/x.jpg", "--save-every=1", *SMALL],
    ):
        for name in ("cat_wave.jpg", "x_1.jpg"):
            Path("out").mkdir(exist_ok=True)
            Path("out", name).write_bytes(b"mine")
        said = refused(capsys, arguments, code=1)
        assert "is there already, and this program did not make it" in said
    Path("named.jpg").write_bytes(b"old")
    assert main(["cat.png", "wave.png", "-o", "named.jpg", *SMALL]) == 0


def test_outputs_that_would_share_a_name_are_refused(folder: Path, capsys):
    smooth(40, 40).save("cat.jpg")
    said = refused(capsys, ["cat.png", "cat.jpg", "--style=wave.png", "-o", "outputs", *SMALL])
    assert "'outputs/cat_wave.jpg' would be the output of 'cat.png' with 'wave.png' and of" in said


# Mistakes


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
def test_wrong_use_gets_a_sentence_and_exit_code_2(folder: Path, arguments, words, capsys):
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
    folder: Path, arguments, words, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEURAL_STYLE_MAX_PIXELS", "")
    Path("empty").mkdir()
    Path("text.png").write_text("a text")
    Path("deep.yaml").write_text(f"image: {'[' * 5000}{']' * 5000}\n")
    assert words in refused(capsys, arguments, code=1)


@pytest.mark.parametrize("record", [[], ["--record=run"]])
def test_a_wrong_file_of_weights_has_the_name_of_its_option(
    folder: Path, record, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "load_weights", load_weights)
    words = ["cat.png", "wave.png", "-o", "o.png", *SMALL, "--weights=cat.png", *record]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said.startswith("neural-style: --weights: cat.png cannot be read as a file of PyTorch")


def test_all_wrong_options_are_named_at_once(folder: Path, capsys):
    wrong = ["--beta=x", "--size=3", "--preset=strnog"]
    said = refused(capsys, ["cat.png", "wave.png", "-o", "o.png", *wrong])
    assert said == (
        "neural-style: invalid options:\n"
        "  --size: '3' is not allowed; give a number from 32 up to 4096.\n"
        "  --beta: 'x' is not allowed; give a number.\n"
        "  --preset: 'strnog' is not allowed; did you mean strong? Allowed: "
        f"{', '.join(PRESETS)}.\n"
    )


# Help


def test_the_help_names_every_option_and_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    for name in (*setting_homes(), "preset", "output", "record", "device", "max_pixels"):
        assert options.option_name(name) in text
    for command in COMMANDS:
        assert f"\n  {command} " in text
    assert max(map(len, text.splitlines())) <= 100
    assert set(COMMANDS) == set(options.COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"usage: neural-style {command}" in capsys.readouterr().out


def test_every_option_has_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    lines = capsys.readouterr().out.partition("\noptions:\n")[2].splitlines()
    named = [pair for pair in itertools.pairwise([*lines, ""]) if re.match(r"  \S", pair[0])]
    assert len(named) > len(setting_homes())
    for line, below in named:
        assert re.search(r"\S  +\S", line) or re.match(r" {20}", below), f"no help: {line}"


def test_presets_are_listed_with_options_that_mean_the_same(folder: Path, capsys):
    assert main(["presets"]) == 0
    text = capsys.readouterr().out
    for name, preset in PRESETS.items():
        assert f"{name}: {preset.help}." in " ".join(text.split())
    assert "--style-layers relu1_1:3.699,relu2_1:0.9249," in text
    assert max(map(len, text.splitlines())) <= 96
    one = text.partition("subtle: ")[2].splitlines()[1].split()
    assert main(["cat.png", "wave.png", "-o", "a.png", "--preset=subtle", *SMALL]) == 0
    assert main(["cat.png", "wave.png", "-o", "b.png", *one, *SMALL]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_settings_are_listed_and_explained(capsys):
    assert main(["settings"]) == 0
    text = capsys.readouterr().out
    for name in setting_homes():
        assert f"\n{options.option_name(name)} " in f"\n{text}"
    for word in ("style-layers", "--style-layers", "style_layers"):
        assert main(["settings", word]) == 0
        said = capsys.readouterr().out
        assert said.startswith("--style-layers, in Python style_layers:")
        assert "conv1_1:1,conv2_1:1,conv3_1:1" in said


def test_help_needs_no_torch():
    code = (
        "import sys; from neural_style.cli.main import main\n"
        "for words in (['--version'], ['--help'], ['presets', '--help']):\n"
        "    try: main(words)\n"
        "    except SystemExit: pass\n"
        "main(['presets']); main(['settings'])\n"
        "main(['cat.png', 'wave.png', '-o', 'x.gif'])\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# The end


@pytest.mark.parametrize(
    ("number", "code", "record"),
    [
        (signal.SIGINT, 130, []),
        (signal.SIGTERM, 143, ["--record=run"]),
        (signal.SIGHUP, 129, []),
    ],
)
def test_a_signal_keeps_the_image_so_far(folder: Path, number, code, record):
    command = [sys.executable, "-m", "neural_style", "cat.png", "wave.png", "-o", "out.png"]
    running = [*command, *SMALL, *record, "--epochs=5000", "--save-every=1", "--threads=1"]
    first = Path("run/generated_1.png" if record else "out_1.png")
    with subprocess.Popen(running, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not first.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    said = err.splitlines()[-1]
    if record:
        assert "the next run resumes from there." in said
        assert Path("run/.checkpoint/state.pt").exists()
        assert not Path("out.png").exists()
        return
    assert said.endswith("; the image so far is in out.png.")
    epoch = int(said.split("stopped after iteration ")[1].split()[0])
    settings = read_provenance(Path("out.png")).settings
    assert settings["epochs"] == epoch
    assert np.asarray(Image.open("out.png")).shape == (32, 48, 3)


def test_a_closed_pipe_is_no_traceback(folder: Path):
    command = f"{sys.executable} -m neural_style settings | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ended.stdout.startswith("--alpha 1 ")
    assert ended.stderr == ""


# A project


def test_a_project_has_the_files_that_the_package_ships(folder: Path, capsys):
    assert main(["init", "project"]) == 0
    assert "project/images/content" in capsys.readouterr().out
    root = Path(__file__).parents[2]
    shipped = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    places = shipped["targets"]["wheel"]["force-include"]
    expected: set[str] = set()
    for source, place in places.items():
        assert place == f"neural_style/project/{source}"
        found = [root / source] if (root / source).is_file() else (root / source).rglob("*")
        expected |= {path.relative_to(root).as_posix() for path in found if path.is_file()}
    expected = {name for name in expected if "__pycache__" not in name}
    assert files(folder / "project") == expected
    assert Path("project/images/content").is_dir() and Path("project/images/style").is_dir()
    assert Path("project/Snakefile").read_bytes() == (root / "Snakefile").read_bytes()


def test_a_project_goes_into_an_empty_folder(folder: Path):
    Path("empty").mkdir()
    assert main(["init", "empty"]) == 0
    assert main(["init", "empty"]) == 1, "it has a project now"
