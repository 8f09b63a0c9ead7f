"""The engine of data sets: the same pictures as alone, one failure for one picture, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from neural_style.bulk.assignment import Style
from neural_style.bulk.engine import TorchEngine
from neural_style.bulk.journal import Row
from neural_style.bulk.listing import Photograph
from neural_style.bulk.plan import BulkError, bulk_plan
from neural_style.bulk.shard import Picture, Task, fit_content
from neural_style.bulk.worker import Result, batch_key
from neural_style.config.schema import complete
from neural_style.config.settings import Settings, Stage
from neural_style.images.encode import Finish
from neural_style.images.tensors import to_tensor
from neural_style.losses.gatys import StyleGrams
from neural_style.losses.problem import TransferProblem, luminance
from neural_style.model.vgg import Vgg19
from neural_style.optim.loop import Progress, stylize
from neural_style.runtime.memory import MemoryShortageError

CPU = torch.device("cpu")


def noise(seed: int, size: tuple[int, int]) -> Image.Image:
    width, height = size
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def make_tasks(folder: Path, settings: Sequence[Settings]) -> list[Task]:
    """A task for each setting, each with a photograph and a style of its own."""
    tasks = []
    for number, each in enumerate(settings):
        path = folder / f"style{number}.png"
        noise(100 + number, (40, 30)).save(path)
        picture = Picture(
            Photograph(number, f"{number}.png", str(number)),
            Style(f"style{number}", 0, path),
            "one",
            f"style{number}/one/{number}.png",
        )
        row = Row(picture.path, f"{number}.png", f"style{number}", "one", "done")
        tasks.append(Task(picture, noise(number, (32, 24)), (32, 24), each, row))
    return tasks


def made_by(engine: TorchEngine, tasks: Sequence[Task]) -> list[Result]:
    results: dict[str, Result] = {}
    engine(tasks, lambda task, result: results.update({task.picture.path: result}))
    return [results[task.picture.path] for task in tasks]


def test_a_batch_makes_the_pictures_that_each_would_be_alone(tmp_path: Path, shallow: Settings):
    settings = [replace(shallow, alpha=alpha, beta=beta) for alpha, beta in [(1, 1e5), (2, 1e6)]]
    settings.append(replace(shallow, style_scales=(1.0, 1.5)))
    tasks = make_tasks(tmp_path, settings)
    assert len({batch_key(task) for task in tasks}) == 1
    together = made_by(TorchEngine(CPU, 4, print), tasks)
    for task, result in zip(tasks, together, strict=True):
        (alone,) = made_by(TorchEngine(CPU, 1, print), [task])
        assert result.picture is not None and alone.picture is not None
        assert abs(result.picture - alone.picture).max() <= 1 / 255
        assert result.total == pytest.approx(alone.total, rel=1e-3)
        assert result.total == pytest.approx(result.content + result.style)
        assert result.seconds > 0
    assert together[0].total != together[1].total


def test_styles_are_looked_at_in_the_sizes_of_their_setting(tmp_path: Path, shallow: Settings):
    engine = TorchEngine(CPU, 4, print)
    plain, scaled = (
        made_by(engine, make_tasks(tmp_path, [replace(shallow, style_scales=scales)]))[0].picture
        for scales in ((1.0,), (2.0,))
    )
    assert plain is not None and scaled is not None
    assert abs(plain - scaled).max() > 0.05


@pytest.mark.parametrize("change", [{"pooling": "average"}, {"padding": "replicate"}])
def test_networks_are_kept_apart(tmp_path: Path, shallow: Settings, change: dict[str, Any]):
    engine = TorchEngine(CPU, 4, print)
    (plain,), (changed,) = (
        made_by(engine, make_tasks(tmp_path, [replace(shallow, **each)])) for each in ({}, change)
    )
    assert plain.total != changed.total


def test_each_photograph_of_a_batch_keeps_its_own_chroma(tmp_path: Path, shallow: Settings):
    tasks = make_tasks(tmp_path, [replace(shallow, color="luminance", alpha=a) for a in (1, 2)])
    for task, result in zip(tasks, made_by(TorchEngine(CPU, 2, print), tasks), strict=True):
        assert result.picture is not None
        pictures = to_tensor(task.image), torch.from_numpy(result.picture).unsqueeze(0)
        before, after = (each - luminance(each) for each in pictures)
        torch.testing.assert_close(after, before, rtol=0, atol=1e-5)


def test_a_style_that_cannot_be_read_fails_its_own_pictures(tmp_path: Path, shallow: Settings):
    tasks = make_tasks(tmp_path, [shallow] * 3)
    (tmp_path / "style1.png").write_bytes(b"no image")
    results = made_by(TorchEngine(CPU, 4, print), tasks)
    assert [result.picture is None for result in results] == [False, True, False]
    assert "style1.png" in results[1].reason


def diverging(
    network: Vgg19, problems: Sequence[TransferProblem], grams: StyleGrams | None = None
) -> Iterator[Progress]:
    """The optimization, of which the second problem is given up."""
    for progress in stylize(network, problems, grams):
        diverged = torch.arange(len(problems)) == 1
        yield replace(progress, diverged=diverged)


def test_one_that_diverges_fails_alone(tmp_path: Path, shallow: Settings):
    tasks = make_tasks(tmp_path, [shallow] * 3)
    results = made_by(TorchEngine(CPU, 4, print, diverging), tasks)
    assert [result.picture is None for result in results] == [False, True, False]
    assert "lower learning_rate" in results[1].reason


class Short:
    """A machine with room for so many pictures at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[int] = []

    def __call__(
        self,
        network: Vgg19,
        problems: Sequence[TransferProblem],
        grams: StyleGrams | None = None,
    ) -> Iterator[Progress]:
        self.tried.append(len(problems))
        if len(problems) > self.room:
            raise torch.OutOfMemoryError
        contents = torch.cat([problem.content for problem in problems])
        parts = contents.new_ones(1, len(contents))
        diverged = torch.zeros(len(contents), dtype=torch.bool)
        yield Progress(1, contents, ("style/conv1_1",), parts, diverged)


