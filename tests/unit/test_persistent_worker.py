"""Jobs of one owner share a process, and are still processes of their own to everybody else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import persistent_worker
import psutil
import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
STYLIZE = """
import os, signal, sys, time
from pathlib import Path

def main(arguments):
    what = arguments[-1]
    print(os.getpid(), os.getcwd(), what, flush=True)
    print("error stream", file=sys.stderr)
    if what == "fail":
        import torch
        torch.cuda.is_broken = True
        return 3
    if what == "exit":
        sys.exit(2)
    if what == "raise":
        raise ValueError("unexpected")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "wait":
        seen = []
        before = {each: signal.signal(each, lambda number, frame: seen.append(number))
                  for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        Path("started").touch()
        while not seen:
            time.sleep(0.01)
        Path("stopped").write_text(str(seen[0]))
        for number, handler in before.items():
            signal.signal(number, handler)
        return 128 + seen[0]
    return 0

def main_of_many_jobs():
    return main
"""
"""Stands in for the script, and needs no torch."""
TORCH = """
class cuda:
    is_broken = False

    @staticmethod
    def empty_cache():
        if cuda.is_broken:
            raise RuntimeError("CUDA error: unspecified launch failure")
"""
"""A GPU that may have failed: then every call of CUDA fails."""


class Done(NamedTuple):
    code: int
    process: int
    folder: str
    error: str


class Jobs:
    """Starts jobs of one owner in a folder."""

    def __init__(self, folder: Path, owner: int) -> None:
        for name in ("persistent_worker.py", "owner.py"):
            shutil.copy(SCRIPTS / name, folder)
        (folder / "stylize.py").write_text(STYLIZE)
        (folder / "torch.py").write_text(TORCH)
        self.folder = folder
        self.owner = owner

    def start(self, what: str, **environment: str) -> subprocess.Popen[str]:
        (self.folder / "run").mkdir(exist_ok=True)
        script = [sys.executable, str(self.folder / "persistent_worker.py")]
        return subprocess.Popen(
            [*script, "--owner", str(self.owner), what],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder / "run",
            env={**os.environ, **environment},
        )

    def run(self, what: str, **environment: str) -> Done:
        with self.start(what, **environment) as job:
            out, error = job.communicate(timeout=60)
            process, folder, said = out.split()
            assert said == what
            return Done(job.returncode, int(process), folder, error)

    @contextmanager
    def waiting(self) -> Iterator[subprocess.Popen[str]]:
        """A job that has started and waits for a signal."""
        for name in ("started", "stopped"):
            (self.folder / "run" / name).unlink(missing_ok=True)
        with self.start("wait") as job:
            try:
                until((self.folder / "run" / "started").exists)
                yield job
            finally:
                job.kill()


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def jobs(tmp_path: Path, owner: subprocess.Popen[bytes]) -> Jobs:
    return Jobs(tmp_path, owner.pid)


def test_jobs_share_a_process_and_have_their_own_output_folder_and_exit_code(jobs: Jobs):
    first, second = jobs.run("one"), jobs.run("two")
    assert first.process == second.process
    assert first.code == second.code == 0
    assert first.folder == str(jobs.folder / "run")
    assert first.error == "error stream\n"


@pytest.mark.parametrize(("what", "code"), [("fail", 3), ("exit", 2), ("raise", 1)])
def test_a_job_that_fails_has_its_code_and_the_next_one_a_new_process(
    jobs: Jobs, what: str, code: int
):
    first = jobs.run("one")
    failed = jobs.run(what)
    assert (failed.process, failed.code) == (first.process, code)
    assert ("ValueError: unexpected" in failed.error) == (what == "raise")
    assert ("Traceback" in failed.error) == (what == "raise")
    assert jobs.run("two").process != first.process


def test_a_process_that_dies_fails_its_job_with_a_sentence(jobs: Jobs):
    died = jobs.run("die")
    assert died.code == 1
    assert died.error.endswith("saved is kept.\n") and "stylize: the process ended" in died.error
    assert jobs.run("one").code == 0


def test_jobs_at_the_same_time_have_a_process_each(jobs: Jobs):
    with jobs.waiting() as waiting:
        assert waiting.stdout is not None
        process = int(waiting.stdout.readline().split()[0])
        assert jobs.run("one").process != process
        waiting.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_work(jobs: Jobs, number: signal.Signals):
    with jobs.waiting() as job:
        job.send_signal(number)
        assert job.wait(60) == 128 + number
    assert (jobs.folder / "run" / "stopped").read_text() == str(int(number))


def test_the_work_of_a_job_that_is_killed_stops(jobs: Jobs):
    with jobs.waiting() as job:
        job.kill()
    until((jobs.folder / "run" / "stopped").exists)
    assert jobs.run("one").code == 0


def test_a_worker_ends_with_its_owner_and_leaves_no_files(
    jobs: Jobs, owner: subprocess.Popen[bytes]
):
    worker = psutil.Process(jobs.run("one").process)
    owner.kill()
    owner.wait()
    worker.wait(60)
    assert list(persistent_worker.FOLDER.glob(f"{owner.pid}-*")) == []


def test_another_environment_or_owner_has_another_process(
    jobs: Jobs, tmp_path: Path, owner: subprocess.Popen[bytes]
):
    first = jobs.run("one")
    assert jobs.run("one", CUDA_VISIBLE_DEVICES="1").process != first.process
    with subprocess.Popen(["sleep", "600"]) as other:
        jobs.owner = other.pid
        assert jobs.run("one").process != first.process
        other.kill()


def test_without_a_private_folder_the_job_runs_in_its_own_process(jobs: Jobs):
    script = jobs.folder / "persistent_worker.py"
    place = jobs.folder / "open to all"
    place.mkdir()
    place.chmod(0o755)
    text = script.read_text()
    own = 'Path("/tmp", f"neural_style_workers_{os.getuid()}")'
    assert own in text
    script.write_text(text.replace(own, f"Path({str(place)!r})"))
    with jobs.start("one") as job:
        out, error = job.communicate(timeout=60)
    assert int(out.split()[0]) == job.pid
    assert (job.returncode, error) == (0, "error stream\n")
    assert list(place.iterdir()) == []
