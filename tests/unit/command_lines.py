"""What the tests of the command share: options of a small run, files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from neural_style.cli.main import main

SMALL = ["--size=48", "--epochs=2", "--style-layers=conv1_1,conv2_1", "--content-layers=conv2_2"]
SMALL += ["--precision=fp32", "--device=cpu"]


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
