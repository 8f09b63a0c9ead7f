"""The command `neural-style`: what it takes, what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import os
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
from tests.unit.command_lines import SMALL, files, refused
from tests.unit.images import smooth
from tests.unit.jobs import make
from torch import Tensor

from neural_style.cli.main import main
from neural_style.cli.task import Task
from neural_style.cli.work import ideas_for
from neural_style.config.schema import settings_of
from neural_style.config.settings import Settings
from neural_style.engine import engine
from neural_style.engine.provenance import read_provenance
from neural_style.model.vgg import Vgg19

pytestmark = pytest.mark.usefixtures("random_network")


# Outputs


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "tiff", "JPG"])
def test_it_writes_exactly_the_file(photo_folder: Path, suffix: str, capsys):
    before = files(photo_folder)
    assert main(["cat.png", "wave.png", "-o", f"new/out.{suffix}", *SMALL]) == 0
    assert files(photo_folder) - before == {f"new/out.{suffix}"}
    with Image.open(f"new/out.{suffix}") as image:
        assert image.size == (48, 32)
    said = capsys.readouterr()
    assert f"new/out.{suffix} has 48 × 32 pixels; 2 iterations took " in said.out
    assert "Try next:\n  neural-style cat.png wave.png -o new/out_strong" in said.out
    assert "iteration 2/2, total " in said.err


def test_the_file_is_that_of_the_pipeline(photo_folder: Path):
    assert main(["cat.png", "wave.png", "-o", "out.jpg", *SMALL, "--beta=1e5"]) == 0
    settings = Settings(**{**read_provenance(Path("out.jpg")).settings, "stages": ()})
    assert settings.beta == 1e5
    make(photo_folder / "job", settings, Path("cat.png"), Path("wave.png"))
    assert Path("out.jpg").read_bytes() == Path("job/generated_2.jpg").read_bytes()


def test_what_it_advises_can_be_run(photo_folder: Path, capsys):
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


def test_the_best_is_advised_at_twice_the_size_where_that_continues_it():
    def larger(size: int) -> list[str]:
        best = settings_of({"size": size}, "best")
        task = Task(Path("cat.png"), Path("wave.png"), Path("out.png"), best)
        return [idea for idea in ideas_for(task) if idea.endswith("# twice the size")]

    (idea,) = larger(512)
    assert "-o out_large.png --preset=best --size=1024  #" in idea
    assert larger(2048) and not larger(2049) and not larger(400)


def test_images_on_the_way_and_a_record_are_written_if_asked_for(photo_folder: Path):
    before = files(photo_folder)
    options = [*SMALL, "--epochs=5", "--save-every=2"]
    assert main(["cat.png", "wave.png", "-o", "out.png", *options]) == 0
    assert files(photo_folder) - before == {"out.png", "out_2.png", "out_4.png"}
    assert main(["cat.png", "wave.png", "-o", "again.png", *options, "--record", "run"]) == 0
    record = {f"run/generated_{epoch}.png" for epoch in (2, 4, 5)}
    assert files(photo_folder) - before == {
        *("out.png", "out_2.png", "out_4.png", "again.png", "run/losses.csv", "run/run.json"),
        *record,
    }
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
    assert Path("run/generated_2.png").read_bytes() == Path("out_2.png").read_bytes()


def test_several_images_go_into_a_folder(photo_folder: Path, capsys):
    arguments = ["photos", "cat.png", "--style", "wave.png", "sea.png", "-o", "outputs", *SMALL]
    assert main(arguments) == 0
    names = {
        f"{name}_{style}.jpg" for name in ("cat", "dog", "far/sky") for style in ("wave", "sea")
    }
    assert files(photo_folder / "outputs") == names
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
def test_a_folder_and_a_pattern_stand_for_their_images(photo_folder: Path, words, names):
    Path("photos/dog.mask.png").write_bytes(Path("photos/dog.png").read_bytes())
    assert main([*words, "-o", "outputs/", "--format=png", *SMALL]) == 0
    assert files(photo_folder / "outputs") == names


@pytest.mark.parametrize("word", ["photos", "photos/*"])
def test_files_that_are_not_taken_are_named_once(photo_folder: Path, word: str, capsys):
    for name in ("a.nef", "b.svg", "c.mp4", "d.txt", ".hidden.txt", "dog.txt", "dog.xmp"):
        Path("photos", name).write_text("x")
    assert main([word, word, "--style=wave.png", "-o", "outputs/", "-q", *SMALL]) == 0
    said = capsys.readouterr().err
    for name in ("a.nef", "b.svg", "c.mp4", "d.txt"):
        assert said.count(f"'photos/{name}'") == 1
    assert "because they are videos (save" in said
    assert "hidden" not in said and "dog" not in said


def test_an_image_counts_once_however_it_is_named(photo_folder: Path):
    words = ["photos", "photos/dog.png", "photos/../photos", str(photo_folder / "photos")]
    assert main([*words, "--style=wave.png", "-o", "outputs", *SMALL]) == 0
    assert files(photo_folder / "outputs") == {"dog_wave.jpg", "far/sky_wave.jpg"}


def test_a_file_is_taken_before_a_pattern_and_a_command(photo_folder: Path):
    for name in ("[cat].png", "status", "init"):
        Path(name).write_bytes(Path("cat.png").read_bytes())
    assert main(["[cat].png", "wave.png", "-o", "a.png", *SMALL]) == 0
    assert main(["./status", "./init", "-o", "b.png", *SMALL]) == 0
    assert main(["cat.png", "init", "-o", "c.png", *SMALL]) == 0


def test_one_bad_image_does_not_stop_the_others(photo_folder: Path, capsys):
    Path("photos/bad.png").write_bytes(b"no image")
    assert main(["photos", "wave.png", "-o", "outputs", *SMALL]) == 1
    assert files(photo_folder / "outputs") == {"dog_wave.jpg", "far/sky_wave.jpg"}
    said = capsys.readouterr()
    assert "outputs/bad_wave.jpg: cannot read 'photos/bad.png': it is not an image" in said.err
    assert "1 of 3 outputs failed." in said.err and "2 outputs are in outputs" in said.out


def test_after_a_gpu_has_failed_nothing_else_is_tried(
    photo_folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
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


def test_quiet_says_nothing(photo_folder: Path, capsys):
    assert main(["cat.png", "wave.png", "-o", "out.png", "-q", *SMALL]) == 0
    assert main(["cat.png", "wave.png", "-o", "a.png", "-q", "--record=run", *SMALL]) == 0
    assert capsys.readouterr() == ("", "")


def test_options_and_images_can_stand_in_any_order(photo_folder: Path):
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
def test_no_image_that_is_read_is_overwritten(photo_folder: Path, arguments, capsys):
    Path("link.png").symlink_to("cat.png")
    os.link("cat.png", "hard.png")
    for name in ("cat.mask.png", "cat_1.png", "x_1.png", "cat_wave.png"):
        Path(name).write_bytes(Path("cat.png").read_bytes())
    before = {name: Path(name).read_bytes() for name in files(photo_folder)}
    assert "is an image that is read; choose another name." in refused(capsys, [*arguments, *SMALL])
    assert {name: Path(name).read_bytes() for name in files(photo_folder)} == before


def test_a_file_that_the_user_did_not_name_is_replaced_only_if_it_is_ours(
    photo_folder: Path, capsys
):
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


def test_outputs_that_would_share_a_name_are_refused(photo_folder: Path, capsys):
    smooth(40, 40).save("cat.jpg")
    said = refused(capsys, ["cat.png", "cat.jpg", "--style=wave.png", "-o", "outputs", *SMALL])
    assert "'outputs/cat_wave.jpg' would be the output of 'cat.png' with 'wave.png' and of" in said


# The end


@pytest.mark.parametrize(
    ("number", "code", "record"),
    [
        (signal.SIGINT, 130, []),
        (signal.SIGTERM, 143, ["--record=run"]),
        (signal.SIGHUP, 129, []),
    ],
)
def test_a_signal_keeps_the_image_so_far(photo_folder: Path, number, code, record):
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
    assert read_provenance(Path("out.png")).epoch == epoch
    assert np.asarray(Image.open("out.png")).shape == (32, 48, 3)


def test_a_closed_pipe_is_no_traceback(photo_folder: Path):
    command = f"{sys.executable} -m neural_style settings | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ended.stdout.startswith("--alpha 1 ")
    assert ended.stderr == ""


# A project


def test_a_project_has_the_files_that_the_package_ships(photo_folder: Path, capsys):
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
    assert files(photo_folder / "project") == expected
    assert Path("project/images/content").is_dir() and Path("project/images/style").is_dir()
    assert Path("project/Snakefile").read_bytes() == (root / "Snakefile").read_bytes()


def test_a_project_goes_into_an_empty_folder(photo_folder: Path):
    Path("empty").mkdir()
    assert main(["init", "empty"]) == 0
    assert main(["init", "empty"]) == 1, "it has a project now"


def test_a_folder_that_cannot_be_read_gets_no_project(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    """Simulated, since chmod does not stop root."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert main(["init", "photos"]) == 1
    assert "cannot write 'photos': Permission denied; choose" in capsys.readouterr().err
