"""What many tests share: the schema, its defaults, and small networks."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from xdist.scheduler import LoadFileScheduling

from neural_style.config.schema import config_schema
from neural_style.config.settings import Settings
from neural_style.model.layers import CHANNELS_PER_BLOCK, CONVOLUTIONS, block_of
from neural_style.model.vgg import Convolution
from neural_style.model.weights import Weights, load_weights

WORKFLOW = Path(__file__).parents[1] / "workflow"
# The scripts are not a package: Python finds them in the folder that they are started from.
sys.path += [str(WORKFLOW / "scripts"), str(WORKFLOW.parent / "docs" / "tools")]


class OneProcessForEachFile(LoadFileScheduling):
    """`--dist loadfile`, but all tests on Slurm have one process, which starts the cluster once."""

    def _split_scope(self, nodeid: str) -> str:
        folder = "tests/slurm"
        return folder if nodeid.startswith(f"{folder}/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneProcessForEachFile | None:
    """Take the place of the scheduler of `--dist loadfile`."""
    # Not loadgroup: pytest-xdist 3.8 groups no tests with pytest 9.2.
    return OneProcessForEachFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI if a test was skipped: it would not be missed otherwise."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        reporter.write_line("\nCI is set, so skipped tests are failures.", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors gain nothing from threads, and lose much where other work runs beside."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _signals() -> None:
    """Tests that run in the background or under `nohup`, and what they start, would ignore some."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def schema() -> Mapping[str, Any]:
    return config_schema()


@pytest.fixture(scope="session")
def defaults() -> Settings:
    return Settings()


@pytest.fixture(scope="session")
def shallow(defaults: Settings) -> Settings:
    """Settings with layers of the first three blocks only, for speed, fp32, and beta as it is.

    They start from the content image as it is.
    """
    return replace(
        defaults,
        size=32,
        fit="stretch",
        size_correction=False,
        content_layers={"conv2_2": 1.0},
        style_layers={"conv1_1": 1.0, "conv2_1": 1.0, "conv3_1": 1.0},
        precision="fp32",
        init="content",
        epochs=4,
        save_every=2,
        format="png",
    )


def draw_convolutions(narrower: int) -> dict[str, Convolution]:
    """A VGG19 of random weights whose activations neither vanish nor grow, float32."""
    generator = torch.Generator().manual_seed(0)
    convolutions: dict[str, Convolution] = {}
    before = 3
    for name in CONVOLUTIONS:
        channels = CHANNELS_PER_BLOCK[block_of(name) - 1] // narrower
        weight = torch.empty(channels, before, 3, 3)
        weight.normal_(std=(2 / (9 * before)) ** 0.5, generator=generator)
        bias = torch.empty(channels).normal_(std=0.1, generator=generator)
        convolutions[name] = Convolution(weight, bias)
        before = channels
    return convolutions


@pytest.fixture(scope="session")
def random_convolutions() -> dict[str, Convolution]:
    """A random VGG19 with a quarter of the channels, which takes a sixteenth of the time."""
    return draw_convolutions(narrower=4)


@pytest.fixture(scope="session")
def full_convolutions() -> dict[str, Convolution]:
    """A random VGG19 with all channels, for what depends on their number."""
    return draw_convolutions(narrower=1)


@pytest.fixture(scope="session")
def caffe() -> Weights:
    return load_weights("caffe")
