"""Warnings of the library reach the user once, in the log of the script, and never stop it."""

from __future__ import annotations

import importlib
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from tests.unit.images import chunk, encode, noise
from tests.unit.images import write as write_file

from neural_style.cli.main import main
from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.images.decode import load_image

FAULT = "a wrong checksum in chunks that are not needed (tEXt); they are ignored."


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "workflow" / "scripts")
    for name in ("options", "display", "stylize"):  # they hold the error stream of their import
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("options")


def faulty(path: Path) -> Path:
    data = encode(noise(40, 30), "PNG")
    return write_file(path, data[:33] + chunk(b"tEXt", b"key\0text")[:-4] + bytes(4) + data[33:])


def test_each_warning_is_logged_once_from_any_thread(options, tmp_path: Path):
    paths = [faulty(tmp_path / f"{name}.png") for name in "ab"]
    said: list[str] = []
    with options.showing_warnings(said.append), ThreadPoolExecutor(4) as pool:
        list(pool.map(load_image, paths * 3))
    assert sorted(said) == [f"{str(path)!r} has {FAULT}" for path in paths]


def test_other_warnings_go_their_usual_way(options):
    said: list[str] = []
    with (
        pytest.warns(UserWarning, match="of another library"),
        options.showing_warnings(said.append),
    ):
        warnings.warn("of another library", UserWarning, stacklevel=1)
    assert said == []


def test_a_script_begins_a_warning_with_its_name(
    options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = faulty(tmp_path / "a.png")

    @options.command("gallery")
    def main(arguments: list[str] | None = None) -> None:
        load_image(path)
        load_image(path)

    assert main([]) == 0
    assert capsys.readouterr().err == f"gallery: {str(path)!r} has {FAULT}\n"


def test_the_command_shows_a_warning_once_in_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = faulty(tmp_path / "a.png")
    Image.new("L", (40, 30), 255).save(tmp_path / "mask.png")
    arguments = [path, path, "--output", tmp_path / "out.png", "--size", 32]
    arguments += ["--mask", tmp_path / "mask.png", "--epochs", 2, "--device", "cpu"]
    arguments += ["--transparency", "keep", "--dimensions", "original"]
    assert main([*map(str, arguments)]) == 0
    log = capsys.readouterr().err
    assert log.count(f"a × a: {str(path)!r} has {FAULT}\n") == 1
    assert log.count("mask.png' is white everywhere") == 1
    assert "Warning" not in log


def test_the_option_sets_the_limit_of_pixels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEURAL_STYLE_MAX_PIXELS", "")
    noise(40, 30).save(tmp_path / "a.png")
    arguments = [tmp_path / "a.png", tmp_path / "a.png", "--epochs", "2"]
    arguments += [
        "--output",
        tmp_path / "out.png",
        "--size",
        "32",
        "--device",
        "cpu",
        "--max-pixels",
    ]
    assert main([*map(str, arguments), "1199"]) == 1
    assert (
        "40 × 30 px, over the limit of 1199; make it smaller, or raise" in capsys.readouterr().err
    )
    assert main([*map(str, arguments), "1200"]) == 0
    assert main([*map(str, arguments), "0"]) == 2
    assert "--max-pixels: '0' is not a whole number from 1 up" in capsys.readouterr().err
    assert issubclass(NeuralStyleWarning, UserWarning)
    assert not issubclass(NeuralStyleWarning, NeuralStyleError)