def test_too_large_a_batch_is_halved_said_once_and_remembered(tmp_path: Path, shallow: Settings):
    machine, said = Short(2), list[str]()
    engine = TorchEngine(CPU, 6, said.append, machine)
    tasks = make_tasks(tmp_path, [shallow] * 6)
    results = made_by(engine, tasks)
    assert all(result.picture is not None for result in results)
    assert machine.tried == [6, 3, 1, 1, 1, 1, 1, 1] and len(said) == 1
    assert engine.batch_size(tasks[0]) == 1


def test_a_picture_that_does_not_fit_alone_is_told_so(tmp_path: Path, shallow: Settings):
    engine = TorchEngine(CPU, 2, print, Short(0))
    with pytest.raises(MemoryShortageError, match="32 × 24 pixels need"):
        made_by(engine, make_tasks(tmp_path, [shallow]))


def test_the_batch_is_the_memorys_choice_unless_it_is_given(tmp_path: Path, shallow: Settings):
    (task,) = make_tasks(tmp_path, [shallow])
    assert TorchEngine(CPU, 7, print).batch_size(task) == 7
    assert TorchEngine(CPU, None, print).batch_size(task) >= 1


def test_only_what_can_share_a_network_and_a_shape_shares_a_batch(
    tmp_path: Path, shallow: Settings
):
    (task,) = make_tasks(tmp_path, [shallow])
    for change in ({"beta": 5.0}, {"alpha": 5.0}, {"learning_rate": 0.5}, {"seed": 5}):
        assert batch_key(replace(task, settings=replace(shallow, **change))) == batch_key(task)
    others: list[dict[str, Any]] = [
        *({"epochs": 9}, {"style_layers": {"conv1_1": 1.0}}, {"precision": "bf16"}),
        *({"color": "luminance"}, {"color": "match"}),
        *({"pooling": "average"}, {"padding": "reflect"}, {"tile": 16}, {"history": 5}),
        *({"size": 48, "stages": (Stage(32, 2),)}, {"size": 64, "stages": (Stage(32, 2),)}),
    ]
    for other in others:
        assert batch_key(replace(task, settings=replace(shallow, **other))) != batch_key(task)
    assert batch_key(replace(task, image=noise(0, (24, 32)))) != batch_key(task)


@pytest.mark.parametrize("fit", ["stretch", "pad", "keep"])
@pytest.mark.parametrize("size", [(200, 120), (120, 200), (20, 16), (64, 64)])
def test_a_photograph_comes_back_in_its_own_size(
    shallow: Settings, fit: str, size: tuple[int, int]
):
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / max(size)
    smooth = 128 + 100 * np.stack([np.sin(3 * x), np.cos(3 * y), np.sin(2 * (x + y))], axis=-1)
    image = Image.fromarray(smooth.astype(np.uint8))
    settings = replace(shallow, size=64, fit=fit)
    shown = np.asarray(fit_content(image, settings, "original"), np.float32) / np.float32(255)
    back = Finish("png", fit, original=size).levels(shown.transpose(2, 0, 1))
    assert back.shape == (size[1], size[0], 3)
    difference = back.astype(float) - np.asarray(image, float)
    assert np.abs(difference).mean() < 2, "the picture was moved or scaled on the way"


def test_small_photographs_are_taken_as_they_are_where_proportions_are_kept(shallow: Settings):
    settings = replace(shallow, size=64, fit="keep")
    small, narrow = noise(0, (40, 30)), noise(0, (60, 12))
    assert fit_content(small, settings, "original") is small
    assert fit_content(small, settings, "fitted").size == (64, 48)
    with pytest.raises(Exception, match="needs 16 px"):
        fit_content(narrow, settings, "original")


def test_a_data_set_that_is_not_configured_says_how(schema):
    with pytest.raises(BulkError, match=r"set bulk.content to the folder"):
        bulk_plan(complete({}, schema))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"bulk": {"content": "a", "output": "a/b"}}, "lie within each other"),
        ({"bulk": {"content": "a/b", "output": "a"}}, "lie within each other"),
        ({"bulk": {"content": "a"}, "image": {"fit": "crop"}}, "image.fit: crop cuts off"),
    ],
)
def test_contradictions_are_refused(schema, config: dict, sentence: str):
    with pytest.raises(BulkError, match=sentence):
        bulk_plan(complete(config, schema))


def test_styles_are_the_sweeps_unless_there_are_others(schema):
    config = {"style": ["a", "b"], "bulk": {"content": "c"}}
    assert bulk_plan(complete(config, schema)).style == (Path("a"), Path("b"))
    own = {"content": "c", "style": "d", "size": "fitted"}
    assert bulk_plan(complete({**config, "bulk": own}, schema)).style == (Path("d"),)
