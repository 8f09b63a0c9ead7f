"""`scripts/stylize.py` by itself: its files, its mistakes, and its end by Ctrl-C."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import pytest
import torch
from PIL import Image
from tests.workflow.conftest import job_arguments, run

from neural_style.engine import engine
from neural_style.model.layers import CONVOLUTIONS
from neural_style.model.weights import load_weights

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
SMALL = ("--size", "64", "--epochs", "3", "--save-every", "2", "--threads", "1")
SHALLOW = ("--content-layers", "conv2_1", "--style-layers", "conv1_1,conv2_1")


@pytest.fixture
def pair(project) -> tuple[str, ...]:
    """The options that name two good images."""
    files = project.add("content", "cat.png", seed=0), project.add("style", "sea.png", seed=1)
    return "--content", str(files[0]), "--style", str(files[1])


@pytest.fixture
def script(monkeypatch) -> ModuleType:
    """The script in this process, which saves the import of torch."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("stylize")


@pytest.fixture
def main(script) -> Callable[[list[str]], int]:
    """Its `main`, for one option for each setting."""
    return lambda options: script.main(job_arguments(options))


@pytest.mark.parametrize("script", ["stylize", "bulk_status", "layer_study", "gallery"])
def test_without_the_environment_a_script_says_what_to_activate(script, tmp_path):
    command = [sys.executable, "-S", "-E", SCRIPTS / f"{script}.py", "--help"]
    outcome = run(command, tmp_path)
    assert outcome.code == 1 and outcome.out == ""
    assert outcome.err.startswith(f"{script}: {sys.executable} lacks neural_style, ")
    assert "; activate the environment of the project" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_job_of_the_workflow_reads_no_schema_and_two_processes_make_the_same(
    main, pair, tmp_path
):
    """Its settings, as run.json has them, were checked by the Snakefile.

    The precision is what both take for the best one here.
    """
    assert main([*pair, "--output", str(tmp_path / "one"), *SMALL, "--color", "match"]) == 0
    facts = json.loads((tmp_path / "one" / "run.json").read_text(encoding="utf-8"))
    settings = f"--settings={json.dumps(facts['settings'])}"
    images = f"--images={json.dumps({'content': pair[1], 'style': pair[3]})}"
    code = (
        "import sys, stylize; code = stylize.main(sys.argv[1:]);"
        "print(code, sorted({'yaml', 'neural_style.config.schema',"
        " 'neural_style.config.sweep'} & sys.modules.keys()))"
    )
    job = run(
        [sys.executable, "-c", code, images, "--output", tmp_path / "two", settings, "--threads=1"],
        tmp_path,
        PYTHONPATH=os.pathsep.join([str(SCRIPTS), str(SCRIPTS.parent)]),
    )
    assert job.out == "0 []\n", job.text
    assert "cat × sea: iteration 3/3, total " in job.err
    files = sorted(path.name for path in (tmp_path / "two").iterdir())
    assert files == ["generated_2.jpg", "generated_3.jpg", "losses.csv", "run.json"]
    for name in files[:2]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_settings_are_one_option(script, capsys):
    images = ["--images", '{"content": "a", "style": "b"}']
    with pytest.raises(SystemExit, match="2"):
        script.main([*images, "--output=out", "--settings={}", "--size=64"])
    assert "unrecognized arguments: --size" in capsys.readouterr().err


def test_two_runs_in_fp32_make_the_same_bytes(main, pair, tmp_path):
    pictures = [painted(main, tmp_path / name, *pair, "--precision", "fp32") for name in "ab"]
    assert pictures[0] == pictures[1]


def test_a_process_of_several_jobs_reads_the_weights_once_and_makes_the_same(
    main, script, pair, tmp_path, monkeypatch
):
    assert main([*pair, "--output", str(tmp_path / "alone"), *SMALL]) == 0
    load_once = Mock(side_effect=load_weights)
    monkeypatch.setattr(engine, "load_weights", load_once)
    several = script.main_of_many_jobs()
    for name, beta in (("first", "1e5"), ("second", "1e6")):
        options = [*pair, "--output", str(tmp_path / name), *SMALL, "--beta", beta]
        assert several(job_arguments(options)) == 0
    load_once.assert_called_once_with("caffe")
    final = "generated_3.jpg"
    alone, first, second = (
        (tmp_path / name / final).read_bytes() for name in ("alone", "first", "second")
    )
    assert alone == second != first


