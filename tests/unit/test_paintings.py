"""The sample images: that they are paintings, reproducible, and never in anybody's way."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from neural_style.config.settings import IMAGE_SUFFIXES
from neural_style.errors import NeuralStyleError
from neural_style.samples import photographs, sample_images
from neural_style.samples.paintings import PAINTINGS
from neural_style.samples.photographs import PHOTOGRAPHS, photograph

ROOT = Path(__file__).parents[2]
SMALL = (160, 120)


def load_script() -> Callable[[list[str]], int]:
    path = ROOT / "workflow" / "scripts" / "make_samples.py"
    spec = importlib.util.spec_from_file_location("make_samples", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope="module")
def small() -> Mapping[str, np.ndarray]:
    """Every painting, as an array of levels."""
    return {name: np.asarray(paint(0, SMALL)).astype(float) for name, paint in PAINTINGS.items()}


@pytest.fixture
def make_samples(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """The script, with the paintings so small that they take no time."""
    quick = {name: partial(paint, size=(64, 64)) for name, paint in PAINTINGS.items()}
    monkeypatch.setattr(sample_images, "PAINTINGS", quick)
    return load_script()


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """The options that name two folders below `tmp_path`, neither of which is there."""
    return ["--content", str(tmp_path / "content"), "--style", str(tmp_path / "style")]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- the paintings


def test_there_are_at_least_five_paintings() -> None:
    assert len(PAINTINGS) >= 5


@pytest.mark.parametrize("name", PAINTINGS)
def test_the_same_seed_gives_the_same_picture(name: str) -> None:
    assert PAINTINGS[name](7, (96, 72)).tobytes() == PAINTINGS[name](7, (96, 72)).tobytes()


@pytest.mark.parametrize("name", PAINTINGS)
def test_another_seed_gives_another_picture(name: str) -> None:
    one, other = (np.asarray(PAINTINGS[name](seed, (96, 72))).astype(float) for seed in (0, 1))
    assert np.abs(one - other).mean() > 3.0


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_is_large_unless_told_otherwise(name: str) -> None:
    width, height = inspect.signature(PAINTINGS[name]).parameters["size"].default
    assert max(width, height) >= 768
    assert min(width, height) >= 512


@pytest.mark.parametrize("size", [(64, 64), (65, 91), (200, 80)])
@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_has_the_size_asked_for(name: str, size: tuple[int, int]) -> None:
    picture = PAINTINGS[name](0, size)
    assert (picture.size, picture.mode) == (size, "RGB")


@pytest.mark.parametrize("name", PAINTINGS)
def test_texture_is_everywhere_in_a_painting(small: Mapping[str, np.ndarray], name: str) -> None:
    grey = small[name].mean(axis=-1)
    energy = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    assert energy.mean() > 15.0
    tiles = energy[:117, :156].reshape(9, 13, 12, 13).mean(axis=(1, 3))
    assert (tiles > 3.0).mean() > 0.95, "more than a twentieth of the picture is flat"


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_has_many_strong_colours(small: Mapping[str, np.ndarray], name: str) -> None:
    picture = small[name]
    chroma = picture.max(axis=-1) - picture.min(axis=-1)
    assert np.percentile(chroma, 85) > 60.0
    assert (histogram(picture) > 0.002).sum() >= 12


def histogram(picture: np.ndarray) -> np.ndarray:
    """The shares of 64 colours: four levels a channel."""
    number = (picture // 64).astype(int) @ np.array([16, 4, 1])
    return np.bincount(number.ravel(), minlength=64) / number.size


@pytest.mark.parametrize(("one", "other"), list(combinations(PAINTINGS, 2)))
def test_two_paintings_differ_in_colour(
    small: Mapping[str, np.ndarray], one: str, other: str
) -> None:
    apart = np.abs(histogram(small[one]) - histogram(small[other])).sum() / 2
    assert apart > 0.3, f"{one} and {other} have {1 - apart:.0%} of their colours in common"


# --- the photographs


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_photograph_can_be_opened(name: str) -> None:
    with Image.open(photograph(name)) as image:
        assert min(image.size) >= 256


def test_without_scikit_image_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    with pytest.raises(NeuralStyleError, match="pip install scikit-image"):
        photograph("chelsea")


def test_a_photograph_left_out_of_scikit_image_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = importlib.util.spec_from_file_location("skimage", tmp_path / "__init__.py")
    monkeypatch.setattr(photographs, "find_spec", lambda name: bare)
    with pytest.raises(NeuralStyleError, match=r"chelsea\.png.*reinstall"):
        photograph("chelsea")


# --- the script


def test_missing_folders_are_made_and_filled(
    make_samples: Callable[[list[str]], int],
    folders: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert make_samples(folders) == 0
    expected = {f"content/{name}.jpg" for name in PHOTOGRAPHS}
    expected |= {f"style/{name}.jpg" for name in PAINTINGS}
    assert set(files(tmp_path)) == expected
    assert capsys.readouterr().out.splitlines() == [
        *(str(tmp_path / "content" / f"{name}.jpg") for name in PHOTOGRAPHS),
        *(str(tmp_path / "style" / f"{name}.jpg") for name in PAINTINGS),
    ]
    with Image.open(tmp_path / "style" / "stained_glass.jpg") as image:
        assert image.format == "JPEG"
        assert JpegImagePlugin.get_sampling(image) == 0, "the chroma is subsampled"


def test_a_second_run_changes_nothing(
    make_samples: Callable[[list[str]], int],
    folders: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_samples(folders)
    before = files(tmp_path)
    capsys.readouterr()
    assert make_samples([*folders, "--seed", "5"]) == 0
    assert files(tmp_path) == before
    assert capsys.readouterr().out.count("left alone") == 2


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_one_image_deep_below_keeps_samples_out(
    make_samples: Callable[[list[str]], int], folders: list[str], tmp_path: Path, suffix: str
) -> None:
    mine = tmp_path / "style" / "of my own" / f"picture{suffix.upper()}"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    assert make_samples(folders) == 0
    assert files(tmp_path / "style") == {f"of my own/picture{suffix.upper()}": b"mine"}
    assert len(files(tmp_path / "content")) == len(PHOTOGRAPHS)


def test_what_is_no_image_stays_beside_the_samples(
    make_samples: Callable[[list[str]], int], folders: list[str], tmp_path: Path
) -> None:
    content = tmp_path / "content"
    content.mkdir()
    (content / "README.md").write_text("put photographs here")
    (content / ".thumbnail.jpg").write_bytes(b"hidden")
    assert make_samples(folders) == 0
    found = files(content)
    assert found["README.md"] == b"put photographs here"
    assert found[".thumbnail.jpg"] == b"hidden"
    assert len(found) == 2 + len(PHOTOGRAPHS)


def test_the_seed_decides_the_files(
    make_samples: Callable[[list[str]], int], tmp_path: Path
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        options = [f"--content={tmp_path / 'x'}", f"--style={tmp_path / name}", f"--seed={seed}"]
        assert make_samples(options) == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "c")


def test_a_run_stopped_while_it_paints_leaves_the_folder_empty(
    make_samples: Callable[[list[str]], int],
    folders: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(seed: int) -> Image.Image:
        raise KeyboardInterrupt

    first = partial(PAINTINGS["woodcut_wave"], size=(64, 64))
    monkeypatch.setattr(sample_images, "PAINTINGS", {"first": first, "last": stopped})
    assert make_samples(folders) == 130
    assert not sample_images.holds_image(tmp_path / "style")


def test_a_file_in_the_place_of_a_folder_is_one_sentence(
    make_samples: Callable[[list[str]], int],
    folders: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "style").write_text("not a folder")
    assert make_samples(folders) == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert str(tmp_path / "style") in printed.err
    assert (tmp_path / "style").read_text() == "not a folder"


@pytest.mark.parametrize("seed", ["-1", "1.5", "", "many"])
def test_a_seed_is_a_whole_number(
    make_samples: Callable[[list[str]], int], folders: list[str], seed: str
) -> None:
    with pytest.raises(SystemExit) as left:
        make_samples([*folders, f"--seed={seed}"])
    assert left.value.code == 2
