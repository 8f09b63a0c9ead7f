"""One process for each GPU: pretended GPUs, real processes, and files that others might plant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from neural_style.runtime import device as device_module
from neural_style.runtime.device import ALLOCATIONS, DeviceLockError, lock_name, lock_one

PACKAGE = Path(device_module.__file__).parents[2]

# Some processes lock a GPU and note in a journal when they get it and give it back, several times.
WORKERS = """
import os, sys, time
from pathlib import Path
from neural_style.runtime.device import lock_one

folder, journal, rounds, count, *gpus = sys.argv[1:]
children = []
while len(children) < int(count) and (child := os.fork()):
    children.append(child)
if len(children) == int(count):
    sys.exit(any(os.waitpid(child, 0)[1] for child in children))
with open(journal, "a") as notes:
    for _ in range(int(rounds)):
        with lock_one(gpus, lambda: None, folder=Path(folder)) as gpu:
            notes.write(f"take {gpu} {os.getpid()}\\n"); notes.flush()
            time.sleep(0.02)
            notes.write(f"give {gpu} {os.getpid()}\\n"); notes.flush()
"""

# Locks a GPU, prints which one, and keeps it until it dies.
HOLDER = """
import sys
from pathlib import Path
from neural_style.runtime.device import lock_one

with lock_one(sys.argv[2:], lambda: print("waiting", flush=True), folder=Path(sys.argv[1])) as gpu:
    print(gpu, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _short_pauses_outside_any_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "SECONDS_BETWEEN_TRIES", 0.01)
    for name in ALLOCATIONS:
        monkeypatch.delenv(name, raising=False)


def start(script: str, *words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    """The next line that a process says."""
    assert process.stdout
    return process.stdout.readline().strip()


@contextmanager
def holder(folder: Path, *gpus: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a GPU, or waits for one."""
    process = start(HOLDER, folder, *gpus)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def not_waiting() -> None:
    raise AssertionError("no GPU was free")


def test_two_processes_never_share_a_gpu(tmp_path: Path):
    gpus = ("GPU-8932f937", "MIG-a/1/2", "MIG-a/1/3")
    journal = tmp_path / "journal"
    rounds, count = 8, 6
    workers = start(WORKERS, tmp_path, journal, str(rounds), str(count), *gpus)
    workers.communicate(timeout=120)
    assert workers.returncode == 0
    holders: dict[str, str] = {}
    used = set()
    for note in journal.read_text(encoding="utf-8").splitlines():
        what, gpu, process = note.split()
        if what == "take":
            assert gpu not in holders, f"{process} took {gpu}, which {holders[gpu]} had"
            holders[gpu] = process
            used.add(gpu)
        else:
            assert holders.pop(gpu) == process
    assert used <= set(gpus)  # all of them only if the processes meet, see the next test
    assert len(journal.read_text(encoding="utf-8").splitlines()) == 2 * rounds * count


def test_each_process_gets_a_gpu_until_none_is_left_and_the_next_waits(tmp_path: Path):
    with (
        holder(tmp_path, "0", "1") as one,
        holder(tmp_path, "0", "1") as two,
    ):
        assert {line(one), line(two)} == {"0", "1"}
        with holder(tmp_path, "0", "1") as three:
            assert line(three) == "waiting"
            one.kill()
            assert line(three) in {"0", "1"}, "it said more than once that it waits"


def test_the_gpu_of_a_killed_process_is_free(tmp_path: Path):
    with holder(tmp_path, "7") as process:
        assert line(process) == "7"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with lock_one(["7"], not_waiting, folder=tmp_path) as gpu:
            assert gpu == "7"


def test_a_gpu_is_released_at_the_end_and_after_an_error(tmp_path: Path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), lock_one(["0"], not_waiting, folder=tmp_path):
            raise ZeroDivisionError


def test_a_wait_is_announced_once(tmp_path: Path):
    said: list[int] = []
    with holder(tmp_path, "0") as process:
        line(process)
        threading.Timer(0.3, process.kill).start()
        with lock_one(["0"], lambda: said.append(1), folder=tmp_path):
            assert said == [1]


def test_processes_of_other_snakemake_runs_of_the_user_are_excluded(tmp_path: Path):
    """The folder of the locks depends neither on the working directory nor on TMPDIR."""
    assert device_module.FOLDER.is_absolute()
    with lock_one(["0"], not_waiting, folder=tmp_path), holder(tmp_path, "0") as other:
        assert line(other) == "waiting"


def test_gpus_0_of_different_jobs_of_a_batch_system_are_different(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    with holder(tmp_path, "0") as other:
        assert line(other) == "0"
        with holder(tmp_path, "0") as same:
            assert line(same) == "waiting", "two processes of one allocation share its GPUs"
        monkeypatch.setenv("SLURM_JOB_ID", "42")
        with lock_one(["0"], not_waiting, folder=tmp_path):
            pass


@pytest.mark.parametrize("gpu", ["../../x", "/etc/passwd", "a\0b", ".", "", "é" * 300, "MIG-a/1/2"])
def test_an_id_cannot_be_a_path(tmp_path: Path, gpu: str):
    name = lock_name(gpu)
    assert name.isascii()
    assert not set("/\0") & set(name)
    assert len(name) < 100
    with lock_one([gpu], not_waiting, folder=tmp_path):
        (folder,) = tmp_path.iterdir()
        assert [path.name for path in folder.iterdir()] == [name]


def test_different_ids_have_different_names():
    ids = ["0", "00", "MIG-a/1", "MIG-a_1", "x" * 100, "x" * 101]
    assert len({lock_name(gpu) for gpu in ids}) == len(ids)


def test_only_the_user_can_read_folder_and_file(tmp_path: Path):
    with lock_one(["0"], not_waiting, folder=tmp_path):
        (folder,) = tmp_path.iterdir()
        (file,) = folder.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"neural-style-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    refused(tmp_path, "neural-style-")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path):
    folder = tmp_path / f"neural-style-{os.geteuid()}"
    folder.mkdir(mode=0o700)
    (folder / lock_name("0")).symlink_to(tmp_path / "victim")
    refused(tmp_path, lock_name("0"))
    assert not (tmp_path / "victim").exists()


def test_a_folder_where_others_may_plant_files_is_refused(tmp_path: Path):
    folder = tmp_path / f"neural-style-{os.geteuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    refused(tmp_path, "remove it")


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    me = os.geteuid()
    (tmp_path / f"neural-style-{me + 1}").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    refused(tmp_path, "remove it")


def refused(folder: Path, word: str) -> None:
    with pytest.raises(DeviceLockError, match=word), lock_one(["0"], not_waiting, folder=folder):
        pass


def test_a_wait_can_be_ended(tmp_path: Path):
    def leave() -> None:
        raise InterruptedError

    with holder(tmp_path, "0") as other:
        assert line(other) == "0"
        with (
            pytest.raises(InterruptedError),
            lock_one(["0"], lambda: None, leave, folder=tmp_path),
        ):
            pytest.fail("it got a GPU that another process holds")
