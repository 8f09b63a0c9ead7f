"""Batches of a data set: the same images as alone, one failure for one image, memory."""

from __future__ import annotations

import gc
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from neural_style.bulk.assignment import OutputSpec, Style
from neural_style.bulk.batches import BatchRunner
from neural_style.bulk.journal import Row
from neural_style.bulk.listing import ContentImage
from neural_style.bulk.plan import BulkError, make_bulk_plan
from neural_style.bulk.shard import Task, fit_content
from neural_style.bulk.worker import Result, batch_key
from neural_style.config.keys import Stage
from neural_style.config.schema import complete
from neural_style.config.settings import Settings
from neural_style.engine.engine import Engine
from neural_style.engine.load import load_style
from neural_style.images.decode import ImageError
from neural_style.images.encode import Postprocessor
from neural_style.images.tensors import luminance, to_tensor
from neural_style.losses.problem import (
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.optim.loop import Progress
from neural_style.runtime.memory import MemoryShortageError

CPU = torch.device("cpu")


def noise(seed: int, size: tuple[int, int]) -> Image.Image:
    width, height = size
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def make_tasks(folder: Path, settings: Sequence[Settings]) -> list[Task]:
    """A task for each setting, each with its own content image and style."""
    tasks = []
    for number, each in enumerate(settings):
        path = folder / f"style{number}.png"
        noise(100 + number, (40, 30)).save(path)
        output = OutputSpec(
            ContentImage(number, f"{number}.png", str(number)),
            Style(f"style{number}", 0, path),
            "one",
            f"style{number}/one/{number}.png",
        )
        row = Row(output.path, f"{number}.png", f"style{number}", "one", "done")
        tasks.append(Task(output, noise(number, (32, 24)), (32, 24), each, row))
    return tasks


def made_by(runner: BatchRunner, tasks: Sequence[Task]) -> list[Result]:
    results: dict[str, Result] = {}
    runner(tasks, lambda task, result: results.update({task.output.path: result}))
    return [results[task.output.path] for task in tasks]


def test_a_batch_makes_the_images_that_each_task_makes_alone(tmp_path: Path, shallow: Settings):
    settings = [replace(shallow, alpha=alpha, beta=beta) for alpha, beta in [(1, 1e5), (2, 1e6)]]
    settings.append(replace(shallow, style_scales=(1.0, 1.5)))
    tasks = make_tasks(tmp_path, settings)
    assert len({batch_key(task) for task in tasks}) == 1
    together = made_by(BatchRunner(Engine(CPU), 4, print), tasks)
    for task, result in zip(tasks, together, strict=True):
        (alone,) = made_by(BatchRunner(Engine(CPU), 1, print), [task])
        assert result.image is not None and alone.image is not None
        assert abs(result.image - alone.image).max() <= 1 / 255
        assert result.total_loss == pytest.approx(alone.total_loss, rel=1e-3)
        assert result.total_loss == pytest.approx(result.content_loss + result.style_loss)
        assert result.seconds > 0
    assert together[0].total_loss != together[1].total_loss


def test_styles_have_the_sizes_of_their_setting(tmp_path: Path, shallow: Settings):
    runner = BatchRunner(Engine(CPU), 4, print)
    plain, scaled = (
        made_by(runner, make_tasks(tmp_path, [replace(shallow, style_scales=scales)]))[0].image
        for scales in ((1.0,), (2.0,))
    )
    assert plain is not None and scaled is not None
    assert abs(plain - scaled).max() > 0.05


def test_a_damaged_style_is_read_once(
    tmp_path: Path, shallow: Settings, monkeypatch: pytest.MonkeyPatch
):
    tasks = make_tasks(tmp_path, [shallow] * 3)
    bad = tasks[0].output.style
    assert bad.path is not None
    bad.path.write_bytes(b"no image")
    tasks[1:] = [replace(task, output=replace(task.output, style=bad)) for task in tasks[1:]]
    read: list[Path] = []

    def counted(path: Path, *others: Any) -> tuple[StyleReference, ...]:
        read.append(path)
        return load_style(path, *others)

    monkeypatch.setattr("neural_style.bulk.batches.load_style", counted)
    results = made_by(BatchRunner(Engine(CPU), 1, print), tasks)
    assert all("not an image" in result.reason for result in results)
    assert read == [bad.path]


@pytest.mark.parametrize("change", [{"pooling": "average"}, {"padding": "replicate"}])
def test_different_networks_are_distinguished(
    tmp_path: Path, shallow: Settings, change: dict[str, Any]
):
    runner = BatchRunner(Engine(CPU), 4, print)
    (plain,), (changed,) = (
        made_by(runner, make_tasks(tmp_path, [replace(shallow, **each)])) for each in ({}, change)
    )
    assert plain.total_loss != changed.total_loss


def test_each_image_of_a_batch_keeps_the_chroma_of_its_content_image(
    tmp_path: Path, shallow: Settings
):
    tasks = make_tasks(tmp_path, [replace(shallow, color="luminance", alpha=a) for a in (1, 2)])
    for task, result in zip(tasks, made_by(BatchRunner(Engine(CPU), 2, print), tasks), strict=True):
        assert result.image is not None
        images = to_tensor(task.image), torch.from_numpy(result.image).unsqueeze(0)
        before, after = (each - luminance(each) for each in images)
        torch.testing.assert_close(after, before, rtol=0, atol=1e-5)


def test_a_style_that_cannot_be_read_fails_only_its_own_outputs(tmp_path: Path, shallow: Settings):
    tasks = make_tasks(tmp_path, [shallow] * 3)
    (tmp_path / "style1.png").write_bytes(b"no image")
    results = made_by(BatchRunner(Engine(CPU), 4, print), tasks)
    assert [result.image is None for result in results] == [False, True, False]
    assert "style1.png" in results[1].reason


class Diverging(Engine):
    """An engine whose second problem diverges."""

    def optimization(self, problems: Sequence[TransferProblem], **_: Any) -> Any:
        for progress in super().optimization(problems):
            yield replace(progress, diverged=torch.arange(len(problems)) == 1)


def test_only_the_task_that_diverges_fails(tmp_path: Path, shallow: Settings):
    tasks = make_tasks(tmp_path, [shallow] * 3)
    results = made_by(BatchRunner(Diverging(CPU), 4, print), tasks)
    assert [result.image is None for result in results] == [False, True, False]
    assert "lower learning_rate" in results[1].reason


class Short(Engine):
    """An engine with memory for a limited number of images."""

    def __init__(self, limit: int) -> None:
        super().__init__(CPU)
        self.limit = limit
        self.tried: list[int] = []

    def optimization(self, problems: Sequence[TransferProblem], **_: Any) -> Any:
        self.tried.append(len(problems))
        if len(problems) > self.limit:
            raise torch.OutOfMemoryError
        contents = torch.cat([problem.content for problem in problems])
        losses = contents.new_ones(1, len(contents))
        diverged = torch.zeros(len(contents), dtype=torch.bool)
        yield Progress(1, contents, ("style/conv1_1",), losses, diverged)


def test_a_batch_that_is_too_large_is_halved_and_the_size_is_kept(
    tmp_path: Path, shallow: Settings
):
    machine, said = Short(2), list[str]()
    runner = BatchRunner(machine, 6, said.append)
    tasks = make_tasks(tmp_path, [shallow] * 6)
    results = made_by(runner, tasks)
    assert all(result.image is not None for result in results)
    assert machine.tried == [6, 3, 1, 1, 1, 1, 1, 1] and len(said) == 1
    assert runner.batch_size(tasks[0]) == 1


def test_a_single_image_that_does_not_fit_is_an_error(tmp_path: Path, shallow: Settings):
    runner = BatchRunner(Short(0), 2, print)
    with pytest.raises(MemoryShortageError, match="32 × 24 pixels need"):
        made_by(runner, make_tasks(tmp_path, [shallow]))


def test_the_batch_size_depends_on_the_memory_unless_it_is_given(tmp_path: Path, shallow: Settings):
    (task,) = make_tasks(tmp_path, [shallow])
    assert BatchRunner(Engine(CPU), 7, print).batch_size(task) == 7
    assert BatchRunner(Engine(CPU), None, print).batch_size(task) >= 1


@pytest.mark.parametrize(("color", "kept"), [("style", True), ("match", False)])
def test_style_images_that_only_one_content_image_has_are_not_kept(
    shallow: Settings, color: str, kept: bool
):
    engine, settings = Engine(CPU), replace(shallow, color=color, epochs=1)
    problem = single_style_problem(torch.rand(1, 3, 32, 40), torch.rand(1, 3, 32, 40), settings)
    style = weakref.ref(problem.regions[0].styles[0].image)
    deque(engine.optimization([problem]), maxlen=0)
    del problem
    gc.collect()
    assert (style() is not None) == kept


def test_only_tasks_of_one_network_and_shape_share_a_batch(tmp_path: Path, shallow: Settings):
    (task,) = make_tasks(tmp_path, [shallow])
    for change in ({"beta": 5.0}, {"alpha": 5.0}, {"learning_rate": 0.5}, {"seed": 5}):
        assert batch_key(replace(task, settings=replace(shallow, **change))) == batch_key(task)
    others: list[dict[str, Any]] = [
        *({"epochs": 9}, {"style_layers": {"conv1_1": 1.0}}, {"precision": "bf16"}),
        *({"color": "luminance"}, {"color": "match"}, {"style_loss": "wasserstein"}),
        *({"content_loss": "contraharmonic"}, {"content_focus": 1.0}),
        *({"pooling": "average"}, {"padding": "reflect"}, {"tile": 16}, {"history": 5}),
        {"size_correction": not shallow.size_correction},
        *({"size": 48, "stages": (Stage(32, 2),)}, {"size": 64, "stages": (Stage(32, 2),)}),
    ]
    for other in others:
        assert batch_key(replace(task, settings=replace(shallow, **other))) != batch_key(task)
    assert batch_key(replace(task, image=noise(0, (24, 32)))) != batch_key(task)


@pytest.mark.parametrize("fit", ["stretch", "pad", "keep"])
@pytest.mark.parametrize("size", [(200, 120), (120, 200), (20, 16), (64, 64)])
def test_outputs_get_the_dimensions_of_their_content_images(
    shallow: Settings, fit: str, size: tuple[int, int]
):
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / max(size)
    smooth = 128 + 100 * np.stack([np.sin(3 * x), np.cos(3 * y), np.sin(2 * (x + y))], axis=-1)
    image = Image.fromarray(smooth.astype(np.uint8))
    settings = replace(shallow, size=64, fit=fit)
    shown = np.asarray(fit_content(image, settings, "original"), np.float32) / np.float32(255)
    back = Postprocessor("png", fit, original_size=size).to_pixels(shown.transpose(2, 0, 1))
    assert back.shape == (size[1], size[0], 3)
    difference = back.astype(float) - np.asarray(image, float)
    assert np.abs(difference).mean() < 2, "the image was moved or scaled on the way"


def test_with_fit_keep_small_content_images_keep_their_size(shallow: Settings):
    settings = replace(shallow, size=64, fit="keep")
    small, narrow = noise(0, (40, 30)), noise(0, (60, 12))
    assert fit_content(small, settings, "original") is small
    assert fit_content(small, settings, "fitted").size == (64, 48)
    with pytest.raises(ImageError, match="needs 16 px"):
        fit_content(narrow, settings, "original")


def test_without_a_data_set_the_message_says_what_to_set():
    with pytest.raises(BulkError, match=r"set bulk.content to the folder"):
        make_bulk_plan(complete({}))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"bulk": {"content": "a", "output": "a/b"}}, "contains the other"),
        ({"bulk": {"content": "a/b", "output": "a"}}, "contains the other"),
        ({"bulk": {"content": "a"}, "image": {"fit": "crop"}}, "image.fit: crop cuts off"),
    ],
)
def test_contradictions_are_refused(config: dict, sentence: str):
    with pytest.raises(BulkError, match=sentence):
        make_bulk_plan(complete(config))


