"""Large outputs continue small ones: stages up to the reference size make the same in both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image
from tests.unit.data_sets import Copying, DataSet, save
from tests.unit.images import smooth
from tests.unit.large_outputs import (
    CONTROLS,
    CPU,
    FIRST,
    LARGE,
    problem_of,
)

from neural_style.bulk.batches import BatchRunner
from neural_style.bulk.shard import Task
from neural_style.bulk.worker import Result, Take, batch_key
from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.config.sizes import REFERENCE_SIZE
from neural_style.engine.engine import Engine
from neural_style.engine.load import load_problem, make_problems
from neural_style.images.fit import load_fitted
from neural_style.images.tensors import to_tensor
from neural_style.losses.problem import (
    TransferProblem,
    check_batch,
    move_problems,
)
from neural_style.losses.resampling import problem_at, size_at
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization, Progress


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
    assert problem.at_reference is not None
    assert problem_at(problem, 1) == problem
    at_reference = problem_at(problem, REFERENCE_SIZE / LARGE)
    assert at_reference.content is problem.at_reference.content
    assert at_reference.settings == problem.settings
    above, resampled = (
        problem_at(each, 600 / LARGE) for each in (problem, replace(problem, at_reference=None))
    )
    assert max(above.content.shape) == 600
    assert torch.equal(above.content, resampled.content)


@pytest.mark.usefixtures("images")
def test_the_size_of_a_stage_is_that_of_its_images(staged: Settings):
    for large in range(513, 700, 31):  # of 512 × 335, 475 / large resamples to another height
        problem = problem_of(replace(staged, size=large))
        for size in (64, 475, 512, large - 1, large):
            shape = problem_at(problem, size / large).content.shape
            assert size_at(problem, size / large) == (shape[3], shape[2])


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("size", "stages"), [(REFERENCE_SIZE, (FIRST,)), (LARGE, ()), (LARGE, (Stage(600, 2),))]
)
def test_outputs_without_small_stages_need_no_smaller_images(
    staged: Settings, size: int, stages: tuple[Stage, ...]
):
    assert problem_of(replace(staged, size=size, stages=stages)).at_reference is None


@pytest.mark.usefixtures("images")
def test_problems_of_a_batch_have_one_size_at_the_reference_size(staged: Settings):
    problem = problem_of(staged)
    assert problem.at_reference is not None
    cut = replace(problem.at_reference, content=problem.at_reference.content[..., :-1, :])
    with pytest.raises(ValueError, match=r"700 × 458 \(at the reference size 512 × 335\) and"):
        check_batch([problem, replace(problem, at_reference=cut)])


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("kind", ["image", "tensors"])
def test_images_in_memory_are_fitted_at_both_sizes(staged: Settings, kind: str):
    content = Image.open("content.jpg")
    batch = torch.cat([to_tensor(content), 1 - to_tensor(content)])
    given = {"content": content if kind == "image" else batch, "style": Image.open("style.jpg")}
    large, _ = make_problems(given, staged, CPU)
    small, _ = make_problems(given, replace(staged, size=REFERENCE_SIZE, stages=()), CPU)
    assert len(large) == len(small) == (1 if kind == "image" else 2)
    for one, other in zip(move_problems(large, torch.device("meta")), small, strict=True):
        assert one.at_reference is not None and one.at_reference.content.is_meta
        assert one.at_reference.content.shape == other.content.shape
    for one, other in zip(large, small, strict=True):
        assert one.at_reference is not None
        assert torch.equal(one.at_reference.content, other.content)
    check_batch(large)


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("role", ["content", "style"])
def test_what_is_too_narrow_for_the_reference_size_is_resampled(staged: Settings, role: str):
    smooth(1400, 40).save(f"{role}.jpg")  # 20 of 700 pixels, 15 of 512
    problem = problem_of(staged)
    assert problem.at_reference is None
    assert max(problem_at(problem, FIRST.size / LARGE).content.shape) == FIRST.size


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


def problems_of(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> list[TransferProblem]:
    """The problems of a batch, which is not optimized."""
    made: list[TransferProblem] = []

    def optimization(_: Engine, problems: Sequence[TransferProblem]) -> list[Progress]:
        made.extend(problems)
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "optimization", optimization)
    with pytest.raises(KeyboardInterrupt):
        BatchRunner(Engine(CPU), len(tasks), print)(tasks, lambda *_: None)
    return made


def test_a_data_set_has_the_problems_of_a_sweep(
    data: DataSet, staged: Settings, monkeypatch: pytest.MonkeyPatch
):
    content = data.plan.content / "class0" / "deep" / "0.png"
    smooth(1300, 850).save(content.with_suffix(".jpg"))
    content.unlink()
    settings = replace(staged, color="match")
    data.plan = replace(data.plan, settings={"one": settings}, size="fitted")
    (task, *_) = (each for each in tasks_of(data) if each.image.size == (LARGE, 458))
    (made,) = problems_of([task], monkeypatch)
    path = data.plan.content / task.output.content.path
    expected = load_problem(path, task.output.style.file, settings, CPU).problem
    assert expected.at_reference is not None and made.at_reference is not None
    for one, other in ((expected, made), (expected.at_reference, made.at_reference)):
        assert torch.equal(one.content, other.content)
        assert torch.equal(one.regions[0].styles[0].image, other.regions[0].styles[0].image)
        assert one.settings == other.settings


@pytest.mark.usefixtures("random_network")
def test_a_style_too_narrow_for_the_reference_size_changes_no_other_output(
    data: DataSet, staged: Settings, monkeypatch: pytest.MonkeyPatch
):
    data.add("class0/deep/0.png", 0, (1300, 850))
    save(data.root / "styles" / "s1.png", 201, (1400, 40))
    data.plan = replace(data.plan, settings={"one": staged}, size="fitted")
    tasks = [each for each in tasks_of(data) if each.image.size == (LARGE, 458)]
    batches: list[list[bool]] = []

    def optimization(_: Engine, problems: Sequence[TransferProblem]) -> Iterator[Progress]:
        check_batch(problems)
        batches.append([problem.at_reference is not None for problem in problems])
        images = torch.cat([problem.content for problem in problems])
        diverged = torch.zeros(len(problems), dtype=torch.bool)
        yield Progress(1, images, ("style/a",), torch.ones(1, len(problems)), diverged)

    monkeypatch.setattr(Engine, "optimization", optimization)
    results: dict[str, Result] = {}
    runner = BatchRunner(Engine(CPU), 2, print)
    runner(tasks, lambda task, result: results.update({task.output.style.id: result}))
    assert sorted(batches) == [[False], [True]]
    assert sorted(results) == ["s0", "s1"]
    assert all(result.image is not None for result in results.values())


@pytest.mark.usefixtures("random_network")
def test_stages_with_one_ratio_share_a_batch(data: DataSet, staged: Settings):
    half = replace(staged, size=96, stages=(Stage(48, 2),))
    double = replace(half, size=192, stages=(Stage(96, 2),))
    data.add("class0/deep/0.png", 0, (80, 60))
    data.plan = replace(data.plan, settings={"half": half, "double": double}, size="original")
    tasks = [each for each in tasks_of(data) if each.image.size == (80, 60)]
    assert len(tasks) == 4 and len(set(map(batch_key, tasks))) == 1
    results: list[Result] = []
    BatchRunner(Engine(CPU), 4, print)(tasks, lambda _, result: results.append(result))
    assert [result.reason for result in results] == [""] * 4


def test_tasks_of_other_sizes_at_the_reference_size_share_no_batch(data: DataSet, staged: Settings):
    data.plan = replace(data.plan, settings={"one": staged}, size="fitted")
    task = tasks_of(data)[0]
    assert task.at_reference is not None
    other = replace(task, at_reference=task.at_reference.resize((512, 300)))
    assert batch_key(task) != batch_key(other)


def test_images_that_keep_their_own_size_are_loaded_once(data: DataSet, staged: Settings):
    data.plan = replace(data.plan, settings={"one": staged}, size="original")
    tasks = tasks_of(data)
    assert tasks and all(
        task.at_reference is None and max(task.image.size) < LARGE for task in tasks
    )
    data.plan = replace(data.plan, settings={"one": replace(staged, fit="pad")})
    for task in tasks_of(data):
        assert task.at_reference is not None
        path = data.plan.content / task.output.content.path
        assert task.at_reference == load_fitted(path, REFERENCE_SIZE, "pad")
