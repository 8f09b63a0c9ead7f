"""What several files of this folder start from: a job's settings, a data set, a sweep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

# Importlib mode does not promise that what the tests share can be imported.
sys.path.append(str(Path(__file__).parents[2]))

from tests.unit.data_sets import DataSet
from tests.unit.plotted import BETAS
from tests.unit.records import finish, sweep_of

from neural_style.config.settings import Settings
from neural_style.config.sweep import Sweep
from neural_style.engine import engine as engine_module
from neural_style.model.vgg import Convolution
from neural_style.model.weights import Weights


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    """Of one job; files with other needs have their own."""
    return replace(shallow, epochs=5, save_every=2)


@pytest.fixture
def random_network(
    random_convolutions: Mapping[str, Convolution], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that need not be read; the weights have tests of their own."""
    weights = Weights(random_convolutions, "random", "0" * 64)
    monkeypatch.setattr(engine_module, "load_weights", lambda source: weights)


@pytest.fixture
def data(tmp_path: Path, shallow: Settings) -> DataSet:
    """Two styles and six content images, of which nothing is made yet."""
    return DataSet(tmp_path, shallow)


@pytest.fixture
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def finished_sweep() -> Callable[..., Sweep]:
    """A sweep, of which all jobs have finished."""

    def call(contents=("cat.png",), styles=("sea.png",), **config) -> Sweep:
        config = {"optimization": {"epochs": 20}, "settings": {"beta": BETAS}, **config}
        sweep = sweep_of(list(contents), list(styles), **config)
        for job in sweep.jobs:
            finish(job)
        return sweep

    return call