def test_the_seed_chooses_the_noise(main, pair, tmp_path):
    def noise(name, seed):
        options = ("--init", "noise", "--seed", seed, *SHALLOW)
        return painted(main, tmp_path / name, *pair, *options)

    one, other = noise("one", "1"), noise("other", "2")
    assert one != other
    assert noise("again", "1") == one


def painted(main, folder, *options):
    """The bytes of the last image of a run."""
    assert main([*options, "--output", str(folder), *SMALL]) == 0
    return (folder / "generated_3.jpg").read_bytes()


def huge_png() -> bytes:
    """A PNG whose header promises 100 000 × 100 000 pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"This is no picture.\n", "not an image"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "damaged"),
        (huge_png(), "pixels"),
    ],
    ids=["missing", "empty", "text", "truncated", "huge"],
)
def test_an_image_that_cannot_be_read(main, pair, tmp_path, capfd, data, reason):
    bad = tmp_path / "bad.png"
    if data is not None:
        bad.write_bytes(data)
    assert main(["--content", str(bad), *pair[2:], "--output", str(tmp_path / "out"), *SMALL]) == 1
    assert_one_sentence(capfd.readouterr().err, str(bad), reason)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made(main, pair, tmp_path, capfd):
    blocked = tmp_path / "file" / "folder"
    blocked.parent.write_text("in the way", encoding="utf-8")
    assert main([*pair, "--output", str(blocked), *SMALL]) == 1
    assert_one_sentence(capfd.readouterr().err, str(blocked), "cannot write")


def test_a_run_that_diverges(main, pair, tmp_path, capfd):
    """A network of enormous weights, whose file is small since all its numbers are one."""
    state, number, channels = {}, 0, 3
    for previous, name in zip((CONVOLUTIONS[0], *CONVOLUTIONS), CONVOLUTIONS, strict=False):
        number += name[4] != previous[4]
        width = (64, 128, 256, 512, 512)[int(name[4]) - 1]
        state[f"features.{number}.weight"] = torch.full((1,), 1e9).expand(width, channels, 3, 3)
        state[f"features.{number}.bias"] = torch.zeros(1).expand(width)
        number, channels = number + 2, width
    torch.save(state, tmp_path / "enormous.pth")
    weights = ["--weights", str(tmp_path / "enormous.pth")]
    assert main([*pair, "--output", str(tmp_path / "out"), *SMALL, *weights]) == 1
    assert_one_sentence(capfd.readouterr().err, "infinite or NaN", "network.weights")
    assert not list(tmp_path.rglob("generated_*")), "a picture of nothing was saved"


def assert_one_sentence(error, *words):
    (line,) = error.splitlines()
    assert line.startswith("stylize: ")
    for word in words:
        assert word in line


def test_interrupted_by_the_keyboard(pair, tmp_path):
    folder = tmp_path / "out"
    options = ["--size", "64", "--epochs", "100000", "--save-every", "1", "--threads", "1"]
    arguments = job_arguments([*pair, "--output", str(folder), *options, *SHALLOW])
    command = [sys.executable, str(SCRIPTS / "stylize.py"), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        try:
            deadline = time.monotonic() + 300
            while not (folder / "generated_2.jpg").exists():
                assert job.poll() is None, "it ended before a picture came"
                assert time.monotonic() < deadline, "no picture came"
                time.sleep(0.05)
            job.send_signal(signal.SIGINT)
            out, err = job.communicate(timeout=60)
        finally:
            job.kill()
    assert job.returncode == 130
    assert "Traceback" not in out + err
    assert re.fullmatch(
        r"stylize: stopped after iteration \d+ of 100000; the next run resumes from there\.",
        err.splitlines()[-1],
    )
    assert (folder / ".checkpoint" / "state.pt").exists()
    names = {path.name for path in folder.iterdir() if path.name != ".checkpoint"}
    pictures = {name for name in names if name.startswith("generated_")}
    assert names == {"losses.csv", *pictures}
    for name in pictures:
        with Image.open(folder / name) as picture:
            picture.load()
    rows = (folder / "losses.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) - 1 == len(pictures)
    assert all(row.count(",") == rows[0].count(",") for row in rows)


def test_run_json_is_valid_json_whatever_the_name(main, project, tmp_path):
    style = project.add("style", 'q"uote \\ 🎨.png', seed=1)
    content = project.add("content", "-rf.png", seed=0)
    files = [f"--content={content}", f"--style={style}", "--output", str(tmp_path / "out")]
    assert main([*files, *SMALL, *SHALLOW]) == 0
    facts = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert (facts["content"]["path"], facts["style"]["path"]) == (str(content), str(style))
