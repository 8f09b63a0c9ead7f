"""The Python interface within a program: what it leaves alone there, and how it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests import samples
from tests.unit.api_calls import MARKS, SMALL, as_tensor, photo, pixels

import neural_style
from neural_style import Stylizer, stylize

pytestmark = MARKS


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES: dict[str, Any] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "meta": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_modes_of_the_program_change_nothing(image_folder: Path, name: str, optimizer: str):
    options = {**SMALL, "optimizer": optimizer, "init_noise": 0.5, "color": "match"}
    options |= {"style_loss": "wasserstein", "total_variation": 1.0}
    tensor = as_tensor(photo())
    expected = stylize(tensor, "wave.png", **options)
    with MODES[name]():
        inside = stylize(tensor.to("cpu"), "wave.png", **options)
        image, losses = inside.image, inside.losses
    assert np.array_equal(losses["total"], expected.losses["total"])
    assert torch.equal(image, expected.image)


def float32_parts() -> list[Any]:
    backends: Any = torch.backends
    return [
        *(backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn),
        *(backends.mkldnn.matmul, backends.mkldnn.conv),
    ]


def state() -> list[object]:
    return [
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
        *[part.fp32_precision for part in float32_parts()],
        torch.are_deterministic_algorithms_enabled(),
        torch.get_rng_state().tolist(),
        str(np.random.get_state()),
        list(warnings.filters),
        Image.MAX_IMAGE_PIXELS,
    ]


def test_nothing_global_changes(image_folder: Path):
    before = state()
    outputs = Stylizer(**SMALL, init_noise=0.5).iterate("cat.png", "wave.png")
    next(outputs)
    assert state() == before  # between two iterations, too
    list(outputs)
    assert state() == before


def test_a_program_may_set_the_precision_of_float32_by_its_newer_name(image_folder: Path):
    code = (
        "import torch\n"
        "from tests.unit.api_calls import SMALL\n"
        "from tests.unit.test_api_surroundings import float32_parts\n"
        "from neural_style import stylize\n"
        "torch.backends.fp32_precision = 'tf32'\n"
        "before = [part.fp32_precision for part in float32_parts()]\n"
        "assert before == ['tf32'] * 5, before\n"
        "stylize('cat.png', 'wave.png', **SMALL)\n"
        "assert [part.fp32_precision for part in float32_parts()] == before\n"
        "torch.backends.fp32_precision = 'ieee'\n"
        "assert [part.fp32_precision for part in float32_parts()] == ['ieee'] * 5\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'workflow'}"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=image_folder, env=environment)


def test_it_runs_in_threads(image_folder: Path):
    stylizer, expected = Stylizer(**SMALL), stylize("cat.png", "wave.png", **SMALL)
    results: list[np.ndarray] = []
    before = state()
    threads = [
        threading.Thread(target=lambda: results.append(pixels(stylizer("cat.png", "wave.png"))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state() == before
    assert len(results) == 3
    assert all(np.array_equal(each, pixels(expected)) for each in results)


def test_importing_is_quick(tmp_path: Path):
    code = (
        "import sys\n"
        "from neural_style import Settings, Stylizer, stylize, __version__\n"
        "Settings(beta=1e5)\n"
        "assert __version__.count('.') == 2\n"
        "assert not {'torch', 'numpy', 'tqdm', 'PIL'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_the_package_lists_its_names():
    assert set(neural_style.__all__) <= set(dir(neural_style))
    for name in neural_style.__all__:
        getattr(neural_style, name)
    with pytest.raises(AttributeError, match="stylise"):
        attrgetter("stylise")(neural_style)


def test_the_examples_of_the_docstrings_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    import doctest

    from neural_style import api

    monkeypatch.chdir(tmp_path)
    samples.link_those_of_the_docs(tmp_path)
    results = doctest.testmod(api)
    assert results.failed == 0, capsys.readouterr().out
    assert results.attempted > 8


def test_a_checkout_that_is_not_installed_can_be_used():
    """Such as one that was copied to a machine without a network."""
    code = (
        "from importlib import metadata\n"
        "def missing(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.version = missing\n"
        "from neural_style.cli.main import main\n"
        "main(['--version'])\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout) == (0, "unknown\n"), shown.stderr
