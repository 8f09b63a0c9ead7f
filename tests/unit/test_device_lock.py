"""One process for each GPU: pretended GPUs, real processes, and files that others might plant."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import psutil
import pytest

from neural_style.runtime import device as device_module
from neural_style.runtime.device import ALLOCATIONS, DeviceLockError, lock_name, lock_one

PACKAGE = Path(device_module.__file__).parents[2]

# Forks a process for each line of its input, after one import of torch. It runs the code in the
# line, which says things to a pipe.
NURSERY = """
import json, os, signal, sys
from pathlib import Path
from neural_style.runtime.device import lock_one

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    call = json.loads(line)
    if child := os.fork():
        print(child, flush=True)
        continue
    os.environ.clear()
    os.environ.update(call["environment"])
    folder, gpus = Path(call["folder"]), call["gpus"]
    with open(call["pipe"], "w", buffering=1) as out:
        exec(call["code"])
    os._exit(0)
"""

ROUNDS = 8
# Locks a GPU several times and says when it got it and gave it back.
WORK = f"""
import time
for _ in range({ROUNDS}):
    with lock_one(gpus, lambda: None, folder=folder) as gpu:
        since = time.monotonic_ns()
        time.sleep(0.02)
        print(gpu, since, time.monotonic_ns(), file=out)
"""

# Locks a GPU, says which one, and keeps it until it dies.
HOLD = """
with lock_one(gpus, lambda: print("waiting", file=out), folder=folder) as gpu:
    print(gpu, file=out)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def _short_pauses_outside_any_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "SECONDS_BETWEEN_TRIES", 0.01)
    for name in ALLOCATIONS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@dataclass(frozen=True)
class Other:
    """A process beside this one, and what it says."""

    process: psutil.Process
    said: IO[str]

    def line(self) -> str:
        return self.said.readline().strip()

    def kill(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self.process.kill()
            self.process.wait()


@pytest.fixture
def start(
    nursery: subprocess.Popen[str], tmp_path: Path
) -> Callable[..., AbstractContextManager[Other]]:
    """Start a process that runs some code with GPUs, and is killed at the end of the block."""

    @contextmanager
    def call(code: str, *gpus: str) -> Iterator[Other]:
        assert nursery.stdin and nursery.stdout
        with TemporaryDirectory() as elsewhere:
            pipe = Path(elsewhere, "pipe")
            os.mkfifo(pipe)
            words = {"code": code, "folder": str(tmp_path), "gpus": gpus, "pipe": str(pipe)}
            print(json.dumps({**words, "environment": {**os.environ}}), file=nursery.stdin)
            nursery.stdin.flush()
            process = psutil.Process(int(nursery.stdout.readline()))
            with pipe.open(encoding="utf-8") as said:
                other = Other(process, said)
                try:
                    yield other
                finally:
                    other.kill()

    return call


def not_waiting() -> None:
    raise AssertionError("no GPU was free")


def test_two_processes_never_share_a_gpu(start):
    gpus = ("GPU-8932f937", "MIG-a/1/2", "MIG-a/1/3")
    count = 6
    with ExitStack() as stack:
        others = [stack.enter_context(start(WORK, *gpus)) for _ in range(count)]
        notes = [line.split() for other in others for line in other.said]
    assert len(notes) == ROUNDS * count
    assert {gpu for gpu, *_ in notes} <= set(gpus)  # whether all are taken, the next test sees
    for gpu in gpus:
        held = sorted((int(since), int(until)) for name, since, until in notes if name == gpu)
        for (_, until), (since, _) in itertools.pairwise(held):
            assert until < since, f"two processes had {gpu} at the same time"


def test_each_process_gets_a_gpu_until_none_is_left_and_the_next_waits(start):
    with start(HOLD, "0", "1") as one, start(HOLD, "0", "1") as two:
        assert {one.line(), two.line()} == {"0", "1"}
        with start(HOLD, "0", "1") as three:
            assert three.line() == "waiting"
            one.kill()
            assert three.line() in {"0", "1"}, "it said more than once that it waits"


def test_the_gpu_of_a_killed_process_is_free(tmp_path: Path, start):
    with start(HOLD, "7") as other:
        assert other.line() == "7"
        other.kill()
        with lock_one(["7"], not_waiting, folder=tmp_path) as gpu:
            assert gpu == "7"


def test_a_gpu_is_released_at_the_end_and_after_an_error(tmp_path: Path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), lock_one(["0"], not_waiting, folder=tmp_path):
            raise ZeroDivisionError


def test_a_wait_is_announced_once(tmp_path: Path, start):
    said: list[str] = []
    with start(HOLD, "0") as other:
        other.line()

        def tried() -> None:
            said.append("tried")
            if len(said) > 3:
                other.kill()

        with lock_one(["0"], lambda: said.append("waiting"), tried, folder=tmp_path):
            assert said == ["waiting", "tried", "tried", "tried"]


def test_processes_of_other_snakemake_runs_of_the_user_are_excluded(tmp_path: Path, start):
    """The folder of the locks depends neither on the working directory nor on TMPDIR."""
    assert device_module.FOLDER.is_absolute()
    with lock_one(["0"], not_waiting, folder=tmp_path), start(HOLD, "0") as other:
        assert other.line() == "waiting"


def test_gpus_0_of_different_jobs_of_a_batch_system_are_different(
    tmp_path: Path, start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    with start(HOLD, "0") as other:
        assert other.line() == "0"
        with start(HOLD, "0") as same:
            assert same.line() == "waiting", "two processes of one allocation share its GPUs"
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


def test_a_wait_can_be_ended(tmp_path: Path, start):
    def leave() -> None:
        raise InterruptedError

    with start(HOLD, "0") as other:
        assert other.line() == "0"
        with (
            pytest.raises(InterruptedError),
            lock_one(["0"], lambda: None, leave, folder=tmp_path),
        ):
            pytest.fail("it got a GPU that another process holds")
