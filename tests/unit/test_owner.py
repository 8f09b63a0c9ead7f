"""A script ends with the process that it works for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
WATCHING = (
    "import sys, time; from owner import end_with\n"
    "end_with(int(sys.argv[1])); print('ready', flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def owner() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def watcher(owner: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHING, str(owner)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("wait", [True, False], ids=["gone", "zombie"])
def test_a_script_gets_sigterm_after_the_death_of_its_owner(
    owner: subprocess.Popen[bytes], wait: bool
):
    with watcher(owner.pid) as process:
        time.sleep(1.5)
        assert process.poll() is None, "it ended although its owner lives"
        owner.kill()
        if wait:
            owner.wait()
        assert process.wait(60) == -signal.SIGTERM
    owner.wait()


@pytest.mark.parametrize("rule", ["bulk.smk", "layer_study.smk", "stylize.smk"])
def test_every_rule_that_computes_names_snakemake_as_the_owner(rule: str):
    text = (SCRIPTS.parent / "rules" / rule).read_text(encoding="utf-8")
    computing = [part for part in text.split("\nrule ") if "--threads {threads}" in part]
    assert computing and all("--owner $PPID" in part for part in computing)
