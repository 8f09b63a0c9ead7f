"""SIGTERM and Ctrl-C end with a checkpoint, wherever they are sent, and the next run goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from tests.workflow.conftest import workers_of

pytestmark = pytest.mark.slow

CONFIG = {
    "image": {"size": 32},
    "network": {
        "content_layers": {"conv2_1": 1, "conv4_2": 0},
        "style_layers": {"conv1_1": 1, "conv2_1": 1, "conv3_1": 0, "conv4_1": 0, "conv5_1": 0},
    },
    "optimization": {"epochs": 100_000, "save_every": 100_000, "precision": "fp32"},
}
SECONDS_TO_EXIT = 10  # promised in the README, for epochs that take less


@pytest.fixture
def endless(project):
    """A job that would run for a long time, and saves no checkpoint in its first minute."""
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=2)
    project.configure(CONFIG)
    return project


def wait_for(what, snakemake: subprocess.Popen, log: Path):
    """Until something is there, for a minute."""
    deadline = time.monotonic() + 120
    while not (found := what()):
        assert snakemake.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return found


def send_to_worker(snakemake: subprocess.Popen, worker: psutil.Process) -> None:
    worker.send_signal(signal.SIGTERM)


def send_to_group(snakemake: subprocess.Popen, worker: psutil.Process) -> None:
    os.killpg(snakemake.pid, signal.SIGTERM)


def send_to_snakemake(snakemake: subprocess.Popen, worker: psutil.Process) -> None:
    snakemake.send_signal(signal.SIGTERM)


def press_ctrl_c(snakemake: subprocess.Popen, worker: psutil.Process) -> None:
    os.killpg(snakemake.pid, signal.SIGINT)


def kill_snakemake(snakemake: subprocess.Popen, worker: psutil.Process) -> None:
    snakemake.kill()


@pytest.mark.parametrize(
    "send", [send_to_worker, send_to_group, send_to_snakemake, press_ctrl_c, kill_snakemake]
)
def test_a_signal_ends_with_a_checkpoint(endless, tmp_path, send):
    folder = endless.results / "cat" / "sea" / "1_1e6_1"
    log = endless.logs / "cat" / "sea" / "1_1e6_1.log"
    said = tmp_path / "said.txt"
    with said.open("w", encoding="utf-8") as output:
        snakemake = endless.start(output=output)
        try:
            (worker,) = wait_for(lambda: workers_of(snakemake), snakemake, said)
            wait_for((folder / "losses.csv").exists, snakemake, said)
            send(snakemake, worker)
            worker.wait(SECONDS_TO_EXIT)
            snakemake.wait(60)
        finally:
            snakemake.kill()
            snakemake.wait()
    assert snakemake.returncode != 0
    assert (folder / ".checkpoint" / "state.pt").exists()
    last = log.read_text(encoding="utf-8").splitlines()[-1]
    stopped = re.fullmatch(r"stylize: stopped after iteration (\d+) of 100000; .* resumes .*", last)
    assert stopped, last
    if send is send_to_worker:
        assert "143" in said.read_text(encoding="utf-8"), "not the exit code of the script"
    if send is send_to_group:
        with said.open("w", encoding="utf-8") as output:
            snakemake = endless.start(output=output)
            try:
                going_on = f"resuming from iteration {stopped[1]} of 100000."
                wait_for(lambda: going_on in said.read_text(encoding="utf-8"), snakemake, said)
            finally:
                os.killpg(snakemake.pid, signal.SIGTERM)
                snakemake.wait(60)
