"""A full disk and a folder that takes no files: one sentence, no half files, and a way on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SMALL = ("--size", "64", "--epochs", "8", "--save-every", "4", "--threads", "1")
LAYERS = ("--content-layers", "conv2_1", "--style-layers", "conv1_1,conv2_1")
OPTIONS = (*SMALL, *LAYERS, "--precision", "fp32", "--checkpoint-every", "1")


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Something mounted at a folder; the test is skipped where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


@pytest.fixture
def job(project, stylize):
    """Run stylize.py on two images into a folder."""
    files = project.add("content", "cat.png", seed=0), project.add("style", "sea.png", seed=1)
    options = ("--content", files[0], "--style", files[1], *OPTIONS)
    return lambda folder: stylize(*options, "--output", folder)


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.jpg")}


def words(folder: Path) -> set[str]:
    """Every file, whole or not."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_one_sentence(outcome, *parts: str) -> None:
    assert outcome.code == 1, outcome.text
    spoken = [line for line in outcome.err.splitlines() if line.startswith("stylize: ")]
    assert "Traceback" not in outcome.text, outcome.text
    for part in parts:
        assert part in spoken[-1]


@pytest.fixture
def undisturbed(job, tmp_path) -> dict[str, bytes]:
    job(tmp_path / "undisturbed").assert_good()
    return pictures(tmp_path / "undisturbed")


def test_a_folder_that_takes_no_files_then_a_full_disk_then_one_with_little_room(
    job, undisturbed, tmp_path
):
    """The last disk has space for the checkpoints of iterations 1 and 2, but not of 2 and 3."""
    disk = tmp_path / "disk"
    folder, filler = disk / "out", disk / "filler"
    with mounted(disk, "-t", "tmpfs", "-o", "size=1000k", "tmpfs"):
        folder.mkdir()
        remount(disk, "ro")
        assert_one_sentence(job(folder), str(folder), "Read-only file system", "may write to")
        remount(disk, "rw")
        (folder / "losses.csv").write_text("of an older run")
        with filler.open("wb") as file, pytest.raises(OSError):
            while True:
                os.write(file.fileno(), bytes(1 << 12))
        assert_one_sentence(job(folder), "cannot write", "No space left on device")
        assert words(folder) == {"losses.csv"}
        filler.unlink()
        assert_one_sentence(
            job(folder), "cannot write", "state.pt': No space left on device", "free some space"
        )
        assert words(folder) == {"losses.csv", ".checkpoint/state.pt"}
        remount(disk, "size=50m")
        outcome = job(folder)
        outcome.assert_good()
        assert "resuming from iteration" in outcome.err
        assert pictures(folder) == undisturbed
        assert words(folder) == {*undisturbed, "losses.csv", "run.json"}


def test_a_disk_that_turns_read_only_under_a_pipeline(project, tmp_path):
    """As Linux does with a disk that has errors."""
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=2)
    project.configure({"image": {"size": 32}, "optimization": {"epochs": 2, "save_every": 1}})
    with mounted(project.results, "-t", "tmpfs", "-o", "ro,size=50m", "tmpfs"):
        outcome = project.snakemake()
        assert outcome.code != 0
        assert "Read-only file system" in outcome.text, outcome.text
        remount(project.results, "rw")
        project.snakemake().assert_good()
        assert project.would_run() == []
