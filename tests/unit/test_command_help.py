"""What `neural-style` says of itself: its help, its presets, and its settings."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.command_lines import SMALL

from neural_style.cli.main import COMMANDS, main
from neural_style.config import options
from neural_style.config.presets import PRESETS
from neural_style.config.schema import setting_homes

pytestmark = pytest.mark.usefixtures("random_network")


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


def test_presets_are_listed_with_options_that_mean_the_same(photo_folder: Path, capsys):
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
