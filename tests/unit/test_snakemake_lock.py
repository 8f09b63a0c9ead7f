"""A lock of Snakemake is removed only when the run that made it is proved to be dead."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from neural_style.runtime import snakemake_lock
from neural_style.runtime.snakemake_lock import MACHINES

OURS = "results/cat/sea/1_1e6_1/generated_1000.jpg"
THEIRS = "thesis/figures/1.pdf"
ENTER = (
    "import socket, sys; from pathlib import Path; from neural_style.runtime import snakemake_lock;"
    "socket.gethostname = lambda: sys.argv[2];"
    "snakemake_lock.enter_run(Path(sys.argv[1]), lambda path: path.startswith('results/'));"
    "print('in', flush=True); sys.stdin.read()"
)


def enter(folder: Path, machine: str = "here") -> subprocess.Popen[str]:
    """A run that has entered and is alive."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENTER, str(folder), machine],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def lock(folder: Path, *files: str, number: int = 0) -> Path:
    """What Snakemake writes when a run begins."""
    path = folder / "locks" / f"{number}.output.lock"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{file}\n" for file in files))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".snakemake"


def test_the_lock_of_a_run_that_was_killed_is_removed(folder: Path):
    run = enter(folder)
    left = lock(folder, THEIRS, OURS)
    kill(run)
    kill(enter(folder))
    assert not left.exists()


def test_the_lock_of_a_run_that_is_alive_stays(folder: Path):
    run = enter(folder)
    held = lock(folder, OURS)
    for _ in range(2):
        kill(enter(folder))
        assert held.exists()
    kill(run)


def test_a_lock_stays_while_any_run_is_alive(folder: Path):
    one, other = enter(folder), enter(folder)
    held = lock(folder, OURS)
    kill(one)
    third = enter(folder)
    assert held.exists()
    kill(other)
    kill(third)
    kill(enter(folder))
    assert not held.exists()


def test_the_lock_of_another_workflow_stays(folder: Path):
    run = enter(folder)
    held = lock(folder, THEIRS)
    kill(run)
    kill(enter(folder))
    assert held.exists()


def test_a_lock_from_before_stays(folder: Path):
    folder.mkdir()
    held = lock(folder, OURS)
    kill(enter(folder))
    assert held.exists(), "it is unknown who made it"


def test_a_lock_that_another_machine_may_have_made_stays(folder: Path):
    one = enter(folder, "there")
    held = lock(folder, OURS)
    kill(one)
    for machine in ("here", "here", "there"):
        kill(enter(folder, machine))
        assert held.exists()
    held.unlink()  # as `snakemake --unlock` does
    run = enter(folder, "here")
    left = lock(folder, OURS)
    kill(run)
    kill(enter(folder, "here"))
    assert not left.exists()


def test_on_a_file_system_without_locks_nothing_is_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    run = enter(folder)
    held = lock(folder, OURS)
    kill(run)

    def refuse(*_: object) -> None:
        raise OSError("this file system has no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    snakemake_lock.enter_run(folder, lambda path: True)
    assert held.exists()
    assert not (folder / MACHINES).exists(), "later runs would take this for a proof"


def test_a_folder_that_cannot_be_created_is_left_to_snakemake(tmp_path: Path):
    (tmp_path / "file").touch()
    snakemake_lock.enter_run(tmp_path / "file" / ".snakemake", lambda path: True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
