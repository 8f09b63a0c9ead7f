"""What several files of this folder start from: a job's settings, a data set, a sweep."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import get_data_path

# Importlib mode does not promise that what the tests share can be imported.
sys.path.append(str(Path(__file__).parents[2]))

from tests.unit.data_sets import DataSet
from tests.unit.images import noise, smooth
from tests.unit.large_outputs import save_images, staged_settings
from tests.unit.plotted import BETAS
from tests.unit.records import finish, sweep_of

from neural_style.config import sizes
from neural_style.config.settings import Settings
from neural_style.config.sweep import Sweep
from neural_style.engine import engine as engine_module
from neural_style.losses import wasserstein
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.model.weights import Weights
from neural_style.report import text


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


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=str)
def network(
    request: pytest.FixtureRequest,
    random_convolutions: Mapping[str, Convolution],
    shallow: Settings,
) -> Vgg19:
    """In each precision; files with other needs have their own."""
    return Vgg19(random_convolutions, shallow.layers).prepare(torch.device("cpu"), request.param)


@pytest.fixture
def data(tmp_path: Path, shallow: Settings) -> DataSet:
    """Two styles and six content images, of which nothing is made yet."""
    return DataSet(tmp_path, shallow)


@pytest.fixture
def image_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph, its mask, and three styles, in the current folder."""
    smooth(60, 40).save(tmp_path / "cat.png")
    for seed, name in enumerate(("wave", "night", "sea"), start=1):
        noise(50, 40, seed).save(tmp_path / f"{name}.png")
    smooth(60, 40).convert("L").point(lambda level: 255 * (level > 90)).save(
        tmp_path / "cat.mask.png"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photo_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photographs, two of them in further folders, and two styles, in the current folder."""
    for name, size in (("cat", (60, 40)), ("photos/dog", (40, 60)), ("photos/far/sky", (48, 48))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        smooth(*size).save(tmp_path / f"{name}.png")
    for seed, name in enumerate(("wave", "sea"), start=1):
        noise(50, 40, seed).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def must_end() -> Iterator[Callable[[], None]]:
    """Begin a minute after which the test fails."""

    def give_up(number: int, frame: object) -> None:
        raise AssertionError("it does not end")

    def begin() -> None:
        signal.alarm(60)

    before = signal.signal(signal.SIGALRM, give_up)
    yield begin
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def make_pipe(must_end: Callable[[], None]) -> Callable[[Path], None]:
    """Put a pipe in the place of a file; who waits for its other end fails after a minute."""

    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        must_end()

    return make


@pytest.fixture
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def meta_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaussian targets on the meta device have all columns: there are no numbers to count."""
    monkeypatch.setattr(wasserstein, "_largest_count", lambda chosen: chosen.shape[1])


@pytest.fixture
def as_in_nvidias_containers() -> Iterator[None]:
    """TF32 is on for matrix products, as these containers have it."""
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.fixture
def small_pyramids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of 35 pixels and more are compared at half their size, too, as far as losses allow."""
    monkeypatch.setattr(sizes, "REFERENCE_SIZE", 24)


@pytest.fixture
def use_fonts(monkeypatch) -> Iterator[Callable[..., None]]:
    """Make it look as if the machine had certain fonts beside that of matplotlib."""

    def call(*files: Path) -> None:
        own = Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
        monkeypatch.setattr(text, "machine_fonts", lambda: (own, *files))
        text.machine_font.cache_clear()

    yield call
    text.machine_font.cache_clear()


@pytest.fixture
def no_further_fonts(use_fonts) -> None:
    use_fonts()


@pytest.fixture
def font_of_waves(tmp_path: Path) -> Path:
    """A font whose only letters are those of 神奈川, all of them squares."""
    pen = TTGlyphPen(None)
    for number, corner in enumerate(((0, 0), (0, 800), (800, 800), (800, 0))):
        (pen.lineTo if number else pen.moveTo)(corner)
    pen.closePath()
    names = {ord(c): f"wave{n}" for n, c in enumerate("神奈川")}
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    glyphs = [".notdef", *names.values()]
    builder.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Waves", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    path = tmp_path / "waves.ttf"
    builder.save(path)
    return path


@pytest.fixture
def job_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a finished job left, below the current folder; it has layers of different weights."""
    monkeypatch.chdir(tmp_path)
    sweep = sweep_of(
        ["cat.png"],
        ["sea.png"],
        settings={"alpha": [4], "beta": [1e5]},
        network={"content_layers": {"conv4_2": 2, "conv5_1": 3}, "style_layers": {"conv5_1": 10}},
        optimization={"epochs": 3},
    )
    (job,) = sweep.jobs
    finish(job)
    return job.folder


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


@pytest.fixture
def staged(shallow: Settings) -> Settings:
    """Of a large output, see `large_outputs`."""
    return staged_settings(shallow)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has the images of `large_outputs`."""
    save_images(tmp_path, monkeypatch)
