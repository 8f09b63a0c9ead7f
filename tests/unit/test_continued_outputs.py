"""Large outputs continue small ones: stages up to the reference size make the same in both."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.unit.data_sets import Copying, DataSet
from tests.unit.images import smooth

from neural_style.bulk.batches import BatchRunner
from neural_style.bulk.shard import Task
from neural_style.bulk.worker import Take, batch_key
from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.config.sizes import REFERENCE_SIZE
from neural_style.engine.engine import Engine
from neural_style.engine.load import load_problem
from neural_style.images.fit import load_fitted
from neural_style.losses.problem import TransferProblem, check_batch
from neural_style.losses.resampling import problem_at, size_at
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization, Progress

CPU = torch.device("cpu")
FIRST = Stage(64, 2)
LARGE = 700
CONTROLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "luminance": {"color": "luminance"},
    "matched colors": {"color": "match"},
    "crop": {"fit": "crop"},
    "noise": {"init": "noise"},
    "image": {"init": "other.jpg"},
    "masks": {"mask": "mask.png", "style_mask": "mask.png"},
    "blend": {"blend": {"other.jpg": 1.0}, "style_scales": (0.5, 1.0)},
}


@pytest.fixture
def staged(shallow: Settings) -> Settings:
    return replace(shallow, size=LARGE, fit="keep", stages=(FIRST,), epochs=4)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JPEG files, which are decoded at a reduced size for small outputs."""
    monkeypatch.chdir(tmp_path)
    for name, size in {
        "content": (1300, 850),
        "style": (750, 950),
        "other": (1100, 900),
    }.items():
        smooth(*size).transpose(Image.Transpose.ROTATE_180).save(f"{name}.jpg")
    mask = Image.new("L", (260, 170))
    mask.paste(255, (0, 0, 130, 170))
    mask.save("mask.png")


def problem_of(settings: Settings) -> TransferProblem:
    return load_problem(Path("content.jpg"), Path("style.jpg"), settings, CPU).problem


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("controls", CONTROLS.values(), ids=CONTROLS)
def test_a_large_output_begins_as_a_small_one(
    staged: Settings, controls: dict[str, Any], random_convolutions: Mapping[str, Convolution]
):
    network = Vgg19(random_convolutions, staged.layers).prepare(CPU, torch.float32)

    def first_stage(size: int) -> list[Progress]:
        problem = problem_of(replace(staged, size=size, **controls))
        return list(itertools.islice(Optimization(network, [problem]), FIRST.epochs + 1))

    small, large = first_stage(REFERENCE_SIZE), first_stage(LARGE)
    for one, other in zip(small, large, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.losses, other.losses)


@pytest.mark.usefixtures("images")
def test_stages_above_the_reference_size_have_the_images_of_the_output(staged: Settings):
    problem = problem_of(staged)
    assert problem.reduced is not None
    assert problem_at(problem, LARGE) is problem
    assert problem_at(problem, REFERENCE_SIZE) is problem.reduced
    above = problem_at(problem, 600)
    assert max(above.content.shape) == 600
    assert torch.equal(above.content, problem_at(replace(problem, reduced=None), 600).content)


@pytest.mark.usefixtures("images")
def test_the_size_of_a_stage_is_that_of_its_images(staged: Settings):
    for large in range(513, 700, 13):  # of 512 × 335, 475 / large resamples to another height
        problem = problem_of(replace(staged, size=large))
        for size in (64, 475, 512, large - 1, large):
            shape = problem_at(problem, size).content.shape
            assert size_at(problem, size) == (shape[3], shape[2])


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("size", "stages"), [(REFERENCE_SIZE, (FIRST,)), (LARGE, ()), (LARGE, (Stage(600, 2),))]
)
def test_outputs_without_small_stages_have_no_reduced_problem(
    staged: Settings, size: int, stages: tuple[Stage, ...]
):
    assert problem_of(replace(staged, size=size, stages=stages)).reduced is None


@pytest.mark.usefixtures("images")
def test_reduced_problems_of_a_batch_have_one_size(staged: Settings):
    problem = problem_of(staged)
    assert problem.reduced is not None
    cut = replace(problem.reduced, content=problem.reduced.content[..., :-1, :])
    with pytest.raises(ValueError, match=r"size: 700 × 458 \(512 × 335\) and .* \(512 × 334\)"):
        check_batch([problem, replace(problem, reduced=cut)])


class Keeping(Copying):
    """Also keeps the tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[Task] = []

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        self.tasks += tasks
        super().__call__(tasks, take)


def tasks_of(data: DataSet) -> list[Task]:
    runner = Keeping()
    data.run(runner)
    return runner.tasks


def test_a_data_set_has_the_problems_of_a_sweep(
    data: DataSet, staged: Settings, monkeypatch: pytest.MonkeyPatch
):
    content = data.plan.content / "class0" / "deep" / "0.png"
    smooth(1300, 850).save(content.with_suffix(".jpg"))
    content.unlink()
    settings = replace(staged, color="match")
    data.plan = replace(data.plan, settings={"one": settings}, size="fitted")
    (task, *_) = (each for each in tasks_of(data) if each.image.size == (LARGE, 458))
    made: list[TransferProblem] = []

    def optimization(_: Engine, problems: Sequence[TransferProblem]) -> list[Progress]:
        made.extend(problems)
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "optimization", optimization)
    with pytest.raises(KeyboardInterrupt):
        BatchRunner(Engine(CPU), 1, print)([task], lambda *_: None)
    path = data.plan.content / task.output.content.path
    (expected, actual) = load_problem(path, task.output.style.file, settings, CPU).problem, made[0]
    assert expected.reduced is not None and actual.reduced is not None
    for one, other in ((expected, actual), (expected.reduced, actual.reduced)):
        assert torch.equal(one.content, other.content)
        assert torch.equal(one.regions[0].styles[0].image, other.regions[0].styles[0].image)
        assert one.settings == other.settings


def test_tasks_with_other_reduced_sizes_share_no_batch(data: DataSet, staged: Settings):
    data.plan = replace(data.plan, settings={"one": staged}, size="fitted")
    task = tasks_of(data)[0]
    assert task.reduced is not None
    other = replace(task, reduced=task.reduced.resize((512, 300)))
    assert batch_key(task) != batch_key(other)


def test_images_that_keep_their_own_size_have_no_reduced_one(data: DataSet, staged: Settings):
    data.plan = replace(data.plan, settings={"one": staged}, size="original")
    tasks = tasks_of(data)
    assert tasks and all(task.reduced is None and max(task.image.size) < LARGE for task in tasks)
    data.plan = replace(data.plan, settings={"one": replace(staged, fit="pad")})
    for task in tasks_of(data):
        assert task.reduced is not None
        path = data.plan.content / task.output.content.path
        assert task.reduced == load_fitted(path, REFERENCE_SIZE, "pad")