def test_an_output_folder_within_the_styles_is_refused(tmp_path: Path):
    (tmp_path / "art").mkdir()
    bulk = {"content": "a", "style": str(tmp_path / "art"), "output": str(tmp_path / "art" / "b")}
    with pytest.raises(BulkError, match=r"bulk\.style .* contains the other"):
        make_bulk_plan(complete({"bulk": bulk}))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"output": "photos/results"}, r"^output: .*'photos/results' and bulk\.content 'photos'"),
        (
            {"output": "art/results", "style": "cats/wave.png", "bulk": {"style": "art"}},
            r"^output: .*'art/results' and bulk\.style 'art'",
        ),
        ({"bulk": {"output": "cats/out"}}, r"bulk\.output: .*'cats/out' and content 'cats'"),
        ({"bulk": {"output": "art/out"}}, r"bulk\.output: .*'art/out' and style 'art'"),
    ],
)
def test_neither_the_sweep_nor_the_data_set_finds_outputs_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], sentence: str
):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "cats", "art"):
        Path(name).mkdir()
    bulk = {"content": "photos", "style": "cats/wave.png", **config.get("bulk", {})}
    with pytest.raises(BulkError, match=sentence):
        make_bulk_plan(complete({"content": "cats", "style": "art", **config, "bulk": bulk}))


def test_a_name_of_styles_that_is_too_long_is_no_folder():
    bulk = {"content": "a", "style": "long" * 100}
    assert make_bulk_plan(complete({"bulk": bulk})).style == (Path("long" * 100),)


def test_the_styles_are_those_of_the_sweep_unless_others_are_given():
    config = {"style": ["a", "b"], "bulk": {"content": "c"}}
    assert make_bulk_plan(complete(config)).style == (Path("a"), Path("b"))
    own = {"content": "c", "style": "d", "size": "fitted"}
    assert make_bulk_plan(complete({**config, "bulk": own})).style == (Path("d"),)
